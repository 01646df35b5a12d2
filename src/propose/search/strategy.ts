/**
 * Which configuration to try next: a few spread-out starts, then local search around the incumbent whose step follows
 * the verdicts. Pure and seeded: the whole state is JSON, equal state and equal question give the equal answer, and no
 * configuration is suggested twice. It knows nothing of files.
 */
import type { Direction } from '../../core/metric.js';
import type { Verdict } from '../../core/outcome.js';
import { Random } from '../../core/random.js';
import type { ParameterValue } from './domain.js';
import { type Configuration, type Dimension, keyOf, levelAt, sizeOf } from './space.js';
import { mostPromising, type Observation } from './surrogate.js';

export interface SearchState {
  readonly version: 1;
  readonly seed: number;
  /** State of the generator. */
  readonly random: number;
  /** Typical length of a move, as a share of a dimension's range. */
  readonly step: number;
  /** How many of the spread-out starts have been used up. */
  readonly starts: number;
  /** The move of the newest keep, tried once more in the same direction. */
  readonly move: { readonly from: Configuration; readonly to: Configuration } | null;
  readonly history: readonly Observation[];
}

export interface Question {
  readonly space: readonly Dimension[];
  /** What the incumbent holds now; its values may lie between two levels. */
  readonly current: Configuration;
  readonly currentMetric: number | null;
  readonly direction: Direction;
}

/** An answer, and what the state becomes when its trial has settled. */
export interface Suggestion {
  readonly values: Configuration;
  readonly from: Configuration;
  readonly fromMetric: number | null;
  readonly random: number;
  readonly starts: number;
  readonly origin: 'start' | 'move' | 'local' | 'anywhere';
}

// Tuned by simulation on six functions of 1-8 mixed parameters at 15-60 trials (median and 90th percentile).
const START_POINTS = 4;
const FIRST_STEP = 0.3;
const LARGEST_STEP = 0.5;
const SMALLEST_STEP = 0.03;
const GROWTH_AFTER_KEEP = 1.5;
const SHRINK_AFTER_MISS = 0.88;
const SHARE_OF_PAIRS = 0.3;
const SHARE_ANYWHERE = 0.06;
const POOL = 6;
/** Of so many observations the guess is made: older ones would make each trial dearer than the one before. */
const REMEMBERED = 1_000;

export function initialState(seed: number): SearchState {
  const random = new Random(seed).state;
  return { version: 1, seed, random, step: FIRST_STEP, starts: 0, move: null, history: [] };
}

/** The next configuration, or null when every one of the space was tried. */
export function suggest(state: SearchState, question: Question): Suggestion | null {
  const { space, current } = question;
  const tried = triedKeys(state, question);
  const isNew = (candidate: Configuration) => !tried.has(keyOf(space, candidate));
  const random = new Random(state.random);
  const answer = (values: Configuration, origin: Suggestion['origin'], starts = state.starts): Suggestion => ({
    values,
    from: current,
    fromMetric: question.currentMetric,
    random: random.state,
    starts,
    origin,
  });

  const plan = startPlan(question, state.seed);
  for (let index = state.starts; index < plan.length; index += 1) {
    const start = plan[index];
    if (start && isNew(start)) return answer(start, 'start', index + 1);
  }
  const further = state.move && samePlace(space, state.move.to, current) ? extrapolate(space, state.move) : null;
  if (further && isNew(further)) return answer(further, 'move', plan.length);

  const anywhere = random.next() < SHARE_ANYWHERE;
  const pool: Configuration[] = [];
  for (let attempt = 0; attempt < POOL * 5 && pool.length < POOL && !anywhere; attempt += 1) {
    const candidate = neighbour({ space, current, step: state.step }, random);
    if (isNew(candidate)) pool.push(candidate);
  }
  const now: Observation = { values: current, verdict: 'keep', metric: question.currentMetric };
  const elsewhereKnown = comparable(state, space).filter(({ values }) => !samePlace(space, values, current));
  const known = [...elsewhereKnown.slice(-REMEMBERED), now];
  const chosen = mostPromising(pool, known, question);
  if (chosen) return answer(chosen, 'local', plan.length);
  const elsewhere = anyNew(space, tried, random);
  return elsewhere ? answer(elsewhere, 'anywhere', plan.length) : null;
}

/** The state after the suggested configuration was judged. */
export function learn(
  state: SearchState,
  suggestion: Suggestion,
  result: { readonly verdict: Verdict; readonly metric: number | null },
): SearchState {
  const { values, from, random, starts, origin } = suggestion;
  const kept = result.verdict === 'keep';
  let step = state.step;
  if (kept) step = Math.min(LARGEST_STEP, step * GROWTH_AFTER_KEEP);
  else if (origin === 'local') step *= SHRINK_AFTER_MISS;
  if (step < SMALLEST_STEP) step = FIRST_STEP;
  const move = kept ? { from, to: values } : null;
  // The baseline, or a configuration that a person made, was never suggested: it is remembered as the start of a move.
  const known = state.history.some((observation) => sameValues(observation.values, from));
  const start: Observation[] = known ? [] : [{ values: from, verdict: 'keep', metric: suggestion.fromMetric }];
  return { ...state, random, step, starts, move, history: [...state.history, ...start, { values, ...result }] };
}

