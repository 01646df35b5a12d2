import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ThresholdCheck } from '../../src/config/keep-conditions.js';
import { readThreshold, type Threshold, thresholdText } from '../../src/config/thresholds.js';
import { judgeThreshold, limitOf, type MeasuredRun, medianOf } from '../../src/evaluate/thresholds.js';
import { present } from '../helpers/process.js';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const size = fc.double({ noNaN: true, min: 0, max: Number.MAX_VALUE });
const thresholds: fc.Arbitrary<Threshold> = fc.record({
  metric: fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,20}$/),
  operator: fc.constantFrom('<=', '<', '>=', '>'),
  base: fc.oneof(
    fc.constantFrom({ kind: 'baseline' } as const, { kind: 'incumbent' } as const),
    finite.map((value) => ({ kind: 'number', value: value + 0 }) as const),
  ),
  adjustment: fc.oneof(
    fc.constant(null),
    finite.map((factor) => ({ kind: 'times', factor: factor + 0 }) as const),
    finite.map((amount) => ({ kind: 'plus', amount: amount + 0 }) as const),
    finite.map((percent) => ({ kind: 'percent', percent: percent + 0 }) as const),
  ),
});

function read(text: string): Threshold {
  const reading = readThreshold(text);
  if (reading === null || !('threshold' in reading)) throw new Error(`no threshold: ${JSON.stringify(reading)}`);
  return reading.threshold;
}

function check(text: string): ThresholdCheck {
  return { kind: 'threshold', name: 'size', threshold: read(text) };
}

const runs = (...values: number[]): MeasuredRun[] =>
  values.map((size_bytes) => ({ metric: 1, secondary: { size_bytes } }));

function failure(text: string, candidate: readonly MeasuredRun[], baseline = runs(1_000_000)): string | null {
  const { passed, found } = judgeThreshold(check(text), { metric: 'score', candidate, baseline, incumbent: runs(500) });
  return passed ? null : found;
}

