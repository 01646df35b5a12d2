import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { improvement, minEffectAmount } from '../../src/core/metric.js';
import { GATES } from '../../src/gate/index.js';
import type { Comparison, Evidence, GateStep } from '../../src/gate/types.js';

const value = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.integer({ min: -5, max: 5 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const minEffect = fc.oneof(
  fc.constant(null),
  fc.record({ kind: fc.constant('absolute' as const), amount: fc.double({ min: 0, max: 1e4, noNaN: true }) }),
  fc.record({ kind: fc.constant('percent' as const), percent: fc.double({ min: 0, max: 100, noNaN: true }) }),
);
const comparison: fc.Arbitrary<Comparison> = fc.record({
  metric: fc.constantFrom('p50_ms', 'score'),
  direction: fc.constantFrom('lower', 'higher'),
  minEffect,
  tie: fc.constantFrom('discard', 'simpler'),
  incumbentValues: fc.array(value, { maxLength: 8 }),
  noisy: fc.boolean(),
  netLinesRemoved: fc.integer({ min: -10, max: 10 }),
});
const gateName = fc.constantFrom('single' as const, 'min_delta' as const);
/** What a machine would measure next, for either side. */
const answers = fc.record({
  candidate: fc.infiniteStream(value),
  incumbent: fc.infiniteStream(value),
});

interface Judged {
  readonly step: Extract<GateStep, { kind: 'verdict' }>;
  readonly evidence: Evidence;
  readonly comparison: Comparison;
  readonly rounds: number;
}

/** The loop of a trial: measures what the gate asks for. A measured incumbent is known to the next comparison. */
function run(
  gate: keyof typeof GATES,
  given: Comparison,
  machine: { candidate: Iterator<number>; incumbent: Iterator<number> },
): Judged {
  const evidence: { candidate: number[]; incumbent: number[] } = { candidate: [], incumbent: [] };
  const known =
    given.incumbentValues.length > 0 ? given : { ...given, incumbentValues: [machine.incumbent.next().value] };
  for (let rounds = 0; rounds < 10; rounds += 1) {
    const step = GATES[gate].open(known).next(evidence);
    if (step.kind === 'verdict') return { step, evidence, comparison: known, rounds };
    for (const side of step.sides) evidence[side].push(machine[side].next().value);
  }
  throw new Error('the gate never comes to a verdict');
}

describe('a gate of one comparison', () => {
  it('keeps only a strict improvement by at least the smallest effect, on the pair that it names', () => {
    fc.assert(
      fc.property(gateName, comparison, answers, (gate, given, machine) => {
        const { step, comparison: known } = run(gate, given, machine);
        if (step.verdict !== 'keep') return;
        const gain = improvement(known.direction, step.incumbentMetric, step.metric);
        const isTie = gain === 0 && known.tie === 'simpler' && known.netLinesRemoved > 0;
        if (isTie) return;
        expect(gain).toBeGreaterThan(0);
        if (known.minEffect) {
          expect(gain).toBeGreaterThanOrEqual(minEffectAmount(known.minEffect, step.incumbentMetric));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('asks once, for one run of the candidate', () => {
    fc.assert(
      fc.property(gateName, comparison, answers, (gate, given, machine) => {
        const { rounds, evidence } = run(gate, given, machine);
        expect(rounds).toBe(1);
        expect(evidence).toMatchObject({ candidate: [expect.any(Number)], incumbent: [] });
      }),
      { numRuns: 1000 },
    );
  });

  it('is replayed from its statistics, after a way through JSON, to the same verdict', () => {
    fc.assert(
      fc.property(gateName, comparison, answers, (gate, given, machine) => {
        const { step } = run(gate, given, machine);
        const saved = JSON.parse(JSON.stringify(step.statistics)) as {
          gate: keyof typeof GATES;
          comparison: Comparison;
          evidence: Evidence;
        };
        const again = GATES[saved.gate].open(saved.comparison).next(saved.evidence);
        // JSON has no -0; that never decides.
        expect(JSON.parse(JSON.stringify(again))).toEqual(JSON.parse(JSON.stringify(step)));
      }),
      { numRuns: 1000 },
    );
  });

  it('treats lower values like higher ones of the opposite sign', () => {
    fc.assert(
      fc.property(
        gateName,
        comparison.filter(({ incumbentValues }) => incumbentValues.length > 0),
        fc.array(value, { minLength: 2, maxLength: 2 }),
        value,
        (gate, given, candidate, incumbent) => {
          const negated = (values: readonly number[]) => values.map((each) => -each);
          const mirrored: Comparison = {
            ...given,
            direction: given.direction === 'lower' ? 'higher' : 'lower',
            incumbentValues: negated(given.incumbentValues),
          };
          const one = run(gate, given, { candidate: candidate.values(), incumbent: [incumbent].values() });
          const other = run(gate, mirrored, {
            candidate: negated(candidate).values(),
            incumbent: negated([incumbent]).values(),
          });
          expect(other.step.verdict).toBe(one.step.verdict);
          expect(other.rounds).toBe(one.rounds);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('has a reason of one printable line', () => {
    fc.assert(
      fc.property(gateName, comparison, answers, (gate, given, machine) => {
        expect(run(gate, given, machine).step.reason).toMatch(/^[\x20-\x7e±µ]+$/);
      }),
    );
  });
});
