import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { studentQuantile, studentTail } from '../../src/core/statistics.js';
import { estimateNoise, neighbours } from '../../src/gate/noise.js';
import { pairOrder, testPairs } from '../../src/gate/pairs.js';
import { scaleOf } from '../../src/gate/scale.js';
import type { Comparison } from '../../src/gate/types.js';
import { VERIFICATION_PAIRS, verifiedChange } from '../../src/gate/verification.js';

describe("Student's t", () => {
  // Critical values as printed in tables, with more digits where the distribution has a closed form (1 and 2 degrees).
  it.each([
    [1, 6.313751514675, 0.05],
    [1, 63.65674116287, 0.005],
    [2, 2.919985580354, 0.05],
    [2, 9.92484320092, 0.005],
    [5, 2.570581835636, 0.025],
    [8, 1.859548037523, 0.05],
    [8, 3.355387331332, 0.005],
    [10, 2.228138851965, 0.025],
    [19, 2.093024054408, 0.025],
    [30, 2.042272456301, 0.025],
    [120, 1.657650899, 0.05],
  ])('with %i degrees of freedom exceeds %f with probability %f', (df, t, tail) => {
    expect(studentTail(t, df)).toBeCloseTo(tail, 8);
    expect(studentTail(-t, df)).toBeCloseTo(1 - tail, 8);
    expect(studentQuantile(tail, df)).toBeCloseTo(t, 6);
  });

  it('is one half at zero, and certain at infinity', () => {
    expect(studentTail(0, 7)).toBeCloseTo(0.5, 12);
    expect(studentTail(Number.POSITIVE_INFINITY, 7)).toBe(0);
    expect(studentTail(Number.NEGATIVE_INFINITY, 7)).toBe(1);
  });

  it('agrees with the closed forms of 1 and 2 degrees everywhere', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e4, max: 1e4, noNaN: true }), (t) => {
        expect(studentTail(t, 1)).toBeCloseTo(0.5 - Math.atan(t) / Math.PI, 7);
        expect(studentTail(t, 2)).toBeCloseTo(0.5 - t / (2 * Math.sqrt(2 + t * t)), 7);
      }),
    );
  });

  it('is refused without degrees of freedom', () => {
    expect(() => studentTail(1, 0)).toThrow(RangeError);
    expect(() => studentTail(Number.NaN, 3)).toThrow(RangeError);
    expect(() => studentQuantile(0, 3)).toThrow(RangeError);
  });
});

const COMPARISON: Comparison = {
  ...{ metric: 'p50_ms', direction: 'lower', minEffect: null, tie: 'discard' },
  ...{ incumbentValues: [100], noisy: true, netLinesRemoved: 0 },
};
const log = scaleOf(COMPARISON, true);
const raw = scaleOf(COMPARISON, false);

describe('the unit of a metric', () => {
  const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 12 });

  it('changes neither noise, nor the test of pairs, nor the verified interval, however large or small it is', () => {
    fc.assert(
      fc.property(values, fc.constantFrom(-1000, -600, 600, 1000), (whole, exponent) => {
        const unit = 2 ** exponent;
        const inUnit = whole.map((value) => value * unit);
        const noise = estimateNoise([whole], raw);
        const noiseInUnit = estimateNoise([inUnit], raw);
        expect(noiseInUnit.sigma).toBe(noise.sigma * unit);
        const { gain, ...test } = testPairs(whole, noise);
        expect(testPairs(inUnit, noiseInUnit)).toEqual({ ...test, gain: gain * unit });
        const zeros = whole.map(() => 0);
        const { low, high } = verifiedChange(zeros, whole);
        expect(verifiedChange(zeros, inUnit)).toMatchObject({ low: low * unit, high: high * unit });
      }),
    );
  });
});

