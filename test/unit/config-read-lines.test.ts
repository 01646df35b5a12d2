import fc from 'fast-check';
import { parse, stringify } from 'ini';
import { describe, expect, it } from 'vitest';
import { quoteIniValue } from '../../src/config/ini-value.js';
import { decodeConfig, readConfigLines } from '../../src/config/read-lines.js';
import { AppError } from '../../src/core/errors.js';
import { appErrorOf } from '../helpers/config.js';

const PATH = 'config.cfg';
const read = (text: string) => readConfigLines(text, PATH);
const onlyValue = (line: string): string | undefined => read(line)[0]?.value;
const bytes = (...values: number[]) => Uint8Array.from(values);

describe('lines of both dialects', () => {
  it.each([
    ['target: src/api.ts', 'target', 'src/api.ts'],
    ['evaluate_cmd: X=1 ./bench --a=b # all of it; really', 'evaluate_cmd', 'X=1 ./bench --a=b # all of it; really'],
    ['metric_grep = ^p50: ([0-9.]+)', 'metric_grep', '^p50: ([0-9.]+)'],
    ['  indented   =   value  ', 'indented', 'value'],
    ['created:2026-03-12 10:00', 'created', '2026-03-12 10:00'],
    ['empty:', 'empty', ''],
    ['empty =', 'empty', ''],
    ['seven = 007', 'seven', '007'],
    ['yes = true', 'yes', 'true'],
    ['a == b', 'a', '= b'],
    ['a =: b', 'a', ': b'],
    ['a := b', 'a', '= b'],
    ['__proto__ = 1', '__proto__', '1'],
    ['constructor: 1', 'constructor', '1'],
    ['cmd = X=1 ./bench', 'cmd', 'X=1 ./bench'],
    ['cmd = "my tool" --fast', 'cmd', '"my tool" --fast'],
    ['cmd = find . -name x \\;', 'cmd', 'find . -name x ;'],
    ['text = a\u2028b', 'text', 'a\u2028b'],
  ])('reads %j', (text, key, value) => {
    expect(read(text)).toEqual([{ section: '', key, value, line: 1 }]);
  });

  it.each([
    ['x = "make; ./bench # c"', 'make; ./bench # c'],
    ["x = 'make; ./bench # c'", 'make; ./bench # c'],
    ["x = 'p50=(\\d+)ms'", 'p50=(\\d+)ms'],
    ["x = '5'", '5'],
    ["x = 'true'", 'true'],
    ['x = "a\\nb\\u00e9"', 'a\nbé'],
    ['x = ""', ''],
    ['x: "make; ./bench # c"', 'make; ./bench # c'],
    ["x: 'a b'", 'a b'],
    ['x: "my tool" --name "b c"', '"my tool" --name "b c"'],
    ["x: 'a' 'b'", "'a' 'b'"],
    ['x: "p50=(\\d+)"', 'p50=(\\d+)'],
    ['x: a; b # c', 'a; b # c'],
    ['x: "', '"'],
    ["x: it's", "it's"],
  ])('takes the quotes off %j', (text, value) => {
    expect(onlyValue(text)).toBe(value);
  });

  it('accepts a byte order mark, CRLF, lone CR, comments of both kinds and indented sections', () => {
    const file = Buffer.from('\uFEFF[gate]\r\n# c: 1\r\n  ; d = 2\r\n\r\nkind = single\r  [ limits ]  \rpatience: 3');
    expect(readConfigLines(decodeConfig(file, PATH), PATH)).toEqual([
      { section: 'gate', key: 'kind', value: 'single', line: 5 },
      { section: 'limits', key: 'patience', value: '3', line: 7 },
    ]);
    expect(read('\uFEFFmetric: x')[0]?.key).toBe('metric');
  });

  it('lets a section come twice but not a key', () => {
    expect(read('[a]\nx=1\n[b]\nx=2\n[a]\ny=3')).toHaveLength(3);
    const error = appErrorOf(() => read('metric: a\n[a]\nx = 1\n[b]\nx = 2\n[a]\nx: 3'));
    expect(error.message).toBe('config.cfg:7: x in [a] is already set in line 3');
    expect(appErrorOf(() => read('metric: a\nmetric = a')).message).toContain('config.cfg:2: metric is already set');
  });
});

