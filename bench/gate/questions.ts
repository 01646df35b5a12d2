/** Which simulations are run, how long, and their answers as plain data. */
import type { EffectMix, Setting } from './campaign.js';
import { type ItemAnswer, itemAnswers } from './item-study.js';
import type { ShapeName } from './noise-shapes.js';
import {
  coverage,
  deterministicCost,
  effectOf,
  type GainRow,
  neutral,
  PRODUCT,
  RULES,
  SHAPE_NAMES,
  type Tally,
  tally,
  trueGains,
} from './studies.js';

export interface Effort {
  readonly neutralTrials: number;
  /** Of the product's own levels, whose false keeps are judged. */
  readonly ownNeutralTrials: number;
  readonly mixTrials: number;
  readonly gainRuns: number;
  readonly coverageRuns: number;
  /** Candidates of task suites: that change nothing, and better ones. */
  readonly items: { readonly neutral: number; readonly better: number };
}

export const QUICK: Effort = {
  ...{ neutralTrials: 1000, ownNeutralTrials: 4000, mixTrials: 4000, gainRuns: 2, coverageRuns: 200 },
  items: { neutral: 200, better: 50 },
};
export const FULL: Effort = {
  ...{ neutralTrials: 5000, ownNeutralTrials: 30_000, mixTrials: 24_000, gainRuns: 24, coverageRuns: 1000 },
  items: { neutral: 4000, better: 500 },
};

export const COSTS = [0, 1, 5, 20] as const;
export const LENGTHS = [50, 150, 300, 500, 1500] as const;

/** Noise and effects of the tables of precision, power and gain. */
export const SCENES: readonly { readonly name: string; readonly shape: ShapeName; sd: number; share: number }[] = [
  { name: '2 % effects, noise 3 %', shape: 'normal', sd: 0.03, share: 0.02 },
  { name: '3 % effects, noise 3 %', shape: 'normal', sd: 0.03, share: 0.03 },
  { name: '5 % effects, noise 3 %', shape: 'normal', sd: 0.03, share: 0.05 },
  { name: '5 % effects, noise 1 %', shape: 'normal', sd: 0.01, share: 0.05 },
  { name: '5 % effects, recorded noise', shape: 'recorded', sd: 0.1, share: 0.05 },
  { name: '10 % effects, recorded noise', shape: 'recorded', sd: 0.1, share: 0.1 },
];

const mixOf = (share: number, worse: number): EffectMix => ({ better: 0.1, worse, effect: effectOf(share) });

export interface Answers {
  readonly neutral: readonly { rule: string; shape: ShapeName; tally: Tally }[];
  readonly mixes: readonly { rule: string; scene: string; sigmas: number; worse: number; tally: Tally }[];
  readonly gains: readonly { scene: string; cost: number; rows: readonly GainRow[] }[];
  readonly coverage: readonly { shape: ShapeName; runs: number; share: number }[];
  readonly items: readonly ItemAnswer[];
  readonly deterministic: { readonly discard: number; readonly keep: number };
}

export function answerAll(effort: Effort, progress: (text: string) => void): Answers {
  const own = new Set(Object.values(PRODUCT));
  progress('candidates that change nothing');
  const neutralAnswers = RULES.flatMap((rule) =>
    SHAPE_NAMES.map((shape) => {
      const trials = own.has(rule) ? effort.ownNeutralTrials : effort.neutralTrials;
      return { rule: rule.name, shape, tally: neutral(rule, shape, trials) };
    }),
  );
  progress('precision and power');
  const mixes = RULES.flatMap((rule) =>
    SCENES.flatMap(({ name, shape, sd, share }) =>
      [0, 0.3].map((worse) => {
        const setting: Setting = { shape, sd, mix: mixOf(share, worse), cost: 0 };
        const trials = own.has(rule) ? effort.mixTrials : effort.mixTrials / 3;
        const sigmas = effectOf(share) / sd;
        return { rule: rule.name, scene: name, sigmas, worse, tally: tally(rule, setting, trials) };
      }),
    ),
  );
  const gains = SCENES.flatMap(({ name, shape, sd, share }) =>
    COSTS.map((cost) => {
      progress(`true gain: ${name}, a proposal costs ${cost}`);
      const setting: Setting = { shape, sd, mix: mixOf(share, 0.3), cost };
      const rows = RULES.map((rule) => trueGains(rule, { setting, lengths: LENGTHS, runs: effort.gainRuns }));
      return { scene: name, cost, rows };
    }),
  );
  progress('verified gains');
  const covered = SHAPE_NAMES.map((shape) => {
    const runs = effort.coverageRuns;
    return { shape, runs, share: coverage(shape, { ...mixOf(0.05, 0.3), better: 0.2 }, runs) };
  });
  progress('suites of tasks');
  const items = itemAnswers(effort.items);
  return { neutral: neutralAnswers, mixes, gains, coverage: covered, items, deterministic: deterministicCost() };
}
