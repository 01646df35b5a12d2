/** Moments for reading: how long ago, and the clock of the reader's own time zone. Pure; the present comes in. */
import { formatSeconds } from '../core/units.js';

const DAY_MS = 86_400_000;

/** `41 s`, `3 h 20 min`: whole seconds, since nobody reads tenths of a waiting time. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return formatSeconds(seconds).replace('.0 s', ' s');
}

export function agoText(at: number, now: number): string {
  return now - at < 1000 ? 'just now' : `${spanText(now - at)} ago`;
}

/** `14:03:11` within a day, with the date before that; local time. */
export function clockText(at: number, now: number): string {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return 'an unknown time';
  const pad = (value: number) => String(value).padStart(2, '0');
  const clock = `${pad(time.getHours())}:${pad(time.getMinutes())}`;
  if (Math.abs(now - at) < DAY_MS) return `${clock}:${pad(time.getSeconds())}`;
  return `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())} ${clock}`;
}
