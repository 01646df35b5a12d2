/**
 * The kinds of value that a config.cfg can hold: how each is read from its text, and in words what is allowed. A value
 * is never rounded, clamped or guessed; what does not fit exactly is refused.
 */
import { z } from 'zod';
import { errorMessage } from '../core/errors.js';
import type { MinEffect } from '../core/metric.js';
import { suggest } from '../core/suggest.js';

export interface ValueType<T> {
  readonly type: z.ZodType<T, string>;
  /** What is allowed, to follow the word "allowed:". */
  readonly range: string;
}

/** `problem` follows the quoted value in a sentence: it is not empty. */
type Reading<T> = { readonly value: T } | { readonly problem: string };
const NOT_ALLOWED = { problem: 'is not allowed' };

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

function valueType<T>(range: string, read: (text: string) => Reading<T>): ValueType<T> {
  const type = z.string().transform((text, context): T => {
    const reading = read(text.trim());
    if ('value' in reading) return reading.value;
    context.addIssue({ code: 'custom', message: reading.problem, input: text });
    return z.NEVER;
  });
  return { type, range };
}

/** Any text of one or more characters; a command may span lines, but nothing may hold NUL. */
export function text(range: string): ValueType<string> {
  return valueType(range, (value) => {
    if (value === '') return { problem: 'is empty' };
    return value.includes('\0') ? { problem: 'holds a NUL character' } : { value };
  });
}

/** Free text, possibly empty; nothing depends on it. */
export function freeText(): ValueType<string> {
  return valueType('any text', (value) => ({ value }));
}

export function matching(pattern: RegExp, range: string): ValueType<string> {
  return valueType(range, (value) => (pattern.test(value) ? { value } : NOT_ALLOWED));
}

/** One of a few words, in any case; `aliases` maps further spellings to them. */
export function choice<const T extends string>(
  words: readonly T[],
  aliases: Readonly<Record<string, T>> = {},
): ValueType<T> {
  const meaning = new Map<string, T>([...words.map((word) => [word, word] as const), ...Object.entries(aliases)]);
  const more = Object.keys(aliases);
  const range = `${words.join(', ')}${more.length > 0 ? ` (also ${more.join(', ')})` : ''}`;
  return valueType(range, (value) => {
    const word = meaning.get(value.toLowerCase());
    if (word !== undefined) return { value: word };
    const near = suggest(value, meaning.keys());
    return near === null ? NOT_ALLOWED : { problem: `is not allowed; did you mean ${near}?` };
  });
}

/** Some of a few words, separated by commas. */
export function choices<const T extends string>(words: readonly T[]): ValueType<readonly T[]> {
  return valueType<readonly T[]>(`some of ${words.join(', ')}`, (value) => {
    const given = value
      .toLowerCase()
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
    const unknown = given.find((word) => !(words as readonly string[]).includes(word));
    if (unknown === undefined) return { value: words.filter((word) => given.includes(word)) };
    const near = suggest(unknown, words);
    return { problem: near === null ? `names ${unknown}` : `names ${unknown}; did you mean ${near}?` };
  });
}

const SWITCH: Readonly<Record<string, boolean>> = {
  on: true,
  true: true,
  yes: true,
  off: false,
  false: false,
  no: false,
};

export function onOff(): ValueType<boolean> {
  const words = new Map(Object.entries(SWITCH));
  return valueType('on, off (also true, false, yes, no)', (word) => {
    const value = words.get(word.toLowerCase());
    return value === undefined ? NOT_ALLOWED : { value };
  });
}

interface NumberLimits {
  readonly min: number;
  readonly max: number;
  /** Named in the allowed range: minutes, trials. */
  readonly unit?: string;
}

export function decimal(limits: NumberLimits): ValueType<number> {
  const range = `a plain number from ${limits.min} to ${limits.max}${limits.unit ? ` (${limits.unit})` : ''}`;
  return valueType(range, (value) => readNumber(value, limits));
}

export function integer(limits: NumberLimits): ValueType<number> {
  const range = `a whole number from ${limits.min} to ${limits.max}${limits.unit ? ` (${limits.unit})` : ''}`;
  return valueType(range, (value) =>
    /^\d+$/.test(value) ? readNumber(value, limits) : { problem: 'is not a whole number' },
  );
}

export function anyNumber(): ValueType<number> {
  return valueType('any finite number', (value) =>
    readNumber(value, { min: -Number.MAX_VALUE, max: Number.MAX_VALUE }),
  );
}

