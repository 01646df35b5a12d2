/**
 * `go test -json` (one event per line) and `go test -v`. A test with subtests is not counted itself, only its subtests;
 * a package that fails without a failed test (it does not build, or panics outside a test) counts as one failed test.
 */
import type { ReportReading } from './types.js';

type Ending = 'pass' | 'fail' | 'skip';

/** Endings of tests by package and test name. */
type Endings = ReadonlyMap<string, ReadonlyMap<string, Ending>>;

const RESULT = /^\s*--- (PASS|FAIL|SKIP): (\S+) \(\d[\d.]*s\)$/;
const PACKAGE = /^(ok|FAIL|\?) *\t(\S+)[\t ](.*)$/;

export function parseGo(text: string): ReportReading {
  const lines = text.split('\n');
  return lines.some((line) => isEvent(line)) ? parseEvents(lines) : parseVerbose(lines);
}

function parseEvents(lines: readonly string[]): ReportReading {
  const packages = new Map<string, Map<string, Ending>>();
  const failedPackages = new Set<string>();
  let isGo = false;
  for (const line of lines) {
    const event = isEvent(line) ? parseEvent(line) : null;
    if (event === null) continue;
    isGo = true;
    if (event.test === null && event.action === 'fail') failedPackages.add(event.package);
    if (event.test === null || !isEnding(event.action)) continue;
    const tests = packages.get(event.package) ?? new Map<string, Ending>();
    packages.set(event.package, tests.set(event.test, event.action));
  }
  return isGo ? tally(packages, failedPackages) : null;
}

function parseEvent(line: string): { action: string; package: string; test: string | null } | null {
  try {
    const event = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const { Action: action, Package: name, Test: test } = event;
    if (typeof action !== 'string' || typeof name !== 'string') return null;
    return { action, package: name, test: typeof test === 'string' ? test : null };
  } catch {
    return null; // a line of the program under test that looks like an event
  }
}

function isEvent(line: string): boolean {
  return line.startsWith('{"') && line.includes('"Action":');
}

function isEnding(action: string): action is Ending {
  return action === 'pass' || action === 'fail' || action === 'skip';
}

function parseVerbose(lines: readonly string[]): ReportReading {
  const packages = new Map<string, ReadonlyMap<string, Ending>>();
  const failedPackages = new Set<string>();
  let tests = new Map<string, Ending>();
  let sawPackage = false;
  for (const line of lines) {
    const [, result, test] = RESULT.exec(line) ?? [];
    if (result !== undefined && test !== undefined) tests.set(test, result.toLowerCase() as Ending);
    const [, status, name] = PACKAGE.exec(line) ?? [];
    if (status === undefined || name === undefined) continue;
    sawPackage = true;
    packages.set(name, tests);
    if (status === 'FAIL') failedPackages.add(name);
    tests = new Map();
  }
  if (!sawPackage) return null;
  const counts = tally(packages, failedPackages);
  const isSilent = [...packages.values()].every((found) => found.size === 0);
  if (isSilent && failedPackages.size === 0 && lines.some((line) => /^ok\s/.test(line))) {
    return { problem: 'go test tells its tests only with -v or -json: add one of them to the command' };
  }
  return counts;
}

function tally(packages: Endings, failedPackages: ReadonlySet<string>): ReportReading {
  const counts = { pass: 0, fail: 0, skip: 0 };
  for (const tests of packages.values()) {
    const parents = new Set([...tests.keys()].flatMap((test) => ancestorsOf(test)));
    for (const [test, ending] of tests) if (!parents.has(test)) counts[ending] += 1;
  }
  for (const name of failedPackages) {
    const hasFailedTest = [...(packages.get(name)?.values() ?? [])].includes('fail');
    if (!hasFailedTest) counts.fail += 1;
  }
  return { passed: counts.pass, failed: counts.fail, skipped: counts.skip };
}

function ancestorsOf(test: string): readonly string[] {
  const parts = test.split('/');
  return parts.slice(1).map((_part, index) => parts.slice(0, index + 1).join('/'));
}