describe('the noise', () => {
  it('is learned from runs of the same code at most three evaluations apart', () => {
    const run = (value: number, code: string, position: number) => ({ value, code, position });
    const runs = [run(1, 'a', 1), run(2, 'a', 2), run(3, 'a', 5), run(4, 'a', 9), run(5, 'b', 10), run(6, 'b', 12)];
    expect(neighbours(runs)).toEqual([
      [1, 2, 3],
      [5, 6],
    ]);
  });

  it('is learned from the newest 40 differences', () => {
    const runs = Array.from({ length: 100 }, (_, i) => ({ value: i, code: 'a', position: i }));
    const [group] = neighbours(runs);
    expect(group).toHaveLength(41);
    expect(group?.at(-1)).toBe(99);
  });

  it('is half the mean square difference of neighbours, so that drift does not count', () => {
    expect(estimateNoise([[1, 2, 1, 2]], raw)).toMatchObject({ sigma: Math.SQRT1_2, squares: 3 });
    const drifting = Array.from({ length: 41 }, (_, i) => 100 + i + (i % 2));
    expect(estimateNoise([drifting], raw).sigma).toBeLessThan(2);
  });

  it('is not taken from one busy minute', () => {
    const quiet = [100, 101, 100, 102, 101, 100, 101, 102, 100, 101];
    const calm = estimateNoise([quiet], log).sigma;
    expect(estimateNoise([[...quiet, 300, 100]], log).sigma).toBeLessThan(3 * calm);
  });

  it('is a ratio for positive metrics', () => {
    const small = estimateNoise([[1, 1.1, 1]], log).sigma;
    expect(estimateNoise([[1000, 1100, 1000]], log).sigma).toBeCloseTo(small, 12);
  });
});

describe('the test of pairs', () => {
  const noise = { sigma: 1, squares: 40, cutoff: Number.POSITIVE_INFINITY };

  it('pools the known noise with the deviations of the pairs', () => {
    const { t, df, p, gain } = testPairs([2, 3, 4], noise);
    expect(gain).toBe(3);
    expect(df).toBe(10);
    expect(t).toBeCloseTo(3 / Math.sqrt((8 * 2 + 2) / 10 / 3), 12);
    expect(p).toBeCloseTo(studentTail(t, df), 12);
  });

  it('has nothing but the pairs where no noise was ever seen', () => {
    expect(testPairs([2], { ...noise, sigma: 0 })).toMatchObject({ df: 0, p: 0.5 });
    expect(testPairs([2, 3, 4], { ...noise, sigma: 0 }).df).toBe(2);
    expect(testPairs([2, 2, 2], { ...noise, sigma: 0 }).p).toBe(0);
  });

  it('cuts off outliers on both sides alike', () => {
    const cut = { ...noise, cutoff: 4 };
    expect(testPairs([1, 1, 100], cut).t).toBe(testPairs([1, 1, 4], cut).t);
    expect(testPairs([1, 1, -100], cut).t).toBe(-testPairs([-1, -1, 100], cut).t);
  });

  it('orders the members of the pairs by lot, each way equally often and always the same way for a seed', () => {
    const orders = Array.from({ length: 2000 }, (_, i) => pairOrder(i >> 2, i & 3)[0]);
    const first = orders.filter((side) => side === 'candidate').length;
    expect(first).toBeGreaterThan(900);
    expect(first).toBeLessThan(1100);
    expect(orders.slice(0, 4)).toEqual([0, 1, 2, 3].map((i) => pairOrder(0, i)[0]));
  });
});

describe('the smallest effect', () => {
  const percent = (direction: 'lower' | 'higher', share: number) =>
    scaleOf({ ...COMPARISON, direction, minEffect: { kind: 'percent', percent: share } }, true);

  it('is the same gain on the log scale', () => {
    expect(percent('lower', 10).minEffect(50)).toBeCloseTo(log.gain(50, 45), 12);
    expect(percent('higher', 10).minEffect(50)).toBeCloseTo(Math.log(1.1), 12);
  });

  it('cannot be reached where a positive metric would have to fall below zero', () => {
    expect(percent('lower', 100).minEffect(50)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the verified change', () => {
  it('is the mean ratio with its interval', () => {
    const { unit, estimate, low, high, pairs } = verifiedChange([100, 100, 100], [90, 89, 91]);
    expect({ unit, pairs }).toEqual({ unit: 'percent', pairs: 3 });
    expect(estimate).toBeCloseTo(-10, 1);
    expect(low).toBeLessThan(-11);
    expect(high).toBeGreaterThan(-14);
    expect(high).toBeLessThan(0);
  });

  it('is an amount where values are not all positive', () => {
    expect(verifiedChange([0, 0, 0, 0], [-1, 1, -1, 1])).toMatchObject({ unit: 'amount', estimate: 0 });
  });

  it('takes pairs only', () => {
    expect(() => verifiedChange([1], [1])).toThrow(RangeError);
    expect(() => verifiedChange([1, 2], [1])).toThrow(RangeError);
    expect(VERIFICATION_PAIRS).toBe(20);
  });
});
