import { createHash } from 'node:crypto';
import { lstat, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, errnoOf, errorMessage } from '../core/errors.js';
import type { MeasuredSide, Measurement } from '../core/measurement.js';
import { oneLine, plainLines } from '../core/text.js';
import { formatSeconds, MS_PER_MINUTE } from '../core/units.js';
import { EVALUATOR_GRACE_MS, evaluate, type RawMeasurement } from '../evaluate/command-evaluator.js';
import { changedDefinitions, overlayDefinitions } from '../evaluate/definitions.js';
import { baseEnvironment } from '../evaluate/environment.js';
import { readTail } from '../process/capture.js';
import { runCommand } from '../process/run-command.js';
import type { CommandResult } from '../process/types.js';
import type { TrialRow } from '../store/rows.js';
import { RunAborted, type RunContext } from './context.js';
import { sleepUntil } from './wait.js';

/**
 * The one door to measuring. Every measurement of either side goes the same way: the workspace at exactly the commit,
 * definitions laid over, set-up when its inputs changed, warm-up runs thrown away, the row on record before the command.
 */
export interface MeasureRequest {
  readonly trial: TrialRow;
  readonly side: MeasuredSide;
  readonly commit: string;
}

export interface CheckFailure {
  readonly name: string;
  readonly reason: string;
  /** The end of the check's output; untrusted text. */
  readonly tail: string;
}

const TRY_LATER_MS = [30_000, 120_000, 600_000] as const;
const SETUP_LIMIT_MINUTES = 60;
const SETUP_INPUTS = [
  'package.json',
  'package-lock.json',
  'npm-shrinkwrap.json',
  'yarn.lock',
  'pnpm-lock.yaml',
  'requirements.txt',
  'requirements-dev.txt',
  'pyproject.toml',
  'poetry.lock',
  'uv.lock',
  'setup.py',
  'setup.cfg',
  'Cargo.toml',
  'Cargo.lock',
  'go.mod',
  'go.sum',
  'Gemfile.lock',
  'CMakeLists.txt',
];
const TAIL_BYTES = 4096;

export class Lab {
  readonly #context: RunContext;
  #warm = false;
  #commandNumber = 0;

  constructor(context: RunContext) {
    this.#context = context;
  }

  /**
   * Runs the evaluator once on `commit`. "Try later" is waited out here.
   * @throws RunAborted when the run was told to end; AppError conflict when a process could not be ended.
   */
  async measure(request: MeasureRequest): Promise<Measurement> {
    await this.#place(request.commit, request.trial);
    if (!this.#warm) {
      this.#warm = true;
      for (let run = 0; run < this.#context.experiment.settings.workspace.warmupRuns; run += 1) {
        await this.#execute({ ...request, side: 'warmup' });
        await this.#place(request.commit, request.trial);
      }
    }
    for (let tries = 0; ; tries += 1) {
      const measurement = await this.#execute(request);
      if (measurement.outcome !== 'try_later') return measurement;
      const waitMs = TRY_LATER_MS[Math.min(tries, TRY_LATER_MS.length - 1)] ?? 0;
      const untilMs = this.#context.now() + waitMs;
      this.#context.emit({ kind: 'waiting', reason: 'the evaluator asks to be tried later (exit 75)', untilMs });
      await sleepUntil(untilMs, this.#context);
      await this.#place(request.commit, request.trial);
    }
  }

  /** Runs the configured checks on the candidate; null when all passed. */
  async check(trial: TrialRow, commit: string): Promise<CheckFailure | null> {
    const { checks, limits } = this.#context.experiment.settings;
    if (checks.length === 0) return null;
    await this.#place(commit, trial);
    const limitMs = limits.checkMinutes * MS_PER_MINUTE;
    for (const { name, command } of checks) {
      this.#announce(trial, 'check', limitMs);
      const { result, logPath } = await this.#command(trial, { label: `check-${name}`, command, limitMs });
      const reason = failureOf(result, limitMs);
      if (reason !== null) return { name, reason, tail: await this.tail(logPath) };
    }
    return null;
  }

  /** The last lines of a log, printable. */
  async tail(logPath: string): Promise<string> {
    return plainLines(await readTail(logPath, TAIL_BYTES)).trim();
  }

  async #place(commit: string, trial: TrialRow): Promise<void> {
    const { workspace, revision, state, repository } = this.#context;
    await workspace.materialise(commit);
    if (workspace.path === repository.root) await this.#requireDefinitions();
    else await overlayDefinitions(state.definitions(revision.number), revision.files, workspace.path);
    await this.#setUp(trial);
  }

