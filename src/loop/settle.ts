import { rm } from 'node:fs/promises';
import { AppError, errnoOf, errorMessage } from '../core/errors.js';
import type { Outcome } from '../core/outcome.js';
import type { SettledTrial } from '../propose/types.js';
import { resultsLine } from '../store/results-tsv.js';
import type { SpendingRow, TrialRow } from '../store/rows.js';
import { proposerState, type RunContext } from './context.js';
import { countOutcome } from './session.js';

/**
 * The end of an attempt: refs, workspace, row, mirror, in this order. Every step is idempotent, so that a kill between
 * any two of them is finished by doing all of them again.
 */
export async function settle(context: RunContext, trial: TrialRow): Promise<TrialRow> {
  const { refs, workspace, store, session, experiment, proposer, now } = context;
  if (trial.outcome === null) throw new Error(`trial row ${trial.id} is judged without an outcome`);
  const candidate = trial.candidateCommit;
  const kept = trial.verdict === 'keep' && candidate !== null;
  const notes = [...trial.notes];
  if (kept && trial.kind === 'trial') {
    const branch = experiment.settings.workspace.branch;
    const fate = await refs.advance(trial.incumbentCommit, candidate, { branch });
    if (fate.branch === 'diverged')
      notes.push(`the branch ${refs.branchName} has commits of its own and was left alone`);
  }
  // A baseline tried nothing: there is no line to roll back.
  const tried = trial.kind === 'baseline' ? null : candidate;
  const note = await workspace.settle(kept ? candidate : trial.incumbentCommit, tried);
  if (note) notes.push(note);
  session.counters = countOutcome(session.counters, trial.outcome, trial.kind);
  proposer.observe?.(toSettledTrial(trial));
  const settled = store.settle(trial.id, {
    notes,
    session: session.settlement(),
    proposerState: proposerState(proposer),
    now: now(),
  });
  mirrorResult(context, settled);
  await prune(context, settled);
  context.emit({ kind: 'settled', trialId: trial.id });
  return settled;
}

interface Ending {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly notes?: readonly string[];
  readonly spending?: SpendingRow | null;
  /** Nobody's fault (a rate limit): no streak is told of it. */
  readonly excused?: boolean;
}

export function endUncounted(context: RunContext, trial: TrialRow, ending: Ending): TrialRow {
  const { session, store, now } = context;
  if (!ending.excused) session.counters = countOutcome(session.counters, ending.outcome, trial.kind);
  const settled = store.endUncounted(trial.id, {
    outcome: ending.outcome,
    reason: ending.reason,
    description: '',
    notes: ending.notes ?? [],
    spending: ending.spending ?? null,
    session: session.settlement(),
    proposerState: undefined,
    now: now(),
  });
  context.emit({ kind: 'settled', trialId: trial.id });
  return settled;
}

export function toSettledTrial(trial: TrialRow): SettledTrial {
  return {
    number: trial.number,
    verdict: trial.verdict,
    outcome: trial.outcome ?? 'interrupted',
    metric: trial.metric,
    description: trial.description,
    reason: trial.reason,
    feedback: trial.feedback,
    crashTail: trial.crashTail,
    insertions: trial.insertions,
    deletions: trial.deletions,
  };
}

/** results.tsv is a mirror: when it cannot be written the trial stands, and the next run rebuilds it. */
function mirrorResult(context: RunContext, trial: TrialRow): void {
  const line = resultsLine(trial);
  if (line === null) return;
  try {
    if (!context.mirror.append(line)) rebuildMirror(context);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    context.emit({ kind: 'notice', level: 'warning', text: `results.tsv is behind: ${errorMessage(error)}` });
  }
}

export function rebuildMirror({ mirror, store, now, emit }: RunContext): void {
  const renamed = mirror.rebuild(store.importedLines(), store.eachTrial(), now());
  if (renamed !== null) {
    emit({
      kind: 'notice',
      level: 'warning',
      text: `results.tsv said something else than the store; it is now ${renamed}`,
    });
  }
}

/** Refs are let go of, and packed, in batches of so many trials: each costs a few git commands. */
const REFS_EVERY = 200;

/** Logs and commits of old trials go; what was kept stays, and so does every row. */
async function prune(context: RunContext, newest: TrialRow): Promise<void> {
  const { store, state, experiment, emit } = context;
  const old = newest.id - experiment.settings.retention.logTrials;
  if (old >= 1 && store.trialById(old)?.verdict !== 'keep') {
    await rm(state.trial(old), { recursive: true, force: true });
  }
  if (!newest.number || newest.number % REFS_EVERY !== 0) return;
  try {
    await tidyRefs(context, newest.number);
  } catch (error) {
    // The next batch does what this one left.
    if (!(error instanceof AppError) && errnoOf(error) === undefined) throw error;
    const text = `the refs of older trials were not tidied: ${errorMessage(error)}`;
    emit({ kind: 'notice', level: 'warning', text });
  }
}

async function tidyRefs({ store, refs, experiment }: RunContext, newest: number): Promise<void> {
  const upTo = newest - experiment.settings.retention.refTrials;
  if (upTo > 0) await refs.forgetTrials(upTo, store.keptNumbers());
  await refs.packTrials();
}
