import { randomUUID } from 'node:crypto';
import { bindRepository } from '../config/bind-repository.js';
import { type Experiment, loadExperiment } from '../config/experiment.js';
import type { EventSink } from '../core/events.js';
import { formatExperimentName } from '../core/names.js';
import { GATES } from '../gate/index.js';
import { CheckoutWorkspace } from '../git/checkout-workspace.js';
import { ExperimentRefs } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import { SweptWorkspace } from '../git/swept-workspace.js';
import type { Workspace } from '../git/types.js';
import { WorktreeWorkspace } from '../git/worktree-workspace.js';
import type { Proposer } from '../propose/types.js';
import { linesToImport, ResultsMirror } from '../store/results-tsv.js';
import { PROPOSER_STATE, type Store } from '../store/store.js';
import { type RunContext, scopeOf } from './context.js';
import { Guard } from './guard.js';
import { createProposer, proposerKind, type RunMode } from './proposers.js';
import { openRevision } from './revision.js';
import { Session } from './session.js';
import type { StateFolder } from './state-folder.js';
import type { StopSwitch } from './stop-switch.js';

/** Everything that a trial needs, opened in the order in which it can fail harmlessly. */
export interface ContextRequest {
  readonly experiment: Experiment;
  readonly repository: Repository;
  readonly mode: RunMode;
  /** Replaces the description of what a person proposes. */
  readonly description: string | null;
  /** Trial number to try once more. */
  readonly retry: number | null;
  readonly emit: EventSink;
  readonly stop: StopSwitch;
}

export async function openContext(
  request: ContextRequest,
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
  const session = openSession(request.mode, store, now);
  if (request.mode !== 'study' && last !== null && last.stopReason === null) emit({ kind: 'restarted' });
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
    guard: new Guard({ repository, refs, workspace, store, state, emit, lasting: lastingPaths(experiment) }),
    mirror: new ResultsMirror(experiment.resultsPath),
    proposer,
    session,
    emit,
    now: Date.now,
    newMark: () => `AUTORESEARCH_MARK_${randomUUID().replaceAll('-', '')}`,
    signal: request.stop.signal,
    stopSoon: request.stop.soon,
    isPaused: () => request.stop.isPaused,
  };
}

/** What one measurement leaves to the next. */
function lastingPaths({ settings }: Experiment): readonly string[] {
  return [...settings.workspace.link, ...settings.workspace.keep];
}

/** A study (verification on demand, audit, rehearsal) is no run: the session of the last one is neither ended nor prolonged. */
function openSession(mode: RunMode, store: Store, now: number): Session {
  const last = store.newestSession();
  const passedMs = () => performance.now();
  if (mode === 'study') return new Session(last ?? store.beginSession(now), { counts: false, passedMs });
  return new Session(last && last.stopReason === null ? last : store.beginSession(now), { counts: true, passedMs });
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

async function openWorkspace(request: ContextRequest, refs: ExperimentRefs): Promise<Workspace> {
  const { experiment, repository } = request;
  const { kind, link, keep, branch } = experiment.settings.workspace;
  const proposer = proposerKind(experiment, request.mode);
  const byHand =
    (proposer === 'manual' || proposer === 'watch') && request.mode !== 'baseline' && request.retry === null;
  if ((kind ?? (byHand ? 'checkout' : 'worktree')) === 'worktree') {
    return new SweptWorkspace(new WorktreeWorkspace(repository, experiment.name, { link, keep }), [...link, ...keep]);
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
