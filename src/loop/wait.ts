import { setTimeout as delay } from 'node:timers/promises';
import { RunAborted, type RunContext } from './context.js';

const SLICE_MS = 1_000;

/**
 * Waits for a moment of the wall clock, in slices, so that a suspended machine does not oversleep.
 * @throws RunAborted at once when the run is told to end.
 */
export async function sleepUntil(untilMs: number, context: Pick<RunContext, 'now' | 'signal'>): Promise<void> {
  for (let left = untilMs - context.now(); left > 0; left = untilMs - context.now()) {
    if (context.signal.aborted) throw new RunAborted();
    await delay(Math.min(left, SLICE_MS), undefined, { signal: context.signal }).catch((error: unknown) => {
      throw context.signal.aborted ? new RunAborted() : error;
    });
  }
}
