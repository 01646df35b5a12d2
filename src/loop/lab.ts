import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { MeasuredSide, Measurement } from '../core/measurement.js';
import { oneLine, plainLines } from '../core/text.js';
import { MS_PER_MINUTE } from '../core/units.js';
import { evaluate, type RawMeasurement } from '../evaluate/command-evaluator.js';
import { safeSearchPath } from '../evaluate/environment.js';
import { withoutHeldOut } from '../evaluate/held-out.js';
import { readTail } from '../process/capture.js';
import type { TrialRow } from '../store/rows.js';
import { alwaysLater, failureOf, refuseSurvivors } from './command-end.js';
import { RunAborted, type RunContext } from './context.js';
import { type ForeignCommand, runForeign } from './foreign-command.js';
import { type Intrusion, Tampered, type Window } from './guard.js';
import { layDefinitions } from './lay-definitions.js';
import { MachineWatch, sleptReason } from './machine-watch.js';
import { linkRunLog } from './run-log.js';
import { measuringSandbox } from './sandbox.js';
import { setUp } from './setup.js';
import { takeTurn, tellsTime } from './turns.js';
import { sleepUntil } from './wait.js';

/**
 * The one door to measuring. Every measurement of either side goes the same way: the workspace at exactly the commit,
 * definitions laid over, set-up when its inputs changed, warm-up runs thrown away, the row on record before the command.
 */
export interface MeasureRequest {
  readonly trial: TrialRow;
  readonly side: MeasuredSide;
  readonly commit: string;
  /** AUTORESEARCH_SEED of this run, where it is not the experiment's. */
  readonly seed?: number | null;
}

/** How a command among the checks ended. */
export interface CheckRun {
  readonly name: string;
  readonly seconds: number;
  /** Null when it passed; `tail`: the end of its output, untrusted text. */
  readonly failure: { readonly reason: string; readonly tail: string } | null;
}

/** With these pauses more than a day. */
const MOST_TRIES = 150;
const TRY_LATER_MS = [30_000, 120_000, 600_000] as const;
const TAIL_BYTES = 4096;

export class Lab {
  readonly #context: RunContext;
  readonly #ambient: NodeJS.ProcessEnv;
  #warm = false;
  #commandNumber = 0;
  /** What happened during the newest measurement that it must not be judged by. */
  #intrusion: Intrusion | null = null;
  readonly #machine: MachineWatch;
  /** Why the newest measurement counts for nothing. */
  #slept: string | null = null;

  constructor(context: RunContext) {
    this.#context = context;
    this.#machine = new MachineWatch(context, tellsTime(context.revision.metric));
    const { workspace } = context;
    // In a checkout such a folder is the operator's own choice (an activated .venv).
    const open = workspace.kind === 'worktree' ? workspace.path : null;
    const { path, removed } = safeSearchPath(process.env['PATH'] ?? '', open);
    this.#ambient = { ...process.env, PATH: path };
    if (removed.length === 0) return;
    const entries = removed.map((entry) => (entry === '' ? '(empty)' : oneLine(entry))).join(', ');
    const text = `left out of PATH for measurements, because a candidate could put programs there: ${entries}`;
    this.#warn(text);
  }

  /**
   * Runs the evaluator once on `commit`. "Try later" is waited out here.
   * @throws RunAborted when the run was told to end; AppError conflict when a process could not be ended.
   */
  async measure(request: MeasureRequest): Promise<Measurement> {
    try {
      return await this.#measure(request);
    } catch (error) {
      if (!(error instanceof Tampered)) throw error;
      return {
        ...{ id: 0, side: request.side, commit: request.commit, outcome: 'tampered', metric: null, secondary: {} },
        ...{ reason: error.message, feedback: null, items: [], wallSeconds: 0, cpuSeconds: null },
        ...{ peakMemoryBytes: null, exitCode: null, signal: null, logPath: '' },
      };
    }
  }

