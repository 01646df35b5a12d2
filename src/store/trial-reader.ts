import type { Direction } from '../core/metric.js';
import { type Columns, trialFromColumns } from './codec.js';
import { MeasurementReader } from './measurement-reader.js';
import type { RevisionRow, TrialKind, TrialRow } from './rows.js';

/** What can be asked about single attempts: trials, baselines, studies, and the revisions that they were judged by. */
export class TrialReader extends MeasurementReader {
  /** The newest `limit` settled trials, oldest first; with `counted` only those that have a number, and new baselines. */
  recentTrials({ limit, counted = false }: { limit: number; counted?: boolean }): TrialRow[] {
    const where = counted ? "AND (number IS NOT NULL OR (kind = 'baseline' AND verdict = 'keep'))" : '';
    return this.all(`SELECT * FROM trials WHERE phase = 'settled' ${where} ORDER BY id DESC LIMIT ?`, limit)
      .map(trialFromColumns)
      .reverse();
  }

  /** Settled trials in order, one at a time: the memory stays flat. */
  *eachTrial(): Generator<TrialRow> {
    for (const row of this.statement("SELECT * FROM trials WHERE phase = 'settled' ORDER BY id").iterate()) {
      yield trialFromColumns(row as Columns);
    }
  }

  trialById(id: number): TrialRow | null {
    const row = this.get('SELECT * FROM trials WHERE id = ?', id);
    return row ? trialFromColumns(row) : null;
  }

  trialByNumber(number: number): TrialRow | null {
    const row = this.get('SELECT * FROM trials WHERE number = ?', number);
    return row ? trialFromColumns(row) : null;
  }

  /** The trial that is under way, or was when the runner died. There is at most one. */
  openTrial(): TrialRow | null {
    const row = this.get("SELECT * FROM trials WHERE phase != 'settled'");
    return row ? trialFromColumns(row) : null;
  }

  /** When the newest attempt began, ms since 1970; the `+` keeps SQLite from sorting all of a kind. */
  lastTrialStart(): number | null {
    const row = this.get("SELECT started_at FROM trials WHERE +kind = 'trial' ORDER BY id DESC LIMIT 1");
    return row ? Number(row['started_at']) : null;
  }

  /** Numbered trials that began at `since` or later, and before `until` (ms since 1970). */
  trialsBetween(since: number, until: number): number {
    const row = this.get(
      "SELECT COUNT(*) AS n FROM trials INDEXED BY trials_by_start WHERE kind = 'trial' AND number IS NOT NULL AND started_at >= ? AND started_at < ?",
      since,
      until,
    );
    return Number(row?.['n']);
  }

  nextTrialNumber(): number {
    return Number(this.get('SELECT COALESCE(MAX(number), -1) + 1 AS next FROM trials')?.['next']);
  }

  /** The newest measured trial with this tree under this revision: measuring it again would tell nothing new. */
  measuredTwin(tree: string, revision: number): TrialRow | null {
    const row = this.get(
      "SELECT * FROM trials WHERE tree = ? AND revision = ? AND phase = 'settled' AND outcome IN ('measured', 'check_failed') ORDER BY id DESC LIMIT 1",
      tree,
      revision,
    );
    return row ? trialFromColumns(row) : null;
  }

  /** The trial whose commit is the incumbent under the newest revision: the last keep, else its baseline. */
  incumbentTrial(): TrialRow | null {
    const row = this.get("SELECT * FROM trials WHERE verdict = 'keep' AND phase = 'settled' ORDER BY id DESC LIMIT 1");
    return row ? trialFromColumns(row) : null;
  }

  /** The newest keep of a commit, or null. */
  keptTrialOf(commit: string): TrialRow | null {
    const row = this.get(
      "SELECT * FROM trials WHERE candidate_commit = ? AND verdict = 'keep' AND phase = 'settled' ORDER BY id DESC LIMIT 1",
      commit,
    );
    return row ? trialFromColumns(row) : null;
  }

