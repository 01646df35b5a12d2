/**
 * Ends whatever is left of one command: its process group, the processes seen in its tree, those that carry its mark,
 * and the descendants of all these. Never signals itself, its ancestors, or a process that it cannot prove to be one of
 * those; a process that does not die is reported, not hidden.
 */
import { setTimeout } from 'node:timers/promises';
import { errnoOf } from '../core/errors.js';
import { identityOfRow, isAlive, isSameProcess } from './identity.js';
import { HAS_PROC, listProcesses, markLookup, type ProcessRow, readProcess } from './proc-table.js';
import type { ProcessIdentity } from './types.js';

export interface KillTarget {
  readonly mark: string;
  /** Leader of the command's own process group; null when it is not known. */
  readonly leader: ProcessIdentity | null;
  /** Further processes known to be the command's. */
  readonly known: readonly ProcessIdentity[];
}

export interface KillReport {
  readonly ended: readonly ProcessIdentity[];
  readonly survivors: readonly ProcessIdentity[];
}

/** SIGKILL acts within milliseconds, except on a process that waits for a device or a dead network disk. */
const PATIENCE_MS = 3_000;

/** Kills in passes until a pass finds nobody, because a process may fork between being listed and being killed. */
export async function killTree(target: KillTarget): Promise<KillReport> {
  const killed = new Map<string, ProcessIdentity>();
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const members = findMembers(target);
    if (members.length === 0) return { ended: [...killed.values()], survivors: [] };
    if (performance.now() >= deadline) return report(killed, members);
    killGroup(target.leader, members);
    for (const row of members) {
      const identity = identityOfRow(row);
      killed.set(`${row.pid} ${row.startTime}`, identity);
      if (isAlive(identity)) signalQuietly(row.pid, 'SIGKILL');
    }
    await allDead(members.map(identityOfRow), Math.min(deadline, performance.now() + 500));
  }
}

function report(killed: ReadonlyMap<string, ProcessIdentity>, members: readonly ProcessRow[]): KillReport {
  const survivors = members.map(identityOfRow);
  return { ended: [...killed.values()].filter((identity) => !isAlive(identity)), survivors };
}

async function allDead(identities: readonly ProcessIdentity[], deadline: number): Promise<void> {
  for (let pauseMs = 1; performance.now() < deadline && identities.some(isAlive); pauseMs = Math.min(20, pauseMs * 2)) {
    await setTimeout(pauseMs);
  }
}

/** The living processes of the command, as far as they can be proven to be its. */
function findMembers(target: KillTarget): readonly ProcessRow[] {
  const rows = listProcesses();
  const byPid = new Map(rows.map((row) => [row.pid, row]));
  const protectedPids = ownLine(byPid);
  const members = new Set<number>();
  for (const row of rows) if (inGroup(row, target.leader, byPid)) members.add(row.pid);
  for (const identity of target.known) if (isSameProcess(byPid.get(identity.pid), identity)) members.add(identity.pid);
  const hasMark = markLookup(target.mark);
  for (const row of rows) {
    const isOlder = target.leader !== null && startedBefore(row, target.leader);
    if (!row.dead && !isOlder && !members.has(row.pid) && hasMark(row.pid)) members.add(row.pid);
  }
  addDescendants(members, rows, protectedPids);
  return rows.filter((row) => members.has(row.pid) && !row.dead && !protectedPids.has(row.pid));
}

/** This process and all its ancestors. */
function ownLine(byPid: ReadonlyMap<number, ProcessRow>): ReadonlySet<number> {
  const line = new Set<number>([1]);
  for (let pid = process.pid; pid > 0 && !line.has(pid); pid = byPid.get(pid)?.parent ?? 0) line.add(pid);
  return line;
}

/** A group keeps its number while a member lives; a leader with another start time means that the number was reused. */
function inGroup(
  row: ProcessRow,
  leader: ProcessIdentity | null,
  byPid: ReadonlyMap<number, ProcessRow>,
): leader is ProcessIdentity {
  if (leader === null || row.group !== leader.pid) return false;
  const present = byPid.get(leader.pid);
  return (present === undefined || isSameProcess(present, leader)) && !startedBefore(row, leader);
}

function startedBefore(row: ProcessRow, leader: ProcessIdentity): boolean {
  return HAS_PROC && Number(row.startTime) < Number(leader.startTime);
}

function addDescendants(members: Set<number>, rows: readonly ProcessRow[], barred: ReadonlySet<number>): void {
  let before: number;
  do {
    before = members.size;
    for (const row of rows) if (members.has(row.parent) && !barred.has(row.parent)) members.add(row.pid);
  } while (members.size > before);
}

/** All members of the group at once: faster than any of them can fork. */
function killGroup(leader: ProcessIdentity | null, members: readonly ProcessRow[]): void {
  if (leader === null || readProcess(process.pid)?.group === leader.pid) return;
  const stillOurs = members.some((row) => row.group === leader.pid && isAlive(identityOfRow(row)));
  if (stillOurs) signalQuietly(-leader.pid, 'SIGKILL');
}

/** Signals a process or, with a negative pid, a group. Who is gone or not ours to signal is found by looking again. */
export function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ESRCH' && errno !== 'EPERM') throw error;
  }
}