  async #measure(request: MeasureRequest): Promise<Measurement> {
    await this.#place(request.commit, request.trial);
    if (!this.#warm) {
      this.#warm = true;
      for (let run = 0; run < this.#context.experiment.settings.workspace.warmupRuns; run += 1) {
        const warmup = await this.#execute({ ...request, side: 'warmup' });
        if (warmup.outcome === 'tampered' && !this.#mayRepeat()) return warmup;
        await this.#place(request.commit, request.trial);
      }
    }
    let repeats = 0;
    for (let tries = 0; ; tries += 1) {
      const measurement = await this.#execute(request);
      if (measurement.outcome === 'tampered' && this.#mayRepeat() && repeats === 0) {
        repeats += 1;
        await this.#place(request.commit, request.trial);
        continue;
      }
      if (this.#slept !== null && measurement.outcome !== 'tampered') {
        this.#warn(`${this.#slept}: it is measured again`);
        await this.#place(request.commit, request.trial);
        continue;
      }
      if (measurement.outcome !== 'try_later') return measurement;
      if (tries >= MOST_TRIES) throw alwaysLater(tries + 1);
      const waitMs = TRY_LATER_MS[Math.min(tries, TRY_LATER_MS.length - 1)] ?? 0;
      const untilMs = this.#context.now() + waitMs;
      this.#context.emit({ kind: 'waiting', reason: 'the evaluator asks to be tried later (exit 75)', untilMs });
      await sleepUntil(untilMs, this.#context);
      await this.#place(request.commit, request.trial);
    }
  }

  #warn(text: string): void {
    this.#context.emit({ kind: 'notice', level: 'warning', text });
  }

