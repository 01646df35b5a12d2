import { describe, expect, it } from 'vitest';
import { metricChart } from '../../src/dashboard/chart.js';
import { renderResults } from '../../src/dashboard/results.js';
import { displayWidth, truncate } from '../../src/dashboard/text-width.js';
import type { TrialRow } from '../../src/store/rows.js';
import { history, NOW, PLAIN, parseCsv, sessionRow, trialRow, view } from '../helpers/dashboard.js';

const NARROW = { ...PLAIN, width: 60 };

function chartRows(values: readonly (number | null)[], keptIndices: readonly number[]): TrialRow[] {
  return values.map((metric, number) =>
    trialRow({
      id: number + 1,
      number,
      metric,
      kind: number === 0 ? 'baseline' : 'trial',
      incumbentMetric: number === 0 ? null : (values[0] ?? null),
      outcome: metric === null ? 'crashed' : 'measured',
      verdict: metric === null ? 'crash' : keptIndices.includes(number) ? 'keep' : 'discard',
    }),
  );
}

describe('the results on a terminal', () => {
  it('show the numbers that matter, the course and the trials', () => {
    const trials = history(12);
    const secondsByTrial = new Map(trials.map((trial) => [trial.id, 30 + trial.id]));
    const text = renderResults({ view: view(), trials, earlierTrials: 30, secondsByTrial }, 'terminal', PLAIN);
    expect(text).toMatchInlineSnapshot(`
      "engineering/api-speed   running

        metric    p50_ms, lower is better
        baseline  14.02 ms
        best      12.31 ms   -12.2 %   unverified   trial 42
        trials    42: 6 kept, 31 discarded, 5 crashed
        time      3 h 20 min, last sign of life 41 s ago

        14.962 ms ┤                                    ·
                  │
                  │        ·   ·
                  │●───────────────┐   ·   ·
                  │                ●───────────────────────────┐
        13.449 ms ┤                                            ●────
                  └────x───────────────────────────────────────────x
                   #0000     ● kept  · not kept  x crashed     #0012

      30 earlier trials not shown, --all shows them
      TRIAL  RESULT        VALUE   CHANGE  TIME  COMMIT   DESCRIPTION
      #0000  baseline  14.020 ms           31 s  abc1234  the unmodified code
      #0001  crashed                       32 s  abc1234  cache the compiled route re…
      #0002  discard   14.277 ms   +1.8 %  33 s  abc1234  batch the metrics flush
      #0003  discard   14.275 ms   +1.8 %  34 s  abc1234  batch the metrics flush
      #0004  keep      13.745 ms   -2.0 %  35 s  abc1234  inline the header check
      #0005  discard   13.931 ms   +1.4 %  36 s  abc1234  avoid the spread in the hot…
      #0006  discard   14.055 ms   +2.3 %  37 s  abc1234  skip validation of response…
      #0007  discard   13.700 ms   -0.3 %  38 s  abc1234  reuse one TextEncoder per w…
      #0008  discard   13.748 ms  +0.02 %  39 s  abc1234  inline the header check
      #0009  discard   14.962 ms   +8.9 %  40 s  abc1234  batch the metrics flush
      #0010  discard   13.676 ms   -0.5 %  41 s  abc1234  skip validation of response…
      #0011  keep      13.449 ms   -2.1 %  42 s  abc1234  avoid the spread in the hot…
      #0012  crashed                       43 s  abc1234  cache the compiled route re…
      "
    `);
  });

  it('fit the terminal, whatever the description', () => {
    const descriptions = [
      'x'.repeat(300),
      '漢字かな交じり文'.repeat(20),
      '👩‍👩‍👧‍👦 family '.repeat(30),
      '\u001b[31mred\u001b[0m\u202etxt.exe\ttab\nline',
      'e\u0301'.repeat(200),
    ];
    const trials = descriptions.map((description, index) => trialRow({ id: index, number: index, description }));
    const results = { view: view(), trials, earlierTrials: 0, secondsByTrial: new Map() };
    for (const width of [60, 80, 120]) {
      const lines = renderResults(results, 'terminal', { ...PLAIN, width }).split('\n');
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
    }
  });

  it('show a baseline that was measured anew as a row without a number', () => {
    const anew = { kind: 'baseline', number: null, incumbentMetric: null, revision: 2, id: 3 } as const;
    const trials = [
      ...chartRows([14, 12], [0, 1]),
      trialRow({ ...anew, metric: 5, description: 'the best code by the changed definitions (revision 2)' }),
      trialRow({ id: 4, number: 2, metric: 4, incumbentMetric: 5, revision: 2 }),
    ];
    const results = { view: view(), trials, earlierTrials: 0, secondsByTrial: new Map() };
    expect(renderResults(results, 'terminal', PLAIN)).toMatch(
      /\n {2}--- {2}new baseline +5 ms +abc1234 +the best code by/,
    );
    expect(renderResults(results, 'markdown', PLAIN)).toMatch(/\| - \| new baseline \| 5 ms \|/);
    const [, , , row] = parseCsv(renderResults(results, 'csv', PLAIN));
    expect(row?.slice(0, 4)).toEqual(['', 'keep', 'measured', '5']);
  });

  it('say that there are no trials yet', () => {
    const none = {
      trials: 0,
      kept: 0,
      discarded: 0,
      crashed: 0,
      baselineMetric: null,
      incumbentMetric: null,
      incumbentTrial: null,
      lastSettledAt: null,
    };
    const empty = view({ alive: false, session: null, totals: none });
    const results = { view: empty, trials: [], earlierTrials: 0, secondsByTrial: new Map() };
    expect(renderResults(results, 'terminal', PLAIN)).toContain('No trials yet.');
  });

  it('tell a killed runner from one that stopped for a reason', () => {
    const results = { trials: history(3), earlierTrials: 0, secondsByTrial: new Map() };
    const killed = renderResults({ ...results, view: view({ alive: false }) }, 'terminal', PLAIN);
    expect(killed).toContain('The last runner ended without a word');
    const session = sessionRow({ endedAt: NOW, stopReason: 'crash_streak', stopDetail: '' });
    const stopped = renderResults({ ...results, view: view({ alive: false, session }) }, 'terminal', PLAIN);
    expect(stopped).toMatch(/stopped +crash streak/);
  });

  it('render ten thousand trials well within a person’s patience', () => {
    const trials = history(10_000);
    const results = { view: view(), trials, earlierTrials: 0, secondsByTrial: new Map() };
    const begun = process.cpuUsage();
    for (const format of ['terminal', 'csv', 'markdown', 'json'] as const) renderResults(results, format, PLAIN);
    expect(process.cpuUsage(begun).user / 1000).toBeLessThan(10_000);
  });
});

