import type { Direction } from '../core/metric.js';
import type { ProcessIdentity } from '../process/types.js';
import { openForWriting } from './database.js';
import { MeasurementWriter } from './measurement-writer.js';
import type { EpochRow, SessionRow, TrialRow } from './rows.js';
import type { CandidateIntent, Judgement, Settlement, TrialStart, UncountedEnding } from './steps.js';

/** The fact that holds the proposer's snapshot. */
export const PROPOSER_STATE = 'proposer_state';

/**
 * The experiment's memory, written by the one lock holder. Each method is one durable transaction and one legal step of
 * a trial: proposing -> committing -> measuring -> judged -> settled.
 */
export class Store extends MeasurementWriter {
  /** Creates or migrates the store. Only the lock holder may call it. */
  static create(path: string): Store {
    return new Store(openForWriting(path), path);
  }

  /** Folds the write-ahead log into the store, so that the file alone is whole. */
  override close(): void {
    this.guard(() => this.database.pragma('wal_checkpoint(TRUNCATE)'));
    super.close();
  }

  beginTrial(start: TrialStart): TrialRow {
    const id = this.run(
      `INSERT INTO trials (kind, phase, session_id, revision, proposer, incumbent_commit, mark, retry_of, started_at)
       VALUES (?, 'proposing', ?, ?, ?, ?, ?, ?, ?)`,
      start.kind,
      start.sessionId,
      start.revision,
      start.proposer,
      start.incumbentCommit,
      start.mark,
      start.retryOf,
      start.now,
    );
    return this.#trial(id);
  }

  /** Opens a row for measurements that nothing is decided by: of two commits, for people. Its verdict stays empty. */
  beginStudy(
    start: Omit<TrialStart, 'retryOf' | 'proposer'> & { candidateCommit: string; description: string },
  ): TrialRow {
    const id = this.run(
      `INSERT INTO trials (kind, phase, session_id, revision, proposer, incumbent_commit, candidate_commit, description, attempt, mark, started_at)
       VALUES (?, 'measuring', ?, ?, 'nobody', ?, ?, ?, 1, ?, ?)`,
      start.kind,
      start.sessionId,
      start.revision,
      start.incumbentCommit,
      start.candidateCommit,
      start.description,
      start.mark,
      start.now,
    );
    return this.#trial(id);
  }

  /** A trial that another session left open belongs to the one that goes on with it. */
  adoptTrial(trialId: number, sessionId: number): TrialRow {
    this.run("UPDATE trials SET session_id = ? WHERE id = ? AND phase != 'settled'", sessionId, trialId);
    return this.#trial(trialId);
  }

  recordProposerProcess(trialId: number, identity: ProcessIdentity): void {
    this.run('UPDATE trials SET process = ? WHERE id = ?', JSON.stringify(identity), trialId);
  }

  /** The proposal is a tree now; everything that makes its commit the same sha again is on record. */
  intendCommit(trialId: number, intent: CandidateIntent): TrialRow {
    this.transaction(() => {
      this.#intend(trialId, intent);
      if (intent.proposerState !== undefined) this.setFact(PROPOSER_STATE, intent.proposerState);
    });
    return this.#trial(trialId);
  }

