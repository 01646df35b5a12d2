/**
 * Finds the metric in the evaluator's output, line by line, with flat memory: it holds one line and at most 64 secondary
 * metrics, whatever the output's size. A value is one finite decimal number or a problem that quotes the line; nothing
 * is ever guessed from "12.5ms" or "1,234".
 */
import vm from 'node:vm';
import { AppError, errorMessage } from '../core/errors.js';
import { oneLine, stripAnsi } from '../core/text.js';

/** Which of several matching lines counts. `only` refuses a second one: a candidate that prints its own metric line. */
type MetricPick = 'last' | 'first' | 'only';

export interface MetricRule {
  readonly metric: string;
  /** Matched against the trimmed line; without the flags g and y. */
  readonly pattern: RegExp;
  readonly pick: MetricPick;
}

type MetricResult =
  | { readonly metric: number; readonly secondary: Readonly<Record<string, number>> }
  | { readonly problem: string; readonly secondary: Readonly<Record<string, number>> };

/** Longer lines (after the last carriage return) are not searched: it bounds what one match may cost. */
export const MAX_METRIC_LINE_CHARS = 4096;

const MAX_SECONDARY = 64;
const MAX_QUOTE_CHARS = 120;
const BATCH_LINES = 512;
const BATCH_CHARS = 262_144;
const BATCH_LIMIT_MS = 1000;

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const SECONDARY = /^([A-Za-z_][\w.-]{0,63})\s*:\s*(\S+)$/;

/**
 * The rule of an experiment. Without `grep` the line must begin with `<metric>:`. With it, `grep` is a JavaScript regular
 * expression that must match at the beginning of the trimmed line (`.*` in front lifts that); a leading `(?i)` ignores
 * case. The value is the first capture group that took part, else what follows the match after an optional `:` or `=`.
 * @throws AppError config when `grep` is not a regular expression.
 */
export function metricRule(options: { metric: string; grep: string | null; pick: MetricPick }): MetricRule {
  const { metric, grep, pick } = options;
  if (grep === null || grep.trim() === '') {
    return { metric, pattern: new RegExp(`^${escapeRegExp(metric)}:`), pick };
  }
  const ignoresCase = grep.startsWith('(?i)');
  const source = ignoresCase ? grep.slice('(?i)'.length) : grep;
  const hint = `for example metric_grep = ^${escapeRegExp(metric)}:\\s*(\\S+)`;
  const posixClass = /\[:\w+:\]/.exec(source)?.[0];
  if (posixClass !== undefined) {
    // JavaScript would read it as an ordinary set of letters and silently match something else.
    throw new AppError('config', `metric_grep "${oneLine(grep)}" uses ${posixClass}, which is not supported`, {
      hint: 'write \\d for digits, \\s for white space, \\w for letters, digits and "_"',
    });
  }
  try {
    return { metric, pattern: new RegExp(`^(?:${source})`, ignoresCase ? 'i' : ''), pick };
  } catch (error) {
    const message = `metric_grep "${oneLine(grep)}" is not a regular expression: ${oneLine(errorMessage(error))}`;
    throw new AppError('config', message, { hint, cause: error });
  }
}

/** The number that `text` spells in full, or null: no units, no separators, no `nan`, `inf` or hexadecimal. */
function parseDecimal(text: string): number | null {
  if (!DECIMAL.test(text)) return null;
  const value = Number(text);
  if (!Number.isFinite(value)) return null;
  // A value too small for a double would read as exactly 0: that is not what was printed. -0 becomes 0.
  if (value === 0) return /[1-9]/.test(text.replace(/[eE].*$/, '')) ? null : 0;
  return value;
}

interface MatchedLine {
  readonly line: string;
  readonly value: string;
}

/** Feed it every line in order, then ask once for the result. */
export class MetricScanner {
  readonly #rule: MetricRule;
  readonly #secondary = new Map<string, number>();
  #batch: string[] = [];
  #batchChars = 0;
  #picked: MatchedLine | null = null;
  #second: MatchedLine | null = null;
  #matches = 0;
  #longLines = 0;
  #tooSlow = false;

  constructor(rule: MetricRule) {
    this.#rule = rule;
  }

