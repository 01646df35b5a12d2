import { describe, expect, it } from 'vitest';
import { GATES } from '../../src/gate/index.js';
import type { Comparison, Evidence, GateStep } from '../../src/gate/types.js';

const BASE: Comparison = {
  metric: 'p50_ms',
  direction: 'lower',
  minEffect: null,
  tie: 'discard',
  incumbentValues: [100],
  noisy: false,
  netLinesRemoved: 0,
};

function step(gate: keyof typeof GATES, comparison: Partial<Comparison>, evidence: Partial<Evidence> = {}): GateStep {
  return GATES[gate].open({ ...BASE, ...comparison }).next({ candidate: [], incumbent: [], ...evidence });
}

function verdictOf(gate: keyof typeof GATES, comparison: Partial<Comparison>, evidence: Partial<Evidence>) {
  const found = step(gate, comparison, evidence);
  if (found.kind !== 'verdict') throw new Error(`${gate} asks for ${found.sides.join(' and ')}`);
  return found;
}

const measure = (...sides: ('candidate' | 'incumbent')[]) => ({ kind: 'measure', sides });

describe.each(['single', 'min_delta', 'always'] as const)('the gate %s', (gate) => {
  it('first wants the candidate measured', () => {
    expect(step(gate, {})).toEqual(measure('candidate'));
    expect(step(gate, { noisy: true, incumbentValues: [] })).toEqual(measure('candidate'));
  });

  it('gives the same step for the same evidence, also from a run that saw other evidence before', () => {
    const run = GATES[gate].open(BASE);
    const evidence = { candidate: [90], incumbent: [] };
    const first = run.next(evidence);
    run.next({ candidate: [], incumbent: [] });
    run.next({ candidate: [500, 1], incumbent: [2] });
    expect(run.next(evidence)).toEqual(first);
  });
});

describe.each(['single', 'min_delta'] as const)('the gate %s', (gate) => {
  it('keeps what is better and discards what is worse, in both directions', () => {
    expect(verdictOf(gate, {}, { candidate: [99] })).toMatchObject({
      verdict: 'keep',
      metric: 99,
      incumbentMetric: 100,
    });
    expect(verdictOf(gate, {}, { candidate: [101] }).verdict).toBe('discard');
    expect(verdictOf(gate, { direction: 'higher' }, { candidate: [101] }).verdict).toBe('keep');
    expect(verdictOf(gate, { direction: 'higher' }, { candidate: [99] }).verdict).toBe('discard');
  });

  it('says why, with numbers and units', () => {
    expect(verdictOf(gate, {}, { candidate: [87.5] }).reason).toBe("87.5 ms against the incumbent's 100 ms (-12.5 %)");
    expect(verdictOf(gate, {}, { candidate: [110] }).reason).toBe(
      "110 ms against the incumbent's 100 ms (+10.0 %): not better",
    );
    expect(verdictOf(gate, {}, { candidate: [100] }).reason).toBe('100 ms, equal to the incumbent');
  });

  it.each([
    [{ kind: 'absolute', amount: 5 }, 95, 'keep'],
    [{ kind: 'absolute', amount: 5 }, 95.1, 'discard'],
    [{ kind: 'percent', percent: 2 }, 98, 'keep'],
    [{ kind: 'percent', percent: 2 }, 98.1, 'discard'],
    [{ kind: 'absolute', amount: 0 }, 100, 'discard'],
    [{ kind: 'percent', percent: 0 }, 99.999, 'keep'],
  ] as const)('with a smallest effect of %o and a candidate of %d says %s', (minEffect, candidate, expected) => {
    const found = verdictOf(gate, { minEffect }, { candidate: [candidate] });
    expect(found.verdict).toBe(expected);
    if (candidate < 100 && expected === 'discard') expect(found.reason).toContain('smallest effect that counts');
  });

  it('measures an effect in percent by the size of a negative incumbent', () => {
    const minEffect = { kind: 'percent', percent: 10 } as const;
    const from = { incumbentValues: [-50], minEffect };
    expect(verdictOf(gate, from, { candidate: [-55] }).verdict).toBe('keep');
    expect(verdictOf(gate, from, { candidate: [-54.9] }).verdict).toBe('discard');
    expect(verdictOf(gate, { ...from, direction: 'higher' }, { candidate: [-45] }).verdict).toBe('keep');
  });

  it('can do with an incumbent of zero: any strict gain meets a percentage of nothing, and no percentage is shown', () => {
    const found = verdictOf(
      gate,
      { incumbentValues: [0], minEffect: { kind: 'percent', percent: 5 } },
      { candidate: [-1] },
    );
    expect(found).toMatchObject({ verdict: 'keep', reason: "-1 ms against the incumbent's 0 ms (n/a)" });
    expect(verdictOf(gate, { incumbentValues: [0] }, { candidate: [0] }).verdict).toBe('discard');
    expect(verdictOf(gate, { incumbentValues: [-0] }, { candidate: [0] }).verdict).toBe('discard');
  });

  it('measures the incumbent where no value of it is known', () => {
    expect(step(gate, { incumbentValues: [] }, { candidate: [1] })).toEqual(measure('incumbent'));
  });

  it.each([
    ['discard', 3, 'discard', '100 ms, equal to the incumbent'],
    ['simpler', 3, 'keep', '100 ms, equal to the incumbent, and simpler by 3 lines'],
    ['simpler', 1, 'keep', '100 ms, equal to the incumbent, and simpler by 1 line'],
    ['simpler', 0, 'discard', '100 ms, equal to the incumbent, and not simpler'],
    ['simpler', -2, 'discard', '100 ms, equal to the incumbent, and not simpler'],
  ] as const)(
    'with tie = %s and %d lines fewer says %s to an equal result',
    (tie, netLinesRemoved, expected, reason) => {
      expect(verdictOf(gate, { tie, netLinesRemoved }, { candidate: [100] })).toMatchObject({
        verdict: expected,
        reason,
      });
    },
  );

  it('never calls a worse result a tie, however much simpler', () => {
    const simpler = { tie: 'simpler', netLinesRemoved: 500 } as const;
    expect(verdictOf(gate, simpler, { candidate: [100.0001] }).verdict).toBe('discard');
    const minEffect = { kind: 'absolute', amount: 5 } as const;
    expect(verdictOf(gate, { ...simpler, minEffect }, { candidate: [99] }).verdict).toBe('discard');
  });

  it('records its name, what it compared, and on what', () => {
    const comparison = { minEffect: { kind: 'percent', percent: 2 } } as const;
    expect(verdictOf(gate, comparison, { candidate: [90] }).statistics).toEqual({
      gate,
      rules: 3,
      comparison: { ...BASE, ...comparison },
      evidence: { candidate: [90], incumbent: [] },
    });
  });
});

describe('which value of the incumbent counts', () => {
  it('is the newest for single and min_delta', () => {
    for (const gate of ['single', 'min_delta'] as const) {
      expect(verdictOf(gate, { incumbentValues: [100, 10, 10] }, { candidate: [50] })).toMatchObject({
        verdict: 'keep',
        incumbentMetric: 100,
      });
    }
  });
});

describe('the gate always', () => {
  it('keeps anything that was measured, and says that it did not compare', () => {
    const found = verdictOf('always', {}, { candidate: [5000] });
    expect(found).toMatchObject({ verdict: 'keep', metric: 5000, incumbentMetric: 100 });
    expect(found.reason).toContain('kept without comparing: 5000 ms against');
    expect(verdictOf('always', { incumbentValues: [] }, { candidate: [7] })).toMatchObject({
      verdict: 'keep',
      incumbentMetric: 7,
    });
  });
});