  /** The newest kept trials, oldest first. */
  keptTrials(limit: number): TrialRow[] {
    return this.all(
      "SELECT * FROM trials WHERE verdict = 'keep' AND kind = 'trial' AND phase = 'settled' ORDER BY id DESC LIMIT ?",
      limit,
    )
      .map(trialFromColumns)
      .reverse();
  }

  /** Trials since the last keep that were measured and not kept; the best value first. */
  nearMisses({ number, direction, limit }: { number: number; direction: Direction; limit: number }): TrialRow[] {
    return this.all(
      `SELECT * FROM trials WHERE id IN (SELECT id FROM trials INDEXED BY near_misses
         WHERE kind = 'trial' AND phase = 'settled' AND outcome = 'measured' AND verdict = 'discard' AND revision = ?
           AND id > (SELECT COALESCE(MAX(id), 0) FROM trials WHERE verdict = 'keep' AND phase = 'settled')
         ORDER BY metric ${direction === 'lower' ? 'ASC' : 'DESC'}, id LIMIT ?)
       ORDER BY metric ${direction === 'lower' ? 'ASC' : 'DESC'}, id`,
      number,
      limit,
    ).map(trialFromColumns);
  }

  /** Candidate commits by trial number: of the newest so many trials, and of all that were kept. */
  candidates(newest: number): ReadonlyMap<number, string> {
    const rows = this.all(
      `SELECT number, candidate_commit FROM trials WHERE kind = 'trial' AND phase = 'settled' AND number IS NOT NULL
       AND candidate_commit IS NOT NULL AND (verdict = 'keep' OR number > (SELECT MAX(number) FROM trials) - ?)`,
      newest,
    );
    return new Map(rows.map((row) => [Number(row['number']), String(row['candidate_commit'])]));
  }

  keptNumbers(): ReadonlySet<number> {
    const rows = this.all(
      "SELECT number FROM trials WHERE verdict = 'keep' AND number IS NOT NULL AND phase = 'settled'",
    );
    return new Set(rows.map((row) => Number(row['number'])));
  }

  /** Kept trials under a revision that were settled after this row. */
  keptSince(trialId: number, revision: number): number {
    const row = this.get(
      "SELECT COUNT(*) AS n FROM trials WHERE verdict = 'keep' AND kind = 'trial' AND phase = 'settled' AND revision = ? AND id > ?",
      revision,
      trialId,
    );
    return Number(row?.['n']);
  }

  /** The settled baseline of a revision. */
  baseline(revision: number): TrialRow | null {
    const row = this.get(
      "SELECT * FROM trials WHERE kind = 'baseline' AND revision = ? AND verdict = 'keep' AND phase = 'settled' ORDER BY id DESC LIMIT 1",
      revision,
    );
    return row ? trialFromColumns(row) : null;
  }

  newestRevision(): RevisionRow | null {
    const row = this.get('SELECT * FROM revisions ORDER BY revision DESC LIMIT 1');
    if (!row) return null;
    return {
      revision: Number(row['revision']),
      hash: String(row['hash']),
      metric: String(row['metric']),
      direction: row['direction'] === 'higher' ? 'higher' : 'lower',
      createdAt: Number(row['created_at']),
    };
  }

  /** The newest settled row of a kind under a revision that came to an end by itself. */
  newestOfKind(kind: TrialKind, revision: number): TrialRow | null {
    const row = this.get(
      "SELECT * FROM trials WHERE kind = ? AND revision = ? AND phase = 'settled' AND outcome = 'measured' ORDER BY id DESC LIMIT 1",
      kind,
      revision,
    );
    return row ? trialFromColumns(row) : null;
  }

  /** Of the verifications between two commits the one with the most pairs, the newest of equals. */
  verificationOf({ revision, from, to }: { revision: number; from: string; to: string }): TrialRow | null {
    const row = this.get(
      `SELECT * FROM trials WHERE kind = 'verification' AND revision = ? AND incumbent_commit = ? AND candidate_commit = ?
       AND phase = 'settled' AND outcome = 'measured' ORDER BY json_array_length(statistics, '$.from') DESC, id DESC LIMIT 1`,
      revision,
      from,
      to,
    );
    return row ? trialFromColumns(row) : null;
  }
}