  /** One line without its line feed. ANSI codes are removed; of a redrawn line (`\r`) the last text counts. */
  push(line: string): void {
    const text = visibleText(line);
    if (text === '') return;
    if (text.length > MAX_METRIC_LINE_CHARS) {
      this.#longLines += 1;
      return;
    }
    this.#batch.push(text);
    this.#batchChars += text.length;
    if (this.#batch.length >= BATCH_LINES || this.#batchChars >= BATCH_CHARS) this.#flush();
  }

  result(): MetricResult {
    this.#flush();
    const secondary = Object.fromEntries(this.#secondary);
    const problem = this.#problem();
    if (problem !== null) return { problem, secondary };
    const metric = parseDecimal(this.#picked?.value ?? '');
    return metric === null ? { problem: this.#notANumber(), secondary } : { metric, secondary };
  }

  #problem(): string | null {
    const { pattern, pick } = this.#rule;
    if (this.#tooSlow) {
      return `metric_grep ${quote(pattern.source)} took more than ${BATCH_LIMIT_MS} ms on this output; simplify it`;
    }
    if (this.#picked === null) {
      const long = this.#longLines;
      const unsearched = `; ${long} line(s) longer than ${MAX_METRIC_LINE_CHARS} characters were not searched`;
      return `no line of the output matches ${oneLine(pattern.source, MAX_QUOTE_CHARS)}${long > 0 ? unsearched : ''}`;
    }
    if (pick === 'only' && this.#second !== null) {
      const lines = `${quote(this.#picked.line)} and ${quote(this.#second.line)}`;
      return `${this.#matches} lines match where metric_pick = only allows one: ${lines}`;
    }
    return null;
  }

  #notANumber(): string {
    const line = this.#picked?.line ?? '';
    const value = this.#picked?.value ?? '';
    if (value === '') return `no value in the metric line ${quote(line)}: nothing follows the match`;
    const shown = value === line ? '' : ` in ${quote(line)}`;
    return `${quote(value)}${shown} is not one finite decimal number`;
  }

  #flush(): void {
    const lines = this.#batch;
    this.#batch = [];
    this.#batchChars = 0;
    if (lines.length === 0 || this.#tooSlow) return;
    const matches = matchLines(this.#rule.pattern, lines);
    if (matches === null) {
      this.#tooSlow = true;
      return;
    }
    lines.forEach((line, index) => {
      const value = matches[index];
      if (typeof value === 'string') this.#take({ line, value });
      else this.#takeSecondary(line);
    });
  }

  #take(matched: MatchedLine): void {
    this.#matches += 1;
    if (this.#matches === 2) this.#second = matched;
    if (this.#matches === 1 || this.#rule.pick === 'last') this.#picked = matched;
  }

  #takeSecondary(line: string): void {
    const [, name, text] = SECONDARY.exec(line) ?? [];
    // `__proto__` as a key is a trap for every later reader of the record.
    if (name === undefined || text === undefined || name === '__proto__') return;
    const value = parseDecimal(text);
    if (value === null || (this.#secondary.size >= MAX_SECONDARY && !this.#secondary.has(name))) return;
    this.#secondary.set(name, value);
  }
}

const sandbox: { work: () => unknown } & vm.Context = vm.createContext({ work: () => null }) as {
  work: () => unknown;
};
const callWork = new vm.Script('work()');

/**
 * The value found in each line, or null where the pattern does not match. Returns null when the pattern backtracks for
 * longer than the limit: Node can interrupt a regular expression only in a vm, at 0.2 ms per call, hence the batches.
 */
function matchLines(pattern: RegExp, lines: readonly string[]): readonly (string | null)[] | null {
  const work = () => lines.map((line) => valueIn(pattern, line));
  // The second try is for a process that was suspended during the first one.
  for (const _attempt of [1, 2]) {
    try {
      sandbox.work = work;
      return callWork.runInContext(sandbox, { timeout: BATCH_LIMIT_MS }) as readonly (string | null)[];
    } catch (error) {
      if (!isVmTimeout(error)) throw error;
    } finally {
      sandbox.work = () => null;
    }
  }
  return null;
}

function valueIn(pattern: RegExp, line: string): string | null {
  const match = pattern.exec(line);
  if (match === null) return null;
  const groups = match.slice(1);
  if (groups.length > 0) return (groups.find((group) => group !== undefined) ?? '').trim();
  return line
    .slice(match.index + match[0].length)
    .replace(/^\s*[:=]/, '')
    .trim();
}

function isVmTimeout(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}

/** What a terminal would show of the line last: the text after the last carriage return that shows anything. */
function visibleText(line: string): string {
  let end = line.length;
  for (;;) {
    const start = end === 0 ? -1 : line.lastIndexOf('\r', end - 1);
    const text = stripAnsi(line.slice(start + 1, end)).trim();
    if (text !== '' || start < 0) return text;
    end = start;
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function quote(text: string): string {
  return `"${oneLine(text, MAX_QUOTE_CHARS)}"`;
}
