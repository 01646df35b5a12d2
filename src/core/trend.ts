import { median } from './statistics.js';

/**
 * What a short series of measurements of the same thing shows besides its spread: a trend, a first value that stands
 * apart, memory from one to the next, two levels. Pure; made for some ten values, so only plain patterns are called out.
 */
export interface Trend {
  /** Change from one value to the next, by Theil and Sen: the median of all pairwise slopes. */
  readonly slope: number;
  /** Two-sided, by Mann and Kendall: how likely so steady a course is without a trend. */
  readonly p: number;
}

/** @param values in the order of time; fewer than four show no trend. */
export function trendOf(values: readonly number[]): Trend {
  const n = values.length;
  const slopes: number[] = [];
  let score = 0;
  for (const [i, earlier] of values.entries()) {
    for (let j = i + 1; j < n; j += 1) {
      const step = (values[j] ?? 0) - earlier;
      score += Math.sign(step);
      slopes.push(step / (j - i));
    }
  }
  if (n < 4) return { slope: 0, p: 1 };
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const spread = (ties: number) => ties * (ties - 1) * (2 * ties + 5);
  const variance = [...counts.values()].reduce((left, ties) => left - spread(ties), spread(n)) / 18;
  if (variance <= 0 || score === 0) return { slope: median(slopes), p: 1 };
  // One is taken off for continuity: the score moves in steps of two.
  return { slope: median(slopes), p: Math.min(1, 2 * normalTail((Math.abs(score) - 1) / Math.sqrt(variance))) };
}

/** Of a normal distribution, per median absolute deviation. */
const SD_PER_MAD = 1.4826;
const FAR_APART = 5;

/** Whether the first value lies far outside of all others: what starts cold shows there. */
export function firstStandsApart(values: readonly number[]): boolean {
  const [first, ...others] = values;
  if (first === undefined || others.length < 4) return false;
  const centre = median(others);
  const deviations = others.map((value) => Math.abs(value - centre));
  const distance = Math.abs(first - centre);
  return distance > FAR_APART * SD_PER_MAD * median(deviations) && distance > 1.5 * Math.max(...deviations);
}

/** Correlation of each value with the one before, -1 to 1; 0 where nothing varies. */
export function lagOneCorrelation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value / values.length, 0);
  let [products, squares] = [0, 0];
  for (const [i, value] of values.entries()) {
    squares += (value - mean) ** 2;
    const before = values[i - 1];
    if (before !== undefined) products += (value - mean) * (before - mean);
  }
  return squares > 0 ? products / squares : 0;
}

export interface TwoLevels {
  readonly low: number;
  readonly high: number;
  readonly lowCount: number;
  readonly highCount: number;
}

const EMPTY_TO_FULL = 1.5;
const SMALLEST_SHARE = 0.2;

/** Two clusters with an empty stretch between them that is wider than either; null where there are none. */
export function twoLevels(values: readonly number[]): TwoLevels | null {
  const sorted = [...values].sort((a, b) => a - b);
  const fewest = Math.max(2, Math.ceil(values.length * SMALLEST_SHARE));
  for (let cutAt = fewest; cutAt <= sorted.length - fewest; cutAt += 1) {
    const [low, high] = [sorted.slice(0, cutAt), sorted.slice(cutAt)];
    const range = (part: readonly number[]) => (part.at(-1) ?? 0) - (part[0] ?? 0);
    const gap = (high[0] ?? 0) - (low.at(-1) ?? 0);
    // Without any width inside the levels the metric is coarse, which is another thing.
    const width = Math.max(range(low), range(high));
    if (width > 0 && gap > EMPTY_TO_FULL * width) {
      return { low: median(low), high: median(high), lowCount: low.length, highCount: high.length };
    }
  }
  return null;
}

/** P(Z > z) of the standard normal distribution for z >= 0, to about 1e-7. Method: Abramowitz and Stegun 7.1.26. */
function normalTail(z: number): number {
  const t = 1 / (1 + (0.3275911 * z) / Math.SQRT2);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return (series * Math.exp((-z * z) / 2)) / 2;
}
