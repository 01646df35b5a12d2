import type { Json } from '../core/json.js';
import type { EpochRow, MeasurementRow, SessionRow, TrialRow } from './rows.js';

/** Between SQLite's columns and the row types: the only place that knows the spelling of both. */
type Column = string | number | bigint | Buffer | null;
export type Columns = Readonly<Record<string, Column>>;

function text(value: Column | undefined): string {
  return typeof value === 'string' ? value : '';
}

function textOrNull(value: Column | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOrNull(value: Column | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function seconds(value: Column | undefined): number | null {
  const ms = numberOrNull(value);
  return ms === null ? null : ms / 1000;
}

function json<T>(value: Column | undefined, fallback: T): T {
  if (typeof value !== 'string') return fallback;
  return JSON.parse(value) as T;
}

export function trialFromColumns(row: Columns): TrialRow {
  return {
    id: Number(row['id']),
    number: numberOrNull(row['number']),
    kind: text(row['kind']) as TrialRow['kind'],
    phase: text(row['phase']) as TrialRow['phase'],
    sessionId: Number(row['session_id']),
    revision: Number(row['revision']),
    proposer: text(row['proposer']),
    incumbentCommit: text(row['incumbent_commit']),
    candidateCommit: textOrNull(row['candidate_commit']),
    tree: textOrNull(row['tree']),
    parentCommit: textOrNull(row['parent_commit']),
    commitEpochSeconds: numberOrNull(row['commit_epoch_seconds']),
    commitMessage: textOrNull(row['commit_message']),
    ruling: json(row['ruling'], null),
    description: text(row['description']),
    attempt: Number(row['attempt']),
    outcome: textOrNull(row['outcome']) as TrialRow['outcome'],
    verdict: textOrNull(row['verdict']) as TrialRow['verdict'],
    reason: text(row['reason']),
    statistics: json<Json>(row['statistics'], null),
    metric: numberOrNull(row['metric']),
    incumbentMetric: numberOrNull(row['incumbent_metric']),
    holdout: numberOrNull(row['holdout']),
    insertions: numberOrNull(row['insertions']),
    deletions: numberOrNull(row['deletions']),
    changedPaths: json<string[]>(row['changed_paths'], []),
    notes: json<string[]>(row['notes'], []),
    feedback: textOrNull(row['feedback']),
    crashTail: textOrNull(row['crash_tail']),
    retryOf: numberOrNull(row['retry_of']),
    trace: { mark: text(row['mark']), identity: json(row['process'], null) },
    proposeSeconds: seconds(row['propose_ms']),
    spending: json<TrialRow['spending']>(row['usage'], null),
    startedAt: Number(row['started_at']),
    settledAt: numberOrNull(row['settled_at']),
  };
}

export function measurementFromColumns(row: Columns): MeasurementRow {
  return {
    id: Number(row['id']),
    trialId: Number(row['trial_id']),
    attempt: Number(row['attempt']),
    side: text(row['side']) as MeasurementRow['side'],
    commit: text(row['commit_id']),
    state: text(row['state']) as MeasurementRow['state'],
    outcome: textOrNull(row['outcome']) as MeasurementRow['outcome'],
    metric: numberOrNull(row['metric']),
    secondary: json<Record<string, number>>(row['secondary'], {}),
    reason: text(row['reason']),
    wallSeconds: numberOrNull(row['wall_seconds']),
    cpuSeconds: numberOrNull(row['cpu_seconds']),
    peakMemoryBytes: numberOrNull(row['peak_memory_bytes']),
    exitCode: numberOrNull(row['exit_code']),
    signal: textOrNull(row['signal']),
    containment: textOrNull(row['containment']),
    swept: numberOrNull(row['swept']),
    loadAverage: numberOrNull(row['load_average']),
    cpuMhz: numberOrNull(row['cpu_mhz']),
    otherCores: numberOrNull(row['other_cores']),
    logPath: text(row['log_path']),
    trace: { mark: text(row['mark']), identity: json(row['process'], null) },
    startedAt: Number(row['started_at']),
  };
}

export function sessionFromColumns(row: Columns): SessionRow {
  return {
    id: Number(row['id']),
    startedAt: Number(row['started_at']),
    endedAt: numberOrNull(row['ended_at']),
    stopReason: textOrNull(row['stop_reason']),
    stopDetail: text(row['stop_detail']),
    crashStreak: Number(row['crash_streak']),
    idleStreak: Number(row['idle_streak']),
    trials: Number(row['trials']),
    activeSeconds: Number(row['active_ms']) / 1000,
  };
}

export function epochFromColumns(row: Columns): EpochRow {
  return {
    revision: Number(row['revision']),
    trialId: Number(row['trial_id']),
    commit: text(row['commit_id']),
    valueBefore: Number(row['value_before']),
    valueAfter: Number(row['value_after']),
    beganAt: Number(row['began_at']),
  };
}
