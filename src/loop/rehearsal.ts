import { AppError } from '../core/errors.js';
import type { Json } from '../core/json.js';
import type { Measurement } from '../core/measurement.js';
import type { Direction } from '../core/metric.js';
import { levelOf } from '../gate/levels.js';
import { type Sensitivity, sensitivity } from '../gate/sensitivity.js';
import type { GateStep, Level } from '../gate/types.js';
import type { StoreReader } from '../store/reader.js';
import type { TrialRow } from '../store/rows.js';
import { comparison, markNoisy } from './comparison.js';
import { noiseKey, RunAborted, type RunContext, readNoise } from './context.js';
import {
  EnvironmentBroken,
  GatheredEvidence,
  measureCandidate,
  measureIncumbent,
  metricOf,
  seedOfKnown,
} from './evidence.js';
import { Lab } from './lab.js';
import { recover } from './recover.js';
import { type RunnerRequest, withRunner } from './runner.js';
import { refuseOpenTrial, StudyFailed, study } from './study.js';
import { judgedIncumbent } from './trial.js';

/**
 * The evaluator and the gate on trial: the same code several times in a row, then trials of the same code against itself
 * through the experiment's own gate. What was seen is a settled row, from which everything else is worked out.
 */
export interface RehearsalPlan {
  readonly runs: number;
  /** Of the same files under another commit id: there is nothing to keep. */
  readonly trials: number;
  /** The machine's load before anything was measured, and its cores. */
  readonly machine: { readonly load: number; readonly cores: number };
  readonly onProgress: (text: string) => void;
}

/** What was seen; plain data, as it is kept in the row. */
export type RehearsalFacts = {
  readonly commit: string;
  readonly metric: string;
  readonly direction: Direction;
  readonly gate: string;
  /** How much proof the gate asks for now. */
  readonly level: Level;
  readonly runs: readonly { readonly value: number; readonly seconds: number }[];
  /** Whether runs of the same code had differed before these; absent in older rows. */
  readonly noisyBefore?: boolean;
  /** The fewest items that a run reported; 0 where there are none. */
  readonly items: number;
  readonly trials: readonly { readonly verdict: string; readonly reason: string; readonly evaluations: number }[];
  readonly machine: { readonly load: number; readonly cores: number };
  /** What the gate can see; empty for gates that do not compare. */
  readonly sensitivity: readonly Sensitivity[];
};

export type Rehearsed = { readonly facts: RehearsalFacts } | { readonly failure: string };

/** @throws AppError when there is nothing to measure yet or a trial is open; RunAborted when told to end. */
export async function rehearse(request: Omit<RunnerRequest, 'mode' | 'description' | 'retry'>, plan: RehearsalPlan) {
  const nothingProposed = { mode: 'study', description: null, retry: null } as const;
  return withRunner({ ...request, ...nothingProposed }, (context) => rehearseWith(context, plan));
}

/** The newest rehearsal under the newest revision; null when there is none. */
export function lastRehearsal(store: StoreReader): { readonly facts: RehearsalFacts; readonly row: TrialRow } | null {
  const row = store.newestOfKind('rehearsal', store.newestRevision()?.revision ?? 0);
  // Nothing but a rehearsal writes the statistics of such a row.
  return row ? { facts: row.statistics as RehearsalFacts, row } : null;
}

async function rehearseWith(context: RunContext, plan: RehearsalPlan): Promise<Rehearsed> {
  const { store, revision, refs, repository, name } = context;
  refuseOpenTrial(context);
  const lab = new Lab(context);
  await recover(context, lab);
  if (store.baseline(revision.number) === null) {
    const why = store.incumbentTrial() ? ' since its definitions were changed' : '';
    throw new AppError('baseline', `${name} has no baseline${why}: nothing is known that could be rehearsed`, {
      hint: `measure it: autoresearch run --experiment ${name}`,
    });
  }
  const incumbent = await judgedIncumbent(context, await refs.incumbent());
  const twin = await repository.commitTree({
    tree: await repository.treeOf(incumbent),
    parent: incumbent,
    message: 'rehearsal: the same files under another commit',
    epochSeconds: 0,
  });
  const sides = { from: incumbent, to: twin };
  const description = `${plan.runs} runs of the same code, ${plan.trials} trials against itself`;
  const row = await study(context, { kind: 'rehearsal', ...sides, description }, async (trial) => {
    const facts = await observe({ context, lab, trial, twin }, plan);
    return { reason: `${description}: ${summary(facts)}`, statistics: facts satisfies Json };
  });
  return row.outcome === 'measured' ? { facts: row.statistics as RehearsalFacts } : { failure: row.reason };
}

