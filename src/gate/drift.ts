import { percentChange } from '../core/metric.js';
import { median } from '../core/statistics.js';
import { formatMetric, unitOfMetric } from '../core/units.js';
import { estimateNoise, type NoiseEstimate } from './noise.js';
import { allPositive, type Scale, scaleOf } from './scale.js';
import type { Comparison } from './types.js';

/**
 * Did the machine change its level? One run of known code far from all that is known of it is a reason to measure it
 * again; only when three or more agree are the values of before and after no longer compared.
 */
export const MOST_KNOWN = 8;
/** So many fresh runs must agree. */
export const AGREEING = 3;
/** Standard deviations from the known level; more where the level is known from few runs. */
const FAR = 3;
const FAR_OF_FEW = 5;
const FEW = 4;
const FEWEST_KNOWN = 2;
/** Of the fresh runs; one outlier among many does not hide a shift. */
const SHARE_BEYOND = 0.8;
const SD_PER_MAD = 1.4826;
/** So many known runs may be of the new level already. */
const MOST_LATE = 3;
const ROUNDING = 1e-9;

/** The same code, before and after; in the metric's unit. */
export interface Shift {
  readonly before: number;
  readonly after: number;
}

/** What is known of the incumbent from earlier trials, newest first. */
export interface Level {
  readonly known: readonly number[];
  readonly noise: NoiseEstimate;
  readonly scale: Scale;
}

/** How far off one value is: 1 = better than anything known and far from it, -1 = worse, 0 = nothing remarkable. */
export function offLevel({ known, noise, scale }: Level, value: number): -1 | 0 | 1 {
  const newest = known.slice(0, MOST_KNOWN);
  if (newest.length < FEWEST_KNOWN) return 0;
  const gains = newest.map((other) => scale.gain(other, value));
  const isBeyond = gains.every((gain) => gain > 0) || gains.every((gain) => gain < 0);
  const centre = median(newest);
  const gain = scale.gain(centre, value);
  const spread = SD_PER_MAD * median(newest.map((other) => Math.abs(scale.gain(centre, other))));
  const far = newest.length < FEW ? FAR_OF_FEW : FAR;
  const isFar =
    Math.abs(gain) > far * Math.max(noise.sigma, spread) && Math.abs(value - centre) > ROUNDING * Math.abs(centre);
  return isBeyond && isFar ? (gain > 0 ? 1 : -1) : 0;
}

/**
 * The shift that runs of the incumbent show: the fresh ones alone, or with some of the newest known ones where a trial or
 * two had passed before it was noticed. Null where they do not agree.
 */
export function findShift(level: Level, fresh: readonly number[]): Shift | null {
  if (fresh.length === 0) return null;
  for (let late = 0; late <= MOST_LATE; late += 1) {
    const known = level.known.slice(late);
    const shift = shiftBetween({ ...level, known }, [...fresh, ...level.known.slice(0, late)]);
    if (shift !== null) return shift;
  }
  return null;
}

function shiftBetween(level: Level, fresh: readonly number[]): Shift | null {
  if (fresh.length < AGREEING) return null;
  const after = median(fresh);
  const side = offLevel(level, after);
  const newest = level.known.slice(0, MOST_KNOWN);
  const beyond = fresh.filter((value) => newest.every((other) => level.scale.gain(other, value) * side > 0));
  if (side === 0 || beyond.length < SHARE_BEYOND * fresh.length) return null;
  return { before: median(newest), after };
}

/** The shift that one trial's runs of the incumbent show against what was known before the trial. */
export function shiftOf(comparison: Comparison, fresh: readonly number[]): Shift | null {
  const known = comparison.incumbentValues;
  const groups = [...(comparison.sampling?.neighbours ?? []), fresh];
  const scale = scaleOf(comparison, allPositive([known, ...groups]));
  return findShift({ known, noise: estimateNoise(groups, scale), scale }, fresh);
}

const TIME_UNITS: ReadonlySet<string> = new Set(['ns', 'µs', 'ms', 's', 'min']);

/** `18 % slower`; `3.2 % higher` where the metric is no time. */
export function shiftText(metric: string, { before, after }: Shift): string {
  const words = TIME_UNITS.has(unitOfMetric(metric)) ? ['faster', 'slower'] : ['lower', 'higher'];
  const percent = percentChange(before, after);
  const size = Math.abs(percent ?? 0);
  const amount =
    percent === null ? formatMetric(metric, Math.abs(after - before)) : `${size.toFixed(size < 10 ? 1 : 0)} %`;
  return `${amount} ${after < before ? words[0] : words[1]}`;
}
