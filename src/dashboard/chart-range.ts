/**
 * The vertical range of the chart: which values must be seen, which are outliers, and in which row a value lies. Pure.
 */
import type { TrialRow } from '../store/rows.js';

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** The incumbents' values always; of the others those that are no outliers. */
export function valueRange(measured: readonly TrialRow[], start: number | null): Range | null {
  const values = measured.flatMap((trial) => trial.metric ?? []).sort((a, b) => a - b);
  const kept = measured.flatMap((trial) => (trial.verdict === 'keep' ? (trial.metric ?? []) : []));
  const line = start === null ? kept : [start, ...kept];
  const fences = outlierFences(values);
  const within = values.filter((value) => value >= fences.low && value <= fences.high);
  const low = Math.min(minimum(within), minimum(line));
  const high = Math.max(maximum(within), maximum(line));
  return low <= high ? { low, high } : null;
}

/**
 * Tukey's far fences: 3 interquartile ranges beyond the quartiles; the 5 % and 95 % quantiles where most values are
 * equal. Quantiles are taken outwards, so that four values or fewer have no outlier.
 */
function outlierFences(sorted: readonly number[]): Range {
  const below = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  const above = (share: number) => sorted[Math.ceil(share * (sorted.length - 1))] ?? 0;
  const reach = 3 * (above(0.75) - below(0.25));
  if (reach === 0) return { low: below(0.05), high: above(0.95) };
  return { low: below(0.25) - reach, high: above(0.75) + reach };
}

// Not Math.min(...values): a spread of a very long history overflows the stack.
function minimum(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

function maximum(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

/** The row of the only value there is. */
export function flatRow(rows: number): number {
  return Math.floor(rows / 2);
}

/** The row of `value` counted from the top; values outside of the range lie in its edge rows. */
export function rowOf(value: number, range: Range, rows: number): number {
  if (range.high === range.low) return flatRow(rows);
  // Halves only where the span would overflow: they would lose the smallest of numbers.
  const span = range.high - range.low;
  const share = Number.isFinite(span)
    ? (range.high - value) / span
    : (range.high / 2 - value / 2) / (range.high / 2 - range.low / 2);
  return Math.round(Math.min(1, Math.max(0, share)) * (rows - 1));
}