  /** In a checkout the definitions are the operator's own files: nothing is laid over, they must still be the same. */
  async #requireDefinitions(): Promise<void> {
    const { revision, repository } = this.#context;
    const own = revision.files.filter((file) => file.source === join(repository.root, file.path));
    const changed = await changedDefinitions(repository.root, own);
    if (changed.length === 0) return;
    throw new AppError('conflict', `${changed.join(', ')} decides the measurement and was changed during the run`, {
      hint: 'start `autoresearch run` again: it measures a new baseline with the changed files',
    });
  }

  async #setUp(trial: TrialRow): Promise<void> {
    const { experiment, workspace, state } = this.#context;
    const { setupCmd, keep } = experiment.settings.workspace;
    if (setupCmd === null) return;
    const stamp = await this.#setupInputs(setupCmd);
    // Without kept paths the cleaning takes away what the set-up made.
    const survives = keep.length > 0 || workspace.kind === 'checkout';
    if (survives && (await readFile(state.setupStamp, 'utf8').catch(() => '')) === stamp) return;
    const limitMs = SETUP_LIMIT_MINUTES * MS_PER_MINUTE;
    this.#announce(trial, 'setup', limitMs);
    await rm(state.setupStamp, { force: true });
    const { result, logPath } = await this.#command(trial, { label: 'setup', command: setupCmd, limitMs });
    const reason = failureOf(result, limitMs);
    if (reason !== null) throw new SetupFailed(reason, await this.tail(logPath));
    await writeFile(state.setupStamp, stamp);
  }

  async #setupInputs(setupCmd: string): Promise<string> {
    const { workspace } = this.#context;
    const hash = createHash('sha256').update(`${workspace.path}\0${setupCmd}`);
    for (const name of SETUP_INPUTS) {
      const content = await readFile(join(workspace.path, name)).catch(() => null);
      if (content) hash.update(`\0${name}\0${content.length}\0`).update(content);
    }
    return hash.digest('hex');
  }

  async #execute({ trial, side, commit }: MeasureRequest): Promise<Measurement> {
    const { store, state, revision, workspace, experiment, signal, now } = this.#context;
    if (signal.aborted) throw new RunAborted();
    await mkdir(state.trial(trial.id), { recursive: true });
    const { id, logPath } = store.beginMeasurement({
      trialId: trial.id,
      attempt: trial.attempt,
      side,
      commit,
      logPath: (measurementId) => state.measurementLog(trial.id, measurementId),
      mark: trial.trace.mark,
      now: now(),
    });
    await this.#linkRunLog(logPath);
    this.#announce(trial, side, revision.evaluator.hardLimitMs);
    const request = {
      workspace: workspace.path,
      experiment: this.#context.name,
      trial: trial.number,
      commit,
      seed: experiment.settings.proposer.seed,
      logPath,
      outputFolder: state.measurementOutput(trial.id, id),
      definitionsFolder: state.definitions(revision.number),
      programsFolder: state.programs,
      mark: trial.trace.mark,
      onStart: (identity: Parameters<typeof store.recordMeasurementProcess>[1]) =>
        store.recordMeasurementProcess(id, identity),
    };
    const raw = await evaluate(revision.evaluator, request, signal);
    refuseSurvivors(raw);
    if (raw.outcome === 'interrupted') throw new RunAborted();
    const measurement: Measurement = { id, side, commit, ...(await this.#unlessEdited(raw, commit)) };
    store.finishMeasurement(measurement, raw);
    this.#context.emit({ kind: 'measured', side, metric: measurement.metric, wallSeconds: measurement.wallSeconds });
    return measurement;
  }

  /** In a checkout a person may edit while we measure: such a number belongs to no commit. */
  async #unlessEdited(raw: RawMeasurement, commit: string): Promise<RawMeasurement> {
    const { workspace } = this.#context;
    if (workspace.kind !== 'checkout') return raw;
    const edited = await workspace.differsFrom(commit);
    if (edited.length === 0) return raw;
    const reason = `${edited.slice(0, 3).join(', ')} was edited during the measurement`;
    return { ...raw, outcome: 'skipped', metric: null, items: [], reason };
  }

  async #command(trial: TrialRow, spec: { label: string; command: string; limitMs: number }) {
    const { state, workspace, name, signal, revision } = this.#context;
    const folder = state.trial(trial.id);
    await mkdir(folder, { recursive: true });
    this.#commandNumber += 1;
    const logPath = join(folder, `${spec.label}-${process.pid}-${this.#commandNumber}.log`);
    const result = await runCommand(
      {
        command: spec.command,
        cwd: workspace.path,
        env: {
          ...baseEnvironment(process.env, state.programs),
          AUTORESEARCH_EXPERIMENT: name,
          AUTORESEARCH_DEFINITIONS_DIR: state.definitions(revision.number),
        },
        logPath,
        hardLimitMs: spec.limitMs,
        graceMs: EVALUATOR_GRACE_MS,
        mark: trial.trace.mark,
      },
      signal,
    );
    refuseSurvivors(result);
    if (result.end === 'aborted') throw new RunAborted();
    return { result, logPath };
  }

  #announce(trial: TrialRow, what: MeasuredSide | 'setup' | 'check', limitMs: number): void {
    const side = what === 'warmup' ? 'warm-up' : what;
    this.#context.emit({ kind: 'measuring', number: trial.number, side, description: trial.description, limitMs });
  }

  /** run.log beside the config always shows the newest measurement. A mirror for people: its failure stops nothing. */
  async #linkRunLog(logPath: string): Promise<void> {
    const { runLogPath } = this.#context.experiment;
    try {
      const found = await lstat(runLogPath).catch(() => null);
      if (found && !found.isSymbolicLink()) await rename(runLogPath, `${runLogPath}.${found.mtime.getTime()}.bak`);
      const temporary = `${runLogPath}.new`;
      await rm(temporary, { force: true });
      await symlink(logPath, temporary);
      await rename(temporary, runLogPath);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      this.#context.emit({
        kind: 'notice',
        level: 'warning',
        text: `run.log cannot be linked: ${errorMessage(error)}`,
      });
    }
  }
}

/** The set-up command failed on this commit; whose fault that is, the trial finds out. */
export class SetupFailed extends Error {
  readonly tail: string;

  constructor(reason: string, tail: string) {
    super(`setup_cmd failed: ${reason}`);
    this.name = 'SetupFailed';
    this.tail = tail;
  }
}

function failureOf(result: CommandResult, limitMs: number): string | null {
  switch (result.end) {
    case 'exited':
      if (result.signal !== null) return `ended by signal ${result.signal}`;
      return result.exitCode === 0 ? null : `exit code ${result.exitCode}`;
    case 'failed_to_start':
      return oneLine(result.problem);
    case 'timed_out':
    case 'idle':
    case 'aborted':
      return `ended after its limit of ${formatSeconds(limitMs / 1000)}`;
  }
}

function refuseSurvivors({ survivors }: Pick<CommandResult, 'survivors'>): void {
  if (survivors.length === 0) return;
  const pids = survivors.map(({ pid }) => pid).join(' ');
  throw new AppError(
    'conflict',
    `processes of a measurement could not be ended (pid ${pids}): further numbers would be tainted`,
    {
      hint: `end them yourself (kill -9 ${pids}), then run again`,
    },
  );
}
