import type { Json } from '../core/json.js';
import { standardDeviation, studentQuantile } from '../core/statistics.js';

/**
 * What a whole run gained, from fresh pairs of baseline and head. Every number that a keep was decided by was selected
 * for being good; these were not, so only they may be reported as verified.
 */
export const VERIFICATION_PAIRS = 20;
/** Two-sided. */
const CONFIDENCE = 0.95;

/** The movement of the metric's own number: negative where it fell. */
export interface VerifiedChange {
  /** `percent` where all values are positive, else an amount in the metric's unit. */
  readonly unit: 'percent' | 'amount';
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
}

/**
 * Method: Student's t interval of the mean of the pairs' differences, of logarithms where the values are positive.
 * @param baselines and `heads` are the pairs' values in order: equally many, at least two. @throws RangeError else.
 */
export function verifiedChange(baselines: readonly number[], heads: readonly number[]): VerifiedChange {
  const pairs = baselines.length;
  if (pairs < 2 || heads.length !== pairs) throw new RangeError(`${pairs} and ${heads.length} values make no pairs`);
  const positive = [...baselines, ...heads].every((value) => value > 0);
  const differences = heads.map((head, i) => {
    const baseline = baselines[i] ?? head;
    return positive ? Math.log(head / baseline) : head - baseline;
  });
  const mean = differences.reduce((sum, difference) => sum + difference, 0) / pairs;
  const half = (studentQuantile((1 - CONFIDENCE) / 2, pairs - 1) * standardDeviation(differences)) / Math.sqrt(pairs);
  const show = (value: number) => (positive ? Math.expm1(value) * 100 : value);
  return {
    unit: positive ? 'percent' : 'amount',
    estimate: show(mean),
    low: show(mean - half),
    high: show(mean + half),
    pairs,
  };
}

/** What a verification puts on record: enough to compute the interval again. */
export function verificationStatistics(baselines: readonly number[], heads: readonly number[]): Json {
  return { from: [...baselines], to: [...heads], change: { ...verifiedChange(baselines, heads) } };
}

/** Computed again from the recorded values; null where they are not those of a verification. */
export function readVerification(statistics: Json): VerifiedChange | null {
  if (typeof statistics !== 'object' || statistics === null || !('from' in statistics)) return null;
  const { from, to } = statistics as { from: unknown; to?: unknown };
  if (!isNumbers(from) || !isNumbers(to) || from.length < 2 || from.length !== to.length) return null;
  return verifiedChange(from, to);
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}
