/**
 * When a rate limit ends, from the words that a CLI or a server says about it. Pure: the clock comes in. Times are
 * milliseconds since 1970; nothing further away than a day is believed.
 */
const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 3600 * SECOND_MS,
  d: DAY_MS,
};

const CLOCK = /resets?(?: at)?\s+(\d{1,2})(?::(\d{2}))?\s*(am|pm)?(?:\s*\(([A-Za-z_]+(?:\/[A-Za-z_+-]+[0-9]*)*)\))?/i;
const STAMP =
  /(?:resets?|retry|again|until)\D{0,20}(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))/i;
const IN =
  /(?:resets?|retry|again|reset|wait)[a-z\s:]{0,24}?((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|[smhd])\b[\s,and]*)+)/i;
const PART = /(\d+(?:\.\d+)?)\s*([a-z]+)/gi;

/** Null when the text names no time. */
export function resetTimeIn(text: string, now: number): number | null {
  const stamp = STAMP.exec(text)?.[1];
  if (stamp !== undefined && !Number.isNaN(Date.parse(stamp))) return believable(Date.parse(stamp), now);
  const span = IN.exec(text)?.[1];
  if (span !== undefined) return believable(now + spanMs(span), now);
  const clock = CLOCK.exec(text);
  if (clock === null) return null;
  const [, hour = '', minute = '0', half, zone] = clock;
  // "resets 3" alone may be anything.
  if (half === undefined && clock[2] === undefined) return null;
  const wanted = minuteOfDay(Number(hour), Number(minute), half?.toLowerCase());
  return wanted === null ? null : nextTimeOfDay(wanted, { now, zone: zone ?? null });
}

/** Never in the past, never more than a day away. */
export function believable(at: number, now: number): number {
  return Math.min(Math.max(at, now), now + DAY_MS);
}

/** `Retry-After`: seconds, or a date. Null when it is neither. */
export function retryAfterTime(header: string | null, now: number): number | null {
  const value = header?.trim() ?? '';
  if (/^\d+(?:\.\d+)?$/.test(value)) return believable(now + Number(value) * SECOND_MS, now);
  const at = value === '' ? Number.NaN : Date.parse(value);
  return Number.isNaN(at) ? null : believable(at, now);
}

function spanMs(span: string): number {
  let total = 0;
  for (const [, amount = '0', unit = ''] of span.matchAll(PART)) {
    const short = /^(ms|milli)/i.test(unit) ? 'ms' : unit.charAt(0).toLowerCase();
    total += Number(amount) * (UNIT_MS[short] ?? 0);
  }
  return total;
}

function minuteOfDay(hour: number, minute: number, half: string | undefined): number | null {
  if (minute > 59 || hour > (half === undefined ? 23 : 12) || (half !== undefined && hour === 0)) return null;
  const base = half === undefined ? hour : (hour % 12) + (half === 'pm' ? 12 : 0);
  return base * 60 + minute;
}

/** The next moment at which a clock in that zone shows the wanted minute; in UTC when the zone is not known. */
function nextTimeOfDay(wanted: number, { now, zone }: { now: number; zone: string | null }): number {
  const shown = minuteShown(now, zone);
  const minutes = (wanted - shown + 1440) % 1440;
  const wholeMinute = Math.floor(now / 60_000) * 60_000;
  // The very minute that is shown: a moment from now, not tomorrow.
  return believable(wholeMinute + (minutes === 0 ? 1 : minutes) * 60_000, now);
}

function minuteShown(now: number, zone: string | null): number {
  try {
    const format = new Intl.DateTimeFormat('en-GB', {
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
      ...(zone === null ? {} : { timeZone: zone }),
    });
    const [hour = 0, minute = 0] = format.format(now).split(':').map(Number);
    return hour * 60 + minute;
  } catch {
    const date = new Date(now); // A zone that this machine does not know.
    return date.getUTCHours() * 60 + date.getUTCMinutes();
  }
}
