import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { progressText } from '../../src/cli/measuring.js';
import { Random } from '../../src/core/random.js';
import { effectOf, holm, payoffs } from '../../src/gate/payoff.js';
import { verifiedChange } from '../../src/gate/verification.js';
import { groupsByFiles } from '../../src/loop/kept-changes.js';

const interval = (low: number, high: number) =>
  ({ unit: 'percent', estimate: (low + high) / 2, low, high, pairs: 20 }) as const;

describe('whether a change pays', () => {
  it('follows from which side of zero its interval lies on', () => {
    expect(effectOf('lower', interval(-3, -1))).toBe('pays');
    expect(effectOf('higher', interval(-3, -1))).toBe('harms');
    expect(effectOf('higher', interval(1, 3))).toBe('pays');
    expect(effectOf('lower', interval(1, 3))).toBe('harms');
    expect(effectOf('lower', interval(-1, 1))).toBe('none_seen');
    expect(effectOf('lower', interval(0, 0))).toBe('none_seen');
  });

  it('is sure where it is clear over all the looks, and not where one look alone is', () => {
    const clear = verifiedChange([100, 101, 99, 100, 102, 98], [50, 51, 49, 51, 50, 50]);
    const faint = interval(-8, -0.1);
    expect(payoffs('lower', [faint])).toEqual([{ effect: 'pays', sure: true }]);
    expect(payoffs('lower', [clear, faint, interval(-1, 1), interval(-1, 2)])).toEqual([
      { effect: 'pays', sure: true },
      { effect: 'pays', sure: false },
      { effect: 'none_seen', sure: false },
      { effect: 'none_seen', sure: false },
    ]);
  });

  it('is sure for values that repeat exactly', () => {
    const exact = verifiedChange([100, 100], [90, 90]);
    const same = verifiedChange([100, 100], [100, 100]);
    expect(payoffs('lower', [exact, same, same])).toEqual([
      { effect: 'pays', sure: true },
      { effect: 'none_seen', sure: false },
      { effect: 'none_seen', sure: false },
    ]);
  });

  it('is falsely sure in at most one of twenty audits of changes that do nothing', () => {
    const random = new Random(7);
    const noise = () => 100 + [1, 2, 3, 4, 5, 6].reduce((sum) => sum + random.next() - 0.5, 0);
    const values = () => Array.from({ length: 10 }, noise);
    const audits = Array.from({ length: 400 }, () =>
      payoffs(
        'lower',
        Array.from({ length: 5 }, () => verifiedChange(values(), values())),
      ),
    );
    const wrong = (isWrong: (payoff: ReturnType<typeof payoffs>[number]) => boolean) =>
      audits.filter((found) => found.some(isWrong)).length / audits.length;
    expect(wrong(({ sure }) => sure)).toBeLessThan(0.08);
    expect(wrong(({ effect }) => effect !== 'none_seen')).toBeGreaterThan(0.12);
  });
});

describe("Holm's test", () => {
  it('lets fall what a plain correction lets fall, and nothing that a single test would not', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }), (probabilities) => {
        const fallen = holm(probabilities);
        expect(fallen).toHaveLength(probabilities.length);
        for (const [i, p] of probabilities.entries()) {
          if (p <= 0.05 / probabilities.length) expect(fallen[i]).toBe(true);
          if (p > 0.05) expect(fallen[i]).toBe(false);
        }
      }),
    );
  });
});

describe('groups of changes', () => {
  const change = (...paths: string[]) => ({ paths: new Set(paths) });

  it('join what shares files, also through others, in the order of their first change', () => {
    const [a, b, ab, c, d] = [change('a'), change('b'), change('b', 'a'), change('c'), change('d')];
    expect(groupsByFiles([c, a, d, b, ab])).toEqual([[c], [a, b, ab], [d]]);
    expect(groupsByFiles([a, b, c])).toEqual([[a], [b], [c]]);
    expect(groupsByFiles([])).toEqual([]);
  });

  it('hold every change once and no file twice', () => {
    const changes = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 9 }).map(String), { maxLength: 4 }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(changes, (paths) => {
        const all = paths.map((each) => change(...each));
        const groups = groupsByFiles(all);
        expect(new Set(groups.flat())).toEqual(new Set(all));
        expect(groups.flat()).toHaveLength(all.length);
        const files = groups.map((group) => new Set(group.flatMap((each) => [...each.paths])));
        expect(files.reduce((sum, each) => sum + each.size, 0)).toBe(new Set(paths.flat()).size);
      }),
    );
  });
});

describe('the live line', () => {
  it('says what is measured and about how long it will take', () => {
    const at = { what: 'change 3 of 7', pair: 5, pairs: 20, secondsLeft: 240 };
    expect(progressText('audit', at)).toBe('audit: change 3 of 7, pair 5 of 20, about 4 min left');
    expect(progressText('audit', { ...at, secondsLeft: null })).toBe('audit: change 3 of 7, pair 5 of 20');
  });
});
