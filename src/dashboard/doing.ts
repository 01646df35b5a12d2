/** What a run is doing right now, in words, from the open trial, the running measurement and the newest event. Pure. */
import { oneLine } from '../core/text.js';
import type { MeasurementRow, TrialRow } from '../store/rows.js';
import { clockText } from './when.js';

export interface DoingInput {
  readonly trial: TrialRow | null;
  /** The running measurement, if one runs. */
  readonly measurement: MeasurementRow | null;
  /** The newest line of the runner's log, where it still says something about the present. */
  readonly event: RunnerEvent | null;
  readonly now: number;
}

export type RunnerEvent =
  | { readonly kind: 'paused'; readonly at: number }
  | { readonly kind: 'waiting'; readonly reason: string; readonly untilMs: number; readonly at: number }
  | { readonly kind: 'measuring'; readonly side: string; readonly at: number };

export interface Doing {
  /** Such as `measuring the candidate`. */
  readonly what: string;
  /** Since when, ms since 1970; null where it is not known. */
  readonly since: number | null;
}

const SIDES: Readonly<Record<MeasurementRow['side'], string>> = {
  candidate: 'measuring the candidate',
  incumbent: 'measuring the incumbent again',
  sabotage: 'measuring a target broken on purpose',
  warmup: 'warming up (a number that is thrown away)',
  holdout: 'measuring what is held out',
};

const PROPOSERS: Readonly<Record<string, string>> = {
  agent: 'the agent works on a proposal',
  watch: 'waiting for your change',
  manual: 'looking at your change',
  search: 'choosing the next parameters',
  retry: 'applying the earlier change again',
};

export function doingNow({ trial, measurement, event, now }: DoingInput): Doing {
  if (event?.kind === 'waiting' && event.untilMs > now) {
    return { what: `waiting until ${clockText(event.untilMs, now)}: ${oneLine(event.reason, 200)}`, since: event.at };
  }
  const isIdle = trial === null || (trial.phase === 'proposing' && trial.proposer === 'watch');
  if (event?.kind === 'paused' && isIdle) return { what: 'paused; `resume` goes on', since: event.at };
  if (trial === null) return { what: 'between two trials', since: null };
  switch (trial.phase) {
    case 'proposing':
      return { what: PROPOSERS[trial.proposer] ?? `${oneLine(trial.proposer, 40)} proposes`, since: trial.startedAt };
    case 'committing':
      return { what: 'committing the candidate', since: null };
    case 'measuring':
      return measuring(trial, measurement, event);
    case 'judged':
    case 'settled':
      return { what: 'recording the verdict', since: null };
  }
}

function measuring(trial: TrialRow, measurement: MeasurementRow | null, event: RunnerEvent | null): Doing {
  if (measurement !== null) {
    const baseline = trial.kind === 'baseline' && measurement.side === 'candidate';
    return {
      what: baseline ? 'measuring the unmodified code' : SIDES[measurement.side],
      since: measurement.startedAt,
    };
  }
  const side = event?.kind === 'measuring' ? event.side : '';
  if (side === 'setup') return { what: 'running setup_cmd', since: event?.at ?? null };
  if (side === 'check') return { what: 'running the checks', since: event?.at ?? null };
  return { what: 'between two measurements', since: null };
}

/** `trial #0043`, `the baseline`, `the verification`; the number it will take while it has none. */
export function trialName(trial: TrialRow, nextNumber: number): string {
  if (trial.kind !== 'trial') return `the ${trial.kind}`;
  return `trial #${String(trial.number ?? nextNumber).padStart(4, '0')}`;
}
