/** Share of a test suite that passes. No tests, a broken report or an unexplained failure is an error, never a rate. */
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errnoOf } from '../core/errors.js';
import { type CapturedRun, endOf, reportFailure, runCaptured } from './commands.js';
import { OptionReader } from './options.js';
import { readTestReport, TEST_FORMATS, type TestFormat } from './test-reports/index.js';
import type { ReportReading, TestCounts } from './test-reports/types.js';
import type { BuiltInEvaluator, EvaluatorIo } from './types.js';

const MAX_REPORT_BYTES = 64 * 1024 * 1024;

export const testPassRate: BuiltInEvaluator = {
  name: 'test_pass_rate',
  summary: 'Share of tests that pass, from 0 to 1; prints pass_rate, passed, failed, skipped and total.',
  metric: 'pass_rate',
  direction: 'higher',
  example: "autoresearch evaluate test_pass_rate --command 'pytest -q' --format pytest",
  options: [
    {
      flag: '--command',
      value: '<command>',
      help:
        'Shell command that runs the tests; it may fail when a test fails. pass_rate is passed / total, and total ' +
        'includes skipped tests: protect the tests and put a check on total, or deleting tests pays',
      required: true,
    },
    {
      flag: '--format',
      value: '<format>',
      help: `Format of the results: ${TEST_FORMATS.join(', ')}`,
      default: 'auto',
      required: false,
    },
    {
      flag: '--report',
      value: '<file>',
      help: 'Read this file (JUnit XML, JSON or text), which the command must write, instead of its output',
      required: false,
    },
  ],
  async run(options, io) {
    const read = new OptionReader(testPassRate, options);
    const command = read.requiredText('command');
    const format = read.choice('format', TEST_FORMATS);
    const report = read.text('report');
    const reportPath = report === null ? null : resolve(io.cwd, report);
    const before = reportPath === null ? null : await fingerprint(reportPath);
    const run = await runCaptured(command, 'the test command', io);
    if ('what' in run) return reportFailure(run, io);
    const reading = reportPath === null ? readOutput(run, format) : await readReport(reportPath, before, format);
    const counts = judged(reading, run, format);
    if ('problem' in counts) {
      const output = `${run.stdout}\n${run.stderr}`;
      return reportFailure({ what: counts.problem, exitCode: run.result.exitCode, output }, io);
    }
    printCounts(counts, io);
    return 0;
  },
};

/** A report by itself (JSON or XML on stdout) must not be mixed with stderr; Jest prints its summary on stderr. */
function readOutput({ stdout, stderr }: CapturedRun, format: TestFormat): ReportReading {
  const alone = /^\uFEFF?\s*[{<]/.test(stdout) ? readTestReport(stdout, format) : null;
  return alone ?? readTestReport(`${stdout}\n${stderr}`, format);
}

/** Counts that can be trusted: some tests ran, and a failed test is what made the command fail. */
function judged(
  reading: ReportReading,
  run: CapturedRun,
  format: TestFormat,
): TestCounts | { readonly problem: string } {
  const end = endOf(run.result.exitCode, run.result.signal);
  if (reading === null) {
    const wanted = format === 'auto' ? 'in any known format' : `in the format ${format}`;
    return { problem: `no test results found ${wanted} (${end})` };
  }
  if ('problem' in reading) return { problem: `${reading.problem} (${end})` };
  const ran = reading.passed + reading.failed;
  if (ran === 0) {
    const all = reading.skipped > 0 ? `: all ${reading.skipped} tests were skipped` : ': 0 tests ran';
    return { problem: `no test results found${all} (${end})` };
  }
  if (run.result.signal !== null) return { problem: `the test command was cut off (${end})` };
  if (run.result.exitCode !== 0 && reading.failed === 0) {
    return { problem: `the test command failed (${end}) although none of the ${ran} tests did` };
  }
  return reading;
}

function printCounts({ passed, failed, skipped }: TestCounts, io: EvaluatorIo): void {
  const total = passed + failed + skipped;
  io.print(`pass_rate: ${passed / total}`);
  io.print(`passed: ${passed}`);
  io.print(`failed: ${failed}`);
  io.print(`skipped: ${skipped}`);
  io.print(`total: ${total}`);
}

/** Differs as soon as a file is written again; null when there is none. */
async function fingerprint(path: string): Promise<string | null> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** The report, unless it is the one from before: an old report must not stand in for tests that did not run. */
async function readReport(path: string, before: string | null, format: TestFormat): Promise<ReportReading> {
  const after = await fingerprint(path);
  if (after === null) return { problem: `no test results found: the command did not write ${path}` };
  if (after === before) return { problem: `no test results found: ${path} is from before this run` };
  const { size } = await stat(path);
  if (size > MAX_REPORT_BYTES) return { problem: `${path} is larger than 64 MiB` };
  return readTestReport(await readFile(path, 'utf8'), format);
}
