/** After a crash of the runner: ends what still runs of a command that nobody watches any more. */
import { bootId, isSameProcess } from './identity.js';
import { killTree } from './kill-tree.js';
import { readProcess } from './proc-table.js';
import type { CommandTrace, ProcessIdentity } from './types.js';

/**
 * Kills the recorded process's group while the recorded identity still holds, everything that carries the mark, and
 * their descendants. Finds nothing after a reboot. Under `process_group` containment a process that left the group,
 * lost its parent and cleared its environment is not found.
 */
export async function endLeftovers(
  trace: CommandTrace,
): Promise<{ ended: number; survivors: readonly ProcessIdentity[] }> {
  if (trace.identity !== null && trace.identity.bootId !== bootId()) return { ended: 0, survivors: [] };
  const row = trace.identity && readProcess(trace.identity.pid);
  const leader = trace.identity && isSameProcess(row, trace.identity) ? trace.identity : null;
  const known = leader === null ? [] : [leader];
  const isGroupLeader = leader !== null && row?.group === leader.pid;
  const { ended, survivors } = await killTree({ mark: trace.mark, leader: isGroupLeader ? leader : null, known });
  return { ended: ended.length, survivors };
}
