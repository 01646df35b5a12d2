/**
 * Runs the command lines that an evaluator was given. What they print never reaches the evaluator's own output as it
 * is, so that the code under test cannot print a metric line; after a failure the end of it is shown behind a `|`.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oneLine, plainLines } from '../core/text.js';
import { readTail } from '../process/capture.js';
import { runCommand } from '../process/run-command.js';
import { shellArgv, shellName } from '../process/shell.js';
import { runTool } from '../process/tool.js';
import type { CommandResult } from '../process/types.js';
import type { EvaluatorIo } from './types.js';

/** The experiment's own hard limit ends the evaluator long before; this bounds a run by hand. */
const LIMIT_MS = 24 * 60 * 60 * 1000;
const GRACE_MS = 2000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const TAIL_LINES = 20;
const TAIL_BYTES = 64 * 1024;

/** Exit codes with a meaning of their own for the runner: try later, cannot be tested. */
const HANDED_THROUGH: readonly number[] = [75, 125];

/** A command that did not succeed, as the evaluator reports it. */
export interface CommandFailure {
  readonly what: string;
  readonly exitCode: number | null;
  readonly output: string;
}

/** Shows why an evaluation cannot go on, and returns the exit code for it. */
export function reportFailure(failure: CommandFailure, io: EvaluatorIo): number {
  io.note(failure.what);
  const lines = plainLines(failure.output)
    .split('\n')
    .filter((line) => line.trim() !== '');
  for (const line of lines.slice(-TAIL_LINES)) io.note(`| ${oneLine(line)}`);
  return failure.exitCode !== null && HANDED_THROUGH.includes(failure.exitCode) ? failure.exitCode : 1;
}

/** Who the command is, for messages, and the file (replaced at each run) that takes what it prints. */
interface TimedRun {
  readonly role: string;
  readonly outputPath: string;
}

/**
 * Runs a command with as little as possible between it and the clock: no containment, about 2 ms for the shell, and its
 * output goes to a file, so that a reader does not compete with it. What it leaves running stays until the measurement
 * ends, so that a preparation can start a server.
 */
export async function runTimed(
  commandLine: string,
  { role, outputPath }: TimedRun,
  io: EvaluatorIo,
): Promise<{ readonly wallMs: number } | CommandFailure> {
  const argv = [...shellArgv(`exec >"$1" 2>&1; shift\n${commandLine}`), shellName(), outputPath];
  const startMs = performance.now();
  const result = await runTool(argv, {
    cwd: io.cwd,
    env: io.env,
    timeoutMs: LIMIT_MS,
    ...(io.signal === undefined ? {} : { signal: io.signal }),
  });
  const wallMs = performance.now() - startMs;
  if (result.exitCode === 0) return { wallMs };
  const end = result.problem || endOf(result.exitCode, result.signal);
  const output = `${result.stderr}\n${await readTail(outputPath, TAIL_BYTES)}`;
  return { what: `${role} failed (${end}): ${oneLine(commandLine)}`, exitCode: result.exitCode, output };
}

export interface CapturedRun {
  readonly result: CommandResult;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end with nothing of it left, its two outputs apart. Any exit code is a result. */
export async function runCaptured(
  command: string | readonly string[],
  role: string,
  io: EvaluatorIo,
): Promise<CapturedRun | CommandFailure> {
  const folder = await mkdtemp(join(tmpdir(), 'autoresearch-evaluate-'));
  try {
    const [stdoutPath, logPath] = [join(folder, 'stdout'), join(folder, 'stderr')];
    const result = await runCommand(
      {
        command,
        cwd: io.cwd,
        env: io.env,
        stdoutPath,
        logPath,
        logLimitBytes: MAX_OUTPUT_BYTES,
        hardLimitMs: LIMIT_MS,
        graceMs: GRACE_MS,
        mark: `AUTORESEARCH_MARK_${randomUUID().replaceAll('-', '')}`,
      },
      io.signal,
    );
    const [stdout, stderr] = await Promise.all([readFile(stdoutPath, 'utf8'), readFile(logPath, 'utf8')]);
    if (result.end === 'exited' && result.outputBytes <= MAX_OUTPUT_BYTES) return { result, stdout, stderr };
    const end =
      result.end === 'exited' ? 'printed more than 64 MiB' : result.problem || result.end.replaceAll('_', ' ');
    return { what: `${role} failed: ${end}`, exitCode: null, output: `${stdout}\n${stderr}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** As `runCaptured`, where only exit code 0 will do. */
export async function runToSuccess(
  command: string | readonly string[],
  role: string,
  io: EvaluatorIo,
): Promise<CapturedRun | CommandFailure> {
  const run = await runCaptured(command, role, io);
  if ('what' in run || run.result.exitCode === 0) return run;
  const end = endOf(run.result.exitCode, run.result.signal);
  const output = `${run.stdout}\n${run.stderr}`;
  return { what: `${role} failed (${end})`, exitCode: run.result.exitCode, output };
}

export function endOf(exitCode: number | null, signal: NodeJS.Signals | null): string {
  return exitCode === null ? `ended by ${signal ?? 'a signal'}` : `exit code ${exitCode}`;
}
