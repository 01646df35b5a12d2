/** Small summaries of a few measurements. Pure; empty input is a programming error. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new RangeError('the median of no values');
  const lower = sorted[middle - 1];
  // Halves are added, not sums halved: two values near the largest number must not overflow.
  return sorted.length % 2 === 1 || lower === undefined ? upper : lower / 2 + upper / 2;
}

/** Sample standard deviation (n - 1); 0 for a single value. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value / values.length, 0);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/** Standard deviation in percent of the median; null when the median is zero. */
export function noisePercent(values: readonly number[]): number | null {
  const centre = Math.abs(median(values));
  return centre === 0 ? null : (standardDeviation(values) / centre) * 100;
}
