import { type MinEffect, minEffectAmount } from '../core/metric.js';
import type { Comparison } from './types.js';

/**
 * The scale that differences are taken on: ratios for positive metrics (noise and gains grow with the value), plain
 * differences where any value is zero or negative.
 */
export interface Scale {
  readonly name: 'log' | 'raw';
  /** How much better `candidate` is than `incumbent`; negative when it is worse. */
  readonly gain: (incumbent: number, candidate: number) => number;
  /** The smallest effect that counts, on this scale; 0 where none is demanded. */
  readonly minEffect: (incumbent: number) => number;
}

export function allPositive(groups: readonly (readonly number[])[]): boolean {
  return groups.every((group) => group.every((value) => value > 0));
}

export function scaleOf({ direction, minEffect }: Comparison, positive: boolean): Scale {
  const sign = direction === 'lower' ? 1 : -1;
  if (positive) {
    return {
      name: 'log',
      // A difference of logarithms, for the ratio of two finite numbers may be none.
      gain: (incumbent, candidate) => sign * (Math.log(incumbent) - Math.log(candidate)) + 0,
      minEffect: (incumbent) => (minEffect ? logEffect(minEffect, incumbent, sign) : 0),
    };
  }
  return {
    name: 'raw',
    gain: (incumbent, candidate) => sign * (incumbent - candidate) + 0,
    minEffect: (incumbent) => (minEffect ? minEffectAmount(minEffect, incumbent) : 0),
  };
}

/** Infinite where a positive metric that falls cannot fall that far. */
function logEffect(effect: MinEffect, incumbent: number, sign: 1 | -1): number {
  const share = minEffectAmount(effect, incumbent) / incumbent;
  return share >= 1 && sign === 1 ? Number.POSITIVE_INFINITY : sign * -Math.log1p(-sign * share);
}
