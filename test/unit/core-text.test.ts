import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError, EXIT_CODES, errnoOf, errorMessage } from '../../src/core/errors.js';
import { formatExperimentName, parseExperimentName } from '../../src/core/names.js';
import { OUTCOME_RULES, OUTCOMES } from '../../src/core/outcome.js';
import { cut, oneLine, plainLines, quoted, stripAnsi } from '../../src/core/text.js';

/** What could move a cursor, hide text or turn its direction. */
const DANGEROUS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/;
const nasty = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...'\u001b[31m]0;\u0007\r\n\t\u202e\u200b a'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});

describe('foreign text', () => {
  it.each([
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007text', 'text'],
    ['\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['a\u001b[2Kb\u001b[1;31Hc', 'abc'],
    ['\u001bMup', 'up'],
  ])('loses its escape sequences: %j', (text, plain) => {
    expect(stripAnsi(text)).toBe(plain);
    expect(oneLine(text)).toBe(plain);
  });

  it.each([
    ['  a \t b\r\n\nc  ', 'a b c'],
    ['x\u0000y\u0008z', 'xyz'],
    ['abc\u202edcba', 'abcdcba'],
    ['zero\u200bwidth\ufeff', 'zerowidth'],
    ['soft\u00adhyphen\u2063 and \u{e0049}\u{e0067}tags\u{e007f}', 'softhyphen and tags'],
    ['日本 ünï 🎉', '日本 ünï 🎉'],
  ])('is one printable line: %j', (text, line) => {
    expect(oneLine(text)).toBe(line);
  });

  it('keeps its lines where these are wanted, and nothing else of control', () => {
    expect(plainLines('a\r\nb\rc\n\u001b[1md\u0007\te')).toBe('a\nb\nc\nd\te');
  });

  it('is harmless whatever it was', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        expect(oneLine(text)).not.toMatch(DANGEROUS);
        expect(oneLine(text)).not.toMatch(/[\n\t]|^ | {2}| $/);
        expect(plainLines(text)).not.toMatch(DANGEROUS);
        expect(oneLine(text, 10).length).toBeLessThanOrEqual(10);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['abcdef', 1, '…'],
    ['abcdef', 0, ''],
    ['ab🎉cd', 4, 'ab…'],
    ['ab🎉cd', 5, 'ab🎉…'],
  ])('%j cut at %d is %j', (text, limit, expected) => {
    expect(cut(text, limit)).toBe(expected);
  });

  it('is never cut inside a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat({ max: 20 }), (text, limit) => {
        const short = cut(text, limit);
        expect(short.length).toBeLessThanOrEqual(limit);
        expect(Buffer.from(short).toString()).toBe(short);
      }),
    );
  });
});

describe('the name of an experiment', () => {
  it.each(['engineering/api-speed', 'a/b', '0/0', 'a.b/c_d', `${'a'.repeat(64)}/b`])('can be %s', (name) => {
    expect(formatExperimentName(parseExperimentName(name))).toBe(name);
  });

  it.each([
    '',
    'a',
    'a/',
    '/b',
    'a/b/c',
    'A/b',
    'a/-b',
    'a/.b',
    'a/b..c',
    'a/b.',
    'a/b.lock',
    'a/b c',
    'a/b;rm',
    '../b',
    'a/b\n',
    'ä/b',
    `${'a'.repeat(65)}/b`,
    'a\u0000/b',
  ])('cannot be %j', (name) => {
    expect(() => parseExperimentName(name)).toThrow(AppError);
  });

  it('is quoted short in the refusal, with an example', () => {
    try {
      parseExperimentName('x'.repeat(500));
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      expect(error).toMatchObject({ code: 'usage', exitCode: 2 });
      expect(error.message.length).toBeLessThan(120);
      expect(error.hint).toContain('engineering/api-speed');
    }
  });
});

describe('errors', () => {
  it('carry the exit code of their kind, the next command and the cause', () => {
    const cause = Object.assign(new Error('no'), { code: 'ENOENT' });
    const error = new AppError('store', 'what', { hint: 'do this', cause });
    expect(error).toMatchObject({ name: 'AppError', message: 'what', hint: 'do this', exitCode: 14, cause });
    expect('cause' in new AppError('usage', 'm', { hint: 'h' })).toBe(false);
    expect([errnoOf(cause), errnoOf(new Error('x')), errnoOf(null), errnoOf({ code: 5 })]).toEqual([
      'ENOENT',
      undefined,
      undefined,
      undefined,
    ]);
    expect([errorMessage(cause), errorMessage('text'), errorMessage(undefined)]).toEqual(['no', 'text', 'undefined']);
  });

  it('have exit codes that scripts rely on', () => {
    expect(EXIT_CODES).toEqual({
      ...{ done: 0, bug: 1, usage: 2, not_running: 3, not_installed: 4, config: 10, repository: 11, locked: 12 },
      ...{ baseline: 13, store: 14, proposer: 15, crash_streak: 16, environment: 17, conflict: 18 },
      ...{ interrupted: 130, terminated: 143 },
    });
  });
});

describe('the table of outcomes', () => {
  it.each([
    ['measured', 'gate', 'reset', true],
    ['check_failed', 'discard', 'reset', true],
    ['crashed', 'crash', 'increment', true],
    ['timed_out', 'crash', 'increment', true],
    ['metric_error', 'crash', 'increment', true],
    ['out_of_scope', 'discard', 'unchanged', true],
    ['tampered', 'discard', 'unchanged', true],
    ['duplicate', 'discard', 'unchanged', true],
    ['skipped', 'discard', 'unchanged', true],
    ['no_change', null, 'unchanged', false],
    ['agent_error', null, 'unchanged', false],
    ['interrupted', null, 'unchanged', false],
    ['not_started', null, 'unchanged', false],
  ] as const)('says of %s: verdict %s, streak %s, counts %s', (outcome, verdict, crashStreak, counts) => {
    expect(OUTCOME_RULES[outcome]).toEqual({ verdict, crashStreak, counts });
  });

  it('is complete', () => {
    expect(Object.keys(OUTCOME_RULES).sort()).toEqual([...OUTCOMES].sort());
  });
});

describe('a word of a shell', () => {
  it.each([
    ['/srv/shop-1/a.cfg', '/srv/shop-1/a.cfg'],
    ["my repo's", "'my repo'\\''s'"],
    ['$HOME `id` "x"', `'$HOME \`id\` "x"'`],
    ['', "''"],
  ])('%s is written so that it is read back', (word, expected) => {
    expect(quoted(word)).toBe(expected);
  });
});
