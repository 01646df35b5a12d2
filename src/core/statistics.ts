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
  const unit = binaryUnit(values);
  const scaled = values.map((value) => value / unit);
  const mean = scaled.reduce((sum, value) => sum + value / values.length, 0);
  const squares = scaled.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return unit * Math.sqrt(squares / (values.length - 1));
}

/**
 * A power of two of the size of the largest value: divided by it no digit changes, and the squares of numbers like 1e-200
 * and 1e200 neither vanish nor overflow.
 */
export function binaryUnit(values: readonly number[]): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest > 0 && Number.isFinite(largest) ? 2 ** Math.floor(Math.log2(largest)) : 1;
}

/** Standard deviation in percent of the median; null when the median is zero. */
export function noisePercent(values: readonly number[]): number | null {
  const centre = Math.abs(median(values));
  return centre === 0 ? null : (standardDeviation(values) / centre) * 100;
}

/**
 * P(T > t) of Student's t distribution with `df` degrees of freedom (any positive number), to about 1e-8.
 * Method: the regularised incomplete beta function I_x(df/2, 1/2) at x = df / (df + t^2), halved.
 */
export function studentTail(t: number, df: number): number {
  if (!(df > 0) || Number.isNaN(t))
    throw new RangeError(`no t distribution for t = ${t} with ${df} degrees of freedom`);
  if (!Number.isFinite(t)) return t > 0 ? 0 : 1;
  const tail = incompleteBeta(df / (df + t * t), df / 2, 0.5) / 2;
  return t >= 0 ? tail : 1 - tail;
}

/** The t that is exceeded with probability `tail` (above 0, at most 0.5). Found by bisection on `studentTail`. */
export function studentQuantile(tail: number, df: number): number {
  if (!(tail > 0 && tail <= 0.5)) throw new RangeError(`no quantile for a tail of ${tail}`);
  let low = 0;
  let high = 1;
  while (studentTail(high, df) > tail) high *= 2;
  for (let step = 0; step < 200 && high - low > 1e-12 * high; step += 1) {
    const middle = (low + high) / 2;
    if (studentTail(middle, df) > tail) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Regularised incomplete beta function I_x(a, b). Method: Lentz's evaluation of the continued fraction (Abramowitz and
 * Stegun 26.5.8; Press et al., Numerical Recipes, 6.4), on the side where it converges fast.
 */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(x, a, b)) / a : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const atLeastTiny = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / atLeastTiny(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 500; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / atLeastTiny(1 + even * d);
    c = atLeastTiny(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / atLeastTiny(1 + odd * d);
    c = atLeastTiny(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return fraction;
}

/** Logarithm of the gamma function for positive numbers. Method: Lanczos' approximation, g = 7, nine terms. */
function logGamma(x: number): number {
  const shifted = x - 1;
  const sum = LANCZOS.reduce((total, term, i) => total + (i === 0 ? term : term / (shifted + i)), 0);
  const base = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(sum);
}

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;
