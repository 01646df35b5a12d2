import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import { MAX_METRIC_LINE_CHARS, type MetricRule, MetricScanner, metricRule } from '../../src/evaluate/metric.js';

interface RuleOptions {
  readonly metric?: string;
  readonly grep?: string;
  readonly pick?: MetricRule['pick'];
}

function scan(lines: readonly string[], { metric = 'p50_ms', grep, pick = 'last' }: RuleOptions = {}) {
  const scanner = new MetricScanner(metricRule({ metric, grep: grep ?? null, pick }));
  for (const line of lines) scanner.push(line);
  return scanner.result();
}

describe('the metric line', () => {
  it.each([
    ['p50_ms: 12.5', 12.5],
    ['p50_ms:12', 12],
    ['  p50_ms:\t-3.25e2  ', -325],
    ['p50_ms: +.5', 0.5],
    ['p50_ms: 5.', 5],
    ['p50_ms: 0', 0],
    ['p50_ms: 0e99', 0],
    ['p50_ms: 12\r', 12],
    ['\u001b[32mp50_ms:\u001b[0m \u001b[1m7\u001b[0m', 7],
    ['10 %\r50 %\rp50_ms: 8\r', 8],
    ['p50_ms: 1\rp50_ms: 2', 2],
    ['p50_ms: 3\r\u001b[K', 3],
  ])('%j is %d', (line, metric) => {
    expect(scan([line])).toEqual({ metric, secondary: {} });
  });

  it.each([
    '12.5ms',
    '1,234',
    '1_000',
    '0x10',
    'nan',
    'NaN',
    'inf',
    '-Infinity',
    '1e999',
    '1e-999',
    '1 2',
    '12 ms',
    '−5',
    '٣',
    '1e',
    '--1',
    '.',
    'true',
    '"5"',
  ])('refuses the value %j and quotes the line', (value) => {
    const result = scan([`p50_ms: ${value}`]);
    expect(result).toMatchObject({ problem: expect.stringContaining(`"p50_ms: ${value}"`) });
    expect(result).not.toHaveProperty('metric');
  });

  it('says so when nothing follows the name', () => {
    expect(scan(['p50_ms:'])).toMatchObject({
      problem: 'no value in the metric line "p50_ms:": nothing follows the match',
    });
  });

  it('never prints minus zero', () => {
    expect(Object.is((scan(['p50_ms: -0.0']) as { metric: number }).metric, 0)).toBe(true);
  });

  it('quotes long and hostile lines cut and printable', () => {
    const { problem } = scan([`p50_ms: \u0007\u202e${'x'.repeat(3000)}`]) as { problem: string };
    expect(problem).toMatch(/^[ -~…]+$/);
    expect(problem.length).toBeLessThan(300);
  });

  it('tells small values apart at full precision', () => {
    expect(scan(['p50_ms: 1e-7'])).toMatchObject({ metric: 1e-7 });
    expect(scan(['p50_ms: 5e-8'])).toMatchObject({ metric: 5e-8 });
  });

  it('is absent when no line matches', () => {
    expect(scan(['x p50_ms: 5', 'p50_msx: 5', 'p95_ms: 5'])).toMatchObject({
      problem: 'no line of the output matches ^p50_ms:',
      secondary: { p95_ms: 5, p50_msx: 5 },
    });
    expect(scan([])).toMatchObject({ problem: 'no line of the output matches ^p50_ms:' });
  });

  it('takes the name literally', () => {
    expect(scan(['aXb: 1'], { metric: 'a.b' })).toHaveProperty('problem');
    expect(scan(['f1 (macro)*: 0.9'], { metric: 'f1 (macro)*' })).toMatchObject({ metric: 0.9 });
  });
});

describe('metric_pick', () => {
  const lines = ['p50_ms: 1', 'p50_ms: 2', 'p50_ms: 3'];
  it('takes the last line by default, or the first', () => {
    expect(scan(lines)).toMatchObject({ metric: 3 });
    expect(scan(lines, { pick: 'first' })).toMatchObject({ metric: 1 });
  });

  it('refuses a second line with `only`', () => {
    expect(scan(['p50_ms: 1'], { pick: 'only' })).toMatchObject({ metric: 1 });
    expect(scan(lines, { pick: 'only' })).toMatchObject({
      problem: '3 lines match where metric_pick = only allows one: "p50_ms: 1" and "p50_ms: 2"',
    });
  });

  it('does not fall back to an earlier line when the picked one is no number', () => {
    expect(scan(['p50_ms: 1', 'p50_ms: nan'])).toHaveProperty('problem');
    expect(scan(['p50_ms: nan', 'p50_ms: 1'], { pick: 'first' })).toHaveProperty('problem');
  });

  it('counts over more lines than one batch', () => {
    const many = Array.from({ length: 2000 }, (_, index) => `p50_ms: ${index}`);
    expect(scan(many)).toMatchObject({ metric: 1999 });
    expect(scan(many, { pick: 'first' })).toMatchObject({ metric: 0 });
    expect(scan(many, { pick: 'only' })).toMatchObject({ problem: expect.stringMatching(/^2000 lines match/) });
  });
});

