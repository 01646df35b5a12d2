import { binaryUnit, median } from '../core/statistics.js';
import type { Scale } from './scale.js';

/**
 * The metric's short-term noise from runs of the same code that followed each other closely: half the squared
 * difference of neighbours estimates the variance and does not mind slow drift. Method: von Neumann's mean square
 * successive difference.
 */
const MOST_SQUARES = 40;
const MOST_APART = 3;

/** One run of code that was the incumbent. */
export interface IncumbentRun {
  readonly value: number;
  /** The commit that ran. */
  readonly code: string;
  /** Counts every evaluation of either side. */
  readonly position: number;
}

/** Groups runs (oldest first) of the same code at most three evaluations apart: the newest 40 differences. */
export function neighbours(runs: readonly IncumbentRun[]): number[][] {
  const groups: number[][] = [];
  let differences = 0;
  let later: IncumbentRun | undefined;
  for (let i = runs.length - 1; i >= 0 && differences < MOST_SQUARES; i -= 1) {
    const run = runs[i];
    if (!run) continue;
    const group = groups.at(-1);
    if (group && later?.code === run.code && later.position - run.position <= MOST_APART) {
      group.push(run.value);
      differences += 1;
    } else {
      if (group?.length === 1) groups.pop();
      groups.push([run.value]);
    }
    later = run;
  }
  return groups
    .filter((group) => group.length > 1)
    .map((group) => group.reverse())
    .reverse();
}

export interface NoiseEstimate {
  /** Standard deviation of one run on the scale, outliers cut off; 0 where no difference was ever seen. */
  readonly sigma: number;
  /** How many differences it is known from. */
  readonly squares: number;
  /** Differences of two runs beyond this are cut off to it, here and in the pairs. */
  readonly cutoff: number;
}

/** In standard deviations of a difference: what is further away tells that something else happened. */
const CUTOFF = 3;
/** Of a normal distribution, per median absolute deviation. */
const SD_PER_MAD = 1.4826;

/**
 * Half the mean square difference of neighbours, each difference cut off at three robust standard deviations: one busy
 * minute must not hide all gains of the next hours. Method: Winsorising, at a scale from the median absolute difference.
 */
export function estimateNoise(groups: readonly (readonly number[])[], scale: Scale): NoiseEstimate {
  const differences: number[] = [];
  for (let g = groups.length - 1; g >= 0; g -= 1) {
    const group = groups[g] ?? [];
    for (let i = group.length - 1; i > 0 && differences.length < MOST_SQUARES; i -= 1) {
      differences.push(Math.abs(scale.gain(group[i - 1] ?? 0, group[i] ?? 0)));
    }
  }
  const squares = differences.length;
  if (squares === 0) return { sigma: 0, squares, cutoff: Number.POSITIVE_INFINITY };
  // Most differences of a coarse metric are zero: then nothing can be called an outlier.
  const robust = SD_PER_MAD * median(differences);
  const cutoff = robust > 0 ? CUTOFF * robust : Number.POSITIVE_INFINITY;
  const unit = binaryUnit(differences);
  const sum = differences.reduce((total, difference) => total + (Math.min(difference, cutoff) / unit) ** 2 / 2, 0);
  return { sigma: unit * Math.sqrt(sum / squares), squares, cutoff };
}