describe('a limit for a number', () => {
  it.each([
    ['size_bytes <= baseline * 1.05', 'size_bytes <= baseline * 1.05'],
    ['size_bytes<baseline', 'size_bytes < baseline'],
    ['p95.ms >=incumbent+5%', 'p95.ms >= incumbent + 5%'],
    ['x > 1e3', 'x > 1000'],
    ['x > -3 - 0.5', 'x > -3 - 0.5'],
    ['x < incumbent -5 %', 'x < incumbent - 5%'],
    ['x <= baseline + -5', 'x <= baseline - 5'],
  ])('is read from %s', (text, meant) => {
    expect(thresholdText(read(text))).toBe(meant);
  });

  it.each([
    'npm test',
    'node size.js --max 5',
    'sort < baseline.txt',
    'cat < baseline/list',
    'prog > out.txt',
    'prog >> 5',
    'prog >&2',
    'prog > /dev/null',
    'cat <<EOF',
    'test $(wc -c < dist/app.js) -le 100',
    'size_bytes',
    '<= 5',
    './size <= 5',
    '',
  ])('is not what a shell would run: %s', (text) => {
    expect(readThreshold(text)).toBeNull();
  });

  it.each([
    ['size_bytes <= baselin * 1.05', /"baselin \* 1.05"/, /size_bytes <= baseline/],
    ['size_bytes < baselin', /"baselin"/, /size_bytes <= baseline/],
    ['size_bytes > incumbnet + 5', /"incumbnet \+ 5"/, /size_bytes <= incumbent/],
    ['size_bytes <= 1.05 MB', /"1.05 MB"/, /plain number/],
    ['size_bytes <=', /""/, /plain number/],
    ['size_bytes <= baseline * 5%', /not both/, /5%/],
    ['size_bytes < baseline / 2', /"baseline \/ 2"/, /sh -c/],
    ['size_bytes <= 1e999', /too large/, /./],
  ])('that is nearly one is refused: %s', (text, problem, cure) => {
    const reading = present(readThreshold(text) ?? undefined);
    if (!('problem' in reading)) throw new Error('it was read');
    expect(reading.problem).toMatch(problem);
    expect(reading.cure).toMatch(cure);
  });

  it('comes back from its own text, whatever it is', () => {
    fc.assert(
      fc.property(thresholds, (threshold) => {
        expect(read(thresholdText(threshold))).toEqual(threshold);
      }),
      { numRuns: 1000 },
    );
  });

  it('is looked for in any text without a fault', () => {
    const near = fc.stringMatching(/^[a-z]{0,3} ?[<>]=? ?[a-z0-9.+*% -]{0,20}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), (text) => {
        const reading = readThreshold(text);
        if (reading && 'threshold' in reading) {
          expect(Number.isNaN(limitOf(reading.threshold, 1))).toBe(false);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a candidate', () => {
  it('is compared by the median of its runs, the limit itself allowed', () => {
    expect(failure('size_bytes <= baseline * 1.05', runs(1, 1_050_000, 9e9))).toBeNull();
    expect(failure('size_bytes < baseline', runs(1_000_000))).not.toBeNull();
    expect(failure('size_bytes >= incumbent', runs(500))).toBeNull();
    expect(failure('score <= 1', runs(5))).toBeNull();
  });

  it.each([
    [
      'size_bytes <= baseline * 1.05',
      'size_bytes 1200000 bytes is over the check "size": at most 1050000 bytes (baseline 1000000 bytes x 1.05)',
    ],
    ['size_bytes > 2000000', 'size_bytes 1200000 bytes is not over the check "size": more than 2000000 bytes'],
    [
      'size_bytes < incumbent - 10%',
      'size_bytes 1200000 bytes is not under the check "size": less than 450 bytes (incumbent 500 bytes - 10%)',
    ],
    [
      'size_bytes >= 2 * 1e6',
      'size_bytes 1200000 bytes is under the check "size": at least 2000000 bytes (2 bytes x 1000000)',
    ],
  ])('that breaks %s is told so with numbers and units', (text, reason) => {
    expect(failure(text, runs(1_200_000))).toBe(reason);
  });

  it('that is within the limit is told both sides', () => {
    const evidence = { metric: 'score', candidate: runs(950), baseline: runs(1_000), incumbent: [] };
    expect(judgeThreshold(check('size_bytes <= baseline * 1.05'), evidence)).toEqual({
      passed: true,
      found: 'size_bytes 950 bytes, at most 1050 bytes (baseline 1000 bytes x 1.05)',
    });
  });

  it('that misses by less than six digits show is told the whole numbers', () => {
    expect(failure('size_bytes <= 0.3', [{ metric: 1, secondary: { size_bytes: 0.30000000000000004 } }])).toContain(
      'size_bytes 0.30000000000000004 bytes is over the check "size": at most 0.3 bytes',
    );
  });

  it('that does not print the number in every run fails, with the line that is missing', () => {
    const partly = [...runs(1), { metric: 1, secondary: {} }];
    expect(medianOf(partly, 'size_bytes', 'score')).toBeNull();
    expect(failure('size_bytes <= baseline', partly)).toBe(
      'the check "size" needs the line "size_bytes: <number>", which the candidate\'s output does not have',
    );
    expect(failure('size_bytes <= baseline', runs(1), [])).toContain('the output of the baseline did not have');
  });

  it('passes "+ x%" exactly where it is at most x percent of the size above, also below zero', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: 0, max: 50 }), (base, percent) => {
        const limit = limitOf(read(`m <= baseline + ${percent}%`), base);
        expect(limit).toBeGreaterThanOrEqual(base);
        expect(limit - base).toBeCloseTo((Math.abs(base) * percent) / 100, 9);
      }),
    );
    fc.assert(
      fc.property(size, size, (value, limit) => {
        const verdicts = ['<=', '<', '>=', '>'].map(
          (sign) => failure(`size_bytes ${sign} ${limit}`, runs(value)) === null,
        );
        expect(verdicts).toEqual([value <= limit, value < limit, value >= limit, value > limit]);
      }),
    );
  });
});
