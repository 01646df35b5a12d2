import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { firstStandsApart, lagOneCorrelation, trendOf, twoLevels } from '../../src/core/trend.js';
import { type SensitivityRequest, sensitivity, signTestPower } from '../../src/gate/sensitivity.js';
import { present } from '../helpers/process.js';

function normals(count: number, seed: number): number[] {
  const random = new Random(seed);
  const one = () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  return Array.from({ length: count }, one);
}

const noisyRuns = (sd: number) => normals(10, 3).map((z) => 100 * Math.exp(sd * z));
const request = (changes: Partial<SensitivityRequest>): SensitivityRequest => ({
  ...{ gate: 'auto', metric: 'p50_ms', direction: 'lower', minEffect: null, runs: noisyRuns(0.03), seed: 1 },
  ...changes,
});

describe('what a gate can see', () => {
  it('is told per level: a gain that most trials keep, its cost, and how rarely nothing is kept', () => {
    const rows = sensitivity(request({}));
    expect(rows.map(({ level }) => level)).toEqual(['fast', 'default', 'strict']);
    for (const row of rows) {
      // Noise of 3 % hides 1 %, and never 20 %.
      expect(row.unit).toBe('percent');
      expect(present(row.smallestGain)).toBeGreaterThan(1);
      expect(present(row.smallestGain)).toBeLessThan(20);
      expect(row.evaluationsOfNothing).toBeLessThan(row.evaluationsOfGain);
      expect(row.falseKeepsPer100).toBeLessThan(2);
    }
  });

  it('shrinks with the noise', () => {
    const gain = (sd: number) => present(sensitivity(request({ runs: noisyRuns(sd) }))[1]?.smallestGain);
    expect(gain(0.01)).toBeLessThan(gain(0.03) / 2);
  });

  it('is everything where nothing varies: one run for nothing, three for a keep', () => {
    const [row, ...others] = sensitivity(request({ runs: [5, 5, 5], direction: 'higher' }));
    expect(others).toEqual([]);
    expect(row).toMatchObject({ level: null, smallestGain: 0, evaluationsOfNothing: 1, evaluationsOfGain: 3 });
    expect(row?.falseKeepsPer100).toBe(0);
  });

  it('starts at the smallest effect that counts', () => {
    const minEffect = { kind: 'percent', percent: 2 } as const;
    expect(sensitivity(request({ runs: [5, 5, 5], minEffect }))[0]?.smallestGain).toBeCloseTo(2, 9);
    const demanding = { kind: 'percent', percent: 30 } as const;
    expect(present(sensitivity(request({ minEffect: demanding }))[1]?.smallestGain)).toBeGreaterThan(15);
  });

  it('shows what a single comparison lets through: nearly half of all candidates that change nothing', () => {
    const [row] = sensitivity(request({ gate: 'single' }));
    expect(row).toMatchObject({ level: null, evaluationsOfNothing: 1 });
    expect(present(row).falseKeepsPer100).toBeGreaterThan(35);
  });

  it('is an amount where values are not all positive, and the same for the same runs', () => {
    const given = request({ runs: [5, -5, 3, 1, 0, 2, -1], direction: 'higher' });
    expect(sensitivity(given)[1]?.unit).toBe('amount');
    expect(sensitivity(given)).toEqual(sensitivity(given));
  });

  it('comes to an end with finite numbers, whatever was measured', () => {
    const value = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: 0, max: 3 }));
    const runs = fc.array(value, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(runs, fc.constantFrom('lower' as const, 'higher' as const), (values, direction) => {
        for (const row of sensitivity(request({ gate: 'single', runs: values, direction }))) {
          const numbers = [row.smallestGain ?? 0, row.evaluationsOfNothing, row.evaluationsOfGain];
          expect(numbers.every((number) => Number.isFinite(number) && number >= 0)).toBe(true);
        }
      }),
      { numRuns: 20, examples: [[[4.2e249, 1, 1], 'higher']] },
    );
  });
});

describe('what a sign test of items proves', () => {
  const power = (items: number) => signTestPower(items, { before: 0.6, after: 0.8 });

  it('of a rise from 60 to 80 %: next to nothing with 7 items, half with 40, most with 80', () => {
    expect([7, 40, 80].map((items) => Math.round(100 * power(items)))).toEqual([3, 54, 84]);
    expect(power(0)).toBe(0);
    expect(power(100_000)).toBeGreaterThan(0.999);
  });

  it('keeps its error where nothing rose', () => {
    for (const items of [5, 20, 100])
      expect(signTestPower(items, { before: 0.6, after: 0.6 })).toBeLessThanOrEqual(0.05);
  });
});

describe('a short series of runs of the same code', () => {
  const calm = Array.from({ length: 1000 }, (_, i) => normals(10, i + 1));
  const share = (of: (values: number[]) => boolean) => calm.filter(of).length / calm.length;

  it('has a trend when it rises steadily, with the slope of most pairs', () => {
    const rising = normals(10, 7).map((z, i) => 3 * i + 0.3 * z);
    expect(trendOf(rising).p).toBeLessThan(0.001);
    expect(trendOf(rising).slope).toBeCloseTo(3, 0);
    expect(trendOf([...rising].reverse()).slope).toBeCloseTo(-3, 0);
    expect(trendOf([4, 4, 4, 4, 4])).toEqual({ slope: 0, p: 1 });
    expect(trendOf([1, 2, 3]).p).toBe(1);
  });

  it('has a cold start when only the first run lies apart', () => {
    expect(firstStandsApart([150, 100, 101, 99, 100.5, 100.2])).toBe(true);
    expect(firstStandsApart([100, 150, 101, 99, 100.5, 100.2])).toBe(false);
    expect(firstStandsApart([100, 100, 100, 100, 100])).toBe(false);
    expect(firstStandsApart([150, 100])).toBe(false);
  });

  it('has two levels when an empty stretch lies between two groups', () => {
    expect(twoLevels([10, 20, 10.2, 20.3, 10.1, 20.1, 10.3, 10.2])).toMatchObject({ lowCount: 5, highCount: 3 });
    expect(twoLevels([10, 20, 10, 20])).toBeNull();
    expect(twoLevels([10, 10.1, 10.2, 10.1, 90])).toBeNull();
  });

  it('remembers when each run resembles the one before', () => {
    expect(lagOneCorrelation([1, 1, 1, 1, 5, 5, 5, 5])).toBeGreaterThan(0.5);
    expect(lagOneCorrelation([1, 5, 1, 5, 1, 5])).toBeLessThan(-0.5);
    expect(lagOneCorrelation([2, 2, 2])).toBe(0);
  });

  it('shows none of this by chance more than twice in a hundred times', () => {
    expect(share((values) => trendOf(values).p < 0.01)).toBeLessThan(0.02);
    expect(share(firstStandsApart)).toBeLessThan(0.02);
    expect(share((values) => twoLevels(values) !== null)).toBeLessThan(0.02);
    expect(share((values) => Math.abs(lagOneCorrelation(values)) > 0.65)).toBeLessThan(0.02);
  });
});
