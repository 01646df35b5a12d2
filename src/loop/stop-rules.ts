import { EXIT_CODES, type ExitName } from '../core/errors.js';
import { type Direction, isBetter } from '../core/metric.js';
import { digitsApart, formatMetric } from '../core/units.js';
import type { SpentRow } from '../store/rows.js';
import type { SessionCounters } from './session.js';
import { type MoneyLimits, stopForMoney } from './spending.js';

/** Why a run ended: typed, because scripts, service units and people all act on it. */
const STOP_REASONS = {
  trial_done: 'done',
  max_experiments: 'done',
  max_trials: 'done',
  max_hours: 'done',
  target_reached: 'done',
  patience: 'done',
  proposer_finished: 'done',
  max_cost: 'done',
  max_tokens: 'done',
  cost_unknown: 'config',
  stopped: 'done',
  proposer_gave_up: 'proposer',
  crash_streak: 'crash_streak',
  environment_broken: 'environment',
  baseline_failed: 'baseline',
  conflict: 'conflict',
  interrupted: 'interrupted',
  terminated: 'terminated',
  config: 'config',
  repository: 'repository',
  store: 'store',
  failed: 'bug',
} as const satisfies Readonly<Record<string, ExitName>>;

export type StopReason = keyof typeof STOP_REASONS;

export function isStopReason(text: string): text is StopReason {
  return Object.hasOwn(STOP_REASONS, text);
}

export interface Stop {
  readonly reason: StopReason;
  /** One sentence for people. */
  readonly detail: string;
  /** The next command to type, where there is something to mend. */
  readonly hint?: string;
}

export function exitCodeOf(reason: StopReason): number {
  return EXIT_CODES[STOP_REASONS[reason]];
}

export interface StopInput {
  readonly counters: SessionCounters;
  readonly activeMs: number;
  /** Counted trials in the experiment's life, and since the last keep. */
  readonly totalTrials: number;
  readonly sinceKeep: number;
  readonly metric: string;
  readonly direction: Direction;
  readonly incumbentMetric: number | null;
  readonly spent: SpentRow;
  readonly limits: MoneyLimits & {
    readonly maxExperiments: number | null;
    readonly maxTrials: number | null;
    readonly maxHours: number | null;
    readonly patience: number | null;
    readonly targetValue: number | null;
    readonly maxConsecutiveCrashes: number;
    readonly maxIdleProposals: number;
  };
}

/** The first rule that says stop, or null. Pure: looked at between trials. */
export function stopBecause({ counters, limits, ...state }: StopInput): Stop | null {
  const { targetValue } = limits;
  const best = state.incumbentMetric;
  if (targetValue !== null && best !== null && !isBetter(state.direction, targetValue, best)) {
    const digits = digitsApart([targetValue, best]);
    const show = (value: number) => formatMetric(state.metric, value, digits);
    return { reason: 'target_reached', detail: `the target ${show(targetValue)} is reached: ${show(best)}` };
  }
  if (counters.crashStreak >= limits.maxConsecutiveCrashes) {
    return {
      reason: 'crash_streak',
      detail: `${counters.crashStreak} candidates in a row crashed, while the incumbent can still be measured`,
      hint: 'look at the newest crash with `autoresearch logs`, then run again',
    };
  }
  if (counters.idleStreak >= limits.maxIdleProposals) {
    return {
      reason: 'proposer_gave_up',
      detail: `${counters.idleStreak} proposals in a row changed nothing, repeated an earlier one or failed`,
      hint: 'see why with `autoresearch results --all`; the transcripts are with each attempt',
    };
  }
  if (limits.maxExperiments !== null && counters.trials >= limits.maxExperiments) {
    const { trials } = counters;
    const detail =
      trials === 1 ? 'one trial was asked for and is done' : `${trials} trials were asked for and are done`;
    return { reason: 'max_experiments', detail };
  }
  if (limits.maxTrials !== null && state.totalTrials >= limits.maxTrials) {
    return { reason: 'max_trials', detail: `the experiment has its max_trials = ${limits.maxTrials}` };
  }
  if (limits.maxHours !== null && state.activeMs >= limits.maxHours * 3_600_000) {
    return { reason: 'max_hours', detail: `the session has run for max_hours = ${limits.maxHours}` };
  }
  const money = stopForMoney(limits, state.spent);
  if (money !== null) return money;
  if (limits.patience !== null && state.sinceKeep >= limits.patience) {
    return {
      reason: 'patience',
      detail: `${state.sinceKeep} trials in a row brought no keep (patience = ${limits.patience})`,
    };
  }
  return null;
}
