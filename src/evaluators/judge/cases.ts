/** Test cases of a prompt: a JSON array, or one JSON object per line, each with `input` and optionally `id`, `expected`. */
import { AppError } from '../../core/errors.js';
import { oneLine } from '../../core/text.js';

export interface TestCase {
  readonly id: string;
  readonly input: string;
  /** What a good answer holds; null where the judge decides alone. */
  readonly expected: string | null;
}

const MAX_CASES = 200;
const SHAPE =
  'each case is an object: {"id": "refund", "input": "I want my money back", "expected": "asks for the order"}';

/** @throws AppError config, which names the case: the cases are the operator's. */
export function readCases(text: string, path: string): readonly TestCase[] {
  const rows = text.trimStart().startsWith('[')
    ? parse(text, path)
    : text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [parse(line, path)]));
  if (!Array.isArray(rows)) throw wrong(path, 'holds no list of cases');
  if (rows.length === 0 || rows.length > MAX_CASES)
    throw wrong(path, `holds ${rows.length} cases: 1 to ${MAX_CASES} can be judged`);
  const cases = rows.map((row: unknown, index) => caseOf(row, `case ${index + 1}`, path));
  const twice = cases.find(({ id }, index) => cases.findIndex((other) => other.id === id) !== index);
  if (twice !== undefined) throw wrong(path, `has two cases with the id "${oneLine(twice.id, 60)}"`);
  return cases;
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrong(path, `holds no JSON: ${oneLine(text, 80)}`);
  }
}

function caseOf(row: unknown, fallbackId: string, path: string): TestCase {
  const {
    id = fallbackId,
    input,
    expected = null,
  } = typeof row === 'object' && row !== null ? { ...(row as Record<string, unknown>) } : {};
  if (typeof input !== 'string' || input.trim() === '') throw wrong(path, `${fallbackId} has no text "input"`);
  if (expected !== null && typeof expected !== 'string') throw wrong(path, `"expected" of ${fallbackId} is no text`);
  if (typeof id !== 'string' || id === '' || id.length > 200)
    throw wrong(path, `"id" of ${fallbackId} is no text of 1-200 characters`);
  return { id, input, expected };
}

function wrong(path: string, what: string): AppError {
  return new AppError('config', `${oneLine(path)} ${what}`, { hint: SHAPE });
}
