import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { improvement, isBetter, minEffectAmount, percentChange } from '../../src/core/metric.js';
import { Random } from '../../src/core/random.js';
import { median, noisePercent, standardDeviation } from '../../src/core/statistics.js';
import {
  digitsApart,
  formatBytes,
  formatMetric,
  formatPercent,
  formatSeconds,
  formatValue,
  unitOfMetric,
} from '../../src/core/units.js';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

describe('durations', () => {
  it.each([
    [0, '0.0 s'],
    [0.84, '0.8 s'],
    [9.94, '9.9 s'],
    [41.4, '41 s'],
    [89.4, '89 s'],
    [120, '2 min'],
    [725, '12 min 5 s'],
    [3599.4, '59 min 59 s'],
    [3599.6, '1 h'],
    [12_000, '3 h 20 min'],
    [86_400, '1 d'],
    [187_200, '2 d 4 h'],
    [40_000_000, '462 d 23 h'],
  ])('%d seconds are shown as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [5 * 1024 ** 3, '5.0 GiB'],
    [3 * 1024 ** 5, '3072.0 TiB'],
    [-2048, '-2.0 KiB'],
  ])('%d bytes are shown as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('values', () => {
  it.each([
    [0, '0'],
    [-0, '0'],
    [42, '42'],
    [-42, '-42'],
    [1234567, '1234567'],
    [0.1 + 0.2, '0.3'],
    [12.345678, '12.3457'],
    [123456.789, '123457'],
    [0.00001234, '0.00001234'],
    [1.5e-9, '1.5e-9'],
    [-2e-7, '-2e-7'],
    [1e15, '1e+15'],
    [1.25e21, '1.25e+21'],
    [999999999999999, '999999999999999'],
  ])('%d is shown as %s', (value, text) => {
    expect(formatValue(value)).toBe(text);
  });

  it('are near what they show, and never shown as zero unless they are', () => {
    fc.assert(
      fc.property(finite, (value) => {
        const shown = Number(formatValue(value));
        expect(Math.abs(shown - value)).toBeLessThanOrEqual(Math.abs(value) * 1e-5);
        expect(shown === 0).toBe(value === 0);
      }),
    );
  });

  it('side by side have as many digits as tell them apart', () => {
    expect(digitsApart([119.193, 119.193])).toBe(6);
    const [a, b] = [119.19304, 119.19301];
    expect([a, b].map((value) => formatMetric('p50_ms', value, digitsApart([a, b])))).toEqual([
      '119.19304 ms',
      '119.19301 ms',
    ]);
    fc.assert(
      fc.property(finite, finite, (one, other) => {
        const digits = digitsApart([one, other]);
        expect(formatValue(one, digits) === formatValue(other, digits)).toBe(one === other);
      }),
    );
  });

  it.each([
    ['p50_ms', 'ms'],
    ['size_bytes', 'bytes'],
    ['time_us', 'µs'],
    ['hit_percent', '%'],
    ['P50_MS', 'ms'],
    ['ms', 'ms'],
    ['pass_rate', ''],
    ['items', ''],
    ['', ''],
    ['a_constructor', ''],
    ['a___proto__', ''],
  ])('the metric %j carries the unit %j', (metric, unit) => {
    expect(unitOfMetric(metric)).toBe(unit);
    expect(formatMetric(metric, 2)).toBe(unit === '' ? '2' : `2 ${unit}`);
  });
});