function readNumber(value: string, { min, max }: NumberLimits): Reading<number> {
  if (!DECIMAL.test(value)) return { problem: /^[+-]?[\d.]/.test(value) ? 'is not a plain number' : 'is not a number' };
  const number = Number(value);
  return number >= min && number <= max ? { value: number } : { problem: 'is out of range' };
}

/** `2%` of the incumbent's value, or `0.5` in the metric's own unit. */
export function minEffect(): ValueType<MinEffect> {
  return valueType('a share such as 2%, or an amount such as 0.5 in the unit of the metric; 0 or more', (value) => {
    const share = value.endsWith('%');
    const reading = readNumber(share ? value.slice(0, -1).trim() : value, { min: 0, max: Number.MAX_VALUE });
    if ('problem' in reading) return reading;
    return { value: share ? { kind: 'percent', percent: reading.value } : { kind: 'absolute', amount: reading.value } };
  });
}

/** How often a trial may begin: so long after the last one began, or at the borders of the calendar (local time). */
export type Interval = 'hourly' | 'daily' | 'weekly' | 'monthly' | { readonly everyMs: number };

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_INTERVAL_MS = 366 * 86_400_000;

export function interval(): ValueType<Interval> {
  return valueType<Interval>('a duration such as 30s, 10m, 1h or 2d, or hourly, daily, weekly, monthly', (value) => {
    const word = value.toLowerCase();
    if (word === 'hourly' || word === 'daily' || word === 'weekly' || word === 'monthly') return { value: word };
    const [, count = '', unit = ''] = /^(\d{1,9}) ?([smhd])$/.exec(word) ?? [];
    const everyMs = Number(count) * (UNIT_MS[unit] ?? 0);
    if (count === '') return NOT_ALLOWED;
    return everyMs > 0 && everyMs <= LONGEST_INTERVAL_MS ? { value: { everyMs } } : { problem: 'is out of range' };
  });
}

/** Comma separated names of environment variables. */
export function variables(): ValueType<readonly string[]> {
  return valueType('names of environment variables, separated by commas', (value) => {
    const names = value.split(',').flatMap((name) => name.trim() || []);
    const odd = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
    return odd === undefined ? { value: names } : { problem: `names ${odd}, which is no name of a variable` };
  });
}

/** Comma separated paths or globs inside the repository, without `./` before and `/` behind them. */
export function paths({ atLeast }: { atLeast: 0 | 1 }): ValueType<readonly string[]> {
  return valueType('paths or globs inside the repository, separated by commas', (value) => {
    const list = [...new Set(value.split(',').map(tidyPath))].filter((path) => path !== '');
    if (list.length < atLeast) return { problem: 'is empty' };
    for (const path of list) {
      const problem = pathProblem(path);
      if (problem) return { problem: `names ${path}, which ${problem}` };
    }
    return { value: list };
  });
}

/** Comma separated paths outside the repository, without `/` behind them; `~/` stays as it is written. */
export function places(): ValueType<readonly string[]> {
  return valueType('absolute paths or ~/..., separated by commas', (value) => {
    const list = [...new Set(value.split(',').map(tidyPath))].filter((path) => path !== '');
    for (const path of list) {
      if (UNPRINTABLE.test(path)) return { problem: 'holds a control character' };
      if (!/^(?:\/|~\/.)/.test(path)) return { problem: `names ${path}, which begins with neither / nor ~/` };
      if (path.split('/').includes('..')) return { problem: `names ${path}, which has .. in it` };
    }
    return { value: list };
  });
}

function tidyPath(path: string): string {
  const tidy = path
    .trim()
    .replace(/^(?:\.\/+)+/, '')
    .replace(/\/+/g, '/');
  return tidy.length > 1 ? tidy.replace(/\/$/, '') : tidy;
}

function pathProblem(path: string): string | null {
  if (UNPRINTABLE.test(path)) return 'holds a control character';
  if (path.startsWith('/') || path.startsWith('~')) return 'is not relative to the repository';
  if (path.startsWith(':')) return 'begins with ":", which git reads as pathspec magic';
  const parts = path.split('/');
  if (parts.includes('..')) return 'leads out of the repository';
  if (parts.some((part) => part.toLowerCase() === '.git')) return 'is inside .git';
  return null;
}

/** A regular expression as JavaScript reads it, perhaps after `(?i)`; it is compiled here and never run. Empty = null. */
export function pattern(): ValueType<string | null> {
  return valueType('a regular expression', (value) => {
    if (value === '') return { value: null };
    try {
      new RegExp(value.replace(/^\(\?i\)/, ''));
      return { value };
    } catch (error) {
      return { problem: `does not compile (${errorMessage(error)})` };
    }
  });
}