  #mayRepeat(): boolean {
    return this.#intrusion?.mayRepeat ?? false;
  }

  /** Runs the commands among the checks on the candidate, up to the first that fails. @throws Tampered */
  async check(trial: TrialRow, commit: string): Promise<readonly CheckRun[]> {
    const { checks, limits } = this.#context.experiment.settings;
    const commands = checks.filter((check) => check.kind === 'command');
    if (commands.length > 0) await this.#place(commit, trial);
    const runs: CheckRun[] = [];
    for (const { name, command, limitMinutes } of commands) {
      const limitMs = (limitMinutes ?? limits.checkMinutes) * MS_PER_MINUTE;
      this.#announce(trial, 'check', limitMs);
      const spec = { kind: 'measurement', label: `check-${name}`, command, limitMs } as const;
      const { result, logPath } = await this.#command(trial, spec);
      const reason = failureOf(result, limitMs);
      const failure = reason === null ? null : { reason, tail: await this.tail(logPath) };
      runs.push({ name, seconds: result.wallSeconds, failure });
      if (failure !== null) break;
    }
    return runs;
  }

  /** The last lines of a log, printable; without those that tell a held-out value, for proposers are given it. */
  async tail(logPath: string): Promise<string> {
    const tail = await readTail(logPath, TAIL_BYTES);
    // Up to three bytes of a cut character are left out.
    const isCut = Buffer.byteLength(tail) > TAIL_BYTES - 4;
    return this.#withoutHeldOut({ text: plainLines(tail), isCut }).trim();
  }

  #withoutHeldOut(excerpt: { text: string; isCut: boolean }): string {
    const { holdout, metric } = this.#context.experiment.settings;
    return withoutHeldOut(excerpt, holdout, metric);
  }

  async #place(commit: string, trial: TrialRow): Promise<void> {
    await this.#context.workspace.materialise(commit);
    await layDefinitions(this.#context);
    const isSetUp = await setUp(this.#context, async ({ command, limitMs }) => {
      this.#announce(trial, 'setup', limitMs);
      const { result, logPath } = await this.#command(trial, { kind: 'setup', label: 'setup', command, limitMs });
      const reason = failureOf(result, limitMs);
      return reason === null ? null : { reason, tail: await this.tail(logPath) };
    });
    if (isSetUp) await layDefinitions(this.#context);
  }

  async #execute(request: MeasureRequest): Promise<Measurement> {
    const giveBack = await takeTurn(this.#context);
    try {
      return await this.#executeNow(request);
    } finally {
      giveBack();
    }
  }

  async #executeNow({ trial, side, commit, seed }: MeasureRequest): Promise<Measurement> {
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
    if (side !== 'holdout') await linkRunLog(this.#context, logPath);
    const evaluator = side === 'holdout' ? (revision.holdoutEvaluator ?? revision.evaluator) : revision.evaluator;
    this.#announce(trial, side, evaluator.hardLimitMs);
    const request = {
      workspace: workspace.path,
      experiment: this.#context.name,
      trial: trial.number,
      commit,
      seed: seed ?? experiment.settings.proposer.seed,
      repeat: store.timesMeasured(commit, { isHoldout: side === 'holdout' }),
      split: side === 'holdout' ? 'holdout' : '',
      logPath,
      outputFolder: state.measurementOutput(trial.id, id),
      definitionsFolder: state.definitions(revision.number),
      ambient: this.#ambient,
      programsFolder: state.programs,
      mark: trial.trace.mark,
      sandbox: await measuringSandbox(this.#context, state.measurementOutput(trial.id, id)),
      onStart: (identity: Parameters<typeof store.recordMeasurementProcess>[1]) =>
        store.recordMeasurementProcess(id, identity),
    };
    const { result: raw, machine } = await this.#watched({ kind: 'measurement', trial, revision }, async () => {
      const done = await this.#machine.during(() => evaluate(evaluator, request, signal));
      refuseSurvivors(done.result);
      if (done.result.outcome === 'interrupted') throw new RunAborted();
      return { ...done, result: this.#forProposers(done.result) };
    });
    this.#slept = sleptReason(machine);
    const reading = this.#unlessVoid(await this.#unlessEdited(raw, commit));
    const measurement: Measurement = { id, side, commit, ...reading };
    store.finishMeasurement(measurement, { ...raw, machine });
    this.#context.emit({ kind: 'measured', side, metric: measurement.metric, wallSeconds: measurement.wallSeconds });
    return measurement;
  }

  /** @throws AppError conflict when something of the user's was lost and no candidate is there to answer for it. */
  async #watched<T>(window: Window, work: () => Promise<T>): Promise<T> {
    const { guard } = this.#context;
    const { result, intrusion } = await guard.watch(window, work);
    this.#intrusion = intrusion;
    if (guard.conflict !== null && window.trial.kind !== 'trial') throw guard.conflict;
    return result;
  }

  /** A number that nothing may be judged by is none. */
  #unlessVoid(raw: RawMeasurement): RawMeasurement {
    const none = { metric: null, items: [], feedback: null };
    if (this.#intrusion !== null) return { ...raw, ...none, outcome: 'tampered', reason: this.#intrusion.reason };
    return this.#slept === null ? raw : { ...raw, ...none, outcome: 'skipped', reason: this.#slept };
  }

  /** What an evaluator leaves for the next proposal must not tell what is held out. */
  #forProposers(raw: RawMeasurement): RawMeasurement {
    if (raw.feedback === null) return raw;
    const feedback = this.#withoutHeldOut({ text: raw.feedback, isCut: false }).trim();
    return { ...raw, feedback: feedback === '' ? null : feedback };
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

  /** @throws Tampered when it changed what it must leave alone, and again when it was repeated. */
  async #command(trial: TrialRow, spec: ForeignCommand) {
    const window = { kind: spec.kind, trial, revision: this.#context.revision };
    for (let tries = 0; ; tries += 1) {
      this.#commandNumber += 1;
      const name = `${spec.label}-${process.pid}-${this.#commandNumber}.log`;
      const logPath = join(this.#context.state.trial(trial.id), name);
      const done = await this.#watched(window, () =>
        runForeign(this.#context, { trial, spec, logPath, ambient: this.#ambient }),
      );
      if (this.#intrusion === null) return { result: done, logPath };
      if (!this.#mayRepeat() || tries > 0) throw new Tampered(this.#intrusion.reason);
    }
  }

  #announce(trial: TrialRow, what: MeasuredSide | 'setup' | 'check', limitMs: number): void {
    const side = what === 'warmup' ? 'warm-up' : what;
    this.#context.emit({ kind: 'measuring', number: trial.number, side, description: trial.description, limitMs });
  }
}
