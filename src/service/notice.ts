import { AppError, errorMessage } from '../core/errors.js';
import type { Json } from '../core/json.js';
import { percentChange } from '../core/metric.js';
import { oneLine } from '../core/text.js';
import { formatMetric, formatPercent } from '../core/units.js';
import type { Stop, StopReason } from '../loop/stop-rules.js';
import type { TrialRow } from '../store/rows.js';

/** What the owner of a run is told when something happened that matters. Pure; texts of agents are cut and printable. */
export type NoticeEvent =
  | 'new_best'
  | 'target_reached'
  | 'plateau'
  | 'budget_spent'
  | 'stopped'
  | 'runner_restarted'
  | 'test';

export interface Notice {
  readonly event: NoticeEvent;
  /** One sentence. */
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly details: { readonly [key: string]: Json };
}

/** News that cannot wait for others to be told with it. */
export function isUrgent({ event }: Notice): boolean {
  return event !== 'new_best';
}

/** The notice of a kept trial; null for every other. */
export function newBest(
  trial: TrialRow,
  { metric, baseline, at }: { metric: string; baseline: number | null; at: number },
): Notice | null {
  if (trial.kind !== 'trial' || trial.verdict !== 'keep' || trial.metric === null) return null;
  const change = baseline === null ? null : percentChange(baseline, trial.metric);
  const text = `${oneLine(formatMetric(metric, trial.metric), 60)} (${formatPercent(change)} from the baseline, unverified): ${oneLine(trial.description, 200)}`;
  return {
    ...{ event: 'new_best', at, text: `new best, trial ${trial.number ?? '-'}: ${text}` },
    details: {
      trial: trial.number,
      value: trial.metric,
      changePercent: change,
      description: oneLine(trial.description, 200),
    },
  };
}

const EVENT_OF_STOP: Readonly<Partial<Record<StopReason, NoticeEvent>>> = {
  target_reached: 'target_reached',
  patience: 'plateau',
  max_hours: 'budget_spent',
  max_trials: 'budget_spent',
  max_cost: 'budget_spent',
  max_tokens: 'budget_spent',
};

export function noticeOfStop({ reason, detail, hint }: Stop, at: number): Notice {
  return noticeOfEnd({ event: EVENT_OF_STOP[reason] ?? 'stopped', reason, detail, hint, at });
}

/** A run that ended before it could put the reason on record: on a full disk, say. */
export function noticeOfFailure(error: unknown, at: number): Notice {
  const { code: reason, hint } = error instanceof AppError ? error : { code: 'failed', hint: undefined };
  return noticeOfEnd({ event: 'stopped', reason, detail: errorMessage(error), hint, at });
}

interface End {
  readonly event: NoticeEvent;
  readonly reason: string;
  readonly detail: string;
  readonly hint: string | undefined;
  readonly at: number;
}

function noticeOfEnd({ event, reason, detail, hint, at }: End): Notice {
  const cure = hint === undefined ? '' : ` Next: ${oneLine(hint, 500)}`;
  return {
    ...{ event, at },
    text: `stopped (${reason.replaceAll('_', ' ')}): ${oneLine(detail, 500)}.${cure}`,
    details: { reason, detail: oneLine(detail, 1000), hint: hint === undefined ? null : oneLine(hint, 1000) },
  };
}

/** systemd gives up without a word: it has to be said before. */
export function runnerRestarted(at: number, { underSystemd }: { underSystemd: boolean }): Notice {
  const last = '; after five such ends within five minutes the service is given up (autoresearch service status)';
  const text = `the last runner ended without a word; a new one goes on from there${underSystemd ? last : ''}`;
  return { event: 'runner_restarted', at, text, details: {} };
}

/** One message for all of them: `text` is what Slack and its likes show. */
export function messageOf(experiment: string, host: string, notices: readonly Notice[]): Json {
  const texts = notices.map(({ text }) => text);
  return {
    schemaVersion: 1,
    ...{ text: `autoresearch ${experiment} on ${host}: ${texts.join('\n')}`, experiment, host },
    event: notices.at(-1)?.event ?? 'test',
    notices: notices.map(({ event, text, at, details }) => ({ event, text, at: new Date(at).toISOString(), details })),
  };
}
