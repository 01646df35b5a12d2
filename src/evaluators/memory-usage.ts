/**
 * Peak memory of a command: the largest resident size of any one of its processes. GNU time reads it from the kernel
 * exactly; sampling, the fallback, can miss a short peak.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, shellArgv } from '../process/shell.js';
import { runTool } from '../process/tool.js';
import { reportFailure, runToSuccess } from './commands.js';
import { OptionReader } from './options.js';
import { decimals } from './summary.js';
import type { BuiltInEvaluator, EvaluatorIo } from './types.js';

const BYTES_PER_MB = 1_000_000;

export const memoryUsage: BuiltInEvaluator = {
  name: 'memory_usage',
  summary: 'Peak memory of a command; prints peak_mb, in units of 1,000,000 bytes.',
  metric: 'peak_mb',
  direction: 'lower',
  example: "autoresearch evaluate memory_usage --command 'node app.js --once'",
  options: [
    {
      flag: '--command',
      value: '<command>',
      help:
        'Shell command to measure; it must exit 0. The largest resident size of one process counts, not the sum; ' +
        '1 MB is 1,000,000 bytes',
      required: true,
    },
  ],
  async run(options, io) {
    const command = new OptionReader(memoryUsage, options).requiredText('command');
    const folder = await mkdtemp(join(tmpdir(), 'autoresearch-memory-'));
    try {
      return await measure(command, join(folder, 'peak'), io);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function measure(command: string, reportPath: string, io: EvaluatorIo): Promise<number> {
  const timeArgv = await gnuTimeArgv(reportPath, io);
  const run = await runToSuccess([...timeArgv, ...shellArgv(command)], 'the command', io);
  if ('what' in run) return reportFailure(run, io);
  const exactBytes = timeArgv.length === 0 ? null : await readKibibytes(reportPath);
  // The sample sees processes that nobody waited for, which GNU time does not.
  const peakBytes = Math.max(exactBytes ?? 0, run.result.peakMemoryBytes ?? 0);
  if (peakBytes === 0) {
    const what =
      'the command was too short to sample its memory; install GNU time (/usr/bin/time) to measure it exactly';
    return reportFailure({ what, exitCode: null, output: '' }, io);
  }
  io.note(`method: ${exactBytes === null ? 'sampled while it ran (GNU time was not found)' : 'GNU time'}`);
  io.print(`peak_mb: ${decimals(peakBytes / BYTES_PER_MB)}`);
  return 0;
}

/** The words that put GNU time before a command; empty where there is none (BSD time knows neither -f nor -o). */
async function gnuTimeArgv(reportPath: string, io: EvaluatorIo): Promise<readonly string[]> {
  const program = findProgram('time', io.env['PATH'] ?? '', io.cwd);
  if (program === null) return [];
  const argv = [program, '-f', '%M', '-o', reportPath, '--'];
  const probe = await runTool([...argv, 'true'], { cwd: io.cwd, env: io.env });
  return probe.exitCode === 0 && (await readKibibytes(reportPath)) !== null ? argv : [];
}

async function readKibibytes(path: string): Promise<number | null> {
  const line = (await readFile(path, 'utf8')).trim().split('\n').at(-1) ?? '';
  return /^\d+$/.test(line) ? Number(line) * 1024 : null;
}
