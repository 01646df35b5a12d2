import type { Comparison, Level } from './types.js';

/** The numbers behind fast, default and strict. */
export interface Preset {
  /** Demanded of run 1 and of the mean of runs 1 and 2, in standard errors below the incumbent's median. */
  readonly screen: readonly [number, number];
  /** One run this far ahead needs no second screening. */
  readonly clear: number;
  readonly mostPairs: number;
  /** After pair n the largest p that keeps (index n - 1); 0 where nothing is kept yet. */
  readonly keepBelow: readonly number[];
  /** The same for a candidate that passed the screen clearly: few without a gain do. */
  readonly keepClearBelow: readonly number[];
  /** After pair n the t that ends the trial (index n - 1). */
  readonly futileBelow: readonly number[];
}

const looks = (length: number, first: readonly number[], rest: number) =>
  Array.from({ length }, (_, i) => first[i] ?? rest);

/**
 * Found by simulation (bench/gate): the most true gain per evaluation at which no noise shape there gives more than one
 * false keep per hundred candidates that change nothing, and nine of ten keeps are real where effects reach one standard
 * deviation of the noise.
 */
export const PRESETS: Readonly<Record<Level, Preset>> = {
  fast: {
    screen: [0.8, 1.1],
    clear: 2.7,
    mostPairs: 10,
    keepBelow: looks(10, [0.0025, 0.004], 0.0075),
    keepClearBelow: looks(10, [0.03], 0.035),
    futileBelow: looks(10, [-0.5, 0], 0.4),
  },
  default: {
    screen: [0.3, 0.8],
    clear: 2.8,
    mostPairs: 12,
    keepBelow: looks(12, [0.002, 0.004], 0.009),
    keepClearBelow: looks(12, [0.015], 0.03),
    futileBelow: looks(12, [-0.6, -0.2], 0.4),
  },
  strict: {
    screen: [0.3, 0.8],
    clear: 3,
    mostPairs: 12,
    keepBelow: looks(12, [0, 0.001], 0.004),
    keepClearBelow: looks(12, [0.004], 0.01),
    futileBelow: looks(12, [-0.6, -0.2], 0.3),
  },
};

export function levelOf({ sampling }: Comparison): Level {
  return sampling?.level ?? 'default';
}
