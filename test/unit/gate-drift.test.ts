import { describe, expect, it } from 'vitest';
import { normal } from '../../bench/gate/noise-shapes.js';
import { productRule } from '../../bench/gate/product-rule.js';
import { effectOf, neutral, PRODUCT, SHAPE_NAMES } from '../../bench/gate/studies.js';
import { World } from '../../bench/gate/world.js';
import { Random } from '../../src/core/random.js';
import { auto } from '../../src/gate/auto.js';
import { confirm } from '../../src/gate/confirm.js';
import { shiftOf, shiftText } from '../../src/gate/drift.js';
import type { Comparison, Gate, Side } from '../../src/gate/types.js';

/** About 1 % noise around 100. */
const KNOWN: Comparison = {
  ...{ metric: 'p50_ms', direction: 'lower', minEffect: null, tie: 'discard', noisy: true, netLinesRemoved: 0 },
  incumbentValues: [100, 101, 99, 100, 101, 99.5, 100.5, 100],
  sampling: {
    neighbours: [[100, 101, 99, 100, 101, 100, 99, 101, 100]],
    ...{ evaluationsSinceIncumbent: 0, seed: 7, level: 'default' },
  },
};

const aged = (evaluationsSinceIncumbent: number): Comparison => ({
  ...KNOWN,
  ...(KNOWN.sampling ? { sampling: { ...KNOWN.sampling, evaluationsSinceIncumbent } } : {}),
});

function judge(gate: Gate, comparison: Comparison, values: Record<Side, readonly number[]>) {
  const run = gate.open(comparison);
  const evidence: Record<Side, number[]> = { candidate: [], incumbent: [] };
  const asked: Side[] = [];
  for (;;) {
    const step = run.next(evidence);
    if (step.kind === 'verdict') return { ...step, asked, incumbent: evidence.incumbent };
    for (const side of step.sides) {
      asked.push(side);
      evidence[side].push(values[side][evidence[side].length] ?? values[side].at(-1) ?? 0);
    }
  }
}

describe('a level shift', () => {
  it('is declared when at least three fresh runs agree', () => {
    expect(shiftOf(KNOWN, [118, 119, 117.5])).toEqual({ before: 100, after: 118 });
    expect(shiftOf(KNOWN, [85, 84, 86, 85])).toEqual({ before: 100, after: 85 });
    expect(shiftOf(KNOWN, [118, 119])).toBeNull();
  });

  it('is not declared for an outlier, for runs that disagree, or for what noise makes', () => {
    expect(shiftOf(KNOWN, [150])).toBeNull();
    expect(shiftOf(KNOWN, [118, 100, 119])).toBeNull();
    expect(shiftOf(KNOWN, [118, 85, 119])).toBeNull();
    expect(shiftOf(KNOWN, [101.5, 101.6, 101.4])).toBeNull();
  });

  it('is not hidden by one outlier among many', () => {
    expect(shiftOf(KNOWN, [118, 119, 117, 118, 100])).toMatchObject({ after: 118 });
  });

  it('needs values from before', () => {
    expect(shiftOf({ ...KNOWN, incumbentValues: [] }, [118, 118, 118])).toBeNull();
    expect(shiftOf({ ...KNOWN, incumbentValues: [100] }, [118, 118, 118])).toBeNull();
  });

  it('is found in a metric that never differed before', () => {
    const exact: Comparison = { ...KNOWN, incumbentValues: [100, 100], noisy: false };
    expect(shiftOf(exact, [118, 118, 118])).toEqual({ before: 100, after: 118 });
  });

  it('is told in words that fit the metric', () => {
    expect(shiftText('p50_ms', { before: 100, after: 118 })).toBe('18 % slower');
    expect(shiftText('p50_ms', { before: 100, after: 96.8 })).toBe('3.2 % faster');
    expect(shiftText('ops_per_second', { before: 100, after: 50 })).toBe('50 % lower');
    expect(shiftText('score', { before: 0, after: 2 })).toBe('2 higher');
  });
});

