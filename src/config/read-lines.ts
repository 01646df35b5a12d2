/**
 * Reads the text of a config.cfg into its lines, in both dialects: `key = value` (INI) and `key: value` (verbatim).
 * Nothing is ever shortened, merged or skipped in silence: a line that cannot be read exactly is an error with its
 * number and the cure. What the keys mean is the schema's business.
 */
import { isUtf8 } from 'node:buffer';
import { AppError } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import { type ConfigProblem, configError } from './config-error.js';
import { quoteIniValue, readIniValue } from './ini-value.js';

export interface ConfigLine {
  /** Empty above the first `[section]`. */
  readonly section: string;
  readonly key: string;
  readonly value: string;
  /** 1-based. */
  readonly line: number;
}

const KEY_VALUE = /^([A-Za-z_][\w.-]*)\s*([:=])\s*([\s\S]*)$/;
const SECTION = /^\[\s*([A-Za-z_][\w.-]*)\s*\]$/;
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;

/** Text of a configuration file from its bytes. @throws AppError config when they are not UTF-8. */
export function decodeConfig(bytes: Uint8Array, path: string): string {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    const where = utf16 ? '' : ` (line ${firstBadLine(bytes)})`;
    throw new AppError('config', `${path} is not UTF-8 text${utf16 ? ' but UTF-16' : ''}${where}`, {
      hint: 'save the file as UTF-8',
      cause,
    });
  }
}

/**
 * The lines of a configuration file in their order; blank lines and comments are left out.
 * @param path names the file in errors; nothing is read from it.
 * @throws AppError config with file, line number and cure; nothing else, whatever the text.
 */
export function readConfigLines(text: string, path: string): ConfigLine[] {
  const lines: ConfigLine[] = [];
  const problems: ConfigProblem[] = [];
  const firstLines = new Map<string, number>();
  let section = '';
  const rows = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  for (const [index, row] of rows.entries()) {
    const content = readLine(row.trim());
    const line = index + 1;
    if (content.kind === 'nothing') continue;
    if (content.kind === 'section') {
      section = content.name;
    } else if (content.kind === 'problem') {
      problems.push({ line, message: content.message, hint: content.hint });
    } else {
      const id = `${section}\n${content.key}`;
      const first = firstLines.get(id);
      if (first !== undefined) problems.push(duplicate({ section, key: content.key, line }, first));
      else lines.push({ section, line, key: content.key, value: content.value });
      firstLines.set(id, first ?? line);
    }
  }
  const [problem, ...others] = problems;
  if (problem) throw configError(path, [problem, ...others]);
  return lines;
}

type LineContent =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'section'; readonly name: string }
  | { readonly kind: 'value'; readonly key: string; readonly value: string }
  | { readonly kind: 'problem'; readonly message: string; readonly hint: string };

function readLine(line: string): LineContent {
  const control = CONTROL.exec(line);
  if (control) {
    const code = (control[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    return {
      kind: 'problem',
      message: `the line holds the control character U+${code}`,
      hint: `remove it; inside double quotes it may be written as \\u${code.toLowerCase()}`,
    };
  }
  if (line === '' || line.startsWith('#') || line.startsWith(';')) return { kind: 'nothing' };
  if (line.startsWith('[')) return readSection(line);
  const match = KEY_VALUE.exec(line);
  const [, key, separator, raw] = match ?? [];
  if (key === undefined || raw === undefined) return unreadable(line);
  if (separator === ':') return { kind: 'value', key, value: stripQuotes(raw) };
  const reading = readIniValue(raw);
  if ('value' in reading) return { kind: 'value', key, value: reading.value };
  return {
    kind: 'problem',
    message: `${key}: ${reading.problem}: ${oneLine(raw)}`,
    hint: `quote the value: ${key} = ${quoteIniValue(stripQuotes(raw))}   (a comment needs a line of its own)`,
  };
}

function readSection(line: string): LineContent {
  const name = SECTION.exec(line)?.[1];
  if (name !== undefined) return { kind: 'section', name };
  return {
    kind: 'problem',
    message: `${oneLine(line)} is not a section line`,
    hint: 'write [name] and nothing after it; a comment needs a line of its own',
  };
}

function unreadable(line: string): LineContent {
  return {
    kind: 'problem',
    message: `"${oneLine(line, 80)}" is neither "key = value", "key: value", [section] nor a comment`,
    hint: 'begin a comment with #, and write a long value on one line',
  };
}

/** One pair of quotes around the whole value; quotes that belong to single words of a command stay. */
function stripQuotes(raw: string): string {
  const quote = raw.charAt(0);
  if (raw.length < 2 || (quote !== '"' && quote !== "'") || !raw.endsWith(quote)) return raw;
  const inner = raw.slice(1, -1);
  return inner.includes(quote) ? raw : inner;
}

function duplicate(at: { section: string; key: string; line: number }, first: number): ConfigProblem {
  const name = at.section ? `${at.key} in [${at.section}]` : at.key;
  return {
    line: at.line,
    message: `${name} is already set in line ${first}`,
    hint: `delete line ${first} or line ${at.line}`,
  };
}

function firstBadLine(bytes: Uint8Array): number {
  let line = 1;
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
    if (!isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
    line += 1;
  }
  return line;
}
