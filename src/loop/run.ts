import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { destination, type Logger, pino } from 'pino';
import { bindRepository } from '../config/bind-repository.js';
import { type Experiment, loadExperiment } from '../config/experiment.js';
import { AppError, errorMessage } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import { formatExperimentName } from '../core/names.js';
import { GATES } from '../gate/index.js';
import { CheckoutWorkspace } from '../git/checkout-workspace.js';
import { mergeCommit } from '../git/combine.js';
import { ExperimentRefs } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import type { Workspace } from '../git/types.js';
import { WorktreeWorkspace } from '../git/worktree-workspace.js';
import type { AbortReason } from '../process/run-command.js';
import type { Proposer } from '../propose/types.js';
import { RunnerLock } from '../store/lock.js';
import { linesToImport, ResultsMirror } from '../store/results-tsv.js';
import { PROPOSER_STATE, Store } from '../store/store.js';
import { type RunContext, scopeOf } from './context.js';
import { listen, socketPath } from './control.js';
import { runLoop } from './loop.js';
import { outliveOrphans } from './orphans.js';
import { createProposer, proposerKind } from './proposers.js';
import { openRevision, REBASED_ONTO } from './revision.js';
import { Session } from './session.js';
import { StateFolder } from './state-folder.js';
import type { Stop, StopReason } from './stop-rules.js';
import { operatorsError } from './system-failure.js';

/**
 * One run of an experiment, from the lock to the stop reason: opens everything in the order in which it can fail
 * harmlessly, runs the loop, and closes everything however it ended.
 */
export interface RunRequest {
  readonly experiment: Experiment;
  readonly repository: Repository;
  /** `baseline`: measure only the baseline; `single`: one trial; `loop`: until a stop rule speaks. */
  readonly mode: 'baseline' | 'single' | 'loop';
  readonly maxExperiments: number | null;
  /** Replaces the description of what a person proposes. */
  readonly description: string | null;
  /** Trial number to try once more. */
  readonly retry: number | null;
  /** A revision whose commits are merged under the incumbent first. */
  readonly rebaseOnto: string | null;
  readonly emit: EventSink;
  readonly stop: StopSwitch;
}

/** Who asked for the end: the `stop` command, Ctrl-C, or SIGTERM. */
export type StopCause = Extract<StopReason, 'stopped' | 'interrupted' | 'terminated'>;

/** How people and the operating system end a run. */
export class StopSwitch {
  readonly #now = new AbortController();
  readonly #soon = new AbortController();
  #cause: StopCause | null = null;

  get signal(): AbortSignal {
    return this.#now.signal;
  }

  /** Aborted by every kind of request to stop. */
  get soon(): AbortSignal {
    return this.#soon.signal;
  }

  /** Not null when the run is to end, at the latest at the border of the trial. */
  get cause(): StopCause | null {
    return this.#cause;
  }

  afterTrial(cause: StopCause): void {
    this.#cause ??= cause;
    this.#soon.abort();
  }

  now(cause: StopCause): void {
    this.#cause = cause;
    this.#soon.abort();
    const reason: AbortReason = { graceMs: STOP_GRACE_MS };
    this.#now.abort(reason);
  }
}

export interface RunResult {
  readonly stop: Stop;
  /** Counted trials of this session by verdict, also those before a restart. */
  readonly sessionId: number;
  readonly activeSeconds: number;
}

/** A stop on demand has 15 s in all; the command gets a part of it to end by itself. */
const STOP_GRACE_MS = 5_000;
const HEARTBEAT_MS = 2_000;
const LARGEST_DAEMON_LOG_BYTES = 10 * 1024 * 1024;

/** @throws AppError for what stops a run before it begins; afterwards the reason is in the result. */
export async function runExperiment(request: RunRequest): Promise<RunResult> {
  try {
    return await runLocked(request);
  } catch (error) {
    throw operatorsError(error);
  }
}