describe('what INI would cut or change', () => {
  it.each([
    ['x = make; ./bench --x=1 # c', "x = 'make; ./bench --x=1 # c'"],
    ['x = https://x/y#frag', "x = 'https://x/y#frag'"],
    ['x = 5 ; minutes', "x = '5 ; minutes'"],
    ['x = "make; b', `x = '"make; b'`],
    ['x = "open', `x = '"open'`],
    ["x = it's; done", `x = "it's; done"`],
    ['x = "p50=(\\d+)ms"', "x = 'p50=(\\d+)ms'"],
    ['x = "a" "b"', `x = '"a" "b"'`],
    ["x = 'a' 'b'", `x = "'a' 'b'"`],
    ['x = a\\\\b', "x = 'a\\\\b'"],
    ['x = a\\\\;b', "x = 'a\\\\;b'"],
    ['x = ;', "x = ';'"],
  ])('refuses %j and shows the line to write', (text, cure) => {
    const error = appErrorOf(() => read(`\n${text}`));
    expect(error.code).toBe('config');
    expect(error.message).toMatch(/^config\.cfg:2: x: /);
    expect(error.hint).toContain(cure);
    expect(() => read(cure)).not.toThrow();
  });

  it.each([
    'no separator',
    '= value',
    'two words = 1',
    'target[] = a',
    'ключ = 1',
    '[gate] # comment',
    '[gate',
    '[]',
    '[a.b] x',
    '- item',
    '"quoted" = 1',
    'a\u0000b = 1',
    '# a comment with \u0000',
    'x = \u001b[31mred',
    'x: a\u0007',
  ])('refuses the line %j', (text) => {
    const error = appErrorOf(() => read(`metric: x\n${text}\n`));
    expect(error.message).toMatch(/^config\.cfg:2: /);
    expect(error.message).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(error.hint).not.toBe('');
  });

  it('names every bad line, and stays short for a file that is none', () => {
    expect(appErrorOf(() => read('a\nmetric: x\nb')).message.split('\n')).toHaveLength(2);
    const noise = appErrorOf(() => read('?\n'.repeat(100_000)));
    expect(noise.message.split('\n')).toHaveLength(9);
    expect(noise.message).toContain('and 99992 more');
  });
});

describe('bytes', () => {
  it('refuses what is not UTF-8, naming the line', () => {
    const latin1 = Buffer.from('metric: x\ntarget: caf\u00e9\n', 'latin1');
    expect(appErrorOf(() => decodeConfig(latin1, PATH)).message).toContain('not UTF-8 text (line 2)');
    expect(appErrorOf(() => decodeConfig(bytes(0xff, 0xfe, 0x6d, 0), PATH)).message).toContain('UTF-16');
  });

  it('never throws anything but AppError, whatever the bytes', () => {
    const fragments = fc.constantFrom(
      '[',
      ']',
      ';',
      '#',
      '=',
      ':',
      '"',
      "'",
      '\\',
      '\n',
      '\r',
      ' ',
      'a',
      'metric',
      '\0',
    );
    const nearlyConfig = fc
      .array(fc.oneof(fragments, fc.string({ maxLength: 4 })))
      .map((parts) => Buffer.from(parts.join('')));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), nearlyConfig), (content) => {
        try {
          for (const line of readConfigLines(decodeConfig(content, PATH), PATH)) expect(line.key).not.toBe('');
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          expect([error.code, error.message.startsWith(PATH), error.hint !== '']).toEqual(['config', true, true]);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('what is written is read again', () => {
  const hostile = fc.constantFrom(
    ';',
    '#',
    '"',
    "'",
    '\\',
    '=',
    ':',
    '[',
    ']',
    ' ',
    '\n',
    '\r\n',
    '\t',
    '\0',
    '\uFEFF',
    '\u0085',
  );
  const anyValue = fc.oneof(
    fc
      .array(fc.oneof(hostile, fc.string({ maxLength: 3 }), fc.constantFrom('make', '$(x)', '\ud800', '🙂')))
      .map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('true', 'null', '5', '{}', '["a"]', '"a"', "'a'", ''),
  );

  it('through bytes, by our reader and by ini alike', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const text = decodeConfig(Buffer.from(`[s]\nkey = ${quoteIniValue(value)}\n`), PATH);
        expect(read(text)).toEqual([{ section: 's', key: 'key', value, line: 2 }]);
        const other = parse(text)['s']['key'];
        expect(typeof other === 'string' ? other : JSON.stringify(other)).toBe(value);
      }),
      { numRuns: 3000 },
    );
  });

  it('also as ini writes it: the same value or a refusal, never another value', () => {
    let accepted = 0;
    fc.assert(
      fc.property(anyValue, (value) => {
        let lines: ReturnType<typeof read>;
        try {
          lines = read(stringify({ key: value }));
        } catch (error) {
          if (error instanceof AppError) return;
          throw error;
        }
        expect(lines[0]?.value).toBe(value);
        accepted += 1;
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(1500);
  });

  it('leaves plain values bare and readable', () => {
    expect(['src/a.ts', '2%', '^p50_ms:', 'npm test -- --run'].map(quoteIniValue)).toEqual([
      'src/a.ts',
      '2%',
      '^p50_ms:',
      'npm test -- --run',
    ]);
    expect(quoteIniValue('make; ./b')).toBe("'make; ./b'");
  });
});
