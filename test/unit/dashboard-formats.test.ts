import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oneLine } from '../../src/core/text.js';
import { csvDocument, isoTime, markdownTable, markdownText } from '../../src/dashboard/formats.js';
import { renderOverview } from '../../src/dashboard/overview.js';
import { renderResults } from '../../src/dashboard/results.js';
import { displayWidth } from '../../src/dashboard/text-width.js';
import { history, PLAIN, parseCsv, trialRow, view } from '../helpers/dashboard.js';

/** Text that tries everything: formulas, quotes, separators, control and bidirectional characters, Markdown, HTML. */
const hostileText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...'=+-@\t\r\n",;|\\`<>&\'\u001b\u202e\u200f[](*_ a7é漢') }),
  fc.constantFrom(
    "=cmd|' /C calc'!A0",
    '\u001b[31mred\u001b[0m',
    '-2+3',
    '@SUM(A1)',
    '\t=1',
    ' =1',
    '\\|',
    '|'.repeat(9),
  ),
);

describe('CSV', () => {
  it('parses back to the same cells, text as one printable line and numbers at full precision', () => {
    const cell = fc.oneof(hostileText, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null));
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { maxLength: 5 }), (rows) => {
        const parsed = parseCsv(csvDocument(['a', 'b', 'c'], rows));
        expect(parsed.slice(1)).toEqual(rows.map((row) => row.map(expectedCell)));
      }),
    );
  });

  it('has no text cell that a spreadsheet would run', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const [, row] = parseCsv(csvDocument(['a', 'b'], [[text, 'x']]));
        expect(row?.[0]).not.toMatch(/^[=+\-@\t\r]/);
      }),
    );
  });

  it('leaves negative numbers numbers, and has no cell for what is not finite', () => {
    expect(csvDocument(['a', 'b', 'c', 'd'], [[-1.5, 5e-324, Number.NaN, Number.POSITIVE_INFINITY]])).toBe(
      'a,b,c,d\n-1.5,5e-324,,\n',
    );
  });

  it('quotes as RFC 4180 demands', () => {
    expect(csvDocument(['a', 'b'], [['say "hi", twice', 'x']])).toBe('a,b\n"say ""hi"", twice",x\n');
  });

  function expectedCell(cell: string | number | null): string {
    if (cell === null) return '';
    if (typeof cell === 'number') return String(cell);
    const line = oneLine(cell, 8000);
    return /^[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(line) ? `'${line}` : line;
  }
});

describe('Markdown', () => {
  it('has the same number of unescaped pipes on every row, and no row more', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(hostileText, hostileText), { maxLength: 5 }), (rows) => {
        const columns = [
          { header: 'A', align: 'left' as const },
          { header: 'B', align: 'right' as const },
        ];
        const lines = markdownTable(columns, rows).trimEnd().split('\n');
        expect(lines).toHaveLength(rows.length + 2);
        for (const line of lines) expect(line.replace(/\\./gu, '').split('|')).toHaveLength(4);
      }),
    );
  });

  it('shows foreign text literally: no HTML, no code, no links', () => {
    expect(markdownText('<img src=x> `rm` [a](b) a|b & c\\d\nnext')).toBe(
      '&lt;img src=x&gt; \\`rm\\` \\[a\\](b) a\\|b &amp; c\\\\d next',
    );
  });
});

