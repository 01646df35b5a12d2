/** A trial and its measurements as they stand in JSON documents: camelCase, ISO times, full precision. */
import type { Json } from '../core/json.js';
import { plainLines } from '../core/text.js';
import type { MeasurementRow, TrialRow } from '../store/rows.js';
import { finiteOrNull, isoTime } from './formats.js';
import { trialChangePercent } from './trial-line.js';

type JsonObject = { readonly [key: string]: Json };

export function trialJson(trial: TrialRow): JsonObject {
  return {
    number: trial.number,
    kind: trial.kind,
    phase: trial.phase,
    outcome: trial.outcome,
    verdict: trial.verdict,
    metric: finiteOrNull(trial.metric),
    incumbentMetric: finiteOrNull(trial.incumbentMetric),
    changePercent: finiteOrNull(trialChangePercent(trial)),
    holdout: finiteOrNull(trial.holdout),
    description: plainLines(trial.description),
    reason: plainLines(trial.reason),
    notes: trial.notes.map(plainLines),
    feedback: trial.feedback === null ? null : plainLines(trial.feedback),
    crashTail: trial.crashTail === null ? null : plainLines(trial.crashTail),
    proposer: trial.proposer,
    commit: trial.candidateCommit,
    incumbentCommit: trial.incumbentCommit,
    revision: trial.revision,
    attempt: trial.attempt,
    retryOf: trial.retryOf,
    insertions: trial.insertions,
    deletions: trial.deletions,
    changedPaths: trial.changedPaths.map(plainLines),
    proposeSeconds: finiteOrNull(trial.proposeSeconds),
    spending: trial.spending === null ? null : { ...trial.spending, denials: trial.spending.denials.map(plainLines) },
    startedAt: isoTime(trial.startedAt),
    settledAt: isoTime(trial.settledAt),
  };
}

export function measurementJson(measurement: MeasurementRow): JsonObject {
  return {
    side: measurement.side,
    attempt: measurement.attempt,
    state: measurement.state,
    outcome: measurement.outcome,
    metric: finiteOrNull(measurement.metric),
    secondary: Object.fromEntries(
      Object.entries(measurement.secondary).map(([name, value]) => [plainLines(name), finiteOrNull(value)]),
    ),
    reason: plainLines(measurement.reason),
    commit: measurement.commit,
    wallSeconds: finiteOrNull(measurement.wallSeconds),
    cpuSeconds: finiteOrNull(measurement.cpuSeconds),
    peakMemoryBytes: finiteOrNull(measurement.peakMemoryBytes),
    exitCode: measurement.exitCode,
    signal: measurement.signal,
    containment: measurement.containment,
    swept: measurement.swept,
    logPath: measurement.logPath,
    startedAt: isoTime(measurement.startedAt),
  };
}
