import type { Direction } from '../core/metric.js';
import { studentQuantile, studentTail } from '../core/statistics.js';
import type { VerifiedChange } from './verification.js';

/**
 * Whether kept changes still pay, from what the code measures with and without each of them. Many looks find something by
 * chance: an interval of its own says what a change seems to do, only Holm's step-down test over all of them is sure.
 */
export interface Payoff {
  readonly effect: 'pays' | 'none_seen' | 'harms';
  /** True where chance is ruled out over all the looks together. */
  readonly sure: boolean;
}

/** For one interval, and for all looks together. */
const LEVEL = 0.05;

/** @param changes from the code without to the code with it: negative where the metric's number falls. */
export function payoffs(direction: Direction, changes: readonly VerifiedChange[]): Payoff[] {
  const sure = holm(changes.map(twoSided));
  return changes.map((change, i) => {
    const effect = effectOf(direction, change);
    return { effect, sure: effect !== 'none_seen' && sure[i] === true };
  });
}

export function effectOf(direction: Direction, { low, high }: VerifiedChange): Payoff['effect'] {
  if (low > 0) return direction === 'higher' ? 'pays' : 'harms';
  if (high < 0) return direction === 'lower' ? 'pays' : 'harms';
  return 'none_seen';
}

/** How likely a mean at least so far from zero is without any effect: the t test that belongs to the interval. */
function twoSided({ unit, estimate, high, pairs }: VerifiedChange): number {
  const scaled = (value: number) => (unit === 'percent' ? Math.log1p(value / 100) : value);
  const mean = scaled(estimate);
  const half = scaled(high) - mean;
  if (mean === 0) return 1;
  // Values that never differ leave no doubt.
  if (!(half > 0)) return 0;
  const t = (Math.abs(mean) * studentQuantile(LEVEL / 2, pairs - 1)) / half;
  return 2 * studentTail(t, pairs - 1);
}

/** Which hypotheses fall while the chance of one false fall in all is at most 5 %. Method: Holm, 1979. */
export function holm(probabilities: readonly number[]): boolean[] {
  const order = probabilities.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
  const fallen = probabilities.map(() => false);
  for (const [rank, { p, index }] of order.entries()) {
    if (p > LEVEL / (probabilities.length - rank)) break;
    fallen[index] = true;
  }
  return fallen;
}
