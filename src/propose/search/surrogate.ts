/**
 * A guess, from what was tried so far, at which of a few candidates is worth a trial. Pure. It works on ranks, so the
 * metric's scale and shape do not matter to it.
 */
import { type Direction, isBetter } from '../../core/metric.js';
import type { Verdict } from '../../core/outcome.js';
import { type Configuration, type Dimension, distance } from './space.js';

export interface Observation {
  readonly values: Configuration;
  readonly verdict: Verdict;
  /** Null when it was not measured. */
  readonly metric: number | null;
}

/** What one unit of distance from everything tried is worth, in ranks. */
const CURIOSITY = 2;
/** A crash ranks below the worst measured value (ranks go from 0, best, to 1). */
const CRASH_RANK = 1.2;
const SMOOTHING = 0.02;
/** How much the single values say, against the surroundings of the whole configuration. */
const SHARE_OF_SINGLE_VALUES = 0.3;

/**
 * The candidate with the best expected rank, less a bonus for being far from everything tried; null for an empty pool.
 * The expectation is an inverse-distance weighted mean (Shepard, 1968), once over whole configurations and once over
 * each value by itself, which learns sooner that one value of a choice is bad everywhere.
 */
export function mostPromising(
  pool: readonly Configuration[],
  known: readonly Observation[],
  { space, direction }: { readonly space: readonly Dimension[]; readonly direction: Direction },
): Configuration | null {
  const ranks = ranksOf(known, direction);
  let best: { candidate: Configuration; score: number } | null = null;
  for (const candidate of pool) {
    const gapsIn = (part: readonly Dimension[]) => known.map(({ values }) => distance(part, candidate, values));
    const gaps = gapsIn(space);
    const whole = weightedMean(
      ranks,
      gaps.map((gap) => gap * space.length),
    );
    const singles = space.map((dimension) => weightedMean(ranks, gapsIn([dimension])));
    const single = singles.reduce((sum, rank) => sum + rank, 0) / space.length;
    const expected = (1 - SHARE_OF_SINGLE_VALUES) * whole + SHARE_OF_SINGLE_VALUES * single;
    const nearest = gaps.reduce((least, gap) => Math.min(least, gap), 1);
    const score = expected - CURIOSITY * nearest;
    if (best === null || score < best.score) best = { candidate, score };
  }
  return best?.candidate ?? null;
}

function weightedMean(ranks: readonly number[], gaps: readonly number[]): number {
  let weights = 0;
  let sum = 0;
  ranks.forEach((rank, index) => {
    const weight = 1 / ((gaps[index] ?? 0) ** 2 + SMOOTHING);
    weights += weight;
    sum += weight * rank;
  });
  return weights === 0 ? 0 : sum / weights;
}

/** 0 for the best measured value, 1 for the worst, more for a crash; a keep that was not measured counts as best. */
function ranksOf(observations: readonly Observation[], direction: Direction): number[] {
  const values = observations.map(({ metric }) => metric).filter((metric) => metric !== null);
  const bestFirst = [...values].sort((a, b) => (isBetter(direction, a, b) ? -1 : isBetter(direction, b, a) ? 1 : 0));
  const better = new Map<number, number>();
  for (const [index, value] of bestFirst.entries()) if (!better.has(value)) better.set(value, index);
  return observations.map(({ metric, verdict }) => {
    if (verdict === 'crash') return CRASH_RANK;
    if (metric === null) return verdict === 'keep' ? 0 : 1;
    return (better.get(metric) ?? 0) / Math.max(1, values.length - 1);
  });
}
