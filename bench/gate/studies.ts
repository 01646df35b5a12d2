/** The questions of the benchmark, each answered by simulated runs of every keep rule. */

import { auto } from '../../src/gate/auto.js';
import { pairOrder } from '../../src/gate/pairs.js';
import { LEVELS, type Level } from '../../src/gate/types.js';
import { VERIFICATION_PAIRS, verifiedChange } from '../../src/gate/verification.js';
import { type EffectMix, NEUTRAL, type Run, type Setting, simulate } from './campaign.js';
import { SHAPES, type ShapeName } from './noise-shapes.js';
import { productRule } from './product-rule.js';
import { RIVALS } from './rival-rules.js';
import type { Rule } from './world.js';

export const SHAPE_NAMES = (Object.keys(SHAPES) as ShapeName[]).filter((shape) => shape !== 'none');
const TRIALS_PER_RUN = 200;
const SD = 0.03;

/** The product's gate at one level. */
export const PRODUCT: Readonly<Record<Level, Rule>> = {
  fast: levelRule('fast'),
  default: levelRule('default'),
  strict: levelRule('strict'),
};

function levelRule(level: Level): Rule {
  return productRule({ name: level, gate: auto, level });
}

export const RULES: readonly Rule[] = [...RIVALS, ...LEVELS.map((level) => PRODUCT[level])];

/** A gain of `share` (0.02 = 2 %) as a difference of logarithms. */
export const effectOf = (share: number) => -Math.log(1 - share);

export interface Tally {
  readonly trials: number;
  readonly evaluationsPerTrial: number;
  readonly falseKeepsPer100: number;
  /** Share of keeps that are true improvements; null without keeps. */
  readonly precision: number | null;
  /** Share of true improvements that were kept; null without any. */
  readonly power: number | null;
  readonly claimed: number;
  readonly truth: number;
  /** How often the machine was found to have changed its level. */
  readonly epochsPer1000: number;
}

/** Trials in runs of 200, as many runs as `trials` need. */
export function tally(rule: Rule, setting: Setting, trials: number): Tally {
  const runs = Math.max(1, Math.round(trials / TRIALS_PER_RUN));
  const all = Array.from({ length: runs }, (_, i) =>
    simulate({ rule, setting, lengths: [Number.POSITIVE_INFINITY], seed: 1 + i * 7919, trials: TRIALS_PER_RUN }),
  );
  const sum = (of: (run: Run) => number) => all.reduce((total, run) => total + of(run), 0);
  const [better, wrong] = [sum((run) => run.keptBetter), sum((run) => run.keptWorse + run.keptNeutral)];
  const proposed = sum((run) => run.proposedBetter);
  const count = sum((run) => run.trials);
  return {
    trials: count,
    evaluationsPerTrial: sum((run) => run.evaluations) / count,
    falseKeepsPer100: (100 * wrong) / count,
    precision: better + wrong === 0 ? null : better / (better + wrong),
    power: proposed === 0 ? null : better / proposed,
    claimed: sum((run) => run.claimed) / runs,
    truth: sum((run) => run.truth) / runs,
    epochsPer1000: (1000 * sum((run) => run.epochs)) / count,
  };
}

/** Candidates that change nothing, in one noise shape. */
export function neutral(rule: Rule, shape: ShapeName, trials: number): Tally {
  return tally(rule, { shape, sd: SD, mix: NEUTRAL, cost: 0 }, trials);
}

/** What a metric without noise costs per discard, and per keep. */
export function deterministicCost(): { discard: number; keep: number } {
  const setting = (better: number): Setting => ({
    ...{ shape: 'none', sd: 0, cost: 0 },
    mix: { better, worse: 1 - better, effect: 0.01 },
  });
  return {
    discard: tally(PRODUCT.default, setting(0), 2000).evaluationsPerTrial,
    keep: tally(PRODUCT.default, setting(1), 2000).evaluationsPerTrial,
  };
}

export interface GainRow {
  readonly rule: string;
  /** Mean gain in percent of the baseline's value, at each length. */
  readonly gains: readonly number[];
}

export interface GainQuestion {
  readonly setting: Setting;
  readonly lengths: readonly number[];
  readonly runs: number;
}

export function trueGains(rule: Rule, { setting, lengths, runs }: GainQuestion): GainRow {
  const totals = lengths.map(() => 0);
  for (let i = 0; i < runs; i += 1) {
    const { truths } = simulate({ rule, setting, lengths, seed: 17 + i * 104_729 });
    for (const [at, truth] of truths.entries()) totals[at] = (totals[at] ?? 0) + (100 * (1 - Math.exp(truth))) / runs;
  }
  return { rule: rule.name, gains: totals };
}

/** How often the interval of the verification at the end of a run holds the truth. */
export function coverage(shape: ShapeName, mix: EffectMix, runs: number): number {
  let held = 0;
  for (let i = 0; i < runs; i += 1) {
    const setting: Setting = { shape, sd: SD, mix, cost: 0 };
    const seed = 31 + i * 15_485_863;
    const lengths = [Number.POSITIVE_INFINITY];
    const { world, truth } = simulate({ rule: PRODUCT.default, setting, lengths, seed, trials: 20 });
    const values = { candidate: [] as number[], incumbent: [] as number[] };
    for (let pair = 0; pair < VERIFICATION_PAIRS; pair += 1) {
      for (const side of pairOrder(seed, pair)) {
        values[side].push(world.measureTruth(side === 'candidate' ? truth : 0));
      }
    }
    const { low, high } = verifiedChange(values.incumbent, values.candidate);
    const percent = 100 * Math.expm1(truth);
    if (low <= percent && percent <= high) held += 1;
  }
  return held / runs;
}
