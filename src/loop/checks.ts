import type { ThresholdCheck } from '../config/keep-conditions.js';
import { type MeasuredRun, medianOf, missingLine, thresholdFailure } from '../evaluate/thresholds.js';
import type { TrialRow } from '../store/rows.js';
import type { RunContext } from './context.js';
import type { Lab } from './lab.js';

/**
 * What a candidate that the gate would keep must also satisfy: first the limits for numbers, which cost nothing, then the
 * commands.
 */
interface Refusal {
  /** A sentence about what failed, with numbers. */
  readonly reason: string;
  /** The end of a command's output; untrusted text. */
  readonly tail: string | null;
}

interface Candidate {
  readonly trial: TrialRow;
  readonly commit: string;
  /** Its measurements in this trial. */
  readonly runs: readonly MeasuredRun[];
}

/** Null when every check passed. */
export async function failedCheck(context: RunContext, lab: Lab, candidate: Candidate): Promise<Refusal | null> {
  const limit = exceededLimit(context, candidate);
  if (limit !== null) return { reason: limit, tail: null };
  const failed = await lab.check(candidate.trial, candidate.commit);
  return failed && { reason: `the check "${failed.name}" failed (${failed.reason})`, tail: failed.tail };
}

function exceededLimit(context: RunContext, { trial, runs }: Candidate): string | null {
  const { store, revision } = context;
  const thresholds = thresholdsOf(context);
  if (thresholds.length === 0) return null;
  const baseline = store.baseline(revision.number);
  const evidence = {
    metric: revision.metric,
    candidate: runs,
    baseline: baseline ? runsIn(context, baseline, 'candidate') : [],
    incumbent: incumbentRuns(context, trial),
  };
  for (const check of thresholds) {
    const failure = thresholdFailure(check, evidence);
    if (failure !== null) return failure;
  }
  return null;
}

function thresholdsOf({ experiment }: RunContext): readonly ThresholdCheck[] {
  return experiment.settings.checks.filter((check) => check.kind === 'threshold');
}

/** A limit that the unmodified code breaks itself: nothing is kept until a candidate meets it. */
export function warnOfLimits(context: RunContext, baseline: TrialRow): void {
  const runs = runsIn(context, baseline, 'candidate');
  const evidence = { metric: context.revision.metric, candidate: runs, baseline: runs, incumbent: runs };
  for (const check of thresholdsOf(context)) {
    const failure = thresholdFailure(check, evidence);
    if (failure === null) continue;
    const text = `nothing is kept before it meets this limit, which the unmodified code breaks itself: ${failure}`;
    context.emit({ kind: 'notice', level: 'warning', text });
  }
}

/** What is needed and this run did not print, as the beginning of a sentence; null when nothing is missing. */
export function missingNumber(context: RunContext, run: MeasuredRun): string | null {
  const isMissing = (metric: string) => medianOf([run], metric, context.revision.metric) === null;
  const check = thresholdsOf(context).find(({ threshold }) => isMissing(threshold.metric));
  if (check !== undefined) return missingLine(check.name, check.threshold.metric);
  const { holdout } = context.experiment.settings;
  if (holdout === null || holdout.command !== null || !isMissing(holdout.metric)) return null;
  return `[holdout] needs the line "${holdout.metric}: <number>"`;
}

/** The runs that the incumbent's own trial (or the revision's baseline) was judged by, and those made for this trial. */
export function incumbentRuns(context: RunContext, trial: TrialRow): readonly MeasuredRun[] {
  const { store, revision } = context;
  const kept = store.keptTrialOf(trial.incumbentCommit);
  const own = kept?.revision === revision.number ? kept : store.baseline(revision.number);
  return [...(own ? runsIn(context, own, 'candidate') : []), ...runsIn(context, trial, 'incumbent')];
}

function runsIn({ store }: RunContext, trial: TrialRow, side: 'candidate' | 'incumbent'): readonly MeasuredRun[] {
  const runs = store.measurementsOf(trial.id);
  return runs.filter((run) => run.side === side && run.state === 'done' && run.outcome === 'measured');
}
