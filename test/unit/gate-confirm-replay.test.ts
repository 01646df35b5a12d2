import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/core/json.js';
import { GATES } from '../../src/gate/index.js';
import { replay } from '../../src/gate/replay.js';
import { type Comparison, LEVELS } from '../../src/gate/types.js';

const wild = fc.double({ noNaN: true, noDefaultInfinity: true });
const value = fc.oneof(
  { weight: 4, arbitrary: fc.double({ min: 80, max: 120, noNaN: true }) },
  { weight: 2, arbitrary: fc.integer({ min: -2, max: 3 }) },
  { weight: 1, arbitrary: wild },
);
const minEffect = fc.oneof(
  fc.constant(null),
  fc.record({ kind: fc.constant('percent' as const), percent: fc.double({ min: 0, max: 150, noNaN: true }) }),
  fc.record({ kind: fc.constant('absolute' as const), amount: fc.double({ min: 0, max: 50, noNaN: true }) }),
);
const comparison: fc.Arbitrary<Comparison> = fc.record({
  metric: fc.constant('p50_ms'),
  direction: fc.constantFrom('lower', 'higher'),
  minEffect,
  tie: fc.constantFrom('discard', 'simpler'),
  incumbentValues: fc.array(value, { minLength: 1, maxLength: 8 }),
  noisy: fc.boolean(),
  netLinesRemoved: fc.integer({ min: -5, max: 5 }),
  sampling: fc.record({
    neighbours: fc.array(fc.array(value, { minLength: 2, maxLength: 6 }), { maxLength: 5 }),
    evaluationsSinceIncumbent: fc.nat(20),
    seed: fc.nat(),
    level: fc.constantFrom(...LEVELS),
  }),
});
const gateName = fc.constantFrom(...(Object.keys(GATES) as (keyof typeof GATES)[]));
const MOST_EVALUATIONS = 40;

function judge(
  gate: keyof typeof GATES,
  given: Comparison,
  machine: Record<'candidate' | 'incumbent', Iterator<number>>,
) {
  const evidence = { candidate: [] as number[], incumbent: [] as number[] };
  for (;;) {
    // Opened anew each time: nothing may be remembered outside the evidence.
    const step = GATES[gate].open(given).next(evidence);
    if (step.kind === 'verdict') return { step, evaluations: evidence.candidate.length + evidence.incumbent.length };
    for (const side of step.sides) evidence[side].push(machine[side].next().value);
    if (evidence.candidate.length + evidence.incumbent.length > MOST_EVALUATIONS)
      throw new Error('no verdict in sight');
  }
}

describe('a recorded verdict', () => {
  it('is computed again from its statistics alone, whatever was measured', () => {
    fc.assert(
      fc.property(
        gateName,
        comparison,
        fc.record({ candidate: fc.infiniteStream(value), incumbent: fc.infiniteStream(value) }),
        (gate, given, machine) => {
          const { step, evaluations } = judge(gate, given, machine);
          expect(evaluations).toBeLessThanOrEqual(MOST_EVALUATIONS);
          const recorded = JSON.parse(JSON.stringify(step.statistics)) as Json;
          const again = replay(recorded);
          expect(again.verdict).toBe(step.verdict);
          expect(again.reason).toBe(step.reason);
          expect(again.metric + 0).toBe(step.metric + 0);
          expect(JSON.stringify(again.statistics)).toBe(JSON.stringify(recorded));
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('is refused when the statistics are of something else, or lack a measurement', () => {
    for (const statistics of [null, 3, {}, { values: [1, 2] }, { gate: 'no such gate' }]) {
      expect(() => replay(statistics)).toThrow(RangeError);
    }
    const given: Json = {
      ...{ metric: 'p50_ms', direction: 'lower', minEffect: null, tie: 'discard', noisy: false, netLinesRemoved: 0 },
      incumbentValues: [100],
    };
    const lacking = { gate: 'auto', comparison: given, evidence: { candidate: [], incumbent: [] } };
    expect(() => replay(lacking)).toThrow('lack a measurement of the candidate');
  });
});
