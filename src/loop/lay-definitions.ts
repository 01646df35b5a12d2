import { join } from 'node:path';
import { AppError } from '../core/errors.js';
import { changedDefinitions, overlayDefinitions } from '../evaluate/definitions.js';
import type { RunContext } from './context.js';

/** Puts the definitions of the revision in place, whatever the candidate made of them. */
export async function layDefinitions(context: RunContext): Promise<void> {
  const { workspace, revision, state, repository } = context;
  if (workspace.path === repository.root) await requireDefinitions(context);
  else await overlayDefinitions(state.definitions(revision.number), revision.files, workspace.path);
}

/** In a checkout the definitions are the operator's own files: nothing is laid over, they must still be the same. */
async function requireDefinitions({ revision, repository }: RunContext): Promise<void> {
  const own = revision.files.filter((file) => file.source === join(repository.root, file.path));
  const changed = await changedDefinitions(repository.root, own);
  if (changed.length === 0) return;
  throw new AppError('conflict', `${changed.join(', ')} decides the measurement and was changed during the run`, {
    hint: 'start `autoresearch run` again: it measures a new baseline with the changed files',
  });
}
