/**
 * Readers for the optional files an evaluator may leave in its output directory: `items.jsonl` and `feedback.md`.
 * Whatever lies there is foreign data: it is read with limits, never followed through a link, and never thrown about.
 */
import { basename } from 'node:path';
import { errnoOf, errorMessage } from '../core/errors.js';
import type { MeasuredItem } from '../core/measurement.js';
import { oneLine, plainLines } from '../core/text.js';
import { readPlainFile } from '../process/plain-file.js';

const MAX_ITEMS = 100_000;
const MAX_ITEMS_BYTES = 64 * 1024 * 1024;
const MAX_NAME_CHARS = 256;
const MAX_FEEDBACK_BYTES = 16 * 1024;

interface ItemsReport {
  /** All items or none: a part of them would bias a paired comparison. */
  readonly items: readonly MeasuredItem[];
  /** Why there are none although the file exists, with its line number; null when all is well or no file exists. */
  readonly problem: string | null;
}

interface FeedbackReport {
  /** Plain text without control characters; null when there is none. */
  readonly feedback: string | null;
  readonly problem: string | null;
}

/**
 * Reads one JSON object per line: `id` (text, unique), `value` (number) and optionally `soft` (number), `group` (text);
 * other keys are ignored, blank lines too. At most 100,000 items and 64 MiB.
 */
export async function readItems(path: string): Promise<ItemsReport> {
  const file = readRegularFile(path, MAX_ITEMS_BYTES + 1);
  if (file === null) return { items: [], problem: null };
  const name = basename(path);
  if ('problem' in file) return { items: [], problem: file.problem };
  if (file.bytes.length > MAX_ITEMS_BYTES) return { items: [], problem: `${name} is larger than 64 MiB` };
  try {
    return { items: parseItems(file.bytes), problem: null };
  } catch (error) {
    if (!(error instanceof ItemsProblem)) throw error;
    return { items: [], problem: `${name} ${error.message}` };
  }
}

/** Reads the text for the next proposal; of more than 16 KiB the beginning is kept, and says so. */
export async function readFeedback(path: string): Promise<FeedbackReport> {
  const file = readRegularFile(path, MAX_FEEDBACK_BYTES + 1);
  if (file === null) return { feedback: null, problem: null };
  if ('problem' in file) return { feedback: null, problem: file.problem };
  const isCut = file.bytes.length > MAX_FEEDBACK_BYTES;
  // A streaming decoder holds back a character that the cut went through.
  const text = new TextDecoder().decode(file.bytes.subarray(0, MAX_FEEDBACK_BYTES), { stream: isCut });
  const feedback = plainLines(text).trim();
  if (feedback === '') return { feedback: null, problem: null };
  return { feedback: isCut ? `${feedback}\n… (cut at 16 KiB)` : feedback, problem: null };
}

class ItemsProblem extends Error {}

function parseItems(bytes: Buffer): readonly MeasuredItem[] {
  const items: MeasuredItem[] = [];
  const lineOfItem = new Map<string, number>();
  let start = 0;
  for (let line = 1; start < bytes.length; line += 1) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed < 0 ? bytes.length : feed;
    const text = bytes.toString('utf8', start, end).trim();
    start = end + 1;
    if (text === '') continue;
    if (items.length === MAX_ITEMS) throw new ItemsProblem(`has more than ${MAX_ITEMS} items`);
    const item = parseItem(text);
    if (typeof item === 'string') throw new ItemsProblem(`line ${line}: ${item}`);
    const earlier = lineOfItem.get(item.id);
    if (earlier !== undefined) {
      throw new ItemsProblem(`line ${line}: the id "${oneLine(item.id, 60)}" was used on line ${earlier}`);
    }
    lineOfItem.set(item.id, line);
    items.push(item);
  }
  return items;
}

/** The item, or what is wrong with the line. */
function parseItem(text: string): MeasuredItem | string {
  const row = parseObject(text);
  if (row === null) return `not a JSON object: ${oneLine(text, 120)}`;
  const { id, value, soft, group } = row;
  if (!isName(id)) return `"id" must be a text of 1-${MAX_NAME_CHARS} characters`;
  if (!isFiniteNumber(value)) return '"value" must be a finite number';
  if (!isAbsent(soft) && !isFiniteNumber(soft)) return '"soft" must be a finite number';
  if (!isAbsent(group) && !isName(group)) return `"group" must be a text of 1-${MAX_NAME_CHARS} characters`;
  return { id, value, ...(isAbsent(soft) ? {} : { soft }), ...(isAbsent(group) ? {} : { group }) };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const row: unknown = JSON.parse(text);
    return typeof row === 'object' && row !== null && !Array.isArray(row) ? { ...row } : null;
  } catch {
    return null; // the caller quotes the line
  }
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME_CHARS;
}

/** The first `limit` bytes of a regular file; null when there is none. A link, pipe, folder or device is a problem. */
function readRegularFile(
  path: string,
  limit: number,
): { readonly bytes: Buffer } | { readonly problem: string } | null {
  try {
    const bytes = readPlainFile(path, { maxBytes: limit, follow: false });
    return bytes === null ? { problem: `${basename(path)} is not a regular file` } : { bytes };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    if (errnoOf(error) === 'ELOOP') return { problem: `${basename(path)} is a link, which is not followed` };
    return { problem: `${basename(path)} cannot be read: ${oneLine(errorMessage(error))}` };
  }
}