async function runLocked(request: RunRequest): Promise<RunResult> {
  const { repository } = request;
  const state = new StateFolder(repository.commonDir, request.experiment.name);
  const lock = RunnerLock.acquire(state.path, Date.now());
  let store: Store | null = null;
  let server: Server | null = null;
  let heartbeat: NodeJS.Timeout | null = null;
  try {
    store = Store.create(state.store);
    const log = openDaemonLog(state.daemonLog, request.emit);
    const emit: EventSink = (event) => {
      log.info(event);
      request.emit(event);
    };
    heartbeat = startHeartbeat(state.heartbeat);
    installOwnProgram(state.programs);
    const path = socketPath(state.path);
    server = await listen(path, ({ command }) => stopOnDemand(request, command));
    lock.announceSocket(path);
    await outliveOrphans(state.path);
    const context = await openContext({ ...request, emit }, { store, state });
    const stop = await runToStop(context, request);
    const activeMs = context.session.activeMs(Date.now());
    store.endSession(context.session.counters.id, { ...stop, activeMs, now: Date.now() });
    log.info({ kind: 'stopped', ...stop });
    return { stop, sessionId: context.session.counters.id, activeSeconds: activeMs / 1000 };
  } finally {
    if (heartbeat) clearInterval(heartbeat);
    server?.close();
    store?.close();
    lock.release();
  }
}

async function runToStop(context: RunContext, request: RunRequest): Promise<Stop> {
  try {
    if (request.rebaseOnto !== null) await rebase(context, request.rebaseOnto);
    return await runLoop(context, {
      maxExperiments: request.maxExperiments,
      single: request.mode === 'single',
      baselineOnly: request.mode === 'baseline',
      retryOf: request.retry,
      stopCause: () => request.stop.cause,
    });
  } catch (error) {
    const now = context.now();
    const activeMs = context.session.activeMs(now);
    const detail = errorMessage(error);
    context.store.endSession(context.session.counters.id, { reason: 'failed', detail, activeMs, now });
    throw error;
  }
}

function stopOnDemand({ stop, experiment }: RunRequest, command: 'stop' | 'stop_now') {
  if (command === 'stop_now') {
    stop.now('stopped');
    return { ok: true, text: 'ending now: the open trial is resumed by the next run' };
  }
  stop.afterTrial('stopped');
  const { timeoutMinutes } = experiment.settings.agent;
  const { hardLimitMinutes } = experiment.settings;
  return {
    ok: true,
    text: `stopping after the trial that is under way (a proposal may take ${timeoutMinutes} min, a measurement ${hardLimitMinutes} min; \`stop --now\` does not wait)`,
  };
}

async function openContext(
  request: RunRequest,
  { store, state }: { store: Store; state: StateFolder },
): Promise<RunContext> {
  const { repository, emit } = request;
  const experiment = bind(request.experiment, repository);
  const refs = new ExperimentRefs(repository, experiment.name);
  await refs.removeStaleLocks();
  if (store.fact('imported') === undefined) importHistory(experiment, store, emit);
  const workspace = await openWorkspace({ ...request, experiment }, refs);
  const now = Date.now();
  const last = store.newestSession();
  const session = new Session(last && last.stopReason === null ? last : store.beginSession(now), now);
  const proposer = await createProposer({ ...request, experiment, workspace, store });
  restoreProposer(proposer, store);
  return {
    experiment,
    revision: await openRevision(experiment, { store, state, workspaceKind: workspace.kind, now }),
    gate: GATES[experiment.settings.gate.kind],
    name: formatExperimentName(experiment.name),
    repository,
    refs,
    workspace,
    store,
    state,
    mirror: new ResultsMirror(experiment.resultsPath),
    proposer,
    session,
    emit,
    now: Date.now,
    newMark: () => `AUTORESEARCH_MARK_${randomUUID().replaceAll('-', '')}`,
    signal: request.stop.signal,
    stopSoon: request.stop.soon,
  };
}

/** An experiment of the user scope belongs to the first repository it runs in. */
function bind(experiment: Experiment, repository: Repository): Experiment {
  const written = bindRepository(experiment, { path: repository.root, rootCommits: [repository.rootCommit] });
  if (!written) return experiment;
  const { name, scope, folder } = experiment;
  return loadExperiment({ name, scope, folder, repository: repository.root, home: process.env['HOME'] ?? null });
}

