import { neighbours } from '../gate/noise.js';
import type { Comparison, Sampling } from '../gate/types.js';
import type { TrialRow } from '../store/rows.js';
import { noiseKey, type RunContext, readNoise } from './context.js';

/** Enough incumbent runs for the newest 40 differences. */
const REMEMBERED_RUNS = 60;

/** What the gate is told before the candidate is measured, and what is remembered about the metric's noise. */
export function comparison(context: RunContext, trial: TrialRow): Comparison {
  const { store, revision, experiment } = context;
  const { minEffect, tie } = experiment.settings.gate;
  return {
    metric: revision.metric,
    direction: revision.direction,
    minEffect,
    tie,
    incumbentValues: unselectedValues(context, trial.incumbentCommit),
    noisy: readNoise(store.fact(noiseKey(revision.number))).noisy,
    netLinesRemoved: (trial.deletions ?? 0) - (trial.insertions ?? 0),
    sampling: sampling(context, trial),
  };
}

function sampling({ store, revision, experiment }: RunContext, trial: TrialRow): Sampling {
  const { noisy } = readNoise(store.fact(noiseKey(revision.number)));
  return {
    neighbours: noisy ? neighbours(store.incumbentRuns(revision.number, REMEMBERED_RUNS)) : [],
    evaluationsSinceIncumbent: store.evaluationsSince(trial.incumbentCommit),
    seed: (experiment.settings.proposer.seed + (trial.number ?? trial.id)) % 2 ** 32,
    level: experiment.settings.gate.level,
  };
}

/**
 * What the incumbent measured, newest first. The first value of a kept candidate was selected for being good: where there
 * are others, it is no estimate of the code and would hold the bar too high.
 */
function unselectedValues({ store, revision }: RunContext, incumbent: string): readonly number[] {
  const values = store.incumbentValues(incumbent, revision.number);
  const kept = store.incumbentTrial();
  if (kept?.kind !== 'trial' || values.length < 2) return values;
  const first = store.measurementsOf(kept.id).find(({ side, state }) => side === 'candidate' && state === 'done');
  const selected = values.lastIndexOf(first?.metric ?? Number.NaN);
  return values.filter((_, index) => index !== selected);
}

/** Once the same code gave two different numbers, the metric is noisy for good. */
export function rememberNoise(context: RunContext, trial: TrialRow, value: number): void {
  const { store, revision } = context;
  const values = store.incumbentValues(trial.incumbentCommit, revision.number);
  if (values.some((other) => other !== value)) markNoisy(context);
}

export function markNoisy({ store, revision }: RunContext): void {
  const key = noiseKey(revision.number);
  const noise = readNoise(store.fact(key));
  if (!noise.noisy) store.setFact(key, { values: noise.values, noisy: true });
}
