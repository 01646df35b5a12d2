import type { Json } from '../core/json.js';
import { epochFromColumns, sessionFromColumns } from './codec.js';
import { openForReading } from './database.js';
import { piecesFrom } from './pieces.js';
import type { DearestRow, EpochRow, SessionRow, SpentRow, Totals } from './rows.js';
import { TrialReader } from './trial-reader.js';

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
export class StoreReader extends TrialReader {
  #tally: Tally = { upTo: 0, incumbentId: 0, kept: 0, discarded: 0, crashed: 0, uncounted: 0, sinceKeep: 0 };

  /** Null when the experiment has never run. */
  static open(path: string): StoreReader | null {
    const database = openForReading(path);
    return database ? new StoreReader(database, path) : null;
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

  importedLines(): string[] {
    return this.all('SELECT line FROM imported ORDER BY position').map((row) => String(row['line']));
  }
}
