/** Simulated runs of many trials: what was kept, what it was worth, what it cost. Everything follows from the seed. */
import { Random } from '../../src/core/random.js';
import { SHAPES, type ShapeName } from './noise-shapes.js';
import { type Rule, World } from './world.js';

/** What candidates are worth: a share is better by `effect`, a share worse by as much, the rest changes nothing. */
export interface EffectMix {
  readonly better: number;
  readonly worse: number;
  /** As a difference of logarithms. */
  readonly effect: number;
}

export const NEUTRAL: EffectMix = { better: 0, worse: 0, effect: 0 };

export interface Setting {
  readonly shape: ShapeName;
  /** Standard deviation of one run as a share of the value. */
  readonly sd: number;
  readonly mix: EffectMix;
  /** What a proposal costs, in evaluations. */
  readonly cost: number;
}

export interface Run {
  readonly truths: readonly number[];
  readonly trials: number;
  readonly evaluations: number;
  readonly keptBetter: number;
  readonly keptWorse: number;
  readonly keptNeutral: number;
  readonly proposedBetter: number;
  readonly claimed: number;
  readonly truth: number;
  readonly epochs: number;
  readonly world: World;
}

export interface Plan {
  readonly rule: Rule;
  readonly setting: Setting;
  /** Budgets in trials of a rule that measures once, ascending; the truth is noted at each. */
  readonly lengths: readonly number[];
  readonly seed: number;
  /** Count trials instead of spending a budget. */
  readonly trials?: number;
}

export function simulate({ rule, setting, lengths, seed, trials = Number.POSITIVE_INFINITY }: Plan): Run {
  const random = new Random(seed);
  const { mix, cost } = setting;
  const world = new World(SHAPES[setting.shape](new Random(seed ^ 0x5bd1e995), setting.sd));
  const run = rule.start(world, seed);
  const setUp = world.evaluations;
  const truths: number[] = [];
  const counts = { trials: 0, keptBetter: 0, keptWorse: 0, keptNeutral: 0, proposedBetter: 0 };
  while (truths.length < lengths.length && counts.trials < trials) {
    const lot = random.next();
    const sign = lot < mix.better ? -1 : lot < mix.better + mix.worse ? 1 : 0;
    world.propose(sign * mix.effect);
    const before = world.truth;
    const kept = run.judge();
    counts.trials += 1;
    if (sign < 0) counts.proposedBetter += 1;
    if (kept) world.keep();
    if (kept) counts[sign < 0 ? 'keptBetter' : sign > 0 ? 'keptWorse' : 'keptNeutral'] += 1;
    const spent = world.evaluations - 1 + counts.trials * cost;
    // A keep that came after the budget does not count for it.
    while (truths.length < lengths.length && spent >= (lengths[truths.length] ?? 0) * (1 + cost)) {
      truths.push(spent > (lengths[truths.length] ?? 0) * (1 + cost) ? before : world.truth);
    }
  }
  const evaluations = world.evaluations - setUp;
  return { truths, ...counts, evaluations, claimed: run.claimed(), truth: world.truth, epochs: run.epochs ?? 0, world };
}
