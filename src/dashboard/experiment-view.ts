/**
 * What is worth knowing about one experiment at a glance, from its totals, its newest session and its runner. Pure: the
 * clock comes in. `best` is the value of the code at the incumbent, never the luckiest number ever measured.
 */
import type { Direction } from '../core/metric.js';
import { isBetter, percentChange } from '../core/metric.js';
import type { ExperimentName } from '../core/names.js';
import type { SessionRow, Totals } from '../store/rows.js';
import type { FinalPick } from './held-out.js';
import type { Proof } from './proof.js';

/** `running` has a live runner; the others tell the age of the last result: under 1 h, under 24 h, older, none. */
export type ExperimentState = 'running' | 'active' | 'paused' | 'done' | 'idle';

export interface ExperimentViewInput {
  readonly name: ExperimentName;
  readonly metric: string;
  readonly direction: Direction;
  readonly totals: Totals;
  /** The newest session. */
  readonly session: SessionRow | null;
  /** The owner of the lock: whether it lives, and since when (ms since 1970). */
  readonly runner: { readonly alive: boolean; readonly since: number } | null;
  /** When a runner last touched its heartbeat, ms since 1970; null when none ever lived. */
  readonly heartbeatAt: number | null;
  /** Rows taken over from an older results.tsv. */
  readonly importedCount: number;
  /** The baseline's value and the best code's were measured in different epochs. */
  readonly machineChanged?: boolean;
  readonly proof: Proof;
  /** The best of the kept commits by what is held out; absent where nothing was chosen. */
  readonly final?: FinalPick | null;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface ExperimentView {
  readonly name: ExperimentName;
  readonly metric: string;
  readonly direction: Direction;
  readonly state: ExperimentState;
  readonly trials: number;
  readonly kept: number;
  readonly discarded: number;
  readonly crashed: number;
  readonly uncounted: number;
  readonly imported: number;
  readonly baseline: number | null;
  readonly best: number | null;
  /** From the baseline to the best, in percent, negative when the number fell; null without either, from zero, or across epochs. */
  readonly changePercent: number | null;
  /** The two values above are not comparable: only fresh pairs (`proof`) tell the gain. */
  readonly machineChanged: boolean;
  /** Whether the best is better than the baseline; null without either. Across epochs: whether anything was kept. */
  readonly improved: boolean | null;
  /** How far the gain is proved. */
  readonly proof: Proof;
  readonly final: FinalPick | null;
  readonly incumbentTrial: number | null;
  /** Counted trials since the last keep. */
  readonly sinceKeep: number;
  /** Ms since 1970 of the last settled trial. */
  readonly lastResultAt: number | null;
  /** Ms since 1970 of the last thing known to have happened: a result, a start, an end or a heartbeat. */
  readonly lastSignAt: number | null;
  /** Time the newest session was alive, in seconds. */
  readonly elapsedSeconds: number | null;
  readonly stopReason: string | null;
  readonly stopDetail: string;
  /** The newest session has no end and no live runner: it was killed. */
  readonly runnerDied: boolean;
  /** When the view was taken, ms since 1970. */
  readonly now: number;
}

const HOUR_MS = 3_600_000;

export function experimentView(input: ExperimentViewInput): ExperimentView {
  const { totals, session, direction } = input;
  const baseline = totals.baselineMetric;
  const best = totals.incumbentMetric;
  const compared = baseline !== null && best !== null;
  const machineChanged = compared && input.machineChanged === true;
  const isImproved = compared && (machineChanged ? totals.kept > 0 : isBetter(direction, best, baseline));
  return {
    name: input.name,
    metric: input.metric,
    direction,
    state: stateOf(input),
    trials: totals.trials,
    kept: totals.kept,
    discarded: totals.discarded,
    crashed: totals.crashed,
    uncounted: totals.uncounted,
    imported: input.importedCount,
    baseline,
    best,
    changePercent: compared && !machineChanged ? percentChange(baseline, best) : null,
    machineChanged,
    improved: compared ? isImproved : null,
    proof: input.proof,
    final: input.final ?? null,
    incumbentTrial: totals.incumbentTrial,
    sinceKeep: totals.sinceKeep,
    lastResultAt: totals.lastSettledAt,
    lastSignAt: lastSign(input),
    elapsedSeconds: elapsedSeconds(input),
    stopReason: session?.stopReason ?? null,
    stopDetail: session?.stopDetail ?? '',
    runnerDied: session !== null && session.endedAt === null && input.runner?.alive !== true,
    now: input.now,
  };
}

function stateOf({ runner, totals, now }: ExperimentViewInput): ExperimentState {
  if (runner?.alive) return 'running';
  if (totals.lastSettledAt === null) return 'idle';
  const ageMs = now - totals.lastSettledAt;
  if (ageMs < HOUR_MS) return 'active';
  return ageMs < 24 * HOUR_MS ? 'paused' : 'done';
}

function lastSign({ runner, session, totals, heartbeatAt }: ExperimentViewInput): number | null {
  const signs = [totals.lastSettledAt, session?.startedAt, session?.endedAt, runner?.since, heartbeatAt];
  const known = signs.filter((sign): sign is number => typeof sign === 'number');
  return known.length === 0 ? null : Math.max(...known);
}

function elapsedSeconds({ runner, session, now }: ExperimentViewInput): number | null {
  if (session === null) return null;
  // The stored time is brought up to date at trial boundaries only; a long trial must not make the clock stand still.
  const sinceStart = runner?.alive ? (now - runner.since) / 1000 : 0;
  return Math.max(session.activeSeconds, sinceStart);
}
