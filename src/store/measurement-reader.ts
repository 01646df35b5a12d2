import { measurementFromColumns } from './codec.js';
import { Questions } from './questions.js';
import type { MeasurementRow, TrialRow } from './rows.js';

/** What can be asked about measurements. */
export class MeasurementReader extends Questions {
  measurementsOf(trialId: number): MeasurementRow[] {
    return this.all('SELECT * FROM measurements WHERE trial_id = ? ORDER BY id', trialId).map(measurementFromColumns);
  }

  /** Wall seconds of all finished measurements per trial id, for the given trials. */
  measuredSeconds(trials: readonly TrialRow[]): Map<number, number> {
    const first = trials[0];
    const last = trials.at(-1);
    if (!first || !last) return new Map();
    const rows = this.all(
      'SELECT trial_id, SUM(wall_seconds) AS seconds FROM measurements WHERE trial_id BETWEEN ? AND ? AND wall_seconds IS NOT NULL GROUP BY trial_id',
      first.id,
      last.id,
    );
    return new Map(rows.map((row) => [Number(row['trial_id']), Number(row['seconds'])]));
  }

  runningMeasurements(): MeasurementRow[] {
    return this.all("SELECT * FROM measurements WHERE state = 'running'").map(measurementFromColumns);
  }

  /** Finished measurements of the incumbent's code under a revision since its newest epoch began, newest first. */
  incumbentValues(commit: string, revision: number): number[] {
    const rows = this.all(
      `SELECT m.metric FROM measurements m JOIN trials t ON t.id = m.trial_id
        WHERE t.revision = ? AND m.commit_id = ? AND m.state = 'done' AND m.outcome = 'measured' AND m.side IN ('candidate', 'incumbent')
          AND t.id >= COALESCE((SELECT id FROM trials WHERE candidate_commit = ? AND revision = ? AND verdict = 'keep'
            AND phase = 'settled' ORDER BY id DESC LIMIT 1), 0)
          AND t.id >= COALESCE((SELECT MAX(trial_id) FROM epochs WHERE revision = ?), 0)
        ORDER BY m.id DESC LIMIT 8`,
      revision,
      commit,
      commit,
      revision,
      revision,
    );
    return rows.map((row) => Number(row['metric']));
  }

  /** Finished measurements of code that was the incumbent under a revision, oldest first; positions count all. */
  incumbentRuns(revision: number, limit: number): { value: number; code: string; position: number }[] {
    const rows = this.all(
      `SELECT m.id, m.commit_id, m.metric FROM measurements m JOIN trials t ON t.id = m.trial_id
        WHERE m.trial_id >= (SELECT MIN(id) FROM trials WHERE kind = 'baseline' AND revision = ?) AND t.revision = ?
          AND m.state = 'done' AND m.outcome = 'measured'
          AND (m.side = 'incumbent' OR (m.side = 'candidate' AND t.kind = 'baseline'))
        ORDER BY m.id DESC LIMIT ?`,
      revision,
      revision,
      limit,
    );
    return rows
      .map((row) => ({ value: Number(row['metric']), code: String(row['commit_id']), position: Number(row['id']) }))
      .reverse();
  }

  /** How often this code was measured; by the held-out command, or by the evaluator. Thrown away runs do not count. */
  timesMeasured(commit: string, { isHoldout }: { isHoldout: boolean }): number {
    const row = this.get(
      `SELECT COUNT(*) AS times FROM measurements WHERE commit_id = ? AND state = 'done' AND outcome = 'measured'
        AND side <> 'warmup' AND (side = 'holdout') = ?`,
      commit,
      isHoldout ? 1 : 0,
    );
    return Number(row?.['times']);
  }

  /** Measurements of anything since this code was last measured. */
  evaluationsSince(commit: string): number {
    const row = this.get(
      `SELECT (SELECT COALESCE(MAX(id), 0) FROM measurements) - COALESCE(MAX(id), 0) AS since FROM measurements
        WHERE commit_id = ? AND state = 'done' AND outcome = 'measured' AND side IN ('candidate', 'incumbent')`,
      commit,
    );
    return Number(row?.['since']);
  }
}
