import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../core/errors.js';
import { endLeftovers } from '../process/leftovers.js';
import { listProcesses, markLookup } from '../process/proc-table.js';

/**
 * A git command of a killed runner goes on alone, and would reset the workspace under the next runner's feet. Every
 * runner therefore marks the tools it starts (evaluators and agents have marks of their own) and looks for the mark of
 * its predecessor first. Call with the lock held.
 */
const PATIENCE_MS = 5_000;

/** Waits for the orphans, because a git that ends by itself leaves no lock; whoever then still lives is ended. */
export async function outliveOrphans(stateFolder: string): Promise<void> {
  const mark = `AUTORESEARCH_RUNNER_${createHash('sha256').update(stateFolder).digest('hex').slice(0, 32)}`;
  const deadline = performance.now() + PATIENCE_MS;
  while (anyoneHas(mark)) {
    if (performance.now() < deadline) {
      await delay(20);
      continue;
    }
    const { survivors } = await endLeftovers({ mark, identity: null });
    const pids = survivors.map(({ pid }) => pid).join(' ');
    if (pids === '') break;
    throw new AppError('conflict', `git commands of the last run cannot be ended (pid ${pids})`, {
      hint: `end them yourself (kill -9 ${pids}), then run again`,
    });
  }
  process.env[mark] = '1';
}

function anyoneHas(mark: string): boolean {
  const hasMark = markLookup(mark);
  return listProcesses().some(({ pid, dead }) => !dead && pid !== process.pid && hasMark(pid));
}