function sameValues(a: Configuration, b: Configuration): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** The observations that name exactly the parameters of the space: a marker that came or went leaves the others out. */
function comparable(state: SearchState, space: readonly Dimension[]): Observation[] {
  return state.history.filter(
    ({ values }) =>
      Object.keys(values).length === space.length && space.every(({ name }) => values[name] !== undefined),
  );
}

function triedKeys(state: SearchState, { space, current }: Question): Set<string> {
  const keys = comparable(state, space).map((observation) => keyOf(space, observation.values));
  return new Set([...keys, keyOf(space, current)]);
}

/**
 * Spread-out points, each with about half of the dimensions moved: every dimension moves in two of them, once in its
 * lower and once in its upper half, as in a Latin hypercube (McKay et al., 1979). Whole random configurations would meet
 * every value that crashes at once.
 */
function startPlan({ space, current }: Question, seed: number): Configuration[] {
  const random = new Random(seed);
  const columns = space.map((dimension) => {
    const value = current[dimension.name] ?? 0;
    const others = dimension.levels.filter((level) => level !== value);
    const column = new Array<ParameterValue>(START_POINTS).fill(value);
    shuffled(START_POINTS, random)
      .slice(0, START_POINTS / 2)
      .forEach((point, half) => {
        const position = (half + random.next()) / 2;
        const other = others[Math.floor(position * others.length)] ?? value;
        column[point] = dimension.ordered ? levelAt(dimension, position) : other;
      });
    return column;
  });
  return Array.from({ length: START_POINTS }, (_, point) =>
    configurationOf(space, (_dimension, index) => columns[index]?.[point] ?? 0),
  );
}

function shuffled(length: number, random: Random): number[] {
  const rest = Array.from({ length }, (_, index) => index);
  const order: number[] = [];
  while (rest.length > 0) order.push(...rest.splice(random.below(rest.length), 1));
  return order;
}

function configurationOf(
  space: readonly Dimension[],
  value: (dimension: Dimension, index: number) => ParameterValue,
): Configuration {
  return Object.fromEntries(space.map((dimension, index) => [dimension.name, value(dimension, index)]));
}

function samePlace(space: readonly Dimension[], a: Configuration, b: Configuration): boolean {
  return keyOf(space, a) === keyOf(space, b);
}

/** The same step again, in the ordered dimensions. */
function extrapolate(space: readonly Dimension[], move: { from: Configuration; to: Configuration }): Configuration {
  return configurationOf(space, (dimension) => {
    const to = move.to[dimension.name] ?? 0;
    const from = move.from[dimension.name] ?? to;
    if (!dimension.ordered || from === to) return to;
    return levelAt(dimension, 2 * dimension.position(to) - dimension.position(from));
  });
}

/** The current configuration with one or two dimensions changed. */
function neighbour(
  around: { readonly space: readonly Dimension[]; readonly current: Configuration; readonly step: number },
  random: Random,
): Configuration {
  const { space, current, step } = around;
  const count = space.length > 1 && random.next() < SHARE_OF_PAIRS ? 2 : 1;
  const changing = new Set(shuffled(space.length, random).slice(0, count));
  return configurationOf(space, (dimension, index) => {
    const value = current[dimension.name] ?? 0;
    if (!changing.has(index)) return value;
    if (dimension.ordered) return orderedNeighbour(dimension, { value, step }, random);
    return random.pick(dimension.levels.filter((level) => level !== value));
  });
}

/** A normally distributed move, never shorter than one level. */
function orderedNeighbour(
  dimension: Dimension,
  from: { readonly value: ParameterValue; readonly step: number },
  random: Random,
): ParameterValue {
  const gauss = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  const level = levelAt(dimension, dimension.position(from.value) + gauss * from.step);
  if (level !== from.value) return level;
  const index = dimension.levels.indexOf(level);
  const beside = dimension.levels[index + (gauss > 0 ? 1 : -1)] ?? dimension.levels[index + (gauss > 0 ? -1 : 1)];
  return beside ?? level;
}

/** A random configuration; where that one was tried, the next untried in counting order. Exact also when few are left. */
function anyNew(space: readonly Dimension[], tried: ReadonlySet<string>, random: Random): Configuration | null {
  const digits = space.map((dimension) => random.below(dimension.levels.length));
  const steps = Math.min(sizeOf(space), tried.size + 1);
  for (let step = 0; step < steps; step += 1) {
    const candidate = configurationOf(space, (dimension, index) => dimension.levels[digits[index] ?? 0] ?? 0);
    if (!tried.has(keyOf(space, candidate))) return candidate;
    increment(digits, space);
  }
  return null;
}

function increment(digits: number[], space: readonly Dimension[]): void {
  for (const [index, dimension] of space.entries()) {
    const next = (digits[index] ?? 0) + 1;
    digits[index] = next % dimension.levels.length;
    if (next < dimension.levels.length) return;
  }
}
