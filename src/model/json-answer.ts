/**
 * Finds the object in the text of a model. It is taken only where exactly one candidate fits: several different ones are
 * ambiguous, and nothing is better than a guess.
 */
import { z } from 'zod';
import type { Json } from '../core/json.js';
import { stripAnsi } from '../core/text.js';
import { isZod } from './prompt.js';
import type { AnswerSchema } from './types.js';

export type JsonAnswer = { readonly value: Json } | { readonly problem: string };

type Check = (value: unknown) => JsonAnswer;

/** More text than this is no answer in JSON. */
const MAX_CHARS = 4 * 1024 * 1024;
const MAX_CANDIDATES = 200;

/** A check for values, made once per schema. */
export function checkFor(schema: AnswerSchema): Check {
  const type = isZod(schema) ? schema : z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  return (value) => {
    const parsed = type.safeParse(value);
    if (!parsed.success) return { problem: z.prettifyError(parsed.error) };
    // What came, not what a transforming schema would make of it: it has to survive a cache.
    return isJson(value) ? { value } : { problem: 'it holds a number that is not finite' };
  };
}

/** @param check says whether a value fits, and if not, why. */
export function findJson(answer: string, check: Check): JsonAnswer {
  const text = stripAnsi(answer.replace(/^\uFEFF/, '')).trim();
  if (text === '') return { problem: 'the reply is empty' };
  if (text.length > MAX_CHARS) return { problem: 'the reply is too long to be one object' };
  const whole = parse(text);
  if (whole !== undefined) return check(whole.value);
  const fenced = onlyFence(text);
  const inside = fenced === null ? undefined : parse(fenced);
  if (inside !== undefined) return check(inside.value);
  return pick(balanced(text), check);
}

function pick(candidates: readonly unknown[], check: Check): JsonAnswer {
  const fitting = new Map<string, Json>();
  let problem = 'there is no JSON object in the reply';
  for (const candidate of candidates) {
    const checked = check(candidate);
    if ('value' in checked) fitting.set(JSON.stringify(checked.value), checked.value);
    else problem = checked.problem;
  }
  const [first, second] = [...fitting.values()];
  if (first === undefined) return { problem };
  return second === undefined
    ? { value: first }
    : { problem: 'several different objects fit: it is not clear which one counts' };
}

/** The inside of the one fenced block; null when there is none or more than one. */
function onlyFence(text: string): string | null {
  const blocks = [...text.matchAll(/^[ \t]*```[\w-]*[ \t]*\n([\s\S]*?)\n?[ \t]*```[ \t]*$/gm)];
  return blocks.length === 1 ? (blocks[0]?.[1] ?? null) : null;
}

/** Values of the balanced `{}` and `[]` at the top level of the text. */
function balanced(text: string): readonly unknown[] {
  const found: unknown[] = [];
  let at = 0;
  for (let tries = 0; tries < MAX_CANDIDATES; tries += 1) {
    const start = text.slice(at).search(/[{[]/);
    if (start < 0) break;
    const begin = at + start;
    const end = endOfValue(text, begin);
    const value = end === null ? undefined : parse(text.slice(begin, end));
    if (value !== undefined) found.push(value.value);
    at = value !== undefined && end !== null ? end : begin + 1;
  }
  return found;
}

/** Behind the bracket that closes the one at `begin`; null when it stays open. */
function endOfValue(text: string, begin: number): number | null {
  let depth = 0;
  let inString = false;
  for (let at = begin; at < text.length; at += 1) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at += 1;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return null;
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined; // prose, or cut
  }
}

function isJson(value: unknown): value is Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  // JSON.parse makes 1e999 infinite.
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'object' && Object.values(value).every(isJson);
}
