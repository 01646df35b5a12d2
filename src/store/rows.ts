import type { Json } from '../core/json.js';
import type { MeasuredSide } from '../core/measurement.js';
import type { Direction } from '../core/metric.js';
import type { MeasurementOutcome, Outcome, Verdict } from '../core/outcome.js';
import type { CommandTrace } from '../process/types.js';

/**
 * The rows of an experiment's store. Times are milliseconds since 1970 (UTC); a number that was not measured is null.
 */

/**
 * What the row's measurements are for: a baseline, a candidate's trial, the whole gain so far (`verification`), which kept
 * changes still pay (`audit`), or the code against itself, to learn what the gate can see (`rehearsal`). Only trials and
 * the first baseline have numbers and verdicts.
 */
export type TrialKind = 'baseline' | 'trial' | 'verification' | 'audit' | 'rehearsal';

/** Tokens and money of a proposal. Unknown is null, never 0. */
export interface SpendingRow {
  readonly costUsd: number | null;
  readonly costSource: 'reported' | 'estimated' | 'unknown';
  readonly tokens: number | null;
  /** What the agent wanted to do and was not allowed to; untrusted text. */
  readonly denials: readonly string[];
}

/** Money of all proposals and judges of an experiment, and tokens of the proposals. */
export interface SpentRow {
  readonly usd: number;
  readonly tokens: number;
  /** Proposals whose price, or number of tokens, nobody said: the sums are at least so much. */
  readonly unknownCosts: number;
  readonly unknownTokens: number;
  /** Evaluations whose judges' price nobody said. */
  readonly unknownJudgeCosts: number;
}

/** The most that one proposal took; null where nobody ever said. */
export interface DearestRow {
  readonly usd: number | null;
  readonly tokens: number | null;
}

/** Where a trial stands. Every phase is written before its side effect; `settled` rows never change again. */
type TrialPhase = 'proposing' | 'committing' | 'measuring' | 'judged' | 'settled';

/** A candidate that is refused unmeasured. */
export interface Ruling {
  readonly outcome: Extract<Outcome, 'out_of_scope' | 'tampered' | 'duplicate' | 'over_budget'>;
  readonly reason: string;
}

export interface TrialRow {
  readonly id: number;
  /** 0 = the baseline. Null for attempts that do not count (nothing changed, agent error, interrupted, re-baseline). */
  readonly number: number | null;
  readonly kind: TrialKind;
  readonly phase: TrialPhase;
  readonly sessionId: number;
  /** Revision of the definitions it was judged by; numbers of different revisions are never compared. */
  readonly revision: number;
  readonly proposer: string;
  /** The incumbent when the trial began. */
  readonly incumbentCommit: string;
  readonly candidateCommit: string | null;
  readonly tree: string | null;
  readonly parentCommit: string | null;
  readonly commitEpochSeconds: number | null;
  readonly commitMessage: string | null;
  /** What is already decided before any measurement, null when the gate is to decide. */
  readonly ruling: Ruling | null;
  readonly description: string;
  /** How often measuring was begun; a third start after two dead runners is a crash. */
  readonly attempt: number;
  readonly outcome: Outcome | null;
  readonly verdict: Verdict | null;
  /** The verdict in words with numbers. */
  readonly reason: string;
  readonly statistics: Json;
  /** The candidate's value that the verdict used (median of its runs), in the metric's unit. */
  readonly metric: number | null;
  /** The incumbent's value it was compared with. */
  readonly incumbentMetric: number | null;
  /** The candidate's held-out value; nothing that a proposer is given may be made from it. */
  readonly holdout: number | null;
  readonly insertions: number | null;
  readonly deletions: number | null;
  readonly changedPaths: readonly string[];
  /** What was noticed and did not decide: stray files left out, a line not rolled back. */
  readonly notes: readonly string[];
  /** What the evaluator left for the next proposal; untrusted text. */
  readonly feedback: string | null;
  /** Last lines of the output when the candidate crashed or a check failed; untrusted text. */
  readonly crashTail: string | null;
  readonly retryOf: number | null;
  /** The proposer's child process, so that it can be ended after the runner died. */
  readonly trace: CommandTrace;
  readonly proposeSeconds: number | null;
  /** What the proposal took; null where no model was asked. */
  readonly spending: SpendingRow | null;
  readonly startedAt: number;
  readonly settledAt: number | null;
}

export interface MeasurementRow {
  readonly id: number;
  readonly trialId: number;
  readonly attempt: number;
  readonly side: MeasuredSide;
  readonly commit: string;
  readonly state: 'running' | 'done' | 'dropped';
  readonly outcome: MeasurementOutcome | null;
  readonly metric: number | null;
  readonly secondary: Readonly<Record<string, number>>;
  readonly reason: string;
  readonly wallSeconds: number | null;
  readonly cpuSeconds: number | null;
  readonly peakMemoryBytes: number | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly containment: string | null;
  readonly swept: number | null;
  /** Of the minute before. */
  readonly loadAverage: number | null;
  readonly cpuMhz: number | null;
  /** Cores that other programs kept busy meanwhile. */
  readonly otherCores: number | null;
  readonly logPath: string;
  readonly trace: CommandTrace;
  readonly startedAt: number;
}

/** One run of the loop from start to stop reason; a restart after a crash goes on with the same session. */
export interface SessionRow {
  readonly id: number;
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** Typed stop reason, null while running (or after the runner died). */
  readonly stopReason: string | null;
  readonly stopDetail: string;
  readonly crashStreak: number;
  readonly idleStreak: number;
  /** Numbered trials settled in this session. */
  readonly trials: number;
  /** Time the session was alive, in seconds, over all its restarts. */
  readonly activeSeconds: number;
}

/** From here on the same code measures differently: the machine changed, not the code. */
export interface EpochRow {
  readonly revision: number;
  /** The trial in which it was noticed. */
  readonly trialId: number;
  /** The code that was measured before and after. */
  readonly commit: string;
  readonly valueBefore: number;
  readonly valueAfter: number;
  readonly beganAt: number;
}

/** What an experiment measures; fixed per revision of its definitions. */
export interface RevisionRow {
  readonly revision: number;
  readonly hash: string;
  readonly metric: string;
  readonly direction: Direction;
  readonly createdAt: number;
}

/** Aggregates over the whole history, read in constant time however long it is. */
export interface Totals {
  readonly trials: number;
  readonly kept: number;
  readonly discarded: number;
  readonly crashed: number;
  readonly uncounted: number;
  /** The baseline's value under the newest revision. */
  readonly baselineMetric: number | null;
  /** The incumbent's own value under the newest revision: the value of the code at the incumbent, not the luckiest. */
  readonly incumbentMetric: number | null;
  readonly incumbentTrial: number | null;
  /** Counted trials since the last keep (or the baseline). */
  readonly sinceKeep: number;
  readonly lastSettledAt: number | null;
}
