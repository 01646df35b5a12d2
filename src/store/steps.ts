import type { Json } from '../core/json.js';
import type { MeasuredSide } from '../core/measurement.js';
import type { Outcome, Verdict } from '../core/outcome.js';
import type { Ruling, SessionRow, SpendingRow, TrialRow } from './rows.js';

/** What each step of a trial puts on record. */
export interface TrialStart {
  readonly kind: TrialRow['kind'];
  readonly sessionId: number;
  readonly revision: number;
  readonly proposer: string;
  readonly incumbentCommit: string;
  readonly mark: string;
  readonly retryOf: number | null;
  readonly now: number;
}

export interface CandidateIntent {
  /** Null for a baseline that takes no number (a later revision's). */
  readonly number: number | null;
  readonly tree: string;
  readonly parent: string;
  readonly epochSeconds: number;
  readonly message: string;
  /** The candidate where it is a commit already (made by a person, or the baseline itself). */
  readonly existingCommit: string | null;
  readonly ruling: Ruling | null;
  readonly description: string;
  readonly changedPaths: readonly string[];
  readonly insertions: number | null;
  readonly deletions: number | null;
  readonly notes: readonly string[];
  readonly proposeMs: number | null;
  readonly spending?: SpendingRow | null;
  /** The proposer's state with this proposal pending, so that it can learn from the verdict after a restart. */
  readonly proposerState: Json | undefined;
}

export interface Judgement {
  readonly outcome: Outcome;
  readonly verdict: Verdict | null;
  readonly reason: string;
  readonly statistics: Json;
  readonly metric: number | null;
  readonly incumbentMetric: number | null;
  readonly holdout?: number | null;
  readonly feedback: string | null;
  readonly crashTail: string | null;
}

export interface Settlement {
  readonly notes: readonly string[];
  readonly session: Pick<SessionRow, 'id' | 'crashStreak' | 'idleStreak' | 'trials'> & { readonly activeMs: number };
  readonly proposerState: Json | undefined;
  readonly now: number;
}

/** How an attempt ends that does not count. */
export interface UncountedEnding extends Settlement {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly description: string;
  readonly spending?: SpendingRow | null;
}

export interface MeasurementStart {
  readonly trialId: number;
  readonly attempt: number;
  readonly side: MeasuredSide;
  readonly commit: string;
  readonly logPath: (id: number) => string;
  readonly mark: string;
  readonly now: number;
}
