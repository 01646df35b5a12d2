import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { oneLine } from '../core/text.js';
import type { StagedProposal } from '../git/types.js';
import type { Nothing, Proposal } from '../propose/types.js';
import type { Ruling, TrialRow } from '../store/rows.js';
import { proposerState, RunAborted, type RunContext } from './context.js';
import { proposeContext } from './propose-context.js';
import { endUncounted } from './settle.js';

/**
 * From the proposer's edits to a candidate commit. The intent (tree, parent, message, date) is on record before the
 * commit, so that a repeated commit is the same one.
 */
export async function propose(context: RunContext, trial: TrialRow): Promise<Proposal | Nothing> {
  context.emit({ kind: 'proposing', number: context.store.nextTrialNumber() });
  const { proposer, stopSoon } = context;
  const signal = proposer.waitsForPeople ? AbortSignal.any([context.signal, stopSoon]) : context.signal;
  try {
    const proposed = await proposer.propose(await proposeContext(context, trial), signal);
    if (signal.aborted) throw new RunAborted();
    return proposed;
  } catch (error) {
    if (!signal.aborted) throw error;
    await rescueAndReset(context, trial);
    endUncounted(context, trial, { outcome: 'interrupted', reason: 'the run was stopped during the proposal' });
    throw new RunAborted();
  }
}

/** A proposal without a candidate: what it left is saved as a patch, the workspace goes back to the incumbent. */
export async function endWithoutCandidate(context: RunContext, trial: TrialRow, nothing: Nothing): Promise<TrialRow> {
  const patch = nothing.outcome === 'agent_error' ? await rescueAndReset(context, trial) : null;
  const notes = patch === null ? [] : [`its unfinished changes are saved in ${patch}`];
  return endUncounted(context, trial, { outcome: nothing.outcome, reason: nothing.reason, notes });
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
  readonly proposeMs: number;
}

export async function recordIntent(
  context: RunContext,
  { trial, staged, proposal, proposeMs }: Intended,
): Promise<TrialRow> {
  const { store, repository, name, now } = context;
  const number = store.nextTrialNumber();
  const description = oneLine(proposal.description, 200) || 'no description';
  const stat = await repository.diffStat(trial.incumbentCommit, staged.tree);
  // Untracked definitions and mirrors in a checkout are ours, nobody left them there.
  const strays = staged.strayFiles.filter((path) => !path.startsWith('.autoresearch/'));
  return store.intendCommit(trial.id, {
    number,
    tree: staged.tree,
    parent: staged.parent,
    epochSeconds: Math.floor(now() / 1000),
    message: `experiment: ${description}\n\nAutoresearch-Experiment: ${name}\nAutoresearch-Trial: ${number}\n`,
    existingCommit: staged.existingCommit,
    ruling: rulingOf(context, trial, staged),
    description,
    changedPaths: staged.changed.map(({ path }) => path),
    insertions: stat.insertions,
    deletions: stat.deletions,
    notes: strays.length === 0 ? [] : [`new files outside the target were left out: ${listed(strays)}`],
    proposeMs,
    proposerState: proposerState(context.proposer),
  });
}

/** What is decided without measuring: out of scope, tampered with the measurement, or measured before. */
function rulingOf(context: RunContext, trial: TrialRow, staged: StagedProposal): Ruling | null {
  const ownConfig = `.autoresearch/${context.name}/config.cfg`;
  const definitions = new Set([ownConfig, ...context.revision.files.map(({ path }) => path)]);
  const touched = [...staged.changed.map(({ path }) => path), ...staged.outOfScope].filter((path) =>
    definitions.has(path),
  );
  if (touched.length > 0) {
    return { outcome: 'tampered', reason: `it changes ${listed(touched)}, which decides how it is measured` };
  }
  if (staged.outOfScope.length > 0) {
    return { outcome: 'out_of_scope', reason: `it changes ${listed(staged.outOfScope)}, which is not in the target` };
  }
  if (trial.retryOf !== null) return null;
  const twin = context.store.measuredTwin(staged.tree, context.revision.number);
  if (!twin) return null;
  const same = twin.number === null ? 'an earlier baseline' : `trial ${twin.number}`;
  return { outcome: 'duplicate', reason: `the same files as ${same} (${twin.verdict}); \`retry\` measures them again` };
}

function listed(paths: readonly string[]): string {
  const shown = paths
    .slice(0, 3)
    .map((path) => oneLine(path, 80))
    .join(', ');
  return paths.length > 3 ? `${shown} and ${paths.length - 3} more` : shown;
}

export async function commit(context: RunContext, trial: TrialRow): Promise<TrialRow> {
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
