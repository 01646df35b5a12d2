import { Random } from '../core/random.js';
import { binaryUnit, median, studentTail } from '../core/statistics.js';
import type { NoiseEstimate } from './noise.js';
import type { Scale } from './scale.js';
import type { Side } from './types.js';

/** What pairs of runs, measured next to each other, say about the gain. */
export interface PairTest {
  readonly pairs: number;
  /** Median gain on the scale. */
  readonly gain: number;
  readonly t: number;
  readonly df: number;
  /** One-sided: how likely at least this t is without any gain. */
  readonly p: number;
}

/** How many squared deviations the known noise counts for. */
const MOST_PRIOR_WEIGHT = 8;
/** Neighbouring differences share a run: three of them tell as much of the noise as two deviations. */
const DEVIATIONS_PER_SQUARE = 2 / 3;

/**
 * Student's test of the mean gain of the pairs, its variance pooled with the noise known before. The prior keeps two
 * pairs that agree by chance from looking certain; noise that was never seen says nothing and counts for nothing.
 */
export function testPairs(raw: readonly number[], noise: NoiseEstimate): PairTest {
  // Without a gain the pairs' differences are symmetric, and stay so when both ends are cut off alike.
  const cut = raw.map((gain) => Math.min(noise.cutoff, Math.max(-noise.cutoff, gain)));
  const unit = binaryUnit([...cut, noise.sigma]);
  const gains = cut.map((gain) => gain / unit);
  const pairs = gains.length;
  const mean = gains.reduce((sum, value) => sum + value, 0) / pairs;
  const own = gains.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const gain = finite(median(raw));
  const weight = noise.sigma > 0 ? Math.min(MOST_PRIOR_WEIGHT, DEVIATIONS_PER_SQUARE * noise.squares) : 0;
  const df = weight + pairs - 1;
  if (df === 0) return { pairs, gain, t: 0, df, p: 0.5 };
  const variance = (weight * 2 * (noise.sigma / unit) ** 2 + own) / df;
  // Numbers near the largest there are overflow: such pairs say nothing. Equal gains of no known noise are certain.
  if (!Number.isFinite(variance)) return { pairs, gain, t: 0, df, p: 0.5 };
  const t = mean === 0 ? 0 : finite(mean / Math.sqrt(variance / pairs));
  return { pairs, gain, t, df, p: studentTail(t, df) };
}

/** The same number where JSON can hold it. */
export function finite(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value));
}

export function gainsOf(scale: Scale, candidates: readonly number[], incumbents: readonly number[]): number[] {
  return candidates.map((candidate, i) => scale.gain(incumbents[i] ?? candidate, candidate));
}

/** The order inside pair `index`, by lot: what drifts must not favour one side. */
export function pairOrder(seed: number, index: number): readonly Side[] {
  const lot = new Random(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + index).next();
  return lot < 0.5 ? ['candidate', 'incumbent'] : ['incumbent', 'candidate'];
}
