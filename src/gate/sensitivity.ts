import type { Direction, MinEffect } from '../core/metric.js';
import { Random } from '../core/random.js';
import { median, standardDeviation } from '../core/statistics.js';
import { GATES } from './index.js';
import { finite } from './pairs.js';
import { allPositive, type Scale, scaleOf } from './scale.js';
import { type Comparison, LEVELS, type Level, type Side } from './types.js';

/**
 * What a gate can see through the noise of some measured runs: the gate's own code judges simulated candidates whose
 * true gain is known. Pure and seeded: the same runs always give the same table.
 */
export interface SensitivityRequest {
  readonly gate: keyof typeof GATES;
  readonly metric: string;
  readonly direction: Direction;
  readonly minEffect: MinEffect | null;
  /** Of the same code, in order. */
  readonly runs: readonly number[];
  readonly seed: number;
}

export type Sensitivity = {
  /** Null where the gate knows no levels. */
  readonly level: Level | null;
  /** A gain that is kept with a probability of 80 %; null where not even a huge one is. */
  readonly smallestGain: number | null;
  /** `percent` of the incumbent's value, or an `amount` in the metric's unit. */
  readonly unit: 'percent' | 'amount';
  /** Mean evaluations of a trial that changes nothing, and of one that gains just so much. */
  readonly evaluationsOfNothing: number;
  readonly evaluationsOfGain: number;
  /** Candidates that change nothing and are kept all the same. */
  readonly falseKeepsPer100: number;
};

const POWER = 0.8;
const TRIALS_PER_GAIN = 300;
const NEUTRAL_TRIALS = 2000;
const HALVINGS = 8;
const FIRST_GUESS_SDS = 8;
const DOUBLINGS = 5;
const MOST_VALUES = 8;
/** As many runs as a gate looks back on after some trials. */
const REMEMBERED_RUNS = 41;

/** One row per level of `auto` and `confirm`, one for other gates. @throws RangeError without runs. */
export function sensitivity(request: SensitivityRequest): Sensitivity[] {
  const world = new World(request);
  const hasLevels = world.noisy && (request.gate === 'auto' || request.gate === 'confirm');
  return (hasLevels ? LEVELS : [null]).map((level) => measureLevel(world, level));
}

function measureLevel(world: World, level: Level | null): Sensitivity {
  const nothing = world.trials({ level, gain: 0, count: world.noisy ? NEUTRAL_TRIALS : 1 });
  const gain = world.noisy ? smallestGain(world, level) : world.scale.minEffect(world.centre);
  // Without noise every gain is seen; what is simulated must be above rounding.
  const shown = gain === null ? null : Math.max(gain, world.noisy ? 0 : gain + world.least);
  const won = shown === null ? null : world.trials({ level, gain: shown, count: world.noisy ? TRIALS_PER_GAIN : 1 });
  return {
    level,
    ...world.show(gain),
    evaluationsOfNothing: nothing.evaluations,
    evaluationsOfGain: (won ?? nothing).evaluations,
    falseKeepsPer100: 100 * nothing.kept,
  };
}

