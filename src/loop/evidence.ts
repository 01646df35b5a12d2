import type { Measurement } from '../core/measurement.js';
import { OUTCOME_RULES, type Outcome } from '../core/outcome.js';
import type { TrialRow } from '../store/rows.js';
import type { Judgement } from '../store/steps.js';
import { rememberNoise } from './comparison.js';
import type { RunContext } from './context.js';
import { type Lab, SetupFailed } from './lab.js';
import { countOutcome } from './session.js';

/**
 * The measurements that a gate asks for, and whose fault a failed one is: a candidate is blamed only where the incumbent
 * can still be measured.
 */

/** The environment, not the candidate, is broken: even the incumbent cannot be measured. The trial stays open. */
export class EnvironmentBroken extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'EnvironmentBroken';
  }
}

export type CandidateMeasurement = Measurement & { readonly setupTail?: string };

/** A set-up that fails on the candidate is the candidate's crash, unless the canary says otherwise. */
export async function measureCandidate(lab: Lab, trial: TrialRow, candidate: string): Promise<CandidateMeasurement> {
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

export async function measureIncumbent(context: RunContext, lab: Lab, trial: TrialRow): Promise<number> {
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
export async function failedJudgement(
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

export function unmeasured(outcome: Outcome, reason: string): Judgement {
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

export function metricOf({ metric, id }: Measurement): number {
  if (metric === null) throw new Error(`measurement ${id} has no value`);
  return metric;
}
