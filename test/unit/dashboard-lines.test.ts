import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OUTCOMES, VERDICTS } from '../../src/core/outcome.js';
import { runSummary, type SummaryInput } from '../../src/dashboard/summary.js';
import { displayWidth } from '../../src/dashboard/text-width.js';
import { type TrialLineOptions, trialLine } from '../../src/dashboard/trial-line.js';
import { renderTrial, type TrialDetails } from '../../src/dashboard/trial-view.js';
import { measurementRow, PLAIN, trialRow, view } from '../helpers/dashboard.js';

const OPTIONS: TrialLineOptions = {
  metric: 'p50_ms',
  direction: 'lower',
  style: PLAIN,
  like: { value: 14.02, seconds: 41 },
};

describe('one line per trial', () => {
  it('stands in fixed columns', () => {
    const unmeasured = { verdict: null, metric: null, incumbentMetric: null } as const;
    const lines = [
      trialLine(
        trialRow({ number: 0, kind: 'baseline', description: '', metric: 14.02, incumbentMetric: null }),
        41,
        OPTIONS,
      ),
      trialLine(trialRow({ number: 1 }), 41, OPTIONS),
      trialLine(trialRow({ number: 2, verdict: 'discard', metric: 12.9 }), 40.4, OPTIONS),
      trialLine(trialRow({ number: 3, ...unmeasured, outcome: 'timed_out', verdict: 'crash' }), 150, OPTIONS),
      trialLine(trialRow({ number: 4, ...unmeasured, outcome: 'out_of_scope', verdict: 'discard' }), null, OPTIONS),
      trialLine(
        trialRow({ number: null, ...unmeasured, outcome: 'no_change', description: '', reason: 'nothing changed' }),
        null,
        OPTIONS,
      ),
      trialLine(
        trialRow({ number: 12345, ...unmeasured, outcome: null, phase: 'measuring', settledAt: null }),
        null,
        OPTIONS,
      ),
    ];
    expect(lines.join('\n')).toMatchInlineSnapshot(`
      "#0000  baseline       14.020 ms              41 s  the unmodified code
      #0001  keep           12.310 ms    -3.2 %    41 s  cache the compiled route reg…
      #0002  discard        12.900 ms    +1.4 %    40 s  cache the compiled route reg…
      #0003  timed out                           2 min 30 s  cache the compiled route…
      #0004  out of scope                                cache the compiled route reg…
        ---  no change                                   nothing changed
      #12345  measuring                                   cache the compiled route re…"
    `);
  });

  it('names every outcome and verdict in words, not in colour', () => {
    for (const outcome of OUTCOMES) {
      for (const verdict of [...VERDICTS, null]) {
        const line = trialLine(trialRow({ outcome, verdict }), 1, OPTIONS);
        expect(line).toContain(outcome === 'measured' ? (verdict ?? 'measured') : outcome.replaceAll('_', ' '));
      }
    }
  });

  it('keeps to one line of the terminal, whatever is in the row', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.option(finite),
        fc.option(finite),
        fc.constantFrom(70, 80, 120),
        (description, metric, incumbentMetric, width) => {
          const options = { ...OPTIONS, style: { ...PLAIN, width } };
          const line = trialLine(trialRow({ description, metric, incumbentMetric }), 41, options);
          expect(displayWidth(line)).toBeLessThanOrEqual(width);
          expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
        },
      ),
    );
  });

  it('shows a gain that the usual digits would hide', () => {
    const trial = trialRow({ metric: 119.19301, incumbentMetric: 119.19304 });
    const line = trialLine(trial, 41, { ...OPTIONS, like: { value: 119.19304, seconds: 41 } });
    expect(line).toContain('119.19301 ms   -3e-5 %');
  });

  it('pushes a longer number aside instead of cutting it', () => {
    const line = trialLine(trialRow({ metric: 123_456_789.5 }), 41, OPTIONS);
    expect(line).toContain('123456789.500 ms');
    expect(displayWidth(line)).toBeLessThanOrEqual(80);
  });

  it('says the same with and without colour', () => {
    const row = trialRow();
    const coloured = trialLine(row, 41, { ...OPTIONS, style: { ...PLAIN, colour: true } });
    expect(coloured).not.toBe(trialLine(row, 41, OPTIONS));
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(trialLine(row, 41, OPTIONS));
  });
});

