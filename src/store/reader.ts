import type { Json } from '../core/json.js';
import type { Direction } from '../core/metric.js';
import { type Columns, epochFromColumns, sessionFromColumns, trialFromColumns } from './codec.js';
import { openForReading } from './database.js';
import { MeasurementReader } from './measurement-reader.js';
import { piecesFrom } from './pieces.js';
import type { DearestRow, EpochRow, RevisionRow, SessionRow, SpentRow, Totals, TrialKind, TrialRow } from './rows.js';

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
export class StoreReader extends MeasurementReader {
  #tally: Tally = { upTo: 0, incumbentId: 0, kept: 0, discarded: 0, crashed: 0, uncounted: 0, sinceKeep: 0 };

  /** Null when the experiment has never run. */
  static open(path: string): StoreReader | null {
    const database = openForReading(path);
    return database ? new StoreReader(database, path) : null;
  }

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

  /** Every attempt counts, also those that came to nothing; of measurements what their judges cost. */
  spent(): SpentRow {
    const row = this.get(
      `SELECT TOTAL(cost_usd) AS usd, TOTAL(json_extract(usage, '$.tokens')) AS tokens,
         COUNT(*) - COUNT(cost_usd) AS unknown_costs, COUNT(*) - COUNT(json_extract(usage, '$.tokens')) AS unknown_tokens
       FROM trials WHERE usage != 'null'`,
    );
    const judged = this.get(
      `SELECT TOTAL(MAX(cost_usd, 0)) AS usd, TOTAL(cost_usd < 0) AS unknown_costs
       FROM measurements WHERE cost_usd IS NOT NULL`,
    );
    return {
      usd: Number(row?.['usd']) + Number(judged?.['usd']),
      tokens: Number(row?.['tokens']),
      unknownCosts: Number(row?.['unknown_costs']),
      unknownJudgeCosts: Number(judged?.['unknown_costs']),
      unknownTokens: Number(row?.['unknown_tokens']),
    };
  }

  dearestProposal(): DearestRow {
    const row = this.get(
      "SELECT MAX(cost_usd) AS usd, MAX(json_extract(usage, '$.tokens')) AS tokens FROM trials WHERE usage != 'null'",
    );
    const numberOrNull = (value: unknown) => (typeof value === 'number' ? value : null);
    return { usd: numberOrNull(row?.['usd']), tokens: numberOrNull(row?.['tokens']) };
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
    const rows = this.all(
      'SELECT value FROM facts WHERE key = ? OR (key >= ? AND key < ?) ORDER BY key',
      key,
      ...piecesFrom(key, 1),
    );
    return rows.length > 0 ? (JSON.parse(rows.map((row) => String(row['value'])).join('')) as Json) : undefined;
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

  importedLines(): string[] {
    return this.all('SELECT line FROM imported ORDER BY position').map((row) => String(row['line']));
  }
}
