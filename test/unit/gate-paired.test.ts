import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/core/json.js';
import type { MeasuredItem } from '../../src/core/measurement.js';
import { ItemTable } from '../../src/gate/items.js';
import { paired } from '../../src/gate/paired.js';
import { replay } from '../../src/gate/replay.js';
import type { Comparison, ItemRow, Side } from '../../src/gate/types.js';
import { LEVELS } from '../../src/gate/types.js';

/** A suite that scores about 0.5; single runs differ by about 0.02. */
const SUITE: Comparison = {
  ...{ metric: 'score', direction: 'higher', minEffect: null, tie: 'discard', noisy: true, netLinesRemoved: 0 },
  incumbentValues: [0.5, 0.52, 0.48, 0.5],
  sampling: {
    neighbours: [[0.5, 0.52, 0.48, 0.5, 0.51, 0.49, 0.52, 0.5, 0.48, 0.5, 0.51, 0.5, 0.49, 0.5]],
    ...{ evaluationsSinceIncumbent: 0, seed: 7, level: 'default' },
  },
};
const EXACT: Comparison = { ...SUITE, noisy: false, incumbentValues: [0.5, 0.5] };

interface Run {
  readonly metric: number;
  readonly items: readonly MeasuredItem[];
}

const itemsOf = (values: readonly number[]) => values.map((value, i) => ({ id: `task ${i}`, value }));
/** One run whose metric is the mean of its items. */
const runOf = (values: readonly number[]): Run => ({
  metric: values.reduce((sum, value) => sum + value / values.length, 0),
  items: itemsOf(values),
});
/** `passed` of `tasks` tasks pass, from `first` on. */
const passing = (tasks: number, passed: number, first = 0) =>
  runOf(Array.from({ length: tasks }, (_, i) => ((i - first + tasks) % tasks < passed ? 1 : 0)));
const bare = (metric: number): Run => ({ metric, items: [] });

/** Measures what the gate asks for; the runs of each side come in order, the last one for ever. */
function judge(comparison: Comparison, runs: Record<Side, readonly Run[]>) {
  const evidence = { candidate: [] as number[], incumbent: [] as number[] };
  const items = { candidate: [] as ItemRow[], incumbent: [] as ItemRow[] };
  const table = new ItemTable();
  const asked: Side[] = [];
  for (;;) {
    // Opened anew each time: nothing may be remembered outside the evidence.
    const step = paired.open(comparison).next({ ...evidence, items });
    if (step.kind === 'verdict') return { ...step, asked };
    for (const side of step.sides) {
      const run = runs[side][evidence[side].length] ?? runs[side].at(-1) ?? bare(0);
      asked.push(side);
      evidence[side].push(run.metric);
      items[side].push(table.row(run.items));
    }
    if (asked.length > 60) throw new Error('no verdict in sight');
  }
}

const state = (found: { readonly statistics: Json }) =>
  (found.statistics as { readonly analysis: { readonly state: string } }).analysis.state;