describe('the chart', () => {
  it('draws the incumbent as steps, tries as dots and crashes on the axis', () => {
    const rows = chartRows([14, 14.2, 13.1, null, 13.6, 12.4, 12.9, 12.5, null, 11.8, 12.2], [0, 2, 5, 9]);
    expect(metricChart(rows, 'p50_ms', NARROW).join('\n')).toMatchInlineSnapshot(`
      "  14.200 ms ┤●───────┐
                  │        │       ·
                  │        ●───────────┐
                  │                    │   ·
                  │                    ●───────────────┐   ·
        11.800 ms ┤                                    ●────
                  └────────────x───────────────────x────────
                   #0000 to #0010   ● kept  · not kept  x crashed"
    `);
  });

  it('has an ASCII form, and rises where higher is better', () => {
    const rows = chartRows([-4, -4.5, -3, -3.5, null, -2, -2.4, -2.1], [0, 2, 5]);
    const text = metricChart(rows, 'score', { ...NARROW, unicode: false }).join('\n');
    expect(text).toMatch(/^[ -~\n]*$/);
    expect(text).toMatchInlineSnapshot(`
      "  -2.0000 |                    *--------
                |                    |   .
                |        *-----------+
                |        |   .
                |*-------+
        -4.5000 |    .
                +----------------x------------
                 #0000 to #0007   * kept  . not kept  x crashed"
    `);
  });

  it('is not flattened by one absurd value', () => {
    const calm = [10, 10.2, 9.8, 9.9, 9.7, 9.9, 10.1, 9.6];
    const wild = calm.with(3, 1e6);
    const lines = metricChart(chartRows(wild, [0, 2, 7]), 'p50_ms', PLAIN);
    expect(lines[0]).toMatch(/^ +10\.200 ms ┤.*▴/);
    expect(lines.at(-1)).toContain('▴ off the scale');
    expect(metricChart(chartRows(calm, [0, 2, 7]), 'p50_ms', PLAIN).join('\n')).not.toContain('▴');
  });

  it('draws equal values as one flat line', () => {
    const lines = metricChart(chartRows([5, 5, 5, 5], [0]), 'p50_ms', NARROW);
    expect(lines.slice(0, 6).filter((line) => line.includes('●'))).toEqual(['  5 ms ┤●────────────']);
  });

  it('survives the ends of the number range', () => {
    const rows = chartRows([1.7e308, -1.7e308, 5e-324, 0, 1e300], [0, 1, 2]);
    const lines = metricChart(rows, 'score', NARROW);
    expect(lines).toHaveLength(8);
    expect(lines[0]).toContain('1.7e+308 ┤●');
  });

  it('never takes more than eight lines or the width it is given', () => {
    for (const [count, width] of [
      [1, 80],
      [5, 34],
      [42, 80],
      [200, 60],
      [10_000, 120],
    ] as const) {
      const lines = metricChart(history(count), 'p50_ms', { ...PLAIN, width });
      expect(lines.length).toBeLessThanOrEqual(8);
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
    }
  });

  it('leaves out what other definitions measured', () => {
    const old = chartRows([900, 800], [0, 1]).map((trial) => ({ ...trial, revision: 1 }));
    const fresh = chartRows([5, 4, 6], [0, 1]).map((trial) => ({ ...trial, revision: 2 }));
    const text = metricChart([...old, ...fresh], 'p50_ms', NARROW).join('\n');
    expect(text).toContain('6 ms');
    expect(text).not.toContain('900');
  });

  it('begins with the new baseline', () => {
    const anew = { kind: 'baseline', number: null, incumbentMetric: null, revision: 2 } as const;
    const rows = [
      ...chartRows([900, 800], [0, 1]),
      trialRow({ ...anew, id: 3, metric: 5 }),
      trialRow({ id: 4, number: 2, metric: 4, incumbentMetric: 5, revision: 2 }),
    ];
    expect(metricChart(rows, 'p50_ms', { ...PLAIN, width: 80 }).join('\n')).toContain('new baseline to #0002');
  });

  it('is left out where there is nothing to compare or no room', () => {
    expect(metricChart([], 'p50_ms', PLAIN)).toEqual([]);
    expect(metricChart(chartRows([14, null, null], [0]), 'p50_ms', PLAIN)).toEqual([]);
    expect(metricChart(history(20), 'p50_ms', { ...PLAIN, width: 20 })).toEqual([]);
  });
});

describe('display width', () => {
  it('counts cells, not code units', () => {
    expect(displayWidth('plain')).toBe(5);
    expect(displayWidth('漢字')).toBe(4);
    expect(displayWidth('👩‍👩‍👧‍👦')).toBe(2);
    expect(displayWidth('e\u0301')).toBe(1);
    expect(displayWidth('µs … → ●')).toBe(8);
    expect(displayWidth('a\u200bb')).toBe(2);
  });

  it('cuts between characters only', () => {
    expect(truncate('漢字漢字', 8)).toBe('漢字漢字');
    expect(truncate('漢字漢字', 6)).toBe('漢字…');
    expect(truncate('👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 3)).toBe('👩‍👩‍👧‍👦…');
    expect(truncate('abc', 0)).toBe('');
    expect(truncate('abc', 1)).toBe('…');
  });
});
