import { setTimeout } from 'node:timers/promises';
import { CallAborted } from './aborted.js';

/** Resolves after `ms`, and rejects at once when the signal aborts. */
export type Wait = (ms: number, signal: AbortSignal) => Promise<void>;

/** Node fires longer timers at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const wait: Wait = async (ms, signal) => {
  try {
    await setTimeout(Math.min(ms, MAX_TIMER_MS), undefined, { signal });
  } catch {
    throw new CallAborted(); // The timer itself cannot fail.
  }
};