/** By bisection: the same simulated noise at every gain, so that more gain never looks worse by chance. */
function smallestGain(world: World, level: Level | null): number | null {
  const isSeen = (gain: number) => world.trials({ level, gain, count: TRIALS_PER_GAIN }).kept >= POWER;
  let low = 0;
  let high = FIRST_GUESS_SDS * world.sd + finite(world.scale.minEffect(world.centre));
  // Numbers near the largest there are have no larger gains.
  if (!Number.isFinite(high * 2 ** (DOUBLINGS + 1))) return null;
  for (let doubling = 0; !isSeen(high); doubling += 1) {
    if (doubling === DOUBLINGS) return null;
    low = high;
    high *= 2;
  }
  for (let step = 0; step < HALVINGS; step += 1) {
    const middle = (low + high) / 2;
    if (isSeen(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** Simulated code whose runs are the measured ones, drawn anew and moved by a gain. */
class World {
  readonly scale: Scale;
  readonly centre: number;
  readonly noisy: boolean;
  /** Standard deviation of one run on the scale. */
  readonly sd: number;
  /** A gain that is certainly more than rounding, on the scale. */
  readonly least: number;
  readonly #request: SensitivityRequest;
  /** What each run lost to the centre, on the scale: added to a gain it makes a run again. */
  readonly #noise: readonly number[];

  constructor(request: SensitivityRequest) {
    const { runs } = request;
    this.#request = request;
    this.scale = scaleOf(comparisonOf(request), allPositive([runs]));
    this.centre = median(runs);
    this.noisy = runs.some((value) => value !== runs[0]);
    const gains = runs.map((value) => finite(this.scale.gain(this.centre, value)));
    const mean = gains.reduce((sum, gain) => sum + gain / gains.length, 0);
    // Drawing from n values loses a share of 1/n of their variance.
    const widen = gains.length > 1 ? Math.sqrt(gains.length / (gains.length - 1)) : 1;
    this.#noise = gains.map((gain) => finite((gain - mean) * widen));
    this.sd = finite(standardDeviation(gains));
    this.least = this.scale.name === 'log' ? 1e-6 : Math.max(Math.abs(this.centre) * 1e-6, Number.MIN_VALUE);
  }

  /** @returns the share that was kept, and the mean cost. */
  trials({ level, gain, count }: { level: Level | null; gain: number; count: number }) {
    let [kept, evaluations] = [0, 0];
    for (let trial = 0; trial < count; trial += 1) {
      const random = new Random(this.#request.seed + Math.imul(trial + 1, 0x9e3779b1));
      const one = this.#trial({ level, gain, random });
      if (one.kept) kept += 1;
      evaluations += one.evaluations;
    }
    return { kept: kept / count, evaluations: evaluations / count };
  }

  /** A gain for people, from the scale. */
  show(gain: number | null): Pick<Sensitivity, 'smallestGain' | 'unit'> {
    if (this.scale.name === 'raw') return { smallestGain: gain, unit: 'amount' };
    const share = (value: number) => (this.#request.direction === 'lower' ? -Math.expm1(-value) : Math.expm1(value));
    return { smallestGain: gain === null ? null : finite(100 * share(gain)), unit: 'percent' };
  }

  #trial({ level, gain, random }: { level: Level | null; gain: number; random: Random }) {
    const history = Array.from({ length: REMEMBERED_RUNS }, () => this.#run(0, random));
    const run = GATES[this.#request.gate].open({
      ...comparisonOf(this.#request),
      incumbentValues: history.slice(-MOST_VALUES).reverse(),
      noisy: this.noisy,
      sampling: {
        neighbours: this.noisy ? [history] : [],
        evaluationsSinceIncumbent: 0,
        seed: random.below(2 ** 31),
        level: level ?? 'default',
      },
    });
    const evidence: Record<Side, number[]> = { candidate: [], incumbent: [] };
    for (;;) {
      const step = run.next(evidence);
      if (step.kind === 'verdict') {
        const evaluations = evidence.candidate.length + evidence.incumbent.length;
        return { kept: step.verdict === 'keep', evaluations };
      }
      for (const side of step.sides) evidence[side].push(this.#run(side === 'candidate' ? gain : 0, random));
    }
  }

  /** One run of code that is better than the centre by `gain` on the scale. */
  #run(gain: number, random: Random): number {
    const sign = this.#request.direction === 'lower' ? -1 : 1;
    const moved = sign * (gain + random.pick(this.#noise));
    return finite(this.scale.name === 'log' ? this.centre * Math.exp(moved) : this.centre + moved);
  }
}

function comparisonOf({ metric, direction, minEffect }: SensitivityRequest): Comparison {
  const nothingKnown = { incumbentValues: [], noisy: false, netLinesRemoved: 0 };
  return { metric, direction, minEffect, tie: 'discard', ...nothingKnown };
}

const SIGN_TEST_LEVEL = 0.05;
/** With more there is nothing left that it could miss. */
const MOST_ITEMS = 400;

/**
 * The probability that a one-sided sign test at 5 % proves a pass rate that rose from `before` to `after`, both judged
 * once on the same items. Exact: over all numbers of items that differ, and of those that got better.
 */
export function signTestPower(count: number, { before, after }: { before: number; after: number }): number {
  const items = Math.min(count, MOST_ITEMS);
  const better = (1 - before) * after;
  const differing = better + before * (1 - after);
  let power = 0;
  for (let d = 0; d <= items; d += 1) {
    const wins = fewestWins(d);
    if (wins > d) continue;
    let won = 0;
    for (let k = wins; k <= d; k += 1) won += binomial(d, k, better / differing);
    power += binomial(items, d, differing) * won;
  }
  return power;
}

/** So many of `differing` items must be better for a proof; more than there are where nothing is one. */
function fewestWins(differing: number): number {
  let tail = 0;
  for (let wins = differing; wins >= 0; wins -= 1) {
    tail += binomial(differing, wins, 0.5);
    if (tail > SIGN_TEST_LEVEL) return wins + 1;
  }
  return 0;
}

function binomial(n: number, k: number, p: number): number {
  let logarithm = k * Math.log(p) + (n - k) * Math.log1p(-p);
  for (let i = 1; i <= k; i += 1) logarithm += Math.log((n - k + i) / i);
  return Math.exp(logarithm);
}