describe('everything about one trial', () => {
  const diff = [
    'diff --git a/src/router.ts b/src/router.ts',
    '--- a/src/router.ts',
    '+++ b/src/router.ts',
    '@@ -1,2 +1,2 @@',
    "-const re = new RegExp('a');",
    '+\tif (role !== "user\u202e \u2066// admin\u2069 \u2066") {\u001b[2J',
    '',
  ].join('\n');
  const details: TrialDetails = {
    experiment: { domain: 'engineering', name: 'api-speed' },
    metric: 'p50_ms',
    direction: 'lower',
    trial: trialRow({ notes: ['new file debug.txt outside the target was left out of the commit'] }),
    measurements: [
      measurementRow(),
      measurementRow({ id: 8, side: 'incumbent', metric: 12.72 }),
      measurementRow({
        id: 9,
        outcome: 'timed_out',
        metric: null,
        exitCode: null,
        signal: 'SIGKILL',
        secondary: {},
        reason: 'ran longer than the hard limit of 150 s',
        wallSeconds: 150.2,
        cpuSeconds: null,
        peakMemoryBytes: null,
        swept: 2,
      }),
    ],
    diff,
  };

  it('is laid out for reading', () => {
    const text = renderTrial(details, 'terminal', PLAIN);
    expect(text.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+/g, 'TIME')).toMatchInlineSnapshot(`
      "Trial #0042   keep   engineering/api-speed

        cache the compiled route regex

        value      12.31 ms   -3.2 % against 12.72 ms
        outcome    measured, verdict keep
        reason     3.2 % better than the incumbent in 5 of 5 pairs (p = 0.004)
        proposer   agent, took 63 s
        commit     abc1234defabc1234defabc1234defabc1234def
        incumbent  1111111111111111111111111111111111111111
        changed    2 files, +14 -3 lines
                   src/router.ts
                   src/cache.ts
        started    TIME
        settled    TIME after 79 s
        revision   1

      Measurements
        SIDE           VALUE        WALL    CPU    MEMORY  END
        candidate  12.290 ms       8.2 s  7.9 s  83.6 MiB  exit 0
          p95_ms 19.4
        incumbent  12.720 ms       8.2 s  7.9 s  83.6 MiB  exit 0
          p95_ms 19.4
        candidate             2 min 30 s                   timed out, SIGKILL
          ran longer than the hard limit of 150 s
          processes left over and ended: 2

      Statistics
        pairs  5
        sigma  0.011
        t      4.2
        p      0.004

      Notes
        new file debug.txt outside the target was left out of the commit

      Logs
        /state/logs/0042-1-candidate-1.log

      Diff
      diff --git a/src/router.ts b/src/router.ts
      --- a/src/router.ts
      +++ b/src/router.ts
      @@ -1,2 +1,2 @@
      -const re = new RegExp('a');
      +    if (role !== "user<U+202E> <U+2066>// admin<U+2069> <U+2066>") {<U+001B>[2J
      "
    `);
  });

  it('lists each check with what it found', () => {
    const checks = [
      { name: 'size', passed: true, found: 'size_bytes 950 bytes, at most 1050 bytes (baseline 1000 bytes x 1.05)' },
      { name: 'tests', passed: false, found: 'exit code 1', seconds: 3.21 },
    ].map((check) => ({ seconds: null, ...check }));
    const trial = trialRow({ statistics: { pairs: 5, checks } });
    const text = renderTrial({ ...details, trial, measurements: [] }, 'terminal', { ...PLAIN, width: 60 });
    expect(text).toContain(
      [
        'Checks',
        '  passed  size   size_bytes 950 bytes, at most 1050 bytes',
        '                 (baseline 1000 bytes x 1.05)',
        '  failed  tests  exit code 1, 3.2 s',
        '',
        'Statistics',
        '  pairs  5',
        '',
        '',
      ].join('\n'),
    );
    expect(renderTrial({ ...details, trial: trialRow() }, 'terminal', PLAIN)).not.toContain('Checks');
    const broken = trialRow({ statistics: { checks: [{ name: 1 }, null, 'x'] } });
    expect(renderTrial({ ...details, trial: broken }, 'terminal', PLAIN)).not.toContain('Checks');
  });

  it('spells out characters that would make code look like other code', () => {
    const text = renderTrial(details, 'terminal', PLAIN);
    expect(text).toContain('<U+202E>');
    expect(text).not.toMatch(/[\u001b\u202a-\u202e\u2066-\u2069]/);
  });

  it('caps a long diff and says so', () => {
    const long = Array.from({ length: 1000 }, (_, line) => `+line ${line}`).join('\n');
    const text = renderTrial({ ...details, diff: long }, 'terminal', PLAIN);
    expect(text).toContain('(800 more lines not shown)');
    expect(text.split('\n').length).toBeLessThan(260);
  });

  it('quotes the end of a crash and the feedback as plain text', () => {
    const crashTail = `${'noise\n'.repeat(500)}\u001b[31mTypeError\u001b[0m: x\r\n\tat y\n`;
    const trial = trialRow({ outcome: 'crashed', verdict: 'crash', metric: null, crashTail, feedback: 'try less' });
    const text = renderTrial({ ...details, trial }, 'terminal', PLAIN);
    expect(text).toContain('  TypeError: x\n      at y\n\nFeedback\n  try less\n');
    expect(text.split('\n').filter((line) => line === '  noise').length).toBeLessThan(30);
    expect(JSON.parse(renderTrial({ ...details, trial }, 'json', PLAIN)).trial).toMatchObject({ feedback: 'try less' });
  });

  it('is complete in JSON', () => {
    const document = JSON.parse(renderTrial(details, 'json', PLAIN));
    expect(document).toMatchObject({
      schemaVersion: 1,
      experiment: { name: 'engineering/api-speed', metric: 'p50_ms', direction: 'lower' },
      trial: {
        number: 42,
        verdict: 'keep',
        metric: 12.31,
        statistics: { pairs: 5 },
        startedAt: '2026-11-03T07:58:00.000Z',
      },
      measurements: [{ side: 'candidate', secondary: { p95_ms: 19.4 } }, { side: 'incumbent' }, { signal: 'SIGKILL' }],
    });
  });

  it('shows an open trial without measurements, diff or verdict', () => {
    const trial = trialRow({
      phase: 'proposing',
      outcome: null,
      verdict: null,
      metric: null,
      settledAt: null,
      reason: '',
    });
    const text = renderTrial({ ...details, trial, measurements: [], diff: null }, 'terminal', PLAIN);
    expect(text).toContain('proposing, not settled yet');
    expect(text).not.toMatch(/undefined|null|NaN|Diff|Measurements/);
  });

  it('caps the list of changed paths', () => {
    const changedPaths = Array.from({ length: 50 }, (_, index) => `src/file-${index}.ts`);
    const text = renderTrial({ ...details, trial: trialRow({ changedPaths }) }, 'terminal', PLAIN);
    expect(text).toContain('50 files');
    expect(text).toContain('and 30 more');
  });
});