describe.each([auto, confirm])('a machine that changed, under $name', (gate) => {
  it('is asked again before a far worse candidate is condemned', () => {
    const slower = judge(gate, aged(5), { candidate: [118, 119], incumbent: [118, 117.5, 119] });
    expect(slower.asked.slice(0, 4)).toEqual(['candidate', 'incumbent', 'incumbent', 'incumbent']);
    expect(slower).toMatchObject({ verdict: 'discard', incumbentMetric: 118 });
    expect(slower).toMatchObject({ statistics: { analysis: { shift: { before: 100, after: 118 } } } });
    const gain = judge(gate, aged(5), { candidate: [108], incumbent: [118, 117.5, 119, 118] });
    expect(gain.verdict).toBe('keep');
  });

  it('costs a far worse candidate one more run where nothing changed, and none shortly after the last', () => {
    const values = { candidate: [118], incumbent: [100] };
    expect(judge(gate, aged(5), values)).toMatchObject({ asked: ['candidate', 'incumbent'], verdict: 'discard' });
    expect(judge(gate, aged(1), values).asked).toEqual(['candidate']);
  });

  it('is asked three times when a heartbeat is far off; a single outlier changes nothing', () => {
    const shifted = judge(gate, aged(13), { candidate: [118.5], incumbent: [118, 119, 117.5] });
    expect(shifted.asked).toEqual(['incumbent', 'incumbent', 'incumbent', 'candidate']);
    expect(shifted.incumbentMetric).toBe(118);
    const outlier = judge(gate, aged(13), { candidate: [100.5], incumbent: [130, 100, 100.5] });
    expect(outlier).toMatchObject({ verdict: 'discard', asked: ['incumbent', 'incumbent', 'incumbent', 'candidate'] });
    expect(outlier.incumbentMetric).toBeLessThan(101);
  });

  it('makes no winner of equal code when it became faster', () => {
    const faster = judge(gate, KNOWN, { candidate: [85, 85.5, 84.5], incumbent: [85, 84.5, 85.5] });
    expect(faster.verdict).toBe('discard');
  });
});

/** Trials until the shift of a simulated machine was found, and what was kept meanwhile; normal noise of 3 %. */
function afterShift(sigmas: number, effect: number, seed: number) {
  const random = new Random(seed);
  let level = 0;
  const world = new World({ measure: (truth) => Math.exp(truth + level + 0.03 * normal(random)) });
  const rule = productRule({ name: 'default', gate: auto, level: 'default' }).start(world, seed);
  for (let trial = 0; trial < 20; trial += 1) {
    world.propose(0);
    rule.judge();
  }
  const before = rule.epochs ?? 0;
  level = 0.03 * sigmas;
  let found = 0;
  let kept = 0;
  for (let trial = 1; trial <= 30; trial += 1) {
    world.propose(effect);
    if (rule.judge()) {
      kept += 1;
      world.keep();
    }
    if (found === 0 && (rule.epochs ?? 0) > before) found = trial;
  }
  return { found, kept };
}

describe('simulated machines', () => {
  const seeds = Array.from({ length: 40 }, (_, i) => 11 + i * 7919);

  it.each([5, -5])('a shift of %i standard deviations is found within few heartbeats', (sigmas) => {
    const runs = seeds.map((seed) => afterShift(sigmas, 0, seed));
    expect(runs.filter(({ found }) => found > 0).length).toBeGreaterThanOrEqual(35);
    const trials = runs.map(({ found }) => found).sort((a, b) => a - b);
    expect(trials[20]).toBeLessThanOrEqual(4);
    // Equal code: one of a hundred of these 1200 candidates would be 12.
    expect(runs.reduce((sum, { kept }) => sum + kept, 0)).toBeLessThanOrEqual(12);
  });

  it('real gains are kept after the machine became slower', () => {
    const kept = seeds.map((seed) => afterShift(5, -effectOf(0.05), seed).kept);
    expect(kept.reduce((sum, count) => sum + count, 0) / kept.length).toBeGreaterThan(8);
  });

  /** Where the level itself wanders, an epoch now and then is right. */
  const WANDERING = ['drift', 'level shift', 'autocorrelated', 'bimodal, sticky', 'recorded'];
  it.each(SHAPE_NAMES)('epochs are rare where the machine stays as it is: %s', (shape) => {
    const { epochsPer1000 } = neutral(PRODUCT.default, shape, 4000);
    expect(epochsPer1000).toBeLessThanOrEqual(WANDERING.includes(shape) ? 20 : 1);
  });
});
