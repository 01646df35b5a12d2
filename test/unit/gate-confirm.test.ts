import { describe, expect, it } from 'vitest';
import { auto } from '../../src/gate/auto.js';
import { confirm } from '../../src/gate/confirm.js';
import { type Comparison, type Gate, type GateStep, LEVELS, type Sampling, type Side } from '../../src/gate/types.js';

/** About 1 % noise around 100. */
const SAMPLING: Sampling = {
  neighbours: [[100, 101, 99, 100, 101, 100, 99, 101, 100]],
  ...{ evaluationsSinceIncumbent: 0, seed: 7, level: 'default' },
};
const NOISY: Comparison = {
  ...{ metric: 'p50_ms', direction: 'lower', minEffect: null, tie: 'discard' },
  ...{ incumbentValues: [100, 101, 99, 100], noisy: true, netLinesRemoved: 0, sampling: SAMPLING },
};
const EXACT: Comparison = {
  ...NOISY,
  noisy: false,
  incumbentValues: [100, 100],
  sampling: { ...SAMPLING, neighbours: [] },
};

type Verdict = Extract<GateStep, { kind: 'verdict' }>;

/** Measures what the gate asks for; the values of each side come in order, the last one for ever. */
function judge(gate: Gate, comparison: Comparison, values: Record<Side, readonly number[]>) {
  const run = gate.open(comparison);
  const evidence: Record<Side, number[]> = { candidate: [], incumbent: [] };
  const asked: Side[] = [];
  for (;;) {
    const step = run.next(evidence);
    if (step.kind === 'verdict') return { ...(step satisfies Verdict), asked };
    for (const side of step.sides) {
      asked.push(side);
      evidence[side].push(values[side][evidence[side].length] ?? values[side].at(-1) ?? 0);
    }
  }
}

describe('a metric that never differed, under auto', () => {
  it('costs one run to discard', () => {
    const worse = judge(auto, EXACT, { candidate: [101], incumbent: [100] });
    expect(worse).toMatchObject({ verdict: 'discard', asked: ['candidate'], metric: 101, incumbentMetric: 100 });
    expect(judge(auto, EXACT, { candidate: [100], incumbent: [100] }).asked).toHaveLength(1);
  });

  it('has the incumbent measured again by a worse candidate now and then, so that a changed machine hides no gain', () => {
    const aged = { ...EXACT, incumbentValues: [100, 100], sampling: { ...SAMPLING, evaluationsSinceIncumbent: 101 } };
    const worse = judge(auto, aged, { candidate: [101], incumbent: [100] });
    expect(worse).toMatchObject({ verdict: 'discard', asked: ['candidate', 'incumbent'], incumbentMetric: 100 });
    expect(judge(auto, aged, { candidate: [100], incumbent: [100] }).asked).toEqual(['candidate']);
    const hidden = judge(auto, aged, { candidate: [123], incumbent: [130] });
    expect(hidden).toMatchObject({ verdict: 'keep', incumbentMetric: 130 });
    expect(judge(auto, aged, { candidate: [130], incumbent: [130] })).toMatchObject({ verdict: 'discard' });
  });

  it('costs three runs to keep: both sides again, both the same', () => {
    const found = judge(auto, EXACT, { candidate: [90], incumbent: [100] });
    expect(found).toMatchObject({ verdict: 'keep', metric: 90, incumbentMetric: 100 });
    expect(found.asked).toEqual(['candidate', 'incumbent', 'candidate']);
    expect(found.reason).toBe("90 ms against the incumbent's 100 ms (-10.0 %), the same when both were measured again");
  });

  it('does not take a rounding for a gain', () => {
    const candidate = [99.99999999999999];
    expect(judge(auto, EXACT, { candidate, incumbent: [100] })).toMatchObject({
      verdict: 'discard',
      asked: ['candidate'],
    });
  });

  it('keeps an equal result that is simpler, where ties may be kept', () => {
    const tie = { ...EXACT, tie: 'simpler', netLinesRemoved: 3 } as const;
    expect(judge(auto, tie, { candidate: [100], incumbent: [100] }).verdict).toBe('keep');
  });

  it.each([
    ['incumbent', { candidate: [90], incumbent: [101, 100, 99, 100, 102, 100, 101] }],
    ['candidate', { candidate: [90, 91, 90], incumbent: [100] }],
  ])('is noisy from the first difference of the %s on: noise is learned and pairs are run', (_, values) => {
    const found = judge(auto, EXACT, values);
    expect(found.asked.slice(0, 8)).toEqual(['candidate', 'incumbent', 'candidate', ...Array(5).fill('incumbent')]);
    expect(found.asked.length).toBeGreaterThan(8);
    expect(found).toMatchObject({ verdict: 'keep', statistics: { analysis: { conclusion: 'kept' } } });
  });
});

