/**
 * The search space: every parameter as a finite ladder of levels, so that "never twice" and "nothing left" are exact
 * also for floats. Pure.
 */
import type { Domain, ParameterValue } from './domain.js';

export interface Dimension {
  readonly name: string;
  readonly levels: readonly ParameterValue[];
  /** Whether neighbouring levels are alike: true for numbers, false for choices and truth values. */
  readonly ordered: boolean;
  /** Where a value stands between the first level (0) and the last (1); for unordered dimensions only a label. */
  readonly position: (value: ParameterValue) => number;
}

/** One value per dimension, by the dimension's name. */
export type Configuration = Readonly<Record<string, ParameterValue>>;

const MAX_INT_LEVELS = 1000;
const FLOAT_LEVELS = 100;
const INT_LEVELS_PER_OCTAVE = 4;
const FLOAT_LEVELS_PER_OCTAVE = 8;

/**
 * The levels of a domain. Numbers: `step` where given; log ranges go by quarter octaves (int) or eighths (float) from
 * the lower bound, so 16..4096 holds every power of two; whole numbers up to 1000 levels go one by one, everything else
 * by a round step of about a hundredth (float) or a thousandth (int) of the range. Both bounds are always levels.
 */
export function dimensionOf(name: string, domain: Domain): Dimension {
  if (domain.kind === 'bool' || domain.kind === 'choice') {
    const levels: readonly ParameterValue[] = domain.kind === 'bool' ? [false, true] : domain.choices;
    return {
      name,
      levels,
      ordered: false,
      position: (value) => Math.max(0, levels.indexOf(value)) / (levels.length - 1),
    };
  }
  const { low, high, log } = domain;
  const scale = (value: number) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  return {
    name,
    levels: numberLevels(domain),
    ordered: true,
    position: (value) => (typeof value === 'number' ? Math.min(1, Math.max(0, scale(value))) : 0),
  };
}

/** How many configurations there are; may exceed what a number counts exactly, then it is only "many". */
export function sizeOf(space: readonly Dimension[]): number {
  return space.reduce((product, dimension) => product * dimension.levels.length, 1);
}

/** One string per configuration, the same for equal values. */
export function keyOf(space: readonly Dimension[], configuration: Configuration): string {
  return JSON.stringify(space.map((dimension) => configuration[dimension.name] ?? null));
}

/** How unlike two configurations are: 0 equal, 1 as far apart as can be in every dimension. */
export function distance(space: readonly Dimension[], a: Configuration, b: Configuration): number {
  let sum = 0;
  for (const dimension of space) {
    const x = a[dimension.name] ?? 0;
    const y = b[dimension.name] ?? 0;
    if (dimension.ordered) sum += Math.abs(dimension.position(x) - dimension.position(y));
    else sum += x === y ? 0 : 1;
  }
  return sum / space.length;
}

/** The level at a position in 0..1. */
export function levelAt(dimension: Dimension, position: number): ParameterValue {
  const wanted = Math.min(1, Math.max(0, position));
  let best = dimension.levels[0] ?? 0;
  let nearest = Number.POSITIVE_INFINITY;
  for (const level of dimension.levels) {
    const gap = Math.abs(dimension.position(level) - wanted);
    if (gap < nearest) {
      nearest = gap;
      best = level;
    }
  }
  return best;
}

function numberLevels(domain: Extract<Domain, { kind: 'int' | 'float' }>): number[] {
  const { kind, low, high, log, step } = domain;
  const whole = kind === 'int';
  const round = (value: number): number => {
    const stepped = step === null ? value : low + Math.round((value - low) / step) * step;
    const tidy = whole ? Math.round(stepped) : Number(stepped.toPrecision(log && step === null ? 3 : 12));
    return Math.min(high, Math.max(low, tidy));
  };
  const levels: number[] = [];
  if (log) {
    const perOctave = whole ? INT_LEVELS_PER_OCTAVE : FLOAT_LEVELS_PER_OCTAVE;
    const count = Math.max(1, Math.ceil(Math.log2(high / low) * perOctave));
    for (let index = 0; index <= count; index += 1) levels.push(round(low * 2 ** (index / perOctave)));
  } else {
    const gap = step ?? defaultStep(high - low, whole);
    const count = Math.floor((high - low) / gap + 1e-9);
    for (let index = 0; index <= count; index += 1) levels.push(round(low + index * gap));
  }
  if (step === null) levels.push(high);
  return [...new Set(levels)].sort((a, b) => a - b);
}

/** 1, 2 or 5 times a power of ten. */
function defaultStep(range: number, whole: boolean): number {
  if (whole && range < MAX_INT_LEVELS) return 1;
  const wanted = range / (whole ? MAX_INT_LEVELS : FLOAT_LEVELS);
  const decade = 10 ** Math.floor(Math.log10(wanted) + 1e-9);
  const factor = [1, 2, 5, 10].find((candidate) => candidate * decade >= wanted * (1 - 1e-9)) ?? 10;
  return Number((factor * decade).toPrecision(12));
}
