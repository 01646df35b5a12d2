/**
 * What can happen to a trial (outcome: a fact) and what is decided about it (verdict: a judgement), and the one table
 * that says what each outcome means for the verdict, the results file and the stop rules.
 */
export const OUTCOMES = [
  'measured',
  'crashed',
  'timed_out',
  'metric_error',
  'check_failed',
  'skipped',
  'out_of_scope',
  'tampered',
  'duplicate',
  'over_budget',
  'no_change',
  'agent_error',
  'interrupted',
  'not_started',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const VERDICTS = ['keep', 'discard', 'crash'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Outcomes that a single execution of the evaluator can have. */
export type MeasurementOutcome =
  | Extract<
      Outcome,
      'measured' | 'crashed' | 'timed_out' | 'metric_error' | 'skipped' | 'tampered' | 'not_started' | 'interrupted'
    >
  | 'try_later';

interface OutcomeRule {
  /** The verdict that follows without asking the gate; `gate` where the gate decides; null where there is none. */
  readonly verdict: Verdict | 'gate' | null;
  readonly crashStreak: 'reset' | 'increment' | 'unchanged';
  /** Whether the attempt takes a trial number, a row in results.tsv and counts against `max_trials`. */
  readonly counts: boolean;
}

export const OUTCOME_RULES: Readonly<Record<Outcome, OutcomeRule>> = {
  measured: { verdict: 'gate', crashStreak: 'reset', counts: true },
  check_failed: { verdict: 'discard', crashStreak: 'reset', counts: true },
  crashed: { verdict: 'crash', crashStreak: 'increment', counts: true },
  timed_out: { verdict: 'crash', crashStreak: 'increment', counts: true },
  metric_error: { verdict: 'crash', crashStreak: 'increment', counts: true },
  out_of_scope: { verdict: 'discard', crashStreak: 'unchanged', counts: true },
  tampered: { verdict: 'discard', crashStreak: 'unchanged', counts: true },
  duplicate: { verdict: 'discard', crashStreak: 'unchanged', counts: true },
  over_budget: { verdict: 'discard', crashStreak: 'unchanged', counts: true },
  skipped: { verdict: 'discard', crashStreak: 'unchanged', counts: true },
  no_change: { verdict: null, crashStreak: 'unchanged', counts: false },
  agent_error: { verdict: null, crashStreak: 'unchanged', counts: false },
  interrupted: { verdict: null, crashStreak: 'unchanged', counts: false },
  not_started: { verdict: null, crashStreak: 'unchanged', counts: false },
};
