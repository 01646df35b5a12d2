import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { oneLine } from '../core/text.js';
import type { StagedProposal } from '../git/types.js';
import type { Nothing, Proposal } from '../propose/types.js';
import type { Ruling, SpendingRow, TrialRow } from '../store/rows.js';
import { proposerState, RunAborted, type RunContext, scopeOf } from './context.js';
import type { Intrusion } from './guard.js';
import { proposeContext } from './propose-context.js';
import { addNote } from './proposer-notes.js';
import { listed, rulingOf } from './ruling.js';
import { endUncounted } from './settle.js';
import { cutShort, overBudget, spendingOf } from './spending.js';

/**
 * From the proposer's edits to a candidate commit. The intent (tree, parent, message, date) is on record before the
 * commit, so that a repeated commit is the same one.
 */
export interface Proposed {
  readonly proposed: Proposal | Nothing;
  /** What the proposer did beside the proposal. */
  readonly intrusion: Intrusion | null;
}

/** What a person does in the same repository meanwhile is theirs to do; whoever else proposes is watched. */
export async function propose(context: RunContext, trial: TrialRow): Promise<Proposed> {
  if (context.proposer.waitsForPeople || context.proposer.name === 'manual') {
    return { proposed: await proposeNow(context, trial), intrusion: null };
  }
  const window = { kind: 'proposal', trial, revision: context.revision } as const;
  const { result, intrusion } = await context.guard.watch(window, () => proposeNow(context, trial));
  return { proposed: result, intrusion };
}