describe('a suite of tasks, under paired', () => {
  it('costs a clear loser one run', () => {
    const found = judge(SUITE, { candidate: [passing(40, 14)], incumbent: [passing(40, 20)] });
    expect(found).toMatchObject({ verdict: 'discard', asked: ['candidate'], incumbentMetric: 0.5 });
    expect(state(found)).toBe('worse');
  });

  it('keeps a clear winner after two runs of each side, and says what the items did', () => {
    const incumbents = [passing(40, 20), passing(40, 19)];
    const found = judge(SUITE, { candidate: [passing(40, 34), passing(40, 35)], incumbent: incumbents });
    expect(found).toMatchObject({ verdict: 'keep' });
    expect(found.asked).toHaveLength(4);
    expect(state(found)).toBe('better');
    expect(found.reason).toBe('16 of 40 items better, 0 worse: +0.375 mean, p = 0.0001, 2 runs each');
  });

  it('is not sure of a gain that few items show and others deny', () => {
    const candidate = [passing(40, 23, 3), passing(40, 23, 4)];
    const found = judge(SUITE, { candidate, incumbent: [passing(40, 20)] });
    expect(found.verdict).toBe('discard');
    expect(state(found)).toBe('inconclusive');
    expect(found.reason).toMatch(/^no certain gain: \d+ of 40 items better, \d+ worse: \+0\.\d+ mean, p = 0\.\d{4}, /);
  });

  it('calls a loss one when the items agree on it', () => {
    // The metric of the first run looked well: the incumbent had bad days before.
    const found = judge(
      { ...SUITE, incumbentValues: [0.3, 0.7, 0.4, 0.75, 0.35] },
      { candidate: [passing(40, 20)], incumbent: [passing(40, 30)] },
    );
    expect(found).toMatchObject({ verdict: 'discard', asked: ['candidate', 'incumbent'] });
    expect(state(found)).toBe('worse');
    expect(found.reason).toBe('0 of 40 items better, 10 worse: -0.25 mean, 1 run each');
  });

  it('takes items for better in the direction of the metric', () => {
    const times = (factor: number) => runOf(Array.from({ length: 20 }, (_, i) => (i + 1) * factor));
    const lower: Comparison = {
      ...{ ...SUITE, metric: 'p50_ms', direction: 'lower', incumbentValues: [10.5, 10.6, 10.4] },
      sampling: { ...SUITE.sampling, neighbours: [[10.5, 10.6, 10.4, 10.5]] } as Comparison['sampling'],
    } as Comparison;
    const faster = judge(lower, { candidate: [times(0.8), times(0.81)], incumbent: [times(1), times(1.01)] });
    expect(faster).toMatchObject({ verdict: 'keep' });
    expect(faster.reason).toContain('20 of 20 items better, 0 worse: -19.9 % mean');
    expect(judge(lower, { candidate: [times(1.2)], incumbent: [times(1)] }).verdict).toBe('discard');
  });

  it('does not keep what the metric itself does not show', () => {
    const better = (metric: number): Run => ({ ...passing(40, 36), metric });
    const same = (metric: number): Run => ({ ...passing(40, 20), metric });
    const found = judge(SUITE, { candidate: [better(0.56), better(0.5)], incumbent: [same(0.55), same(0.52)] });
    expect(found.verdict).toBe('discard');
  });

  it('proves nothing by items that share the luck of their run', () => {
    // All items of a run are fast or slow together: twenty of them say no more than one.
    const run = (level: number) => runOf(Array.from({ length: 20 }, (_, i) => level * (1 + (i % 3) / 100)));
    const luck = [0.56, 0.47, 0.52, 0.45, 0.5];
    const found = judge(SUITE, { candidate: luck.map(run), incumbent: [0.46, 0.53, 0.48, 0.55, 0.5].map(run) });
    expect(found.verdict).toBe('discard');
  });

  it('compares the items that every run has, where these are most', () => {
    const without = (run: Run, ids: readonly number[]): Run => ({
      ...run,
      items: run.items.filter((_, i) => !ids.includes(i)),
    });
    const [candidate, incumbent] = [
      [passing(40, 34), passing(40, 35)],
      [without(passing(40, 20), [2, 3]), passing(40, 19)],
    ];
    const found = judge(SUITE, { candidate, incumbent });
    expect(found.reason).toContain('of 38 items better');
    const few = Array.from({ length: 12 }, (_, i) => i);
    const differing = judge(SUITE, { candidate, incumbent: [without(passing(40, 20), few)] });
    expect(differing).toMatchObject({ verdict: 'discard', asked: ['candidate', 'incumbent'] });
    expect(differing.reason).toBe('the items differ: 28 of 40 are in every run of both sides');
  });

  it('ends after ten runs of each side at most', () => {
    const wavering = Array.from({ length: 12 }, (_, i) => passing(40, i % 2 === 0 ? 26 : 20, i));
    const found = judge(SUITE, { candidate: wavering, incumbent: [passing(40, 20, 1)] });
    expect(found.asked.length).toBeLessThanOrEqual(20);
  });
});

