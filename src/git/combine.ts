import { AppError } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import type { Git } from './git.js';
import type { Repository } from './repository.js';

/**
 * Bringing changes together: an old candidate's patch onto today's files, other people's commits under the incumbent, and
 * the incumbent home into the operator's branch.
 */

/** Applies a patch to the files of `folder`, all or nothing; returns git's words when it does not fit, else null. */
export async function applyPatch(git: Git, folder: string, patch: Buffer): Promise<string | null> {
  const result = await git
    .with({ directory: folder })
    .run(['apply', '--whitespace=nowarn', '-'], { input: patch, okExitCodes: [0, 1, 128] });
  return result.exitCode === 0 ? null : oneLine(result.stderr);
}

/**
 * A commit that has both histories: `ours` with everything of `theirs` merged in. Either of the two where one contains
 * the other. Moves nothing.
 * @throws AppError repository when both changed the same lines.
 */
export async function mergeCommit(
  repository: Repository,
  sides: { readonly ours: string; readonly theirs: string; readonly message: string; readonly epochSeconds: number },
): Promise<string> {
  const { ours, theirs } = sides;
  if (await repository.isAncestor(theirs, ours)) return ours;
  if (await repository.isAncestor(ours, theirs)) return theirs;
  const [major = 0, minor = 0] = repository.gitVersion;
  if (major < 2 || (major === 2 && minor < 38)) {
    throw new AppError('repository', 'bringing two histories together needs git 2.38 or newer', {
      hint: 'update git, or merge by hand and start a new experiment from the result',
    });
  }
  const merged = await repository.git.run(
    ['merge-tree', '--write-tree', '--name-only', '--no-messages', ours, theirs],
    {
      okExitCodes: [0, 1],
    },
  );
  const [tree = '', ...conflicts] = merged.stdout.toString('utf8').trim().split('\n');
  if (merged.exitCode !== 0) {
    throw new AppError(
      'repository',
      `${theirs.slice(0, 7)} and the incumbent change the same lines of ${oneLine(conflicts.join(', '))}`,
      {
        hint: `merge them on a branch of your own: git switch -c merged ${ours.slice(0, 12)} && git merge ${theirs.slice(0, 12)}`,
      },
    );
  }
  const date = `@${Math.trunc(sides.epochSeconds)} +0000`;
  return repository.git.text(['commit-tree', tree, '-p', ours, '-p', theirs, '-F', '-'], {
    input: sides.message,
    env: { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
  });
}

/** Fast-forwards the branch that the operator has checked out. Git refuses where local edits are in the way. */
export async function fastForward({ git, root }: Repository, commit: string): Promise<void> {
  await git.with({ directory: root }).run(['merge', '--ff-only', '--no-stat', commit]);
}

/** Stages the whole difference of `commit` in the operator's checkout, for a commit of the operator's own. */
export async function squash({ git, root }: Repository, commit: string): Promise<void> {
  await git.with({ directory: root }).run(['merge', '--squash', '--no-stat', commit]);
}