describe.each([auto, confirm])('a noisy metric, under $name', (gate) => {
  it('discards after one run what shows no promise', () => {
    const found = judge(gate, NOISY, { candidate: [101], incumbent: [100] });
    expect(found).toMatchObject({ verdict: 'discard', asked: ['candidate'], metric: 101, incumbentMetric: 100 });
    expect(found).toMatchObject({ statistics: { analysis: { conclusion: 'screened', level: 'default' } } });
  });

  it('discards after two runs what promised by chance', () => {
    const found = judge(gate, NOISY, { candidate: [99, 101], incumbent: [100] });
    expect(found.asked).toEqual(['candidate', 'candidate']);
    expect(found.verdict).toBe('discard');
  });

  it('says of a small lead that it may be noise', () => {
    const found = judge(gate, NOISY, { candidate: [99.9], incumbent: [100] });
    expect(found.reason).toBe(
      "99.9 ms against the incumbent's 100 ms (-0.1 %) in one run: no more than noise makes of equal code",
    );
  });

  it('keeps a great gain after few fresh pairs, at the median of those pairs', () => {
    const found = judge(gate, NOISY, { candidate: [70, 80, 81, 82], incumbent: [100, 101, 99] });
    expect(found).toMatchObject({ verdict: 'keep', statistics: { analysis: { conclusion: 'kept', scale: 'log' } } });
    // The first run was selected for being good: it is not part of the value.
    expect(found.metric).toBeGreaterThanOrEqual(80);
    expect(found.asked.length).toBeLessThanOrEqual(7);
    expect(found.reason).toMatch(
      /^8\d(\.\d)? ms against the incumbent's 100(\.\d)? ms .* medians of \d fresh pairs?, p/,
    );
  });

  it('discards when the first win does not repeat', () => {
    const found = judge(gate, NOISY, { candidate: [90, 100, 101, 102], incumbent: [100] });
    expect(found).toMatchObject({ verdict: 'discard', statistics: { analysis: { conclusion: 'futile' } } });
    expect(found.reason).toContain('the first win did not repeat');
  });

  it('ends after twelve pairs at most', () => {
    const candidate = [99, 99, ...Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? 98.2 : 100.6))];
    const found = judge(gate, NOISY, { candidate, incumbent: [100] });
    expect(found.asked.length).toBeLessThanOrEqual(2 + 24);
    expect(found.verdict).toBe('discard');
  });

  it('works the same for a metric that is better when higher, and for one that is not positive', () => {
    const higher = { ...NOISY, direction: 'higher' } as const;
    expect(judge(gate, higher, { candidate: [120], incumbent: [100] }).verdict).toBe('keep');
    expect(judge(gate, higher, { candidate: [80], incumbent: [100] }).verdict).toBe('discard');
    const neighbours = [[0, 1, -1, 0, 1, 0, -1, 1, 0]];
    const around = { ...NOISY, incumbentValues: [0, 1, -1], sampling: { ...SAMPLING, neighbours } };
    const found = judge(gate, around, { candidate: [-20], incumbent: [0] });
    expect(found).toMatchObject({ verdict: 'keep', statistics: { analysis: { scale: 'raw' } } });
  });

  it('compares as amounts when a positive metric falls to zero', () => {
    const errors = { ...NOISY, incumbentValues: [3, 4, 3], sampling: { ...SAMPLING, neighbours: [[3, 4, 3, 3, 4]] } };
    expect(judge(gate, errors, { candidate: [0], incumbent: [3, 4] }).verdict).toBe('keep');
  });

  it('measures an incumbent first that was not measured for more than twelve evaluations', () => {
    const since = (evaluationsSinceIncumbent: number) => ({
      ...NOISY,
      sampling: { ...SAMPLING, evaluationsSinceIncumbent },
    });
    const values = { candidate: [101], incumbent: [100] };
    expect(judge(gate, since(12), values).asked).toEqual(['candidate']);
    expect(judge(gate, since(13), values).asked).toEqual(['incumbent', 'candidate']);
  });

  it('discards early what cannot be as good as the smallest effect demands', () => {
    const demanding: Comparison = { ...NOISY, minEffect: { kind: 'percent', percent: 10 } };
    expect(judge(gate, demanding, { candidate: [97], incumbent: [100] }).asked).toEqual(['candidate']);
    expect(judge(gate, demanding, { candidate: [85], incumbent: [100] }).verdict).toBe('keep');
    expect(judge(gate, demanding, { candidate: [92, 96.5], incumbent: [100] }).verdict).toBe('discard');
  });
});

describe('the level', () => {
  it.each(LEVELS)('is what was asked for, and on record: %s', (level) => {
    const comparison = { ...NOISY, sampling: { ...SAMPLING, level } };
    const { statistics } = judge(auto, comparison, { candidate: [101], incumbent: [] });
    expect(statistics).toMatchObject({ analysis: { level } });
  });
});

describe('a metric that is declared noisy, under confirm', () => {
  it('is confirmed in pairs although no two runs differed yet', () => {
    const found = judge(confirm, EXACT, { candidate: [90], incumbent: [100] });
    expect(found.verdict).toBe('keep');
    expect(found.asked.length).toBeGreaterThan(3);
  });
});
