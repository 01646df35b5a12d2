/** Summaries of repeated measurements. Pure. */

/** Quantile `share` (0-1) of at least one value, by linear interpolation (Hyndman and Fan type 7, as R and NumPy). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) throw new RangeError('no quantile of nothing');
  return below + (above - below) * (position - Math.floor(position));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** As printed: at most six decimals, never an exponent for what is measured here. */
export function decimals(value: number): string {
  return String(Number(value.toFixed(6)));
}
