import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { itemAnswers } from '../../bench/gate/item-study.js';
import { paired } from '../../src/gate/paired.js';
import { signFlip } from '../../src/gate/sign-flip.js';

/** The promises of the sign-flip test, and of `paired` on suites whose truth is known. Seeded. */
describe('the sign-flip test', () => {
  it('is exact for few differences', () => {
    expect(signFlip([1, 1, 1], 1)).toBe(1 / 8);
    expect(signFlip([3, 2, -1], 1)).toBe(2 / 8);
    expect(signFlip([0, 0, 5], 1)).toBe(1 / 2);
  });

  it('finds nothing where nothing moved or the mean fell', () => {
    expect(signFlip([], 1)).toBe(1);
    expect(signFlip([0, 0], 1)).toBe(1);
    expect(signFlip([1, -1], 1)).toBe(1);
    expect(signFlip([-1, -2], 1)).toBe(1);
  });

  it('is the share of sign patterns whose sum is as great', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 9 }), (differences) => {
        const sum = differences.reduce((total, value) => total + value, 0);
        let reached = 0;
        for (let signs = 0; signs < 2 ** differences.length; signs += 1) {
          const total = differences.reduce((all, value, i) => all + ((signs >> i) & 1 ? value : -value), 0);
          if (total >= sum) reached += 1;
        }
        const expected = sum > 0 ? reached / 2 ** differences.length : 1;
        expect(signFlip(differences, 3)).toBeCloseTo(expected, 12);
      }),
      { numRuns: 200 },
    );
  });

  it('comes close to the exact value for many, the same for the same seed', () => {
    // Thirteen of fourteen to one side: 15 of 16384 patterns do as well.
    const differences = Array.from({ length: 14 }, (_, i) => (i === 0 ? -1 : 1));
    const p = signFlip(differences, 5);
    expect(p).toBe(signFlip(differences, 5));
    expect(p).toBeGreaterThan(0.0002);
    expect(p).toBeLessThan(0.002);
    const none = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 1 : -1) * (1 + i / 1000));
    expect(
      signFlip(
        none.map((value) => -value),
        5,
      ),
    ).toBeGreaterThan(0.3);
  });

  it('does not break on numbers near the largest there are', () => {
    expect(signFlip([Number.MAX_VALUE, Number.MAX_VALUE], 1)).toBe(1);
  });
});

describe('suites right after the baseline', () => {
  const answers = itemAnswers({ neutral: 100, better: 40, rules: [paired] });
  const kept = (scene: string) => answers.find((answer) => answer.scene === scene)?.tally.keepsPer100 ?? 0;

  it('keep at most one of a hundred candidates that change nothing, also where the items share their noise', () => {
    const neutral = answers.filter(({ gains }) => !gains);
    const mean = neutral.reduce((sum, { tally }) => sum + tally.keepsPer100 / neutral.length, 0);
    expect(mean).toBeLessThanOrEqual(0.8);
    // Of 100 each; one would be right, and up to four come by chance.
    expect(Math.max(...neutral.map(({ tally }) => tally.keepsPer100))).toBeLessThanOrEqual(4);
    expect(Math.max(...neutral.map(({ tally }) => tally.evaluationsPerTrial))).toBeLessThan(6);
  });

  it('see what can be seen: seven tasks little, eighty nearly everything', () => {
    expect(kept('7 tasks that pass, .6 -> .8')).toBeLessThan(50);
    expect(kept('40 tasks that pass, .6 -> .8')).toBeGreaterThan(80);
    expect(kept('80 tasks that pass, .6 -> .8')).toBeGreaterThan(95);
    expect(kept('80 tasks that pass, .6 -> .7')).toBeGreaterThan(55);
  });
});
