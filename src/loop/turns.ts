import { setTimeout as delay } from 'node:timers/promises';
import { unitOfMetric } from '../core/units.js';
import { MachineLock } from '../store/machine-lock.js';
import { RunAborted, type RunContext } from './context.js';

/**
 * Measurements that tell time take turns on a machine, whichever experiment or repository they belong to: two at once
 * would measure each other.
 */
const TIME_UNITS = new Set(['ns', 'µs', 'ms', 's', 'min', 'h']);
const POLL_MS = 50;

/** Its unit is one of time. */
export function tellsTime(metric: string): boolean {
  return TIME_UNITS.has(unitOfMetric(metric));
}

/** Waits for the machine where the metric asks for it; returns what gives it back. @throws RunAborted */
export async function takeTurn(context: RunContext): Promise<() => void> {
  const { experiment, revision, signal, emit, name } = context;
  const { exclusive } = experiment.settings.workspace;
  const wanted = exclusive === 'on' || (exclusive === 'auto' && tellsTime(revision.metric));
  // A run that is itself measured has the machine already.
  if (!wanted || process.env['AUTORESEARCH_EXPERIMENT'] !== undefined) return () => {};
  for (let announced = false; ; ) {
    if (signal.aborted) throw new RunAborted();
    const taken = MachineLock.tryAcquire(name);
    if (taken !== null) return () => taken.release();
    if (!announced) emit({ kind: 'turn', owner: MachineLock.owner() });
    announced = true;
    await delay(POLL_MS);
  }
}
