import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import { applyValues, collectParameters, type Parameter, readParameters } from '../../src/propose/search/markers.js';

function only(line: string): Parameter {
  const [parameter, ...others] = readParameters('src/a.txt', line);
  if (!parameter || others.length > 0) throw new Error(`${others.length + 1} parameters in: ${line}`);
  return parameter;
}

function setOnly(line: string, value: number | boolean | string): string {
  const parameter = only(line);
  return applyValues(line, [parameter], { [parameter.name]: value });
}

function fault(text: string): AppError {
  try {
    readParameters('src/a.txt', text);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error(`no fault in: ${text}`);
}

describe('reading marked literals', () => {
  it.each([
    ['const CHUNK = 64; // autoresearch: int 16..4096 log', 'CHUNK', 64],
    ['THRESHOLD = 0.35  # autoresearch: float 0..1', 'THRESHOLD', 0.35],
    ['#define MODE "fast" /* autoresearch: choice "fast" "safe" "tiny" */', 'MODE', 'fast'],
    ['use_cache: false  # autoresearch: bool', 'use_cache', false],
    ['  "chunk": 64, // autoresearch: int 1..99', 'chunk', 64],
    ['chunk: int = 64  # autoresearch: int 1..99', 'chunk', 64],
    ['let rate: f32 = 0.5_f32; // autoresearch: float 0..1', 'rate', 0.5],
    ['const SIZE: usize = 64usize;// autoresearch: int 1..99', 'SIZE', 64],
    ['  font-size: 12px; /* autoresearch: int 8..24 */', 'font-size', 12],
    ['<p title="fast"> <!-- autoresearch: choice fast slow name=speed -->', 'speed', 'fast'],
    ['SELECT * FROM t LIMIT 50 -- autoresearch: int 10..500', 'LIMIT', 50],
    ['gcc -O2 main.c # autoresearch: choice -O1 -O2 -O3', 'gcc', '-O2'],
    ['let limit = -5 " autoresearch: int -9..9', 'limit', -5],
    ['x = y -3 # autoresearch: int -9..9', 'x', -3],
    ['x = y-3 # autoresearch: int 1..9', 'x', 3],
    ['x = 1_000 # autoresearch: int 1..9999', 'x', 1000],
    ['eps = 1e-3; % autoresearch: float 1e-6..1 log', 'eps', 0.001],
    ['USE = 1 # autoresearch: bool', 'USE', true],
    ['verbose = Off ; autoresearch: bool', 'verbose', false],
    ['run(32, 0x10) // autoresearch: int 1..64', 'run', 32],
    ['64 // autoresearch: int 1..64', 'src/a.txt:1', 64],
    ['pick(Mode.Fast) // autoresearch: choice Fast Slow name=mode', 'mode', 'Fast'],
    ['rows = chunk * 64 // autoresearch: int 1..99', 'rows', 64],
    ['version = "1.2.3", size = 7 # autoresearch: int 1..9', 'size', 7],
    ['mode = "very fast" # autoresearch: choice "fast" "very fast"', 'mode', 'very fast'],
  ])('%s', (line, name, value) => {
    expect(only(line)).toMatchObject({ name, value, line: 1, path: 'src/a.txt' });
  });

  it('takes the last literal of its kind before the comment, never one inside it', () => {
    expect(only('f(1, 2, 3.5, true) // autoresearch: int 1..9').value).toBe(2);
    expect(only('f(1, 2, 3.5, true) // autoresearch: float 0..9').value).toBe(3.5);
    expect(only('f(1, 2, 3.5, true) // autoresearch: bool').value).toBe(true);
  });

  it('passes over prose and strings that only mention the word', () => {
    const text = 'see `autoresearch: int` in the manual\nprint("autoresearch: hello")\nx = \'autoresearch: no\'\n';
    expect(readParameters('a', text)).toEqual([]);
  });

  it('tells parameters with the same name apart by their place', () => {
    const line = 'size = 1 # autoresearch: int 1..9\n';
    const names = collectParameters([
      { path: 'a.py', text: line },
      { path: 'b.py', text: `\n${line}` },
    ]).map(({ name }) => name);
    expect(names).toEqual(['size@a.py:1', 'size@b.py:2']);
  });

  it.each([
    ['x = y // autoresearch: int 1..9', 'no int literal'],
    ['x = "warm" // autoresearch: choice fast slow', '"warm" is outside choice'],
    ['x = warm // autoresearch: choice fast slow', 'no choice literal'],
    ['x = 5 // autoresearch: int 9..1', 'the range 9..1 is empty'],
    ['x = 5 // autoresearch: int 5..5', 'the range 5..5 is empty'],
    ['x = 50 // autoresearch: int 1..9', 'the current value 50 is outside int 1..9'],
    ['x = 5 // autoresearch: integer 1..9', 'unknown kind "integer"'],
    ['x = 5 // autoresearch:', 'unknown kind ""'],
    ['x = 5 // autoresearch: int', 'the range is missing'],
    ['x = 5 // autoresearch: int 1-9', '"1-9" is not a range'],
    ['x = 5 // autoresearch: int 0..9 log', 'log needs a range above zero'],
    ['x = 5 // autoresearch: int 1..9.5', 'not whole numbers'],
    ['x = 5 // autoresearch: int 1..9 step 0', 'step needs a number above zero'],
    ['x = 5 // autoresearch: int 1..9 step', 'step needs a number above zero'],
    ['x = 5 // autoresearch: int 1..9 step 20', 'does not fit'],
    ['x = 5 // autoresearch: int 1..9 lines', '"lines" is not known'],
    ['x = a // autoresearch: choice a', 'choice offers 1 values'],
    ['x = a // autoresearch: choice a a', 'lists "a" twice'],
    ['x = "a // autoresearch: choice "a b', 'is not closed'],
    ['x = `a` // autoresearch: choice a "`b"', 'would close the quotes'],
    ['x = --5 // autoresearch: int -9..9', 'directly after "-"'],
    ['x = 5 // autoresearch: int 1..9 // autoresearch: int 1..9', 'two markers'],
    ['x = 5 // autoresearch: int 1..9 name=', 'name= needs a name'],
    ['x = true // autoresearch: bool 1', 'bool takes nothing'],
  ])('%s is refused with file, line and cure', (line, message) => {
    const error = fault(`first line\n${line}\n`);
    expect(error.code).toBe('config');
    expect(error.message).toContain('src/a.txt:2: ');
    expect(error.message).toContain(message);
    expect(error.hint).toMatch(/^src\/a\.txt:2: \S+/);
  });
});

describe('writing values', () => {
  it.each([
    [
      'const CHUNK = 64; // autoresearch: int 16..4096 log',
      512,
      'const CHUNK = 512; // autoresearch: int 16..4096 log',
    ],
    ['w = 12px /* autoresearch: int 8..24 */', 9, 'w = 9px /* autoresearch: int 8..24 */'],
    ['t = 0.35 # autoresearch: float 0..1', 1, 't = 1.0 # autoresearch: float 0..1'],
    ['e = 1.5f; // autoresearch: float 1e-9..2', 1e-7, 'e = 1e-7f; // autoresearch: float 1e-9..2'],
    ['use = True # autoresearch: bool', false, 'use = False # autoresearch: bool'],
    ['use = 1 # autoresearch: bool', false, 'use = 0 # autoresearch: bool'],
    ['use = yes # autoresearch: bool', false, 'use = no # autoresearch: bool'],
    ['m = \'a\' # autoresearch: choice "a" "b"', 'b', 'm = \'b\' # autoresearch: choice "a" "b"'],
    ['m = a # autoresearch: choice "a" "b"', 'b', 'm = b # autoresearch: choice "a" "b"'],
  ])('%s with %s', (line, value, expected) => {
    expect(setOnly(line, value)).toBe(expected);
  });

  it('refuses a value that would read back as another one', () => {
    expect(setOnly('x = y a # autoresearch: choice a c "b c"', 'c')).toBe('x = y c # autoresearch: choice a c "b c"');
    expect(() => setOnly('x = b a # autoresearch: choice a c "b c"', 'c')).toThrow(/src\/a\.txt:1: .* reads back/);
  });

  it('changes only the literals, whatever surrounds them, and reads back what was written', () => {
    const filler = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.replaceAll('autoresearch:', ''));
    const marked = fc.oneof(
      fc.record({
        before: fc.constantFrom('\tint n = ', 'n: ', 'größe = f(2, ', '😀 = '),
        old: fc.integer({ min: -50, max: 50 }).map(String),
        after: fc.constantFrom(
          '; // autoresearch: int -99..99',
          ') # autoresearch: int -99..99 step 1',
          '  -- autoresearch: int -99..99',
        ),
        next: fc.integer({ min: -99, max: 99 }),
      }),
      fc.record({
        before: fc.constantFrom('rate = ', '"rate": '),
        old: fc.constantFrom('0.25', '1', '.5', '1e-2'),
        after: fc.constantFrom(',\t// autoresearch: float 0..1', ' # autoresearch: float 1e-9..1 log'),
        next: fc.double({ min: 1e-9, max: 1, noNaN: true }),
      }),
      fc.record({
        before: fc.constantFrom('cache ', 'CACHE='),
        old: fc.constantFrom('true', 'No', 'ON', '0'),
        after: fc.constant(' ; autoresearch: bool'),
        next: fc.boolean(),
      }),
      fc.record({
        before: fc.constant('mode = '),
        old: fc.constantFrom("'fast'", '"größer"', '`a b`', 'fast'),
        after: fc.constant(' /* autoresearch: choice fast "größer" "a b" */ rest'),
        next: fc.constantFrom('fast', 'größer', 'a b'),
      }),
    );
    const lines = fc.array(fc.oneof(filler, marked), { maxLength: 12 });
    fc.assert(
      fc.property(lines, fc.constantFrom('\n', '\r\n'), fc.boolean(), fc.boolean(), (parts, ending, final, bom) => {
        const text =
          (bom ? '\ufeff' : '') +
          parts.map((part) => (typeof part === 'string' ? part : part.before + part.old + part.after)).join(ending) +
          (final ? ending : '');
        const parameters = collectParameters([{ path: 'p', text }]);
        const wanted = parts.filter((part) => typeof part !== 'string').map((part) => part.next);
        expect(parameters).toHaveLength(wanted.length);
        const values = Object.fromEntries(parameters.map(({ name }, index) => [name, wanted[index] ?? 0]));
        const changed = applyValues(text, parameters, values);
        const again = readParameters('p', changed);
        expect(again.map(({ value }) => value)).toEqual(wanted);
        expect(around(changed, again)).toEqual(around(text, parameters));
        expect(applyValues(text, parameters, {})).toBe(text);
      }),
      { numRuns: 300 },
    );
  });
});

/** Everything but the literals. */
function around(text: string, parameters: readonly Parameter[]): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (const { start, end } of parameters) {
    pieces.push(text.slice(from, start));
    from = end;
  }
  return [...pieces, text.slice(from)];
}