async function proposeNow(context: RunContext, trial: TrialRow): Promise<Proposal | Nothing> {
  context.emit({ kind: 'proposing', number: context.store.nextTrialNumber() });
  const { proposer, stopSoon } = context;
  const signal = proposer.waitsForPeople ? AbortSignal.any([context.signal, stopSoon]) : context.signal;
  let proposed: Proposal | Nothing | null = null;
  try {
    proposed = await proposer.propose(await proposeContext(context, trial), signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (proposed !== null && !signal.aborted) return proposed;
  await rescueAndReset(context, trial);
  const said = proposed === null ? null : spendingOf(proposed);
  const spending = said && chargeOf(context, said);
  const reason = 'the run was stopped during the proposal';
  endUncounted(context, trial, { outcome: 'interrupted', reason, spending });
  throw new RunAborted();
}

/** For a call that was cut short. */
export function chargeOf({ store, experiment }: RunContext, said: SpendingRow | null): SpendingRow {
  return cutShort(said, { ...experiment.settings.limits, dearest: store.dearestProposal() });
}

/** A proposal without a candidate: what it left is saved as a patch, the workspace goes back to the incumbent. */
export async function endWithoutCandidate(
  context: RunContext,
  trial: TrialRow,
  { nothing, intrusion }: { nothing: Nothing; intrusion: Intrusion | null },
): Promise<TrialRow> {
  const patch = nothing.outcome === 'agent_error' ? await rescueAndReset(context, trial) : null;
  const notes = patch === null ? [] : [`its unfinished changes are saved in ${patch}`];
  const reason = intrusion === null ? nothing.reason : `${nothing.reason}; ${intrusion.reason}`;
  const said = spendingOf(nothing);
  const spending = nothing.cutShort ? chargeOf(context, said) : said;
  const excused = nothing.retryAt !== undefined;
  return endUncounted(context, trial, { outcome: nothing.outcome, reason, notes, spending, excused });
}

/** Saves the difference of the workspace from the incumbent; returns the patch's path, or null when there is none. */
export async function rescueAndReset(context: RunContext, trial: TrialRow): Promise<string | null> {
  if (context.workspace.kind === 'checkout') return null; // It is the user's own copy: nothing is taken away.
  const patch = await context.workspace.patch(trial.incumbentCommit);
  let path: string | null = null;
  if (patch.length > 0) {
    const folder = context.state.trial(trial.id);
    await mkdir(folder, { recursive: true });
    path = join(folder, 'unfinished.patch');
    await writeFile(path, patch);
  }
  await context.workspace.prepare(trial.incumbentCommit);
  return path;
}

export interface Intended {
  readonly trial: TrialRow;
  readonly staged: StagedProposal;
  readonly proposal: Proposal;
  readonly intrusion: Intrusion | null;
  readonly proposeMs: number;
}

export async function recordIntent(
  context: RunContext,
  { trial, staged, proposal, intrusion, proposeMs }: Intended,
): Promise<TrialRow> {
  const { store, repository, name, now } = context;
  const number = store.nextTrialNumber();
  const spending = spendingOf(proposal);
  const ruling = async (): Promise<Ruling | null> => {
    if (intrusion !== null) return { outcome: 'tampered', reason: intrusion.reason };
    const reason = overBudget(context.experiment.settings.limits, spending, store.spent());
    return reason === null ? rulingOf(context, trial, staged) : { outcome: 'over_budget', reason };
  };
  const description = oneLine(proposal.description, 200) || 'no description';
  const stat = await repository.diffStat(trial.incumbentCommit, staged.tree);
  // Untracked definitions and mirrors in a checkout are ours, nobody left them there.
  const strays = staged.strayFiles.filter((path) => !path.startsWith('.autoresearch/'));
  if (proposal.note !== undefined) addNote(store, number, proposal.note);
  return store.intendCommit(trial.id, {
    number,
    tree: staged.tree,
    parent: staged.parent,
    epochSeconds: Math.floor(now() / 1000),
    message: `experiment: ${description}\n\nAutoresearch-Experiment: ${name}\nAutoresearch-Trial: ${number}\n`,
    existingCommit: staged.existingCommit,
    spending,
    ruling: await ruling(),
    description,
    changedPaths: staged.changed.map(({ path }) => path),
    insertions: stat.insertions,
    deletions: stat.deletions,
    notes: strays.length === 0 ? [] : [`new files outside the target were left out: ${listed(strays)}`],
    proposeMs,
    proposerState: proposerState(context.proposer),
  });
}

/**
 * `git gc --prune=now` beside a run may take objects that had no ref when it looked. The workspace still has the files
 * they were made of; where it has not, the attempt ends without a candidate.
 */
export async function commit(context: RunContext, trial: TrialRow): Promise<TrialRow> {
  const { repository, refs, workspace, experiment } = context;
  const { tree, candidateCommit, incumbentCommit, number } = trial;
  const tip = candidateCommit ?? tree;
  try {
    return await commitIntended(context, trial);
  } catch (error) {
    if (tip === null || number === null || (await repository.isWhole(tip, incumbentCommit))) throw error;
  }
  // Where not even this can be done, the objects are still missing below.
  await workspace.inspect(incumbentCommit, scopeOf(experiment)).catch(() => null);
  if (await repository.isWhole(tip, incumbentCommit)) return commitIntended(context, trial);
  await refs.dropTrialRef(number);
  const reason =
    'git removed the candidate before it had a commit (`git gc --prune=now` or `git prune` beside the run)';
  return endUncounted(context, trial, { outcome: 'interrupted', reason });
}

async function commitIntended(context: RunContext, trial: TrialRow): Promise<TrialRow> {
  const { repository, refs, workspace, store } = context;
  const { tree, parentCommit: parent, commitMessage: message, commitEpochSeconds: epochSeconds } = trial;
  if (tree === null || parent === null || message === null || epochSeconds === null || trial.number === null) {
    throw new Error(`trial row ${trial.id} is in phase committing without its intent`);
  }
  const candidate = trial.candidateCommit ?? (await repository.commitTree({ tree, parent, message, epochSeconds }));
  await refs.createTrialRef(trial.number, candidate);
  await workspace.adopt(candidate, { parent, changed: [] });
  return store.recordCommit(trial.id, candidate);
}
