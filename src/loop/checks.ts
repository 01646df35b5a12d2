import type { ThresholdCheck } from '../config/keep-conditions.js';
import { judgeThreshold, type MeasuredRun, medianOf, missingLine } from '../evaluate/thresholds.js';
import type { TrialRow } from '../store/rows.js';
import type { CheckRecord } from './check-records.js';
import type { RunContext } from './context.js';
import { isBeforeEpoch } from './epochs.js';
import type { Lab } from './lab.js';

/**
 * What a candidate that the gate would keep must also satisfy: first the limits for numbers, which cost nothing, then the
 * commands.
 */
interface Checked {
  /** Null when every check passed. */
  readonly refusal: Refusal | null;
  /** Up to the first that failed. */
  readonly records: readonly CheckRecord[];
}

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

export async function runChecks(context: RunContext, lab: Lab, candidate: Candidate): Promise<Checked> {
  const records = checkLimits(context, candidate);
  const limit = records.find(({ passed }) => !passed);
  if (limit !== undefined) return { refusal: { reason: limit.found, tail: null }, records };
  let refusal: Refusal | null = null;
  for (const { name, seconds, failure } of await lab.check(candidate.trial, candidate.commit)) {
    records.push({ name, passed: failure === null, found: failure?.reason ?? 'exit code 0', seconds });
    if (failure) refusal = { reason: `the check "${name}" failed (${failure.reason})`, tail: failure.tail };
  }
  return { refusal, records };
}

/** The limits for numbers, up to the first that does not hold. */
function checkLimits(context: RunContext, { trial, runs }: Candidate): CheckRecord[] {
  const { store, revision } = context;
  const thresholds = thresholdsOf(context);
  if (thresholds.length === 0) return [];
  const baseline = store.baseline(revision.number);
  const evidence = {
    metric: revision.metric,
    candidate: runs,
    baseline: baseline ? runsIn(context, baseline, 'candidate') : [],
    incumbent: incumbentRuns(context, trial),
  };
  const records: CheckRecord[] = [];
  for (const check of thresholds) {
    const { passed, found } = judgeThreshold(check, evidence);
    records.push({ name: check.name, passed, found, seconds: null });
    if (!passed) break;
  }
  return records;
}

function thresholdsOf({ experiment }: RunContext): readonly ThresholdCheck[] {
  return experiment.settings.checks.filter((check) => check.kind === 'threshold');
}

/** A limit that the unmodified code breaks itself: nothing is kept until a candidate meets it. */
export function warnOfLimits(context: RunContext, baseline: TrialRow): void {
  const runs = runsIn(context, baseline, 'candidate');
  const evidence = { metric: context.revision.metric, candidate: runs, baseline: runs, incumbent: runs };
  for (const check of thresholdsOf(context)) {
    const { passed, found } = judgeThreshold(check, evidence);
    if (passed) continue;
    const text = `nothing is kept before it meets this limit, which the unmodified code breaks itself: ${found}`;
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

/**
 * The runs that the incumbent's own trial (or the revision's baseline) was judged by, and those made for this trial; only
 * the latter where the machine has changed since.
 */
export function incumbentRuns(context: RunContext, trial: TrialRow): readonly MeasuredRun[] {
  const { store, revision } = context;
  const kept = store.keptTrialOf(trial.incumbentCommit);
  const own = kept?.revision === revision.number ? kept : store.baseline(revision.number);
  const fresh = runsIn(context, trial, 'incumbent');
  if (own === null || (fresh.length > 0 && isBeforeEpoch(context, own))) return fresh;
  return [...runsIn(context, own, 'candidate'), ...fresh];
}

function runsIn({ store }: RunContext, trial: TrialRow, side: 'candidate' | 'incumbent'): readonly MeasuredRun[] {
  const runs = store.measurementsOf(trial.id);
  return runs.filter((run) => run.side === side && run.state === 'done' && run.outcome === 'measured');
}
