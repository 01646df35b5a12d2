import { Random } from '../core/random.js';

/**
 * Is the mean of these differences above zero? Without a gain each might as well have the other sign. Method: Fisher's
 * one-sided sign-flip (permutation) test; ties with the observed sum count against the gain.
 */
const MOST_EXACT = 12;
const FLIPS = 8000;
/** So many sums as great as the observed one tell that there is nothing (Besag and Clifford's early end). */
const ENOUGH = 80;
const ROUNDING = 1e-12;

/** The probability of at least this mean. Exact for up to 12 differences that are not zero, else from seeded flips. */
export function signFlip(differences: readonly number[], seed: number): number {
  const moved = differences.filter((difference) => difference !== 0);
  const sum = moved.reduce((total, difference) => total + difference, 0);
  const size = moved.reduce((total, difference) => total + Math.abs(difference), 0);
  if (!(sum > 0) || !Number.isFinite(size)) return 1;
  const least = sum - ROUNDING * size;
  return moved.length <= MOST_EXACT ? exact(moved, least) : sampled(moved, least, seed);
}

function exact(moved: readonly number[], least: number): number {
  const assignments = 2 ** moved.length;
  let reached = 0;
  for (let signs = 0; signs < assignments; signs += 1) {
    const total = moved.reduce((sum, value, i) => sum + ((signs >> i) & 1 ? value : -value), 0);
    // The sum over absolute values is the same for every assignment: flipping `moved` covers them all.
    if (total >= least) reached += 1;
  }
  return reached / assignments;
}

function sampled(moved: readonly number[], least: number, seed: number): number {
  const random = new Random(seed);
  let reached = 0;
  for (let flip = 1; flip <= FLIPS; flip += 1) {
    let total = 0;
    let bits = 0;
    for (let i = 0; i < moved.length; i += 1) {
      if (i % 24 === 0) bits = random.below(2 ** 24);
      const value = moved[i] ?? 0;
      total += bits & 1 ? value : -value;
      bits >>= 1;
    }
    if (total >= least) reached += 1;
    if (reached === ENOUGH) return reached / flip;
  }
  return (reached + 1) / (FLIPS + 1);
}
