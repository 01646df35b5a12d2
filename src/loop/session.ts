import { OUTCOME_RULES, type Outcome } from '../core/outcome.js';
import type { SessionRow, TrialKind } from '../store/rows.js';
import type { Settlement } from '../store/steps.js';

/** The counters of one session. They live on in the store, so that a restart after a crash continues them. */
export interface SessionCounters {
  readonly id: number;
  readonly crashStreak: number;
  readonly idleStreak: number;
  readonly trials: number;
}

/** What a settled attempt does to the counters. Pure; the table of outcomes decides. */
export function countOutcome(counters: SessionCounters, outcome: Outcome, kind: TrialKind): SessionCounters {
  if (kind !== 'trial') return counters;
  const rule = OUTCOME_RULES[outcome];
  const crashStreak = { reset: 0, increment: counters.crashStreak + 1, unchanged: counters.crashStreak }[
    rule.crashStreak
  ];
  const idle = outcome === 'no_change' || outcome === 'agent_error' || outcome === 'duplicate';
  if (rule.counts) {
    return { ...counters, crashStreak, idleStreak: idle ? counters.idleStreak + 1 : 0, trials: counters.trials + 1 };
  }
  return { ...counters, crashStreak, idleStreak: counters.idleStreak + (idle ? 1 : 0) };
}

/**
 * Time is counted while a runner lives; what an earlier runner of the same session spent is added. It is time that
 * passed, not the wall clock: a clock that is set, or a machine that slept, spends nobody's hours.
 */
export class Session {
  counters: SessionCounters;
  readonly #earlierMs: number;
  readonly #passedMs: () => number;
  readonly #startedAt: number;
  readonly #counts: boolean;
  #waitedMs = 0;

  constructor(row: SessionRow, { counts, passedMs }: { counts: boolean; passedMs: () => number }) {
    this.counters = { id: row.id, crashStreak: row.crashStreak, idleStreak: row.idleStreak, trials: row.trials };
    this.#earlierMs = row.activeSeconds * 1000;
    this.#passedMs = passedMs;
    this.#startedAt = passedMs();
    this.#counts = counts;
  }

  get activeMs(): number {
    return this.#earlierMs + (this.#counts ? Math.max(0, this.#passedMs() - this.#startedAt - this.#waitedMs) : 0);
  }

  /** What is awaited between two trials is nobody's budget. */
  async discount<T>(wait: () => Promise<T>): Promise<T> {
    const startedAt = this.#passedMs();
    try {
      return await wait();
    } finally {
      this.#waitedMs += this.#passedMs() - startedAt;
    }
  }

  settlement(): Settlement['session'] {
    return { ...this.counters, activeMs: this.activeMs };
  }
}
