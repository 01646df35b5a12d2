import { describe, expect, it } from 'vitest';
import { metricChart } from '../../src/dashboard/chart.js';
import type { ShownEpoch } from '../../src/dashboard/epochs.js';
import { type Results, renderResults } from '../../src/dashboard/results.js';
import { displayWidth } from '../../src/dashboard/text-width.js';
import { NOW, PLAIN, parseCsv, trialRow, view } from '../helpers/dashboard.js';

/** A machine that became 18 % slower in trial 3 of 6. */
const TRIALS = [14, 14.2, 14.1, 16.6, 16.5, 16.7, 15.1].map((metric, number) =>
  trialRow({
    ...{ id: number + 10, number, metric, description: `try ${number}`, incumbentMetric: number < 3 ? 14 : 16.5 },
    kind: number === 0 ? 'baseline' : 'trial',
    verdict: number === 0 || number === 6 ? 'keep' : 'discard',
  }),
);
const EPOCH: ShownEpoch = {
  ...{ revision: 1, trialId: 13, number: 3, commit: '1'.repeat(40), valueBefore: 14, valueAfter: 16.52, beganAt: NOW },
};
const RESULTS: Results = {
  ...{ view: view(), trials: TRIALS, earlierTrials: 0, secondsByTrial: new Map(), epochs: [EPOCH] },
};

describe('a machine that changed its level', () => {
  it('is a line before the trial in which it was noticed, and a fact above the table', () => {
    const lines = renderResults(RESULTS, 'terminal', PLAIN).split('\n');
    const at = lines.findIndex((line) => line.includes('from here on'));
    expect(lines[at]).toBe('-- from here on the same code measures 18 % slower --');
    expect(lines[at - 1]).toMatch(/^#0002 /);
    expect(lines[at + 1]).toMatch(/^#0003 /);
    expect(lines.join('\n')).toMatch(/level +from trial 3 on the same code measures 18 % slower/);
  });

  it('stands before the next trial that is shown, and only above where all that is shown is later', () => {
    const text = (trials: Results['trials']) => renderResults({ ...RESULTS, trials }, 'terminal', PLAIN);
    const without = text(TRIALS.filter(({ number }) => number !== 3));
    expect(without).toMatch(/-- from here on .*\n#0004 /);
    const later = text(TRIALS.slice(5));
    expect(later).not.toContain('-- from here on');
    expect(later).toContain('from trial 3 on');
  });

  it('is cut to the width of the terminal', () => {
    const lines = renderResults(RESULTS, 'terminal', { ...PLAIN, width: 40 }).split('\n');
    const line = lines.find((each) => each.startsWith('-- from here on')) ?? '';
    expect(displayWidth(line)).toBeLessThanOrEqual(40);
  });

  it('is in every document', () => {
    const json = JSON.parse(renderResults(RESULTS, 'json', PLAIN));
    expect(json.epochs).toEqual([
      expect.objectContaining({ trial: 3, valueBefore: 14, valueAfter: 16.52, changePercent: expect.closeTo(18, 3) }),
    ]);
    const [head, ...rows] = parseCsv(renderResults(RESULTS, 'csv', PLAIN));
    expect(head?.at(-1)).toBe('Epoch');
    expect(rows.slice(0, 7).map((row) => row.at(-1))).toEqual(['0', '0', '0', '1', '1', '1', '1']);
    expect(renderResults(RESULTS, 'markdown', PLAIN)).toContain(
      '- level: from trial 3 on the same code measures 18 % slower',
    );
  });

  it('leaves no trace where there was none', () => {
    const none = { ...RESULTS, epochs: [] };
    expect(renderResults(none, 'terminal', PLAIN)).not.toMatch(/level|from here/);
    expect(parseCsv(renderResults(none, 'csv', PLAIN))[0]?.at(-1)).toBe('Description');
    expect(JSON.parse(renderResults(none, 'json', PLAIN)).epochs).toEqual([]);
  });

  it('is an upright line in the chart, with its meaning below', () => {
    expect(metricChart(TRIALS, 'p50_ms', PLAIN, { epochs: [EPOCH] }).join('\n')).toMatchInlineSnapshot(`
      "  16.700 ms ┤            ·   ·   ·
                  │            ┊
                  │            ┊
                  │            ┊           ●
                  │            ┊           │
        14.000 ms ┤●───────────────────────┘
                  └─────────────────────────
                   #0000 to #0006   ● kept  · not kept  ┊ machine changed"
    `);
    const ascii = metricChart(TRIALS, 'p50_ms', { ...PLAIN, unicode: false }, { epochs: [EPOCH] }).join('\n');
    expect(ascii).toContain(': machine changed');
  });
});