describe('the summary at the end of a run', () => {
  const input: SummaryInput = {
    view: view(),
    counts: { kept: 2, discarded: 15, crashed: 3 },
    stopReason: 'max_trials',
    stopDetail: '20 trials done (--max-experiments 20)',
    activeSeconds: 4805,
    incumbentCommit: 'abc1234def'.repeat(4),
    branch: 'autoresearch/engineering/api-speed',
    inCheckout: false,
  };

  it('says why it stopped, what came of it and what to type next', () => {
    expect(runSummary(input, PLAIN)).toMatchInlineSnapshot(`
      "Stopped: 20 trials done (--max-experiments 20)

        this run  20 trials in 1 h 20 min: 2 kept, 15 discarded, 3 crashed
        in all    42 trials: 6 kept, 31 discarded, 5 crashed
        metric    14.02 ms → 12.31 ms   -12.2 % (unverified)   lower is better

      The best code is abc1234 on autoresearch/engineering/api-speed, trial 42.

        autoresearch apply --experiment engineering/api-speed    take it home
        autoresearch diff --experiment engineering/api-speed     all that was kept
        autoresearch show 42 --experiment engineering/api-speed  one trial and why
        autoresearch results --experiment engineering/api-speed  every trial
        autoresearch logs --experiment engineering/api-speed     the newest output
      "
    `);
  });

  it('tells a small gain from none', () => {
    const gained = view({ totals: { baselineMetric: 119.19304, incumbentMetric: 119.19301 } });
    expect(runSummary({ ...input, view: gained }, PLAIN)).toContain('119.19304 ms → 119.19301 ms   -3e-5 %');
  });

  it('offers no merge where nothing beat the baseline', () => {
    const unchanged = view({ totals: { baselineMetric: 14, incumbentMetric: 14, incumbentTrial: 0 } });
    const text = runSummary({ ...input, view: unchanged }, PLAIN);
    expect(text).toContain('Nothing beat the baseline');
    expect(text).not.toContain('autoresearch apply');
  });

  it('offers no merge where the best code is checked out already', () => {
    const text = runSummary({ ...input, inCheckout: true }, PLAIN);
    expect(text).toContain('The best code is checked out');
    expect(text).not.toContain('autoresearch apply');
  });

  it('claims nothing where even the baseline failed', () => {
    const failed = view({ totals: { baselineMetric: null, incumbentMetric: null, incumbentTrial: null } });
    const text = runSummary({ ...input, view: failed, counts: { kept: 0, discarded: 0, crashed: 0 } }, PLAIN);
    expect(text).toContain('nothing was measured');
    expect(text).not.toMatch(/beat|best|NaN|null|show/);
  });

  it('names a stop reason that has no detail, and shows detail as one printable line', () => {
    expect(runSummary({ ...input, stopReason: 'crash_streak', stopDetail: '' }, PLAIN)).toMatch(
      /^Stopped: crash streak\n/,
    );
    expect(runSummary({ ...input, stopDetail: 'a\n\u001b[31mb' }, PLAIN)).toMatch(/^Stopped: a b\n/);
  });
});