function importHistory(experiment: Experiment, store: Store, emit: EventSink): void {
  const lines = linesToImport(experiment.resultsPath);
  store.importLines(lines);
  if (lines.length === 0) return;
  const text = `${lines.length} lines of ${experiment.resultsPath} are kept as history; they are never counted or compared`;
  emit({ kind: 'notice', level: 'info', text });
}

async function openWorkspace(request: RunRequest, refs: ExperimentRefs): Promise<Workspace> {
  const { experiment, repository } = request;
  const { kind, link, keep, branch } = experiment.settings.workspace;
  const proposer = proposerKind(experiment, request.mode);
  const byHand =
    (proposer === 'manual' || proposer === 'watch') && request.mode !== 'baseline' && request.retry === null;
  if ((kind ?? (byHand ? 'checkout' : 'worktree')) === 'worktree') {
    return new WorktreeWorkspace(repository, experiment.name, { link, keep });
  }
  const workspace = new CheckoutWorkspace(repository, refs, { branch });
  await workspace.checkReady(scopeOf(experiment), await refs.incumbent());
  return workspace;
}

function restoreProposer(proposer: Proposer, store: Store): void {
  const saved = store.fact(PROPOSER_STATE);
  if (typeof saved !== 'object' || saved === null || !('proposer' in saved) || !('state' in saved)) return;
  if (saved.proposer === proposer.name && saved.state !== undefined) proposer.restore?.(saved.state);
}

/** Other people's commits go under the incumbent as a merge: the incumbent only ever moves forward. */
async function rebase(context: RunContext, revision: string): Promise<void> {
  const { repository, refs, store, experiment, now, emit } = context;
  const open = store.openTrial();
  // Its candidate stands on the incumbent from before the merge: moved away now, it could never be settled.
  if (open !== null && open.number !== null) {
    throw new AppError('conflict', `trial ${open.number} of the last run is not finished`, {
      hint: `finish it first: autoresearch run --experiment ${context.name}; then run again with --rebase-onto ${revision}`,
    });
  }
  const [incumbent, theirs] = await Promise.all([refs.incumbent(), repository.resolve(revision)]);
  if (incumbent === null) return;
  if (theirs === null) {
    throw new AppError('usage', `"${revision}" is no commit of ${repository.root}`, { hint: 'git branch --all' });
  }
  const message = `experiment: take in ${revision}\n\nAutoresearch-Experiment: ${context.name}\n`;
  const merged = await mergeCommit(repository, {
    ours: incumbent,
    theirs,
    message,
    epochSeconds: Math.floor(now() / 1000),
  });
  if (merged === incumbent) return;
  store.setFact(REBASED_ONTO, merged);
  await refs.advance(incumbent, merged, { branch: experiment.settings.workspace.branch });
  const { state, workspace } = context;
  context.revision = await openRevision(experiment, { store, state, workspaceKind: workspace.kind, now: now() });
  emit({ kind: 'notice', level: 'info', text: `${revision} is taken in: a new baseline is measured` });
}

/** `evaluate_cmd = autoresearch evaluate ...` means this installation. Absent when run from sources. */
function installOwnProgram(folder: string): void {
  const cli = fileURLToPath(new URL('../cli.js', import.meta.url));
  if (!existsSync(cli)) return;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'autoresearch');
  const quoted = [process.execPath, cli].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  writeFileSync(`${path}.new`, `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
  renameSync(`${path}.new`, path);
}

/** The last sign of life: readers look at the file's time. */
function startHeartbeat(path: string): NodeJS.Timeout {
  writeFileSync(path, '');
  const timer = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch (error) {
      // A heartbeat that cannot be written is itself the sign that readers will see.
      errorMessage(error);
    }
  }, HEARTBEAT_MS);
  timer.unref();
  return timer;
}

/** JSON lines, written synchronously: the last line survives a kill. A record for people: its failure stops nothing. */
function openDaemonLog(path: string, emit: EventSink): Logger {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LARGEST_DAEMON_LOG_BYTES) renameSync(path, `${path}.1`);
  const file = destination({ dest: path, sync: true });
  let isBehind = false;
  file.on('error', (error: unknown) => {
    if (isBehind) return;
    isBehind = true;
    emit({ kind: 'notice', level: 'warning', text: `${path} cannot be written: ${errorMessage(error)}` });
  });
  return pino({ base: { pid: process.pid } }, file);
}
