import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { EvaluatorReading, Measurement } from '../core/measurement.js';
import type { MeasurementOutcome } from '../core/outcome.js';
import { oneLine } from '../core/text.js';
import { formatSeconds } from '../core/units.js';
import { readLines } from '../process/capture.js';
import { runCommand } from '../process/run-command.js';
import type { CommandResult, CommandSpec, ProcessIdentity } from '../process/types.js';
import { baseEnvironment } from './environment.js';
import { type MetricRule, MetricScanner } from './metric.js';
import { readFeedback, readItems } from './reports.js';

/**
 * Runs `evaluate_cmd` once and reads what it said. It knows nothing of trials, budgets left or verdicts: it turns one
 * execution into a reading.
 */
export interface EvaluatorCommand {
  readonly command: string;
  readonly rule: MetricRule;
  readonly timeBudgetMs: number;
  readonly hardLimitMs: number;
  /** Variables that it gets besides those of the trial. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface EvaluateRequest {
  readonly workspace: string;
  readonly experiment: string;
  readonly trial: number | null;
  readonly commit: string;
  readonly seed: number;
  /** How often this commit was measured before: whoever keeps answers must not give an old one for a new measurement. */
  readonly repeat: number;
  /** Which part of the data to measure on: `holdout` for the held-out command, else empty. */
  readonly split: string;
  readonly logPath: string;
  /** Made here; holds items.jsonl, feedback.md and artefacts. */
  readonly outputFolder: string;
  readonly definitionsFolder: string;
  /** The environment that the command inherits. */
  readonly ambient: NodeJS.ProcessEnv;
  readonly programsFolder: string;
  readonly mark: string;
  readonly sandbox?: CommandSpec['sandbox'];
  readonly onStart: (identity: ProcessIdentity) => void;
}

export type RawMeasurement = Omit<Measurement, 'id' | 'side' | 'commit'> &
  Pick<CommandResult, 'containment' | 'swept' | 'survivors'>;

/** Between SIGTERM and SIGKILL of an evaluation that is over its limit. */
export const EVALUATOR_GRACE_MS = 2_000;

const EXIT_TRY_LATER = 75;
const EXIT_SKIPPED = 125;
const EXIT_NOT_EXECUTABLE = 126;
const EXIT_NOT_FOUND = 127;

/** @throws AppError only for what the operator must mend (a log that cannot be written); the candidate never throws. */
export async function evaluate(
  evaluator: EvaluatorCommand,
  request: EvaluateRequest,
  signal: AbortSignal,
): Promise<RawMeasurement> {
  await mkdir(request.outputFolder, { recursive: true });
  const result = await runCommand(
    {
      command: evaluator.command,
      cwd: request.workspace,
      env: evaluatorEnvironment(evaluator, request),
      logPath: request.logPath,
      hardLimitMs: evaluator.hardLimitMs,
      graceMs: EVALUATOR_GRACE_MS,
      mark: request.mark,
      sandbox: request.sandbox,
      onStart: request.onStart,
    },
    signal,
  );
  const reading = await readResult(evaluator, request, result);
  return {
    ...reading,
    wallSeconds: result.wallSeconds,
    cpuSeconds: result.cpuSeconds,
    peakMemoryBytes: result.peakMemoryBytes,
    exitCode: result.exitCode,
    signal: result.signal,
    logPath: request.logPath,
    containment: result.containment,
    swept: result.swept,
    survivors: result.survivors,
  };
}

function evaluatorEnvironment(evaluator: EvaluatorCommand, request: EvaluateRequest): Record<string, string> {
  return {
    ...baseEnvironment(request.ambient, request.programsFolder),
    ...evaluator.environment,
    AUTORESEARCH_EXPERIMENT: request.experiment,
    AUTORESEARCH_TRIAL: request.trial === null ? '' : String(request.trial),
    AUTORESEARCH_COMMIT: request.commit,
    AUTORESEARCH_SEED: String(request.seed),
    AUTORESEARCH_REPEAT: String(request.repeat),
    AUTORESEARCH_SPLIT: request.split,
    AUTORESEARCH_TIME_BUDGET_SECONDS: String(evaluator.timeBudgetMs / 1000),
    AUTORESEARCH_OUTPUT_DIR: request.outputFolder,
    AUTORESEARCH_DEFINITIONS_DIR: request.definitionsFolder,
  };
}

async function readResult(
  evaluator: EvaluatorCommand,
  request: EvaluateRequest,
  result: CommandResult,
): Promise<EvaluatorReading> {
  const failure = failureOf(result, evaluator.hardLimitMs);
  const scanner = new MetricScanner(evaluator.rule);
  for await (const line of readLines(request.logPath)) scanner.push(line);
  const scanned = scanner.result();
  const { feedback, problem: feedbackProblem } = await readFeedback(join(request.outputFolder, 'feedback.md'));
  const { items, problem: itemsProblem } = await readItems(join(request.outputFolder, 'items.jsonl'));
  const reports = { feedback: feedback ?? feedbackProblem, secondary: scanned.secondary };
  if (failure) return { ...failure, ...reports, metric: null, items: [] };
  if ('problem' in scanned)
    return { outcome: 'metric_error', reason: scanned.problem, metric: null, items: [], ...reports };
  if (itemsProblem !== null)
    return { outcome: 'metric_error', reason: itemsProblem, metric: null, items: [], ...reports };
  return { outcome: 'measured', reason: '', metric: scanned.metric, items, ...reports };
}

function failureOf(
  result: CommandResult,
  hardLimitMs: number,
): { readonly outcome: MeasurementOutcome; readonly reason: string } | null {
  switch (result.end) {
    case 'failed_to_start':
      return { outcome: 'not_started', reason: `the evaluator could not be started: ${oneLine(result.problem)}` };
    case 'timed_out':
    case 'idle':
      return { outcome: 'timed_out', reason: `ended after its hard limit of ${formatSeconds(hardLimitMs / 1000)}` };
    case 'aborted':
      return { outcome: 'interrupted', reason: 'the run was stopped during the measurement' };
    case 'exited':
      return exitFailure(result);
  }
}

function exitFailure(result: CommandResult): { outcome: MeasurementOutcome; reason: string } | null {
  if (result.signal !== null) return { outcome: 'crashed', reason: `ended by signal ${result.signal}` };
  switch (result.exitCode) {
    case 0:
      return null;
    case EXIT_TRY_LATER:
      return { outcome: 'try_later', reason: 'exit 75: the evaluator asks to be tried later' };
    case EXIT_SKIPPED:
      return { outcome: 'skipped', reason: 'exit 125: this candidate cannot be tested' };
    case EXIT_NOT_EXECUTABLE:
      return { outcome: 'not_started', reason: 'exit 126: the program in evaluate_cmd is not executable' };
    case EXIT_NOT_FOUND:
      return { outcome: 'not_started', reason: 'exit 127: a program in evaluate_cmd was not found' };
    default:
      return { outcome: 'crashed', reason: `exit code ${result.exitCode}` };
  }
}