describe('an evaluator without items, under paired', () => {
  const series = (...values: number[]) => values.map(bare);

  it('is judged by pairs of equal seeds: what both runs of a pair share does not count', () => {
    // Seeds make a difference of a tenth, the change always one of about 0.02.
    const seeds = [0.5, 0.6, 0.42, 0.55, 0.47, 0.58];
    const gains = [0.02, 0.021, 0.019, 0.0205, 0.0195, 0.02];
    const candidate = series(...seeds.map((seed, i) => seed + (gains[i] ?? 0)));
    const found = judge(SUITE, { candidate, incumbent: series(...seeds) });
    expect(found.verdict).toBe('keep');
    expect(found.asked.length).toBeLessThanOrEqual(12);
    expect(found.reason).toMatch(/medians of \d pairs of equal seeds, p/);
  });

  it('is not kept by a lead that the next pairs deny', () => {
    const found = judge(SUITE, { candidate: series(0.6, 0.5, 0.47), incumbent: series(0.5, 0.52, 0.5) });
    expect(found.verdict).toBe('discard');
    expect(state(found)).not.toBe('better');
  });

  it('is decided by two pairs where the same code always measured the same', () => {
    const found = judge(EXACT, { candidate: series(0.6), incumbent: series(0.5) });
    expect(found).toMatchObject({ verdict: 'keep', metric: 0.6, incumbentMetric: 0.5 });
    expect(found.asked).toHaveLength(4);
    expect(judge(EXACT, { candidate: series(0.5), incumbent: series(0.5) }).asked).toHaveLength(1);
  });

  it('stays so with fewer than five items', () => {
    const found = judge(SUITE, { candidate: [passing(4, 4)], incumbent: [passing(4, 2)] });
    expect(found.reason).toContain('pairs of equal seeds');
  });
});

describe('the table of items', () => {
  it('gives an item the same place in every run, whatever the order of the rows', () => {
    const table = new ItemTable();
    expect(table.row(itemsOf([1, 2, 3]))).toEqual([1, 2, 3]);
    expect(table.row(itemsOf([1, 2, 3]).reverse())).toEqual([1, 2, 3]);
    expect(
      table.row([
        { id: 'new', value: 9 },
        { id: 'task 1', value: 5 },
      ]),
    ).toEqual([null, 5, null, 9]);
    expect(table.row([])).toEqual([]);
  });

  it('folds more than a thousand items into blocks, and compares blocks of the same items only', () => {
    const items = itemsOf(Array.from({ length: 5000 }, (_, i) => i % 7));
    const table = new ItemTable();
    const all = table.row(items);
    expect(all.length).toBeLessThanOrEqual(1000);
    expect(all.length).toBeGreaterThan(950);
    expect(table.row([...items].reverse()).map((value) => value?.toFixed(9))).toEqual(
      all.map((value) => value?.toFixed(9)),
    );
    const without = table.row(items.slice(1));
    const lost = all.filter((_, place) => typeof without[place] !== 'number');
    expect(lost).toHaveLength(1);
  });
});

describe('a recorded verdict of paired', () => {
  const value = fc.double({ min: 0, max: 1, noNaN: true });
  const run = fc.record({
    metric: value,
    items: fc.oneof(
      fc.constant([]),
      fc.uniqueArray(fc.record({ id: fc.constantFrom(...'abcdefghijkl'), value }), {
        selector: ({ id }) => id,
        minLength: 9,
      }),
    ),
  });

  it('is computed again from its statistics alone', () => {
    fc.assert(
      fc.property(
        fc.array(run, { minLength: 1, maxLength: 12 }),
        fc.array(run, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(...LEVELS),
        fc.nat(20),
        (candidate, incumbent, level, evaluationsSinceIncumbent) => {
          const sampling = SUITE.sampling && { ...SUITE.sampling, level, evaluationsSinceIncumbent };
          const given = { ...SUITE, ...(sampling ? { sampling } : {}) };
          const step = judge(given, { candidate, incumbent });
          const recorded = JSON.parse(JSON.stringify(step.statistics)) as Json;
          const again = replay(recorded);
          expect(again).toMatchObject({ verdict: step.verdict, reason: step.reason, metric: step.metric });
          expect(JSON.stringify(again.statistics)).toBe(JSON.stringify(recorded));
          expect(step.reason).toMatch(/^[\x20-\x7e±µ]+$/);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is refused when its items are something else', () => {
    const statistics = judge(SUITE, { candidate: [passing(40, 14)], incumbent: [] }).statistics as {
      readonly evidence: Json;
    };
    const broken = { ...statistics, evidence: { ...(statistics.evidence as object), items: { candidate: 3 } } };
    expect(() => replay(broken as Json)).toThrow(RangeError);
  });
});
