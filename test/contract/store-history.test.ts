import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StoreReader } from '../../src/store/reader.js';
import type { Totals, TrialRow } from '../../src/store/rows.js';
import { addRevision, begin, measure, type OpenedStore, temporaryStore, type Walk, walk } from '../helpers/store.js';

type Step = { readonly do: 'revision' } | { readonly do: 'look' } | { readonly do: 'trial'; readonly trial: Walk };

const commits = fc.constantFrom('c0', 'c1', 'c2', 'c3');
const metrics = fc.integer({ min: -3, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'revision' }) },
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'look' }) },
  {
    weight: 12,
    arbitrary: fc
      .oneof(
        fc.record({
          outcome: fc.constant('measured' as const),
          verdict: fc.constantFrom('keep' as const, 'discard' as const),
          kind: fc.constantFrom('trial' as const, 'trial' as const, 'baseline' as const),
          numbered: fc.boolean(),
          metric: metrics,
          commit: commits,
          incumbentCommit: commits,
        }),
        fc.record({
          outcome: fc.constant('crashed' as const),
          verdict: fc.constant('crash' as const),
          commit: commits,
        }),
        fc.record({ outcome: fc.constant('out_of_scope' as const), verdict: fc.constant('discard' as const) }),
        fc.record({ outcome: fc.constantFrom('no_change' as const, 'interrupted' as const) }),
      )
      .map((trial): Step => ({ do: 'trial', trial: legal(trial) })),
  },
);

/** Only a baseline may be without a number, and a baseline is always kept. */
function legal(trial: Walk): Walk {
  if (trial.kind === 'baseline') return { ...trial, verdict: 'keep' };
  return { ...trial, numbered: true };
}

/** The same questions, answered by going through all rows. */
function naiveTotals(rows: readonly TrialRow[], revision: number): Totals {
  const trials = rows.filter(({ kind }) => kind === 'trial');
  const counted = trials.filter(({ number }) => number !== null);
  const of = (verdict: string) => counted.filter((row) => row.verdict === verdict).length;
  const incumbent = rows.filter(({ verdict }) => verdict === 'keep').at(-1);
  const baseline = rows.filter((row) => row.kind === 'baseline' && row.revision === revision).at(-1);
  return {
    trials: counted.length,
    kept: of('keep'),
    discarded: of('discard'),
    crashed: of('crash'),
    uncounted: trials.length - counted.length,
    baselineMetric: baseline?.metric ?? null,
    incumbentMetric: incumbent?.revision === revision ? incumbent.metric : null,
    incumbentTrial: incumbent?.number ?? null,
    sinceKeep: counted.filter(({ id }) => id > (incumbent?.id ?? 0)).length,
    lastSettledAt: rows.at(-1)?.settledAt ?? null,
  };
}

function naiveIncumbentValues(opened: OpenedStore, rows: readonly TrialRow[], commit: string): number[] {
  const { store } = opened;
  const revision = store.newestRevision()?.revision ?? 0;
  const kept = rows.filter(
    (row) => row.candidateCommit === commit && row.verdict === 'keep' && row.revision === revision,
  );
  return rows
    .filter((row) => row.revision === revision && row.id >= (kept.at(-1)?.id ?? 0))
    .flatMap((row) => store.measurementsOf(row.id))
    .filter((row) => row.commit === commit && row.outcome === 'measured' && row.side !== 'sabotage')
    .sort((a, b) => b.id - a.id)
    .slice(0, 8)
    .map(({ metric }) => metric ?? Number.NaN);
}

describe('what a store says of its history', () => {
  it('is what going through all rows would say, whenever and however often it is asked', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const opened = temporaryStore();
        const { store, path } = opened;
        const rows: TrialRow[] = [];
        const check = (reader: StoreReader) => {
          const revision = store.newestRevision()?.revision ?? 0;
          expect(reader.totals()).toEqual(naiveTotals(rows, revision));
          for (const commit of ['c0', 'c1', 'c3']) {
            expect(reader.incumbentValues(commit, revision)).toEqual(naiveIncumbentValues(opened, rows, commit));
            const twins = rows.filter((row) => row.tree === `tree of ${commit}` && row.revision === revision);
            const measured = twins.filter(({ outcome }) => outcome === 'measured');
            expect(reader.measuredTwin(`tree of ${commit}`, revision)).toEqual(measured.at(-1) ?? null);
          }
        };
        for (const each of steps) {
          if (each.do === 'revision') addRevision(store);
          else if (each.do === 'look') check(store);
          else rows.push(walk(opened, each.trial));
        }
        check(store);
        const fresh = StoreReader.open(path);
        expect(fresh).not.toBeNull();
        if (fresh) check(fresh);
        fresh?.close();
        expect([...store.eachTrial()]).toEqual(rows);
        expect(store.recentTrials({ limit: 5 })).toEqual(rows.slice(-5));
        const numbered = rows.filter(
          ({ number, kind, verdict }) => number !== null || (kind === 'baseline' && verdict === 'keep'),
        );
        expect(store.recentTrials({ limit: 5, counted: true })).toEqual(numbered.slice(-5));
        store.close();
      }),
      { numRuns: 30 },
    );
  });

  it('does not count the trial that is under way', () => {
    const opened = temporaryStore();
    walk(opened, { outcome: 'measured', verdict: 'discard', metric: 1 });
    begin(opened);
    expect(opened.store.totals()).toMatchObject({ trials: 1, uncounted: 0, sinceKeep: 1 });
  });

  it('takes the incumbent’s values from both sides, but never from a broken target or a warm-up', () => {
    const opened = temporaryStore();
    const { store } = opened;
    walk(opened, { kind: 'baseline', outcome: 'measured', verdict: 'keep', metric: 10, commit: 'c0' });
    const { id } = begin(opened);
    for (const [side, metric] of [
      ['incumbent', 11],
      ['sabotage', 99],
      ['warmup', 98],
      ['candidate', 50],
    ] as const) {
      measure(opened, { trialId: id, commit: side === 'candidate' ? 'c1' : 'c0', metric, side });
    }
    expect(store.incumbentValues('c0', 1)).toEqual([11, 10]);
    store.dropMeasurements(id);
    expect(store.incumbentValues('c0', 1)).toEqual([10]);
    expect(store.incumbentValues('c0', 2)).toEqual([]);
  });
});
