import { AppError } from '../core/errors.js';
import { mergeCommit } from '../git/combine.js';
import type { RunContext } from './context.js';
import { openRevision, REBASED_ONTO } from './revision.js';

/** Other people's commits go under the incumbent as a merge: the incumbent only ever moves forward. */
export async function rebase(context: RunContext, revision: string): Promise<void> {
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
