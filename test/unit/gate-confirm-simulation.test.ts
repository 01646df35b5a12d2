import { describe, expect, it } from 'vitest';
import type { ShapeName } from '../../bench/gate/noise-shapes.js';
import {
  coverage,
  deterministicCost,
  effectOf,
  neutral,
  PRODUCT,
  SHAPE_NAMES,
  tally,
} from '../../bench/gate/studies.js';
import { LEVELS } from '../../src/gate/types.js';

/** The promises of the keep rule on metrics whose truth is known. Seeded: the numbers are always the same. */
const NEUTRAL_TRIALS = 2000;

describe.each(LEVELS)('at level %s', (level) => {
  it.each(SHAPE_NAMES)('at most one of a hundred candidates that change nothing is kept: %s', (shape: ShapeName) => {
    const { falseKeepsPer100, evaluationsPerTrial } = neutral(PRODUCT[level], shape, NEUTRAL_TRIALS);
    expect(falseKeepsPer100).toBeLessThanOrEqual(1);
    expect(evaluationsPerTrial).toBeLessThan(3);
  });
});

describe('where effects are one standard deviation or more', () => {
  it.each([
    ['default', 0.03],
    ['default', 0.05],
    ['strict', 0.03],
    ['fast', 0.05],
  ] as const)('nine of ten keeps at level %s are real, with effects of %f', (level, share) => {
    const setting = {
      shape: 'normal',
      sd: 0.03,
      mix: { better: 0.1, worse: 0.3, effect: effectOf(share) },
      cost: 0,
    } as const;
    const { precision, power } = tally(PRODUCT[level], setting, 8000);
    expect(precision).toBeGreaterThanOrEqual(0.9);
    expect(power).toBeGreaterThan(0.15);
  });
});

describe('a metric without noise', () => {
  it('costs one evaluation per discard, one more in a hundred, and three per keep', () => {
    const { discard, keep } = deterministicCost();
    expect(discard).toBeLessThanOrEqual(1.01);
    expect(keep).toBe(3);
  });
});

describe('the verified gain', () => {
  it('lies in its interval in 95 of 100 runs', () => {
    const mix = { better: 0.2, worse: 0.3, effect: effectOf(0.05) };
    expect(coverage('normal', mix, 400)).toBeGreaterThanOrEqual(0.93);
  });
});
