import { AppError } from '../core/errors.js';
import type { Json } from '../core/json.js';
import type { Measurement } from '../core/measurement.js';
import type { GateStep } from '../gate/types.js';
import type { TrialRow } from '../store/rows.js';
import type { Judgement } from '../store/steps.js';
import { runChecks } from './checks.js';
import { comparison, markNoisy } from './comparison.js';
import { RunAborted, type RunContext } from './context.js';
import { noteShift } from './epochs.js';
import {
  EnvironmentBroken,
  failedJudgement,
  GatheredEvidence,
  measureCandidate,
  measureIncumbent,
  unmeasured,
} from './evidence.js';
import { HOLDOUT_FAILED, judgeHoldout, printedValue } from './holdout.js';
import type { Lab } from './lab.js';
import { operatorsError } from './system-failure.js';

/**
 * From a committed candidate to a judgement: what was ruled before, the measurements the gate asks for, the checks, and
 * the canary that tells a broken machine from a bad candidate. Nothing here moves a ref or a file of the repository.
 */
const MAX_STARTS = 2;

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
  const known = comparison(context, trial);
  const run = context.gate.open(known);
  const candidates: Measurement[] = [];
  const evidence = new GatheredEvidence(context.gate.name, known);
  for (;;) {
    const step = run.next(evidence.soFar);
    if (step.kind === 'verdict') {
      noteShift(context, trial, { known, fresh: evidence.soFar.incumbent });
      return conclude(context, lab, { trial, commit: candidate, runs: candidates, step });
    }
    for (const side of step.sides) {
      if (side === 'incumbent') {
        evidence.add(side, await measureIncumbent(context, lab, { trial, seed: evidence.nextSeed(side) }));
        continue;
      }
      const seed = evidence.nextSeed(side);
      const measurement = await measureCandidate(lab, trial, { commit: candidate, seed });
      if (measurement.outcome !== 'measured') return failedJudgement(context, lab, { trial, measurement });
      candidates.push(measurement);
      evidence.add(side, measurement);
      if (candidates.some((other) => other.metric !== measurement.metric)) markNoisy(context);
    }
  }
}

interface Concluded {
  readonly trial: TrialRow;
  readonly commit: string;
  /** The candidate's measurements. */
  readonly runs: readonly Measurement[];
  readonly step: Extract<GateStep, { kind: 'verdict' }>;
}

/** The gate's verdict, and before a keep what else must hold: the checks, then the held-out metric. */
async function conclude(context: RunContext, lab: Lab, { step, ...candidate }: Concluded): Promise<Judgement> {
  const feedback = candidate.runs.at(-1)?.feedback ?? null;
  let holdout = printedValue(context, candidate.runs);
  let { statistics } = step;
  if (step.verdict === 'keep') {
    const { refusal, records } = await runChecks(context, lab, candidate);
    if (records.length > 0) statistics = withDetail(statistics, { checks: records });
    if (refusal) {
      const reason = `${refusal.reason} after ${step.reason}`;
      return { ...unmeasured('check_failed', reason), statistics, holdout, feedback, crashTail: refusal.tail };
    }
    const heldOut = await judgeHoldout(context, lab, candidate);
    if (heldOut) {
      holdout = heldOut.value;
      statistics = withDetail(statistics, { holdout: heldOut.statistics });
      if (!heldOut.passed) return { ...unmeasured('check_failed', HOLDOUT_FAILED), statistics, holdout, feedback };
    }
  }
  const { verdict, reason, metric, incumbentMetric } = step;
  return {
    outcome: 'measured',
    verdict,
    reason,
    statistics,
    metric,
    incumbentMetric,
    holdout,
    feedback,
    crashTail: null,
  };
}

function withDetail(statistics: Json, detail: { readonly [key: string]: Json }): Json {
  const isObject = typeof statistics === 'object' && statistics !== null && !Array.isArray(statistics);
  return isObject ? { ...statistics, ...detail } : detail;
}

function candidateOf(trial: TrialRow): string {
  if (trial.candidateCommit === null) throw new Error(`trial row ${trial.id} has no candidate commit`);
  return trial.candidateCommit;
}
