/**
 * The words of the git layer: what a repository is, what changed, and the two kinds of workspace.
 */

/** One path that differs between two trees, as `git diff --raw -z --no-renames` tells it. */
export interface ChangedPath {
  /** Path inside the repository, `/`-separated; bytes that are not UTF-8 keep git's own spelling. */
  readonly path: string;
  readonly status: 'added' | 'modified' | 'deleted' | 'type_changed';
  /** Octal file modes, `000000` where the path is absent: 120000 symlink, 160000 submodule, 100755 executable. */
  readonly oldMode: string;
  readonly newMode: string;
}

export interface DiffStat {
  readonly files: number;
  readonly insertions: number;
  readonly deletions: number;
}

/** Which paths a candidate may change, and which it must not even when they match. */
export interface Scope {
  /** Git pathspecs from `target`: literal paths and globs, matched with `:(glob)` magic, relative to the root. */
  readonly target: readonly string[];
  /** Untracked paths that are never committed, cleaned or counted (links and kept paths). */
  readonly ignored: readonly string[];
  /** `strict` refuses new files outside the target; `normal` leaves them out and notes them. */
  readonly strictness: 'normal' | 'strict';
}

/** What a proposal turned out to be, compared with the commit it started from. */
export interface StagedProposal {
  /** The tree that would be committed: the start commit's tree plus the changes inside the target. */
  readonly tree: string;
  /** Parent of the candidate commit. */
  readonly parent: string;
  /** Already a commit (checkout mode, clean working copy): nothing needs to be committed. */
  readonly existingCommit: string | null;
  /** Changes inside the target, against the incumbent. */
  readonly changed: readonly ChangedPath[];
  /** Tracked paths outside the target that were changed; any makes the trial `out_of_scope`. */
  readonly outOfScope: readonly string[];
  /** New untracked, unignored files outside the target: left out of the commit. */
  readonly strayFiles: readonly string[];
}

/** The durable intent of a commit: enough to make the same sha again after a crash. */
export interface CommitIntent {
  readonly tree: string;
  readonly parent: string;
  readonly message: string;
  /** Author and committer date, seconds since 1970, UTC. */
  readonly epochSeconds: number;
}

/**
 * The folder in which proposals are made and measurements run. Only it resets and cleans, only to a commit it is given.
 * `worktree`: a detached worktree of our own outside the repository. `checkout`: the user's own working copy.
 */
export interface Workspace {
  readonly kind: 'worktree' | 'checkout';
  readonly path: string;
  /** Makes the workspace ready for a proposal on top of `incumbent`. In a checkout this changes nothing. */
  prepare(incumbent: string): Promise<void>;
  /**
   * What the proposal changed. Null when there is nothing to try.
   * @throws AppError conflict when HEAD does not descend from the incumbent (checkout).
   */
  inspect(incumbent: string, scope: Scope): Promise<StagedProposal | null>;
  /** A binary-safe patch of everything that differs from `incumbent` (also out-of-scope and stray files), for rescue. */
  patch(incumbent: string): Promise<Buffer>;
  /** After the candidate commit exists: makes it the checked-out commit (in a checkout: moves the line, CAS). */
  adopt(candidate: string, staged: Pick<StagedProposal, 'parent' | 'changed'>): Promise<void>;
  /** Puts exactly the files of `commit` in place for a measurement; `kept` paths and links survive the cleaning. */
  materialise(commit: string): Promise<void>;
  /** Whether the tracked files still are those of `commit`; the paths that are not. */
  differsFrom(commit: string): Promise<readonly string[]>;
  /**
   * After the verdict: back to `incumbent` from `candidate` (or to where the keep left it). Exact commits, never HEAD~1.
   * Returns a note when a checkout could not be rolled back because the user edited on.
   */
  settle(incumbent: string, candidate: string | null): Promise<string | null>;
}
