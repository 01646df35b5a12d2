/**
 * Finding and spelling literals in one line of code of any language. Pure; knows no grammar but that of numbers,
 * truth values and quotes.
 */
import { admits, type Domain, type ParameterValue } from './domain.js';

/** A literal inside a piece of code: the characters that change when its value does (without quotes and units). */
export interface Literal {
  readonly start: number;
  readonly end: number;
  readonly value: ParameterValue;
}

const SIGN = '(?:(?<![)\\]])-)?';
const INT = new RegExp(`(?<![\\w.$])${SIGN}\\d[\\d_]*`, 'g');
const MANTISSA = '(?:\\d[\\d_]*(?:\\.(?:\\d[\\d_]*|(?![\\w.])|(?=[fFlL]\\b)))?|\\.\\d[\\d_]*)';
const FLOAT = new RegExp(`(?<![\\w.$])${SIGN}${MANTISSA}(?:[eE][+-]?\\d+)?`, 'g');

const TRUTH_PAIRS = [
  ['true', 'false'],
  ['True', 'False'],
  ['TRUE', 'FALSE'],
  ['yes', 'no'],
  ['Yes', 'No'],
  ['YES', 'NO'],
  ['on', 'off'],
  ['On', 'Off'],
  ['ON', 'OFF'],
  ['1', '0'],
] as const;
const TRUTH = new RegExp(`(?<![\\w$.-])(?:${TRUTH_PAIRS.flat().join('|')})(?![\\w-]|\\.\\d)`, 'g');

/**
 * The last literal of the domain's type in `code`, or null. A number may carry a unit or type suffix (`64px`, `64u32`),
 * a choice may stand in quotes or bare; numbers in hexadecimal, octal or binary are not touched. A choice outside its
 * list is returned when it is quoted, so that the caller can name it.
 */
export function findLiteral(domain: Domain, code: string): Literal | null {
  switch (domain.kind) {
    case 'int':
      return lastNumber(INT, code, (rest) => !/^(?:\.\d|[eE][+-]?\d)/.test(rest));
    case 'float':
      return lastNumber(FLOAT, code, (rest) => !/^\.\d/.test(rest));
    case 'bool': {
      const match = [...code.matchAll(TRUTH)].at(-1);
      if (!match) return null;
      const value = TRUTH_PAIRS.some(([yes]) => yes === match[0]);
      return { start: match.index, end: match.index + match[0].length, value };
    }
    case 'choice':
      return lastChoice(domain.choices, code) ?? lastQuoted(code);
  }
}

/** How `value` is written in the place of `spelling`: truth values keep their style, floats keep a decimal point. */
export function spell(domain: Domain, spelling: string, value: ParameterValue): string {
  if (!admits(domain, value)) throw new RangeError(`${String(value)} is outside ${domain.kind}`);
  if (typeof value === 'boolean') {
    const pair = TRUTH_PAIRS.find((words) => words.some((word) => word === spelling)) ?? TRUTH_PAIRS[0];
    return value ? pair[0] : pair[1];
  }
  if (domain.kind === 'float')
    return Number.isInteger(value) && Math.abs(Number(value)) < 1e21 ? `${value}.0` : String(value);
  return String(value);
}

function lastNumber(pattern: RegExp, code: string, accepts: (rest: string) => boolean): Literal | null {
  const matches = [...code.matchAll(pattern)].filter((match) => {
    const rest = code.slice(match.index + match[0].length);
    const otherBase = /^-?0$/.test(match[0]) && /^[xXbBoO][\da-fA-F]/.test(rest);
    return !otherBase && accepts(rest);
  });
  const last = matches.at(-1);
  if (!last) return null;
  return { start: last.index, end: last.index + last[0].length, value: Number(last[0].replaceAll('_', '')) };
}

/** The listed value that ends last; of two that end together, the longer. */
function lastChoice(choices: readonly string[], code: string): Literal | null {
  let best: Literal | null = null;
  for (const choice of choices) {
    for (let at = code.lastIndexOf(choice); at >= 0; at = at === 0 ? -1 : code.lastIndexOf(choice, at - 1)) {
      const end = at + choice.length;
      if (!standsAlone(code, at, end)) continue;
      if (best === null || end > best.end || (end === best.end && at < best.start))
        best = { start: at, end, value: choice };
      break;
    }
  }
  return best;
}

function standsAlone(code: string, start: number, end: number): boolean {
  const before = code.charAt(start - 1);
  const after = code.charAt(end);
  if (/["'`]/.test(before)) return after === before;
  if (/^\d/.test(code.slice(start, end)) && (before === '.' || /^\.\d/.test(code.slice(end)))) return false;
  return !/[\w$-]/.test(before) && !/[\w-]/.test(after);
}

function lastQuoted(code: string): Literal | null {
  const match = [...code.matchAll(/"([^"]*)"|'([^']*)'|`([^`]*)`/g)].at(-1);
  if (!match) return null;
  return {
    start: match.index + 1,
    end: match.index + match[0].length - 1,
    value: match[1] ?? match[2] ?? match[3] ?? '',
  };
}