  #intend(trialId: number, intent: CandidateIntent): void {
    this.run(
      `UPDATE trials SET phase = 'committing', number = ?, tree = ?, parent_commit = ?, commit_epoch_seconds = ?,
         commit_message = ?, candidate_commit = ?, ruling = ?, description = ?, changed_paths = ?, insertions = ?,
         deletions = ?, notes = ?, propose_ms = ?, cost_usd = ?, usage = ?
       WHERE id = ? AND phase = 'proposing'`,
      intent.number,
      intent.tree,
      intent.parent,
      intent.epochSeconds,
      intent.message,
      intent.existingCommit,
      JSON.stringify(intent.ruling),
      intent.description,
      JSON.stringify(intent.changedPaths),
      intent.insertions,
      intent.deletions,
      JSON.stringify(intent.notes),
      intent.proposeMs,
      intent.spending?.costUsd ?? null,
      JSON.stringify(intent.spending ?? null),
      trialId,
    );
  }

  /** The candidate commit is durable in git. */
  recordCommit(trialId: number, commit: string): TrialRow {
    this.run(
      "UPDATE trials SET phase = 'measuring', candidate_commit = ? WHERE id = ? AND phase = 'committing'",
      commit,
      trialId,
    );
    return this.#trial(trialId);
  }

  /** Counts a start of measuring: a candidate that kills the runner each time is found out by it. */
  beginAttempt(trialId: number): TrialRow {
    this.run("UPDATE trials SET attempt = attempt + 1 WHERE id = ? AND phase = 'measuring'", trialId);
    return this.#trial(trialId);
  }

  /** The run was stopped on purpose: the start does not count against the candidate, its measurements are void. */
  suspendAttempt(trialId: number): void {
    this.transaction(() => {
      this.dropMeasurements(trialId);
      this.run("UPDATE trials SET attempt = MAX(attempt - 1, 0) WHERE id = ? AND phase = 'measuring'", trialId);
    });
  }

  judge(trialId: number, judgement: Judgement): TrialRow {
    this.run(
      `UPDATE trials SET phase = 'judged', outcome = ?, verdict = ?, reason = ?, statistics = ?, metric = ?,
         incumbent_metric = ?, holdout = ?, feedback = ?, crash_tail = ? WHERE id = ? AND phase IN ('committing', 'measuring')`,
      judgement.outcome,
      judgement.verdict,
      judgement.reason,
      JSON.stringify(judgement.statistics),
      judgement.metric,
      judgement.incumbentMetric,
      judgement.holdout ?? null,
      judgement.feedback,
      judgement.crashTail,
      trialId,
    );
    return this.#trial(trialId);
  }

  /** The last step of a judged trial: its row is final, the session and the proposer have learned from it. */
  settle(trialId: number, settlement: Settlement): TrialRow {
    return this.transaction(() => {
      this.run(
        "UPDATE trials SET phase = 'settled', notes = ?, settled_at = ? WHERE id = ? AND phase = 'judged'",
        JSON.stringify(settlement.notes),
        settlement.now,
        trialId,
      );
      this.#recordSession(settlement);
      return this.#trial(trialId);
    });
  }

  /** Ends an attempt that does not count: it gives its number back and leaves no line in results.tsv. */
  endUncounted(trialId: number, ending: UncountedEnding): TrialRow {
    return this.transaction(() => {
      this.run(
        `UPDATE trials SET phase = 'settled', number = NULL, outcome = ?, reason = ?, notes = ?, settled_at = ?,
           description = CASE WHEN description = '' THEN ? ELSE description END,
           cost_usd = COALESCE(?, cost_usd), usage = CASE WHEN usage = 'null' THEN ? ELSE usage END
         WHERE id = ? AND phase IN ('proposing', 'committing', 'measuring')`,
        ending.outcome,
        ending.reason,
        JSON.stringify(ending.notes),
        ending.now,
        ending.description,
        ending.spending?.costUsd ?? null,
        JSON.stringify(ending.spending ?? null),
        trialId,
      );
      this.#recordSession(ending);
      return this.#trial(trialId);
    });
  }

  beginSession(now: number): SessionRow {
    this.run('INSERT INTO sessions (started_at) VALUES (?)', now);
    return this.#session();
  }

  endSession(id: number, ending: { reason: string; detail: string; activeMs: number; now: number }): void {
    this.run(
      'UPDATE sessions SET ended_at = ?, stop_reason = ?, stop_detail = ?, active_ms = ? WHERE id = ?',
      ending.now,
      ending.reason,
      ending.detail,
      Math.round(ending.activeMs),
      id,
    );
  }

  addRevision(revision: { hash: string; metric: string; direction: Direction; now: number }): number {
    return this.run(
      'INSERT INTO revisions (hash, metric, direction, created_at) VALUES (?, ?, ?, ?)',
      revision.hash,
      revision.metric,
      revision.direction,
      revision.now,
    );
  }

  beginEpoch(epoch: EpochRow): void {
    this.run(
      'INSERT INTO epochs (revision, trial_id, commit_id, value_before, value_after, began_at) VALUES (?, ?, ?, ?, ?, ?)',
      epoch.revision,
      epoch.trialId,
      epoch.commit,
      epoch.valueBefore,
      epoch.valueAfter,
      epoch.beganAt,
    );
  }

  importLines(lines: readonly string[]): void {
    this.transaction(() => {
      for (const [position, line] of lines.entries()) {
        this.run('INSERT INTO imported (position, line) VALUES (?, ?)', position, line);
      }
      this.setFact('imported', lines.length);
    });
  }

  #recordSession({ session, proposerState }: Settlement): void {
    this.run(
      'UPDATE sessions SET crash_streak = ?, idle_streak = ?, trials = ?, active_ms = ? WHERE id = ?',
      session.crashStreak,
      session.idleStreak,
      session.trials,
      Math.round(session.activeMs),
      session.id,
    );
    if (proposerState !== undefined) this.setFact(PROPOSER_STATE, proposerState);
  }

  #trial(id: number): TrialRow {
    const row = this.trialById(id);
    if (!row) throw new Error(`trial row ${id} is gone from ${this.path}`);
    return row;
  }

  #session(): SessionRow {
    const row = this.newestSession();
    if (!row) throw new Error(`no session in ${this.path}`);
    return row;
  }
}
