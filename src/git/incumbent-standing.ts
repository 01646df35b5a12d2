import type { ExperimentRefs } from './refs.js';
import type { Repository } from './repository.js';

/** Where the incumbent stands in the operator's repository: the branch that follows it, and who has that checked out. */
export interface IncumbentStanding {
  readonly commit: string;
  /** Null when there is no branch (`branch = off`, or somebody deleted it). */
  readonly branch: BranchStanding | null;
}

interface BranchStanding {
  readonly commit: string;
  /** The branch holds the incumbent; it can be fast-forwarded to it; or it has commits of its own. */
  readonly relation: 'holds' | 'lags' | 'diverged';
  /** The working copy that has it checked out: there it is never moved by a runner. */
  readonly checkedOutAt: string | null;
}

/** Null before the experiment was initialised. */
export async function incumbentStanding(
  repository: Repository,
  refs: ExperimentRefs,
): Promise<IncumbentStanding | null> {
  const format = '--format=%(refname)%00%(objectname)%00%(worktreepath)';
  const listing = await repository.git.text(['for-each-ref', format, refs.incumbentRef, refs.branchRef]);
  const rows = listing.split('\n').map((line) => line.split('\0'));
  const [, commit] = rows.find(([ref]) => ref === refs.incumbentRef) ?? [];
  if (!commit) return null;
  const [, tip, worktree] = rows.find(([ref]) => ref === refs.branchRef) ?? [];
  if (!tip) return { commit, branch: null };
  return {
    commit,
    branch: { commit: tip, relation: await relationOf(repository, tip, commit), checkedOutAt: worktree || null },
  };
}

async function relationOf(repository: Repository, tip: string, incumbent: string): Promise<BranchStanding['relation']> {
  if (tip === incumbent || (await repository.isAncestor(incumbent, tip))) return 'holds';
  return (await repository.isAncestor(tip, incumbent)) ? 'lags' : 'diverged';
}
