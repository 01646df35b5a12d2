import { Cron } from 'croner';
import type { Interval } from '../config/value-types.js';

/**
 * When the next trial may begin. A slot that was missed (the machine slept, the runner was stopped) is made up for once,
 * not as often as it was missed. Pure but for the local time zone, which "daily" is about.
 */
const CALENDAR: Readonly<Record<Extract<Interval, string>, string>> = {
  hourly: '0 * * * *',
  daily: '0 0 * * *',
  weekly: '0 0 * * 1',
  monthly: '0 0 1 * *',
};

/**
 * Milliseconds since 1970; `lastStart` is when the newest trial began, null before the first: then at once. So it is
 * when that lies in the future: the clock was set back, and nobody wants to wait until it has caught up.
 */
export function nextStart(interval: Interval, lastStart: number | null, now: number): number {
  if (lastStart === null || lastStart > now) return 0;
  if (typeof interval !== 'string') return lastStart + interval.everyMs;
  return nextOf(CALENDAR[interval], lastStart);
}

/** The local midnight after `now`. */
export function nextMidnight(now: number): number {
  return nextOf(CALENDAR.daily, now);
}

/** The local midnight at or before `now`. */
export function lastMidnight(now: number): number {
  return new Date(now).setHours(0, 0, 0, 0);
}

function nextOf(pattern: string, after: number): number {
  const next = new Cron(pattern).nextRun(new Date(after));
  if (next === null) throw new Error(`the pattern ${pattern} never comes again`);
  return next.getTime();
}