describe('the overview', () => {
  const views = [
    view(),
    view({
      name: 'bundle-size',
      metric: 'size_bytes',
      alive: false,
      totals: { baselineMetric: 0, incumbentMetric: -7 },
    }),
    view({
      name: 'new',
      alive: false,
      session: null,
      totals: { baselineMetric: null, incumbentMetric: null, lastSettledAt: null },
    }),
  ];

  it('is an aligned table on a terminal', () => {
    expect(renderOverview(views, 'terminal', PLAIN)).toMatchInlineSnapshot(`
      "DOMAIN       EXPERIMENT   RUNS  KEPT      BEST   CHANGE  STATUS
      engineering  api-speed      42     6  12.31 ms  -12.2 %  running
      engineering  bundle-size    42     6  -7 bytes      n/a  active
      engineering  new            42     6         -        -  idle
      "
    `);
  });

  it('fits 80 columns with the longest of names', () => {
    const long = view({ name: 'n'.repeat(64), metric: 'size_bytes', totals: { incumbentMetric: 123_456_789_012 } });
    const text = renderOverview([...views, long], 'terminal', PLAIN);
    for (const line of text.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(80);
    expect(text).toContain('n…');
  });

  it('says what to do where there is none', () => {
    expect(renderOverview([], 'terminal', PLAIN)).toContain('autoresearch init');
    expect(JSON.parse(renderOverview([], 'json', PLAIN))).toEqual({ schemaVersion: 1, experiments: [] });
    expect(parseCsv(renderOverview([], 'csv', PLAIN))).toHaveLength(1);
  });

  it('adds discarded, crashed and metric to the CSV', () => {
    expect(renderOverview(views, 'csv', PLAIN)).toMatchInlineSnapshot(`
      "Domain,Experiment,Metric,Runs,Kept,Discarded,Crashed,Best,Change (%),Status
      engineering,api-speed,p50_ms,42,6,31,5,12.31,-12.19686162624821,running
      engineering,bundle-size,size_bytes,42,6,31,5,-7,,active
      engineering,new,p50_ms,42,6,31,5,,,idle
      "
    `);
  });

  it('colours nothing that words do not say', () => {
    const coloured = renderOverview(views, 'terminal', { ...PLAIN, colour: true });
    expect(coloured).toContain('\u001b[');
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(renderOverview(views, 'terminal', PLAIN));
  });
});

describe('the results of one experiment as data', () => {
  const description = '=HYPERLINK("x")\t\u202eevil\u001b[31m | `code`\nsecond line';
  const trials = [...history(2), trialRow({ id: 9, number: 3, description, metric: -5e-324, incumbentMetric: 1e300 })];
  const results = { view: view(), trials, earlierTrials: 0, secondsByTrial: new Map([[9, 41.25]]) };

  it('is one CSV row per trial with full precision', () => {
    const rows = parseCsv(renderResults(results, 'csv', PLAIN));
    expect(rows).toHaveLength(trials.length + 1);
    expect(rows.at(-1)).toEqual([
      '3',
      'keep',
      'measured',
      '-5e-324',
      '-100',
      '1e+300',
      '41.25',
      trials[3]?.candidateCommit,
      '\'=HYPERLINK("x") evil | `code` second line',
    ]);
  });

  it('is one Markdown row per trial', () => {
    const lines = renderResults(results, 'markdown', PLAIN)
      .split('\n')
      .filter((line) => line.startsWith('|'));
    expect(lines).toHaveLength(trials.length + 2);
    expect(lines.at(-1)).toContain('=HYPERLINK("x") evil \\| \\`code\\` second line');
  });

  it('is JSON with ISO times, full precision and nulls', () => {
    const document = JSON.parse(renderResults(results, 'json', PLAIN));
    expect(document).toMatchObject({
      schemaVersion: 1,
      experiment: { name: 'engineering/api-speed', best: 12.31, lastResultAt: '2026-11-03T07:59:19.000Z' },
    });
    expect(document.trials.at(-1)).toMatchObject({ number: 3, metric: -5e-324, seconds: 41.25 });
    expect(document.trials[0]).toMatchObject({ seconds: null, incumbentMetric: null, changePercent: null });
  });

  it('holds no control or direction-changing character in any format', () => {
    for (const format of ['terminal', 'csv', 'markdown', 'json'] as const) {
      expect(renderResults(results, format, PLAIN)).not.toMatch(
        /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/,
      );
    }
  });
});

describe('times', () => {
  it('are ISO 8601 in UTC, and null where no calendar reaches', () => {
    expect(isoTime(0)).toBe('1970-01-01T00:00:00.000Z');
    expect(isoTime(null)).toBeNull();
    expect(isoTime(1e300)).toBeNull();
  });
});