describe('percentages', () => {
  it.each([
    [-12.54, '-12.5 %'],
    [0.3, '+0.3 %'],
    [0, '±0 %'],
    [-0, '±0 %'],
    [0.04, '+0.04 %'],
    [-0.04, '-0.04 %'],
    [0.0049, '+0.005 %'],
    [-0.0004, '-4e-4 %'],
    [1e-300, '+1e-300 %'],
    [250.4, '+250 %'],
    [-99.96, '-100.0 %'],
    [2.5e7, '+2.5e+7 %'],
    [null, 'n/a'],
  ])('%s is shown as %s', (percent, text) => {
    expect(formatPercent(percent)).toBe(text);
  });

  it.each([
    [100, 90, -10],
    [100, 110, 10],
    [-50, -55, -10],
    [-50, -45, 10],
    [-1, 1, 200],
    [0, 0, 0],
    [0, 1, null],
    [5e-324, 1e308, null],
  ])('from %d to %d it is %s', (from, to, percent) => {
    expect(percentChange(from, to)).toBe(percent);
  });

  it('have the sign of the movement, or are not there', () => {
    fc.assert(
      fc.property(finite, finite, (from, to) => {
        const percent = percentChange(from, to);
        if (percent !== null && percent !== 0) expect(Math.sign(percent)).toBe(Math.sign(to - from));
      }),
    );
  });
});

describe('better', () => {
  it('is strict, one-sided, and the same as a positive improvement', () => {
    fc.assert(
      fc.property(fc.constantFrom('lower', 'higher'), finite, finite, (direction, a, b) => {
        const better = isBetter(direction, a, b);
        expect(better && isBetter(direction, b, a)).toBe(false);
        expect(better).toBe(improvement(direction, b, a) > 0);
        expect(isBetter(direction, a, a)).toBe(false);
        expect(better).toBe(isBetter(direction === 'lower' ? 'higher' : 'lower', b, a));
      }),
    );
  });

  it('can be asked to be by an amount, or by a share of the incumbent’s size', () => {
    expect(minEffectAmount({ kind: 'absolute', amount: 0.5 }, -100)).toBe(0.5);
    expect(minEffectAmount({ kind: 'percent', percent: 2 }, -100)).toBe(2);
    expect(minEffectAmount({ kind: 'percent', percent: 2 }, 0)).toBe(0);
  });
});

describe('summaries of a few values', () => {
  it.each([
    [[3], 3],
    [[1, 2], 1.5],
    [[10, 9, 100], 10],
    [[-1, -10, -100, -2], -6],
    [[Number.MAX_VALUE, Number.MAX_VALUE], Number.MAX_VALUE],
  ])('the median of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('do not exist of nothing', () => {
    expect(() => median([])).toThrow(RangeError);
  });

  it('lie inside the values, in whatever order these come, and leave them in place', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 9 }), (values) => {
        const given = [...values];
        const middle = median(values);
        expect(middle).toBeGreaterThanOrEqual(Math.min(...values));
        expect(middle).toBeLessThanOrEqual(Math.max(...values));
        expect(values).toEqual(given);
        expect(median([...values].reverse())).toBe(middle);
      }),
    );
  });

  it('know the spread', () => {
    expect(standardDeviation([5])).toBe(0);
    expect(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(2.138, 3);
    expect(noisePercent([95, 105])).toBeCloseTo(7.07, 2);
    expect(noisePercent([-95, -105])).toBeCloseTo(7.07, 2);
    expect(noisePercent([0, 0])).toBeNull();
  });
});

describe('the seeded generator', () => {
  it('repeats itself from the same seed, and goes on from a saved state', () => {
    const one = new Random(7);
    const first = Array.from({ length: 50 }, () => one.next());
    const two = new Random(7);
    expect(Array.from({ length: 50 }, () => two.next())).toEqual(first);
    const rest = new Random(one.state);
    expect([rest.next(), rest.below(10), rest.pick(['a', 'b', 'c'])]).toEqual([
      one.next(),
      one.below(10),
      one.pick(['a', 'b', 'c']),
    ]);
  });

  it('is uniform enough, and inside its range for every seed', () => {
    const random = new Random(1);
    const bins = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 10_000; draw += 1) {
      const bin = random.below(10);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    for (const bin of bins) expect(Math.abs(bin - 1000)).toBeLessThan(150);
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 1e9 }), (seed, limit) => {
        const draw = new Random(seed).below(limit);
        expect(draw).toBeGreaterThanOrEqual(0);
        expect(draw).toBeLessThan(limit);
      }),
    );
    expect(() => random.pick([])).toThrow(RangeError);
  });
});
