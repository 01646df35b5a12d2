import { AppError } from '../core/errors.js';
import type { Measurement } from '../core/measurement.js';
import type { TrialRow } from '../store/rows.js';
import type { Judgement } from '../store/steps.js';
import { comparison, markNoisy } from './comparison.js';
import { RunAborted, type RunContext } from './context.js';
import {
  EnvironmentBroken,
  failedJudgement,
  measureCandidate,
  measureIncumbent,
  metricOf,
  unmeasured,
} from './evidence.js';
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

function candidateOf(trial: TrialRow): string {
  if (trial.candidateCommit === null) throw new Error(`trial row ${trial.id} has no candidate commit`);
  return trial.candidateCommit;
}