describe('metric_grep', () => {
  it.each([
    ['^p50_ms:', 'p50_ms: 5', 5],
    ['p50_ms', 'p50_ms: 5', 5],
    ['p50_ms', 'p50_ms = 5', 5],
    ['p50=(\\d+)ms', 'p50=12ms', 12],
    ['(?i)P50:', 'p50: 4', 4],
    ['.*loss (\\S+)$', 'epoch 3 loss 0.25', 0.25],
    ['a: (\\d+)|b: (\\d+)', 'b: 7', 7],
    ['(?:a|b):', 'b: 7', 7],
    ['a|b', 'b: 7', 7],
  ])('%s finds the value in %j', (grep, line, metric) => {
    expect(scan([line], { grep })).toMatchObject({ metric });
  });

  it('is anchored at the start of the line also without ^', () => {
    expect(scan(['my p50_ms: 5'], { grep: 'p50_ms' })).toHaveProperty('problem');
    expect(scan(['xb: 5'], { grep: '^a|b' })).toHaveProperty('problem');
  });

  it.each(['(', '(?P<x>1)', '[[:digit:]]+'])('refuses %j as an error of the configuration', (grep) => {
    expect(() => metricRule({ metric: 'm', grep, pick: 'last' })).toThrow(AppError);
  });

  it('cannot hang the runner by backtracking', () => {
    const startMs = performance.now();
    const result = scan([`${'a'.repeat(60)}!`, 'size: 3'], { grep: '(a+)+$' });
    expect(result).toMatchObject({ problem: expect.stringContaining('took more than') });
    expect(performance.now() - startMs).toBeLessThan(2000 + 5000);
  });

  it('does not search lines beyond the limit, and says so', () => {
    const long = `p50_ms: ${'1'.repeat(MAX_METRIC_LINE_CHARS)}`;
    expect(scan([long])).toMatchObject({ problem: expect.stringContaining('1 line(s) longer than 4096 characters') });
    expect(scan([`${long}\rp50_ms: 4`])).toMatchObject({ metric: 4 });
  });
});

describe('secondary metrics', () => {
  it('are the other lines of the form name: number, the last of each name', () => {
    const result = scan([
      'p95_ms: 1',
      'p50_ms: 2',
      'p95_ms: 3',
      'note: fast',
      '9x: 1',
      'a b: 1',
      'x = 4',
      'k: nan',
      'v.1-a: 2',
    ]);
    expect(result).toEqual({ metric: 2, secondary: { p95_ms: 3, 'v.1-a': 2 } });
  });

  it('are there also when the metric is not', () => {
    expect(scan(['p95_ms: 1'])).toMatchObject({ secondary: { p95_ms: 1 } });
  });

  it('are at most 64, with names of at most 64 characters', () => {
    const lines = Array.from({ length: 100 }, (_, index) => `m${index}: ${index}`);
    const { secondary } = scan([...lines, 'm0: 5', `${'n'.repeat(65)}: 1`]);
    expect(Object.keys(secondary)).toHaveLength(64);
    expect(secondary['m0']).toBe(5);
  });

  it('cannot reach the prototype', () => {
    const { secondary } = scan(['__proto__: 1', 'constructor: 2', 'toString: 3']);
    expect(Object.entries(secondary)).toEqual([
      ['constructor', 2],
      ['toString', 3],
    ]);
    expect(Object.getPrototypeOf(secondary)).toBe(Object.prototype);
  });
});

describe('whatever is printed', () => {
  const line = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: 'grapheme', maxLength: 50 }).map((text) => `p50_ms: ${text}`),
    fc.tuple(fc.constantFrom('p50_ms', 'x', '__proto__'), fc.double()).map(([name, value]) => `${name}: ${value}`),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => `p50_ms:${Buffer.from(bytes).toString('utf8')}`),
  );

  it('is a finite number or a one-line problem, never an exception', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), fc.constantFrom('last', 'first', 'only'), (lines, pick) => {
        const result = scan(lines, { pick });
        if ('metric' in result) expect(Number.isFinite(result.metric)).toBe(true);
        else expect(result.problem).toMatch(/^[^\p{Cc}]+$/u);
        for (const value of Object.values(result.secondary)) expect(Number.isFinite(value)).toBe(true);
      }),
    );
  });

  it('keeps every finite number exactly', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(scan([`p50_ms: ${value}`, `x: ${value}`])).toEqual({ metric: value + 0, secondary: { x: value + 0 } });
      }),
    );
  });
});
