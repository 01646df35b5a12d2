import { median } from '../core/statistics.js';
import { AGREEING, findShift, type Level, MOST_KNOWN, offLevel, type Shift } from './drift.js';
import type { Comparison } from './types.js';

/**
 * The bar that a candidate's first runs are held to: the incumbent's level, measured again where it is old or doubtful.
 */
const HEARTBEAT_EVALUATIONS = 12;
/** A candidate far below the bar is a reason to measure an incumbent again that was not measured for this long. */
const DOUBTFUL_EVALUATIONS = 2;

export interface Bar {
  /** The incumbent's level that the screen compares with. */
  readonly reference: number;
  /** The first runs of the incumbent that belong to the bar; those after it make pairs. */
  readonly before: number;
  /** Runs of the incumbent that the bar still lacks. */
  readonly missing: number;
  readonly shift: Shift | null;
}

/** Where the incumbent stands. A run of it that is far off its known level is not believed before others agree. */
export function barOf(level: Level, incumbents: readonly number[], atLeast: number): Bar {
  const [first] = incumbents;
  const isOff = atLeast > 0 && first !== undefined && offLevel(level, first) !== 0;
  const before = isOff ? Math.max(atLeast, AGREEING) : atLeast;
  const fresh = incumbents.slice(0, before);
  const shift = findShift(level, fresh);
  const values = shift ? fresh : [...fresh.toReversed(), ...level.known];
  const reference = values.length > 0 ? median(values.slice(0, MOST_KNOWN)) : 0;
  return { reference, before, missing: before - fresh.length, shift };
}

export function isAgeing({ sampling }: Comparison): boolean {
  return (sampling?.evaluationsSinceIncumbent ?? 0) >= DOUBTFUL_EVALUATIONS;
}

/** One heartbeat of an incumbent that was not measured for long, or never. */
export function runsBefore({ sampling, incumbentValues }: Comparison): 0 | 1 {
  const isStale = (sampling?.evaluationsSinceIncumbent ?? 0) > HEARTBEAT_EVALUATIONS;
  return isStale || incumbentValues.length === 0 ? 1 : 0;
}
