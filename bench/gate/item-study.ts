/**
 * Suites of tasks: each evaluation runs every task once and prints the mean. What does a rule see that knows the items,
 * beside one that knows only the mean?
 */
import { Random } from '../../src/core/random.js';
import { confirm } from '../../src/gate/confirm.js';
import { ItemTable } from '../../src/gate/items.js';
import { type IncumbentRun, neighbours } from '../../src/gate/noise.js';
import { paired } from '../../src/gate/paired.js';
import type { Comparison, Gate, ItemRow, Side } from '../../src/gate/types.js';
import { type NoiseStream, normal, SHAPES, type ShapeName } from './noise-shapes.js';

interface SuiteRun {
  readonly metric: number;
  readonly items: readonly number[];
}

/** A suite at work on two versions of the code. */
interface Suite {
  readonly direction: Comparison['direction'];
  run(side: Side): SuiteRun;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** How far the difficulty of tasks spreads around the mean, as a difference of log-odds. */
const DIFFICULTY = 1;

/** Tasks that pass or fail: each has its own probability, and the candidate has others. */
function passingTasks(random: Random, tasks: number, rates: Readonly<Record<Side, number>>): Suite {
  const offsets = Array.from({ length: tasks }, () => DIFFICULTY * normal(random));
  const chance = (side: Side, task: number) =>
    1 / (1 + Math.exp(-(Math.log(rates[side] / (1 - rates[side])) * SPREAD_LOSS + (offsets[task] ?? 0))));
  return {
    direction: 'higher',
    run: (side) => {
      const items = offsets.map((_, task) => (random.next() < chance(side, task) ? 1 : 0));
      return { metric: mean(items), items };
    },
  };
}

/** The mean over tasks of spread difficulty lies nearer to one half than that of the middle task. */
const SPREAD_LOSS = 1.2;

/** Timed tasks: each has its own length and noise, and all of one run share what the machine did meanwhile. */
function timedTasks(random: Random, tasks: number, { shape, shared, own, gain }: TimedTasks): Suite {
  const lengths = Array.from({ length: tasks }, () => Math.exp(normal(random)));
  const machine: NoiseStream = SHAPES[shape](random, shared);
  return {
    direction: 'lower',
    run: (side) => {
      const level = machine.measure(side === 'candidate' ? -gain : 0);
      const items = lengths.map((length) => length * level * Math.exp(own * normal(random)));
      return { metric: mean(items), items };
    },
  };
}

interface TimedTasks {
  readonly shape: ShapeName;
  /** Standard deviation of what the tasks of one run share, and of what they do not. */
  readonly shared: number;
  readonly own: number;
  /** Of the candidate, as a difference of logarithms. */
  readonly gain: number;
}

const BASELINE_RUNS = 6;

interface ItemTally {
  readonly keepsPer100: number;
  readonly evaluationsPerTrial: number;
}

/** One candidate per suite, judged after a baseline of six runs. */
export function itemTally(gate: Gate, suiteOf: (random: Random) => Suite, trials: number): ItemTally {
  let keeps = 0;
  let evaluations = 0;
  for (let trial = 0; trial < trials; trial += 1) {
    const suite = suiteOf(new Random(977 + trial * 7919));
    const { kept, spent } = judgeOnce(gate, suite, trial);
    if (kept) keeps += 1;
    evaluations += spent;
  }
  return { keepsPer100: (100 * keeps) / trials, evaluationsPerTrial: evaluations / trials };
}

function judgeOnce(gate: Gate, suite: Suite, seed: number): { kept: boolean; spent: number } {
  const baseline: IncumbentRun[] = Array.from({ length: BASELINE_RUNS }, (_, position) => {
    return { value: suite.run('incumbent').metric, code: '0', position };
  });
  const run = gate.open({
    ...{ metric: 'simulated', direction: suite.direction, minEffect: null, tie: 'discard', netLinesRemoved: 0 },
    ...{ incumbentValues: baseline.map(({ value }) => value).reverse(), noisy: true },
    sampling: {
      neighbours: neighbours(baseline),
      ...{ evaluationsSinceIncumbent: 0, seed, level: 'default' },
    },
  });
  const table = new ItemTable();
  const values = { candidate: [] as number[], incumbent: [] as number[] };
  const items = { candidate: [] as ItemRow[], incumbent: [] as ItemRow[] };
  for (;;) {
    const step = run.next({ ...values, items });
    if (step.kind === 'verdict') {
      return { kept: step.verdict === 'keep', spent: values.candidate.length + values.incumbent.length };
    }
    for (const side of step.sides) {
      const found = suite.run(side);
      values[side].push(found.metric);
      items[side].push(table.row(found.items.map((value, id) => ({ id: String(id), value }))));
    }
  }
}

/** `paired` knows the items, `confirm` only the mean. */
const ITEM_RULES: readonly Gate[] = [paired, confirm];

interface ItemScene {
  readonly name: string;
  /** Whether the candidate is better. */
  readonly gains: boolean;
  readonly suite: (random: Random) => Suite;
}

const OWN_NOISE = 0.02;
const SHARED_NOISE = 0.03;

function passing(tasks: number, rate: number): ItemScene {
  const rates = { incumbent: 0.6, candidate: rate };
  const name = `${tasks} tasks that pass, .6 -> .${10 * rate}`;
  return { name, gains: rate > rates.incumbent, suite: (random) => passingTasks(random, tasks, rates) };
}

function timed(shape: ShapeName, share: number): ItemScene {
  const tasks = { shape, shared: shape === 'none' ? 0 : SHARED_NOISE, own: OWN_NOISE, gain: -Math.log(1 - share) };
  const name = `12 timed tasks, shared noise: ${shape}, ${100 * share} % faster`;
  return { name, gains: share > 0, suite: (random) => timedTasks(random, 12, tasks) };
}

const SHAPE_NAMES = Object.keys(SHAPES) as ShapeName[];
const ITEM_SCENES: readonly ItemScene[] = [
  ...[7, 40, 80].flatMap((tasks) => [passing(tasks, 0.6), passing(tasks, 0.7), passing(tasks, 0.8)]),
  ...SHAPE_NAMES.map((shape) => timed(shape, 0)),
  ...(['none', 'normal', 'recorded'] as const).map((shape) => timed(shape, 0.05)),
];

export interface ItemAnswer {
  readonly scene: string;
  readonly gains: boolean;
  readonly rule: string;
  readonly tally: ItemTally;
}

interface ItemEffort {
  /** Candidates that change nothing, and better ones. */
  readonly neutral: number;
  readonly better: number;
  readonly rules?: readonly Gate[];
}

export function itemAnswers({ neutral, better, rules = ITEM_RULES }: ItemEffort): ItemAnswer[] {
  return ITEM_SCENES.flatMap(({ name, gains, suite }) =>
    rules.map((gate) => {
      return { scene: name, gains, rule: gate.name, tally: itemTally(gate, suite, gains ? better : neutral) };
    }),
  );
}
