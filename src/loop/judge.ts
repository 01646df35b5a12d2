import { AppError } from '../core/errors.js';
import type { Measurement } from '../core/measurement.js';
import { OUTCOME_RULES, type Outcome } from '../core/outcome.js';
import { median } from '../core/statistics.js';
import { neighbours } from '../gate/noise.js';
import type { Comparison, Sampling } from '../gate/types.js';
import type { TrialRow } from '../store/rows.js';
import type { Judgement } from '../store/steps.js';
import { noiseKey, RunAborted, type RunContext, readNoise } from './context.js';
import { type Lab, SetupFailed } from './lab.js';
import { countOutcome } from './session.js';
import { operatorsError } from './system-failure.js';

/**
 * From a committed candidate to a judgement: what was ruled before, the measurements the gate asks for, the checks, and
 * the canary that tells a broken machine from a bad candidate. Nothing here moves a ref or a file of the repository.
 */
const MAX_STARTS = 2;
/** Enough incumbent runs for the newest 40 differences. */
const REMEMBERED_RUNS = 60;

/** The environment, not the candidate, is broken: even the incumbent cannot be measured. The trial stays open. */
export class EnvironmentBroken extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'EnvironmentBroken';
  }
}

/** Evidence to verdict: what the ruling, the evaluator, the gate and the checks say, in this order. */
export async function judge(context: RunContext, lab: Lab, recorded: TrialRow): Promise<Judgement> {
  if (recorded.ruling) return unmeasured(recorded.ruling.outcome, recorded.ruling.reason);
  if (recorded.revision !== context.revision.number) {
    return unmeasured(
      'skipped',
      'the definitions were changed before it was measured; `retry` measures it by the new ones',
    );
  }
  if (recorded.attempt >= MAX_STARTS) {
    return unmeasured('crashed', `measuring it killed the runner ${recorded.attempt} times`);
  }
  const trial = context.store.beginAttempt(recorded.id);
  try {
    return await measureAndJudge(context, lab, trial);
  } catch (caught) {
    const error = operatorsError(caught);
    // Nothing of an unfinished measuring is evidence; the next start measures afresh.
    if (error instanceof RunAborted || error instanceof EnvironmentBroken || error instanceof AppError) {
      context.store.suspendAttempt(trial.id);
    }
    throw error;
  }
}

async function measureAndJudge(context: RunContext, lab: Lab, trial: TrialRow): Promise<Judgement> {
  const candidate = candidateOf(trial);
  const run = context.gate.open(comparison(context, trial));
  const candidates: Measurement[] = [];
  const incumbents: number[] = [];
  for (;;) {
    const step = run.next({ candidate: candidates.map(metricOf), incumbent: incumbents });
    if (step.kind === 'verdict') {
      const feedback = candidates.at(-1)?.feedback ?? null;
      if (step.verdict === 'keep') {
        const failed = await lab.check(trial, candidate);
        if (failed) {
          const reason = `the check "${failed.name}" failed (${failed.reason}) after ${step.reason}`;
          return {
            ...unmeasured('check_failed', reason),
            statistics: step.statistics,
            feedback,
            crashTail: failed.tail,
          };
        }
      }
      const { verdict, reason, statistics, metric, incumbentMetric } = step;
      return { outcome: 'measured', verdict, reason, statistics, metric, incumbentMetric, feedback, crashTail: null };
    }
    for (const side of step.sides) {
      if (side === 'incumbent') {
        incumbents.push(await measureIncumbent(context, lab, trial));
        continue;
      }
      const measurement = await measureCandidate(lab, trial, candidate);
      if (measurement.outcome !== 'measured') return failedJudgement(context, lab, { trial, measurement });
      candidates.push(measurement);
      if (candidates.some((other) => other.metric !== measurement.metric)) markNoisy(context);
    }
  }
}

type CandidateMeasurement = Measurement & { readonly setupTail?: string };

/** A set-up that fails on the candidate is the candidate's crash, unless the canary says otherwise. */
async function measureCandidate(lab: Lab, trial: TrialRow, candidate: string): Promise<CandidateMeasurement> {
  try {
    return await lab.measure({ trial, side: 'candidate', commit: candidate });
  } catch (error) {
    if (!(error instanceof SetupFailed)) throw error;
    return {
      ...{ id: 0, side: 'candidate', commit: candidate, outcome: 'not_started', metric: null, secondary: {} },
      ...{ reason: error.message, feedback: null, items: [], wallSeconds: 0, cpuSeconds: null, peakMemoryBytes: null },
      ...{ exitCode: null, signal: null, logPath: '', setupTail: error.tail },
    };
  }
}