interface Stage {
  readonly context: RunContext;
  readonly lab: Lab;
  readonly trial: TrialRow;
  readonly twin: string;
}

async function observe(stage: Stage, plan: RehearsalPlan): Promise<RehearsalFacts> {
  const { context, trial } = stage;
  const { revision, experiment } = context;
  const noisyBefore = readNoise(context.store.fact(noiseKey(revision.number))).noisy;
  const runs: RehearsalFacts['runs'][number][] = [];
  let items = Number.POSITIVE_INFINITY;
  for (let run = 1; run <= plan.runs; run += 1) {
    requireTime(context);
    plan.onProgress(`run ${run} of ${plan.runs}`);
    const measured = await measureKnown(stage, seedOfKnown(context, trial, run));
    runs.push({ value: metricOf(measured), seconds: measured.wallSeconds });
    items = Math.min(items, measured.items.length);
  }
  const trials: RehearsalFacts['trials'][number][] = [];
  // A gate that keeps everything has nothing to show.
  const wanted = experiment.settings.gate.kind === 'always' ? 0 : plan.trials;
  for (let number = 1; number <= wanted; number += 1) {
    requireTime(context);
    const progress = (evaluations: number) =>
      plan.onProgress(`the same code as a candidate: trial ${number} of ${wanted}, evaluation ${evaluations}`);
    trials.push(await judgeTwin(stage, number, progress));
  }
  const { kind, minEffect } = experiment.settings.gate;
  const { metric, direction } = revision;
  const values = runs.map(({ value }) => value);
  // Totals alone do not tell what a test of the items sees.
  const isSimulated = kind !== 'always' && !(kind === 'paired' && items > 0);
  return {
    ...{ commit: trial.incumbentCommit, metric, direction, gate: kind, runs, noisyBefore, items, trials },
    machine: plan.machine,
    level: levelOf(comparison(context, trial)),
    sensitivity: isSimulated
      ? sensitivity({ gate: kind, metric, direction, minEffect, runs: values, seed: trial.id })
      : [],
  };
}

/** Half a rehearsal is worth nothing: a stop at the border is one at once. */
function requireTime({ stopSoon }: RunContext): void {
  if (stopSoon.aborted) throw new RunAborted();
}

/** One run of the code that was measured before. @throws StudyFailed when it fails twice. */
async function measureKnown({ context, lab, trial }: Stage, seed: number | null): Promise<Measurement> {
  try {
    return await measureIncumbent(context, lab, { trial, seed });
  } catch (error) {
    throw error instanceof EnvironmentBroken ? new StudyFailed(error.message) : error;
  }
}

/** One trial of the same code against itself: nothing is kept, whatever the gate says. */
async function judgeTwin(
  stage: Stage,
  number: number,
  onEvaluation: (count: number) => void,
): Promise<RehearsalFacts['trials'][number]> {
  const { context, trial } = stage;
  const known = comparison(context, trial);
  // The lots of each trial are its own.
  const sampling = known.sampling && { sampling: { ...known.sampling, seed: known.sampling.seed + number } };
  const given = { ...known, ...sampling };
  const run = context.gate.open(given);
  const evidence = new GatheredEvidence(context.gate.name, given);
  for (let evaluations = 0; ; ) {
    const step: GateStep = run.next(evidence.soFar);
    if (step.kind === 'verdict') return { verdict: step.verdict, reason: step.reason, evaluations };
    for (const side of step.sides) {
      evaluations += 1;
      onEvaluation(evaluations);
      const seed = evidence.nextSeed(side);
      evidence.add(side, await (side === 'incumbent' ? measureKnown(stage, seed) : measureTwin(stage, seed)));
      const { candidate } = evidence.soFar;
      if (candidate.some((value) => value !== candidate[0])) markNoisy(context);
    }
  }
}

async function measureTwin({ lab, trial, twin }: Stage, seed: number | null): Promise<Measurement> {
  const measurement = await measureCandidate(lab, trial, { commit: twin, seed });
  if (measurement.outcome === 'measured') return measurement;
  const failure = `${measurement.outcome.replaceAll('_', ' ')}: ${measurement.reason}`;
  throw new StudyFailed(`the same files under another commit id cannot be measured (${failure})`);
}

function summary({ runs, trials }: RehearsalFacts): string {
  const different = new Set(runs.map(({ value }) => value)).size;
  const kept = trials.filter(({ verdict }) => verdict === 'keep').length;
  return `${different} different value${different === 1 ? '' : 's'}, ${kept} of ${trials.length} kept`;
}
