/**
 * Until when what a run is doing is believable, from the events of the loop. Pure: the watchdog asks it, and stops
 * answering systemd when the time is over.
 */
import type { RunEvent } from '../core/events.js';
import { oneLine } from '../core/text.js';
import { MS_PER_MINUTE } from '../core/units.js';

export interface Liveness {
  /** In words, for `systemctl status`. */
  readonly doing: string;
  /** Settled attempts since the runner started. */
  readonly settled: number;
  /** How long the present step may take, waiting on purpose aside. */
  readonly limitMs: number;
  /** On the monotonic clock. */
  readonly believableUntilMs: number;
}

/** Git in a huge repository, ending processes, the gate: whatever stands between two events takes less than this. */
const SLACK_MS = 15 * MS_PER_MINUTE;

export interface Moment {
  readonly monotonicMs: number;
  /** Since 1970. */
  readonly wallMs: number;
}

export function beginning({ monotonicMs }: Moment): Liveness {
  return { doing: 'starting', settled: 0, limitMs: SLACK_MS, believableUntilMs: monotonicMs + SLACK_MS };
}

/** `proposeLimitMs`: how long one proposal may take; infinite where a person is waited for. */
export function after(before: Liveness, event: RunEvent, at: Moment & { readonly proposeLimitMs: number }): Liveness {
  const step = (limitMs: number, doing: string): Liveness => ({
    ...before,
    ...{ doing, limitMs, believableUntilMs: at.monotonicMs + limitMs },
  });
  switch (event.kind) {
    case 'proposing':
      return step(at.proposeLimitMs + SLACK_MS, `trial ${event.number}: proposing`);
    case 'measuring':
      return step(event.limitMs + SLACK_MS, `trial ${event.number ?? 0}: measuring (${event.side})`);
    case 'measured':
      return step(SLACK_MS, before.doing);
    case 'settled':
      return { ...step(SLACK_MS, 'between two trials'), settled: before.settled + 1 };
    case 'waiting': {
      // The step in which it waits goes on afterwards and has its time again.
      const waitMs = Math.max(0, event.untilMs - at.wallMs);
      return {
        ...step(before.limitMs, `waiting: ${oneLine(event.reason, 100)}`),
        believableUntilMs: at.monotonicMs + waitMs + before.limitMs,
      };
    }
    // A person, or another experiment, decides how long these take.
    case 'paused':
      return step(Number.POSITIVE_INFINITY, 'paused');
    case 'turn':
      return step(Number.POSITIVE_INFINITY, 'waiting for the machine');
    case 'stopping':
      return step(SLACK_MS, 'stopping');
    // A notice, and whatever else says nothing about how long something may take.
    default:
      return before;
  }
}

export function isBelievable({ believableUntilMs }: Liveness, { monotonicMs }: Moment): boolean {
  return monotonicMs <= believableUntilMs;
}
