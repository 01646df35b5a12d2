/**
 * The summaries of Jest and Vitest, and the JSON report that both write (`--json`, `--reporter=json`). A test file that
 * could not be loaded has no tests of its own: it counts as one failed test.
 */
import type { ReportReading, TestCounts } from './types.js';

export function parseJest(text: string): ReportReading {
  const fromJson = parseJestJson(text);
  if (fromJson !== null) return fromJson;
  const list = lastMatch(text, /^Tests:\s+(.*\d+ total)$/gm);
  const broken = text.match(/^\s*● Test suite failed to run$/gm)?.length ?? 0;
  if (list === null) return null;
  // Jest repeats the broken files above its summary when there were many.
  const files = lastMatch(text, /^Test Suites:\s+(.*\d+ total)$/gm);
  const brokenFiles = Math.min(broken, numberBefore(files ?? '', 'failed'));
  return { ...countsOf(list), failed: numberBefore(list, 'failed') + brokenFiles };
}

export function parseVitest(text: string): ReportReading {
  const fromJson = parseJestJson(text);
  if (fromJson !== null) return fromJson;
  const list = lastMatch(text, /^ *Tests {2,}(.*\(\d+\)|no tests)$/gm);
  if (list === null) return null;
  const brokenFiles = Number(lastMatch(text, /Failed Suites (\d+)/g) ?? 0);
  return { ...countsOf(list), failed: numberBefore(list, 'failed') + brokenFiles };
}

function countsOf(list: string): TestCounts {
  return {
    // `test.fails` that did fail: Vitest's own JSON and JUnit reports call it passed.
    passed: numberBefore(list, 'passed') + numberBefore(list, 'expected fail'),
    failed: numberBefore(list, 'failed'),
    skipped: numberBefore(list, 'skipped') + numberBefore(list, 'todo'),
  };
}

function numberBefore(list: string, word: string): number {
  return Number(new RegExp(`(\\d+) ${word}\\b`).exec(list)?.[1] ?? 0);
}

function lastMatch(text: string, pattern: RegExp): string | null {
  return [...text.matchAll(pattern)].at(-1)?.[1] ?? null;
}

function isJson(text: string): boolean {
  return /^\uFEFF?\s*\{/.test(text);
}

function parseJestJson(text: string): ReportReading {
  const report = isJson(text) ? parseObject(text) : null;
  if (report === null || !('numTotalTests' in report)) return null;
  const counts = ['numPassedTests', 'numFailedTests', 'numPendingTests', 'numTodoTests'].map((key) => report[key] ?? 0);
  const [passed, failed, pending, todo] = counts;
  if (!isCount(passed) || !isCount(failed) || !isCount(pending) || !isCount(todo)) {
    return { problem: 'the JSON report has a count that is no whole number' };
  }
  const files: readonly unknown[] = Array.isArray(report['testResults']) ? report['testResults'] : [];
  return { passed, failed: failed + files.filter(isBrokenFile).length, skipped: pending + todo };
}

function isBrokenFile(file: unknown): boolean {
  if (typeof file !== 'object' || file === null || !('status' in file) || file.status !== 'failed') return false;
  return 'assertionResults' in file && Array.isArray(file.assertionResults) && file.assertionResults.length === 0;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null; // not this format; the caller says so
  }
}
