import type { Json } from '../core/json.js';
import {
  type Columns,
  epochFromColumns,
  measurementFromColumns,
  sessionFromColumns,
  trialFromColumns,
} from './codec.js';
import { type Database, openForReading, type Statement, storeError } from './database.js';
import type { EpochRow, MeasurementRow, RevisionRow, SessionRow, Totals, TrialKind, TrialRow } from './rows.js';

/** Counts over all settled trials up to an id. */
interface Tally {
  readonly upTo: number;
  /** Row of the last keep; `sinceKeep` counts from there. */
  readonly incumbentId: number;
  readonly kept: number;
  readonly discarded: number;
  readonly crashed: number;
  readonly uncounted: number;
  readonly sinceKeep: number;
}

/** Everything that can be asked of a store. Questions cost the same for ten trials and for a hundred thousand. */
export class StoreReader {
  protected readonly database: Database;
  readonly path: string;
  readonly #statements = new Map<string, Statement>();
  #tally: Tally = { upTo: 0, incumbentId: 0, kept: 0, discarded: 0, crashed: 0, uncounted: 0, sinceKeep: 0 };

  constructor(database: Database, path: string) {
    this.database = database;
    this.path = path;
  }

  /** Null when the experiment has never run. */
  static open(path: string): StoreReader | null {
    const database = openForReading(path);
    return database ? new StoreReader(database, path) : null;
  }

  close(): void {
    this.database.close();
  }

  /** The newest `limit` settled trials, oldest first; with `counted` only those that have a number. */
  recentTrials({ limit, counted = false }: { limit: number; counted?: boolean }): TrialRow[] {
    const where = counted ? 'AND number IS NOT NULL' : '';
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

  nextTrialNumber(): number {
    return Number(this.get('SELECT COALESCE(MAX(number), -1) + 1 AS next FROM trials')?.['next']);
  }

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

  /** Finished measurements of the incumbent's code under a revision, newest first. */
  incumbentValues(commit: string, revision: number): number[] {
    const rows = this.all(
      `SELECT m.metric FROM measurements m JOIN trials t ON t.id = m.trial_id
        WHERE t.revision = ? AND m.commit_id = ? AND m.state = 'done' AND m.outcome = 'measured' AND m.side IN ('candidate', 'incumbent')
          AND t.id >= COALESCE((SELECT id FROM trials WHERE candidate_commit = ? AND revision = ? AND verdict = 'keep'
            AND phase = 'settled' ORDER BY id DESC LIMIT 1), 0)
        ORDER BY m.id DESC LIMIT 8`,
      revision,
      commit,
      commit,
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

  /** Measurements of anything since this code was last measured. */
  evaluationsSince(commit: string): number {
    const row = this.get(
      `SELECT (SELECT COALESCE(MAX(id), 0) FROM measurements) - COALESCE(MAX(id), 0) AS since FROM measurements
        WHERE commit_id = ? AND state = 'done' AND outcome = 'measured' AND side IN ('candidate', 'incumbent')`,
      commit,
    );
    return Number(row?.['since']);
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

  newestSession(): SessionRow | null {
    const row = this.get('SELECT * FROM sessions ORDER BY id DESC LIMIT 1');
    return row ? sessionFromColumns(row) : null;
  }

  totals(): Totals {
    const last = this.get("SELECT MAX(id) AS id FROM trials WHERE phase = 'settled'");
    const newest = last?.['id'] ? this.trialById(Number(last['id'])) : null;
    const revision = this.newestRevision()?.revision ?? 0;
    const incumbent = this.incumbentTrial();
    const current = incumbent?.revision === revision ? incumbent : null;
    const { kept, discarded, crashed, uncounted, sinceKeep } = this.#tallyUpTo(newest?.id ?? 0, incumbent?.id ?? 0);
    return {
      trials: kept + discarded + crashed,
      kept,
      discarded,
      crashed,
      uncounted,
      baselineMetric: this.baseline(revision)?.metric ?? null,
      incumbentMetric: current?.metric ?? null,
      incumbentTrial: incumbent?.number ?? null,
      sinceKeep,
      lastSettledAt: newest?.settledAt ?? null,
    };
  }

  /** Settled rows never change and ids only grow: what was counted once need not be read again. */
  #tallyUpTo(upTo: number, incumbentId: number): Tally {
    const before = this.#tally;
    const added = (verdict: string | null, after: number) => this.#countTrials(verdict, after, upTo);
    const isSame = before.incumbentId === incumbentId;
    const start = isSame ? before.upTo : incumbentId;
    const passed = ['keep', 'discard', 'crash'].reduce((sum, verdict) => sum + added(verdict, start).counted, 0);
    const unjudged = added(null, before.upTo);
    this.#tally = {
      upTo,
      incumbentId,
      kept: before.kept + added('keep', before.upTo).counted,
      discarded: before.discarded + added('discard', before.upTo).counted,
      crashed: before.crashed + added('crash', before.upTo).counted,
      uncounted: before.uncounted + unjudged.rows - unjudged.counted,
      sinceKeep: (isSame ? before.sinceKeep : 0) + passed,
    };
    return this.#tally;
  }

  /** Read from the index `trials_by_verdict` alone; the `+` keeps SQLite from taking the index of kinds instead. */
  #countTrials(verdict: string | null, after: number, upTo: number): { rows: number; counted: number } {
    const row = this.get(
      `SELECT COUNT(*) AS n, COUNT(number) AS counted FROM trials
        WHERE verdict IS ? AND id > ? AND id <= ? AND phase = 'settled' AND +kind = 'trial'`,
      verdict,
      after,
      upTo,
    );
    return { rows: Number(row?.['n']), counted: Number(row?.['counted']) };
  }

  /** Verdicts of the counted trials of one session. */
  sessionCounts(sessionId: number): { kept: number; discarded: number; crashed: number } {
    const rows = this.all(
      "SELECT verdict, COUNT(*) AS n FROM trials WHERE session_id = ? AND phase = 'settled' AND kind = 'trial' AND number IS NOT NULL GROUP BY verdict",
      sessionId,
    );
    const of = (verdict: string) => Number(rows.find((row) => row['verdict'] === verdict)?.['n'] ?? 0);
    return { kept: of('keep'), discarded: of('discard'), crashed: of('crash') };
  }

  fact(key: string): Json | undefined {
    const row = this.get('SELECT value FROM facts WHERE key = ?', key);
    return row ? (JSON.parse(String(row['value'])) as Json) : undefined;
  }

  /** Level shifts of the machine under a revision, oldest first. */
  epochs(revision: number): EpochRow[] {
    return this.all('SELECT * FROM epochs WHERE revision = ? ORDER BY id', revision).map(epochFromColumns);
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

  importedLines(): string[] {
    return this.all('SELECT line FROM imported ORDER BY position').map((row) => String(row['line']));
  }

  protected statement(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const prepared = this.database.prepare<unknown[]>(sql);
    this.#statements.set(sql, prepared);
    return prepared;
  }

  protected get(sql: string, ...parameters: (string | number | null)[]): Columns | undefined {
    return this.guard(() => this.statement(sql).get(...parameters) as Columns | undefined);
  }

  protected all(sql: string, ...parameters: (string | number | null)[]): Columns[] {
    return this.guard(() => this.statement(sql).all(...parameters) as Columns[]);
  }

  protected guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeError(this.path, error);
    }
  }
}
