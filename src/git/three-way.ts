import { AppError } from '../core/errors.js';
import { decodePath, records } from './parse.js';
import type { Repository } from './repository.js';

/**
 * Takes a change off a tree, or puts it onto one, by a merge of three trees in git's object store: no index, no working
 * file and no ref is touched.
 */
interface ThreeTrees {
  /** What `ours` and `theirs` are compared with. */
  readonly base: string;
  readonly ours: string;
  readonly theirs: string;
}

/** The merged tree, or the paths that both sides changed differently. */
export type MergedTrees =
  | { readonly kind: 'clean'; readonly tree: string }
  | { readonly kind: 'conflict'; readonly paths: readonly string[] };

const EPOCH = '@0 +0000';

/** Trees or commits. @throws AppError repository when git is too old. */
async function mergeTrees(repository: Repository, { base, ours, theirs }: ThreeTrees): Promise<MergedTrees> {
  requireMergeTree(repository);
  // Git finds the base of two commits, not of two trees (that came later): so each tree becomes a commit that no ref names.
  const root = await bareCommit(repository, base, null);
  const [left, right] = await Promise.all([bareCommit(repository, ours, root), bareCommit(repository, theirs, root)]);
  // A folder that was renamed must not take new files of the other side with it.
  const git = repository.git.with({ config: ['merge.directoryRenames=false'] });
  const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', left, right];
  const { exitCode, stdout } = await git.run(args, { okExitCodes: [0, 1] });
  const [tree = Buffer.alloc(0), ...conflicts] = records(stdout);
  if (exitCode === 0) return { kind: 'clean', tree: tree.toString('latin1') };
  return { kind: 'conflict', paths: [...new Set(conflicts.map(decodePath))] };
}

/** `from` without what changed from `before` to `after`. */
export function leaveOut(
  repository: Repository,
  from: string,
  change: { readonly before: string; readonly after: string },
): Promise<MergedTrees> {
  return mergeTrees(repository, { base: change.after, ours: from, theirs: change.before });
}

function requireMergeTree({ gitVersion: [major, minor] }: Repository): void {
  if (major > 2 || (major === 2 && minor >= 38)) return;
  throw new AppError('repository', 'taking a kept change off again needs git 2.38 or newer', {
    hint: 'update git; the gain of the whole needs no newer one: autoresearch audit --only whole',
  });
}

async function bareCommit(repository: Repository, treeish: string, parent: string | null): Promise<string> {
  const tree = await repository.treeOf(treeish);
  const parents = parent === null ? [] : ['-p', parent];
  return repository.git.text(['commit-tree', tree, ...parents, '-m', 'three-way'], {
    env: { GIT_AUTHOR_DATE: EPOCH, GIT_COMMITTER_DATE: EPOCH },
  });
}
