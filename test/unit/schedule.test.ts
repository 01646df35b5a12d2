import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lastMidnight, nextMidnight, nextStart } from '../../src/loop/schedule.js';

const at = (text: string) => new Date(text).getTime();

describe('the next trial', () => {
  it('begins at once when none began before', () => {
    expect(nextStart('monthly', null, 0)).toBe(0);
  });

  it('begins so long after the last one began, not after it ended', () => {
    expect(nextStart({ everyMs: 600_000 }, 1_000, 2_000)).toBe(601_000);
  });

  it.each([
    ['hourly', '2026-03-02T10:15:00', '2026-03-02T11:00:00'],
    ['daily', '2026-03-02T10:15:00', '2026-03-03T00:00:00'],
    ['weekly', '2026-03-04T10:15:00', '2026-03-09T00:00:00'],
    ['monthly', '2026-01-31T10:15:00', '2026-02-01T00:00:00'],
    ['monthly', '2026-12-01T00:00:00', '2027-01-01T00:00:00'],
  ] as const)('is due %s after %s at %s', (interval, last, next) => {
    expect(nextStart(interval, at(last), at(last))).toBe(at(next));
  });

  it('that was missed many times is due once: the slot after the last start lies in the past', () => {
    const now = at('2026-03-09T08:00:00');
    expect(nextStart('daily', at('2026-03-02T10:15:00'), now)).toBeLessThan(now);
    expect(nextStart('daily', now, now)).toBeGreaterThan(now);
  });

  it('is due at once when the last one began in the future: the clock was set back', () => {
    const now = at('2026-03-01T08:00:00');
    for (const interval of ['daily', { everyMs: 600_000 }] as const) {
      expect(nextStart(interval, at('2026-03-02T08:00:00'), now)).toBeLessThan(now);
    }
  });

  it('is always later than the last one', () => {
    const moments = fc.integer({ min: at('2020-01-01T00:00:00'), max: at('2035-01-01T00:00:00') });
    const intervals = fc.constantFrom('hourly', 'daily', 'weekly', 'monthly', { everyMs: 1 });
    fc.assert(
      fc.property(moments, intervals, (last, interval) => {
        expect(nextStart(interval as 'hourly', last, last)).toBeGreaterThan(last);
      }),
    );
  });
});

it('the day of a moment lies between its two midnights', () => {
  const noon = at('2026-11-01T12:00:00');
  expect([lastMidnight(noon), nextMidnight(noon)]).toEqual([at('2026-11-01T00:00:00'), at('2026-11-02T00:00:00')]);
});