async function measureIncumbent(context: RunContext, lab: Lab, trial: TrialRow): Promise<number> {
  const reason = await canary(context, lab, trial);
  if ('broken' in reason) throw new EnvironmentBroken(reason.broken);
  return reason.metric;
}

/** Measures the incumbent, once more when it fails: code that was measured before tells whether the machine is well. */
async function canary(
  context: RunContext,
  lab: Lab,
  trial: TrialRow,
): Promise<{ metric: number } | { broken: string }> {
  let failure = '';
  for (let tries = 0; tries < 2; tries += 1) {
    try {
      const commit = trial.incumbentCommit;
      const measurement = await lab.measure({ trial, side: 'incumbent', commit });
      if (measurement.outcome === 'measured') {
        rememberNoise(context, trial, metricOf(measurement));
        return { metric: metricOf(measurement) };
      }
      failure = `${measurement.outcome.replaceAll('_', ' ')}: ${measurement.reason}`;
    } catch (error) {
      if (!(error instanceof SetupFailed)) throw error;
      failure = error.message;
    }
  }
  return { broken: `the incumbent, which was measured before, cannot be measured any more (${failure})` };
}

/** A candidate whose failure may be the machine's is blamed only after the incumbent was measured on the same machine. */
async function failedJudgement(
  context: RunContext,
  lab: Lab,
  { trial, measurement }: { trial: TrialRow; measurement: CandidateMeasurement },
): Promise<Judgement> {
  const found = measurement.outcome;
  if (found === 'measured' || found === 'try_later') throw new Error(`${found} is no failure`);
  const outcome = found === 'not_started' ? 'crashed' : found;
  const streak = countOutcome(context.session.counters, outcome, 'trial').crashStreak;
  const isSuspicious = found === 'not_started' || streak >= context.experiment.settings.limits.maxConsecutiveCrashes;
  if (OUTCOME_RULES[outcome].verdict === 'crash' && isSuspicious) {
    const health = await canary(context, lab, trial);
    if ('broken' in health) throw new EnvironmentBroken(health.broken);
  }
  const tail = measurement.setupTail ?? (outcome === 'skipped' ? null : await lab.tail(measurement.logPath));
  return { ...unmeasured(outcome, measurement.reason), feedback: measurement.feedback, crashTail: tail };
}

function unmeasured(outcome: Outcome, reason: string): Judgement {
  const { verdict } = OUTCOME_RULES[outcome];
  if (verdict === 'gate' || verdict === null) throw new Error(`${outcome} has no verdict of its own`);
  return {
    outcome,
    verdict,
    reason,
    statistics: null,
    metric: null,
    incumbentMetric: null,
    feedback: null,
    crashTail: null,
  };
}

function metricOf({ metric, id }: Measurement): number {
  if (metric === null) throw new Error(`measurement ${id} has no value`);
  return metric;
}

function comparison(context: RunContext, trial: TrialRow): Comparison {
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
    costRatio: costRatio(store, trial),
  };
}

/** What a proposal takes, in evaluations: medians of the newest trials, and of the baseline's runs. */
function costRatio(store: RunContext['store'], trial: TrialRow): number | null {
  const known = (values: readonly (number | null)[]) => values.filter((value): value is number => value !== null);
  const proposals = known([...store.recentTrials({ limit: 10 }), trial].map(({ proposeSeconds }) => proposeSeconds));
  const baseline = store.baseline(trial.revision);
  const runs = baseline ? store.measurementsOf(baseline.id).filter(({ side }) => side === 'candidate') : [];
  const evaluations = known(runs.map(({ wallSeconds }) => wallSeconds));
  if (proposals.length === 0 || evaluations.length === 0) return null;
  const evaluationSeconds = median(evaluations);
  return evaluationSeconds > 0 ? median(proposals) / evaluationSeconds : null;
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
function rememberNoise(context: RunContext, trial: TrialRow, value: number): void {
  const { store, revision } = context;
  const values = store.incumbentValues(trial.incumbentCommit, revision.number);
  if (values.some((other) => other !== value)) markNoisy(context);
}

function markNoisy({ store, revision }: RunContext): void {
  const key = noiseKey(revision.number);
  const noise = readNoise(store.fact(key));
  if (!noise.noisy) store.setFact(key, { values: noise.values, noisy: true });
}

function candidateOf(trial: TrialRow): string {
  if (trial.candidateCommit === null) throw new Error(`trial row ${trial.id} has no candidate commit`);
  return trial.candidateCommit;
}
