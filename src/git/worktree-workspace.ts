/**
 * The default workspace: a detached worktree of our own, far from the operator's files. It may be reset and cleaned at
 * will, because nothing in it is anybody's work. HEAD and the ordinary index in it belong to the proposer and are never
 * believed: a proposal is what its files differ from the incumbent.
 */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../core/errors.js';
import type { ExperimentName } from '../core/names.js';
import { textOf } from './files.js';
import { checkLinks, restoreLinks } from './links.js';
import { decodePath, parseStatus, records, type StatusEntry, statusWord } from './parse.js';
import { PATCH_FLAGS, type Repository } from './repository.js';
import { copyIndex, excludePathspecs, globPathspec, stageInto, withTemporaryIndex } from './staging.js';
import { stampOf } from './stamps.js';
import type { ChangedPath, Scope, StagedProposal, Workspace } from './types.js';
import { makeWritable, removeGitLeftovers, type WholeWorktree, WorktreeHome } from './worktree-home.js';

export interface WorktreeOptions {
  /** Untracked paths of the operator's checkout, seen here through a symlink. */
  readonly link?: readonly string[];
  /** Ignored paths (globs allowed, relative to the top folder) that survive cleaning. */
  readonly keep?: readonly string[];
}

const SUBMODULE_MODE = '160000';

/** A rescue patch is for reading and applying; a data set that a proposer downloaded does not belong in it. */
const PATCH_UNTRACKED_LIMIT_BYTES = 10 * 1024 * 1024;

export class WorktreeWorkspace implements Workspace {
  readonly kind = 'worktree';
  readonly path: string;
  readonly #repository: Repository;
  readonly #home: WorktreeHome;
  readonly #links: readonly string[];
  /** Pathspecs of what is never committed, cleaned or counted. */
  readonly #excluded: readonly string[];
  readonly #cleanRules: readonly string[];
  /** The commit whose tree our index holds, as far as this process knows. */
  #indexCommit: string | null = null;
  /** What our index looked like when we left it to foreign code; null while only we have it. */
  #indexStamp: string | null = null;
  /** The commit that `settle` put in place, until anything else happens here: nobody has written since. */
  #settledAt: string | null = null;
  #checked = false;

  constructor(repository: Repository, experiment: ExperimentName, options: WorktreeOptions = {}) {
    const links = (options.link ?? []).map(trimSlashes);
    const keep = (options.keep ?? []).map(trimSlashes);
    this.#repository = repository;
    this.#home = new WorktreeHome(repository, experiment);
    this.path = this.#home.path;
    this.#links = links;
    this.#excluded = excludePathspecs([...links.map(escapeGlob), ...keep]);
    this.#cleanRules = [...links.map(escapeGlob), ...keep].flatMap((pattern) => ['-e', cleanRule(pattern)]);
  }

  async prepare(incumbent: string): Promise<void> {
    if (!this.#checked) {
      await this.#refuseSubmodules(incumbent);
      await checkLinks(this.#repository, this.#links);
      this.#checked = true;
    }
    const isInPlace = this.#settledAt === incumbent;
    this.#settledAt = null;
    if (isInPlace && !(await this.#home.ensure(incumbent)).isNew) return;
    await this.materialise(incumbent);
  }

  async materialise(commit: string): Promise<void> {
    const worktree = await this.#home.ensure(commit);
    await this.#restore(worktree, commit);
  }

  async inspect(incumbent: string, scope: Scope): Promise<StagedProposal | null> {
    const worktree = await this.#atIncumbent(incumbent);
    const excluded = [...this.#excluded, ...excludePathspecs(scope.ignored)];
    const pathspecs = [...scope.target.map(globPathspec), ...excluded];
    this.#indexCommit = null;
    const { nestedRepositories } = await this.#mendingRights(() => stageInto(worktree.git, this.path, { pathspecs }));
    const [status, tree] = await Promise.all([
      worktree.git.run([...STATUS_COMMAND, '--', '.', ...excluded]),
      worktree.git.text(['write-tree']),
    ]);
    const found = sortStatus(parseStatus(status.stdout), nestedRepositories);
    const isStrict = scope.strictness === 'strict';
    const outOfScope = isStrict ? [...found.outOfScope, ...found.strayFiles] : found.outOfScope;
    if (found.changed.length === 0 && outOfScope.length === 0) return null;
    const strayFiles = isStrict ? [] : found.strayFiles;
    return { tree, parent: incumbent, existingCommit: null, changed: found.changed, outOfScope, strayFiles };
  }

  async patch(incumbent: string): Promise<Buffer> {
    const worktree = await this.#home.ensure(incumbent);
    if (worktree.isNew) await this.#restore(worktree, incumbent);
    return withTemporaryIndex({ git: worktree.git, commit: incumbent, likeIndex: worktree.indexFile }, async (git) => {
      const pathspecs = ['.', ...this.#excluded];
      await stageInto(git, this.path, { pathspecs, maxUntrackedBytes: PATCH_UNTRACKED_LIMIT_BYTES });
      return (await git.run(['diff-index', '--cached', ...PATCH_FLAGS, incumbent])).stdout;
    });
  }

  async adopt(candidate: string): Promise<void> {
    const worktree = await this.#home.ensure(candidate);
    await removeGitLeftovers(worktree.gitDir);
    await this.#detachAt(worktree, candidate);
  }

  async differsFrom(commit: string): Promise<readonly string[]> {
    const { git } = await this.#home.ensure(commit);
    const args = ['diff', '--name-only', '-z', '--no-renames', '--no-ext-diff', '--ignore-submodules=none', commit];
    const listing = await git.run([...args, '--', '.', ...this.#excluded]);
    return records(listing.stdout).map(decodePath);
  }

  async settle(incumbent: string): Promise<null> {
    await this.materialise(incumbent);
    this.#settledAt = incumbent;
    return null;
  }

  /** HEAD and our index at the incumbent, working files as the proposer left them. */
  async #atIncumbent(incumbent: string): Promise<WholeWorktree> {
    const worktree = await this.#home.ensure(incumbent);
    if (worktree.isNew) await this.#restore(worktree, incumbent);
    await removeGitLeftovers(worktree.gitDir);
    await this.#detachAt(worktree, incumbent);
    await this.#distrustIndex(worktree);
    if (this.#indexCommit !== incumbent) {
      await worktree.git.run(['read-tree', '--reset', incumbent]);
      this.#indexCommit = incumbent;
    }
    return worktree;
  }

  async #restore(worktree: WholeWorktree, commit: string): Promise<void> {
    const { git, gitDir, indexFile } = worktree;
    this.#indexCommit = null;
    this.#settledAt = null;
    await removeGitLeftovers(gitDir);
    await this.#leaveBranch(worktree, commit);
    await this.#distrustIndex(worktree);
    // Cleaning comes first: behind a symlink that took a folder's place, reset would find the files "unchanged".
    const cleanAndReset = async () => {
      await git.run(['clean', '-ffdxq', ...this.#cleanRules]);
      await git.run(['reset', '--hard', commit]);
    };
    try {
      await cleanAndReset();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // A damaged index, or folders without the right to write: one more try with neither.
      await rm(indexFile, { force: true });
      await makeWritable(this.path);
      await cleanAndReset();
    }
    await restoreLinks(this.#repository.root, this.path, this.#links);
    await this.#shareIndex(worktree);
    this.#indexCommit = commit;
    this.#indexStamp = stampOf(indexFile);
  }

  /** Whoever writes into our index could hide changes there, or have files committed that are not in the target. */
  async #distrustIndex({ indexFile }: WholeWorktree): Promise<void> {
    if (this.#indexStamp !== null && stampOf(indexFile) !== this.#indexStamp) {
      await rm(indexFile, { recursive: true, force: true });
      this.#indexCommit = null;
    }
    this.#indexStamp = null;
  }

  /** The proposer's own `git status` reads the ordinary index. */
  async #shareIndex({ gitDir, indexFile }: WholeWorktree): Promise<void> {
    const ordinary = join(gitDir, 'index');
    await copyIndex(indexFile, `${ordinary}.new`);
    await rename(`${ordinary}.new`, ordinary);
  }

  async #detachAt(worktree: WholeWorktree, commit: string): Promise<void> {
    if ((await textOf(join(worktree.gitDir, 'HEAD'))) === commit) return;
    await worktree.git.run(['update-ref', '--no-deref', 'HEAD', commit]);
  }

  /** `reset` moves the branch that HEAD names; a proposer may have switched to one of the operator's. */
  async #leaveBranch(worktree: WholeWorktree, commit: string): Promise<void> {
    const head = await textOf(join(worktree.gitDir, 'HEAD'));
    if (head === null || !/^[0-9a-f]{40,64}$/.test(head)) await this.#detachAt(worktree, commit);
  }

  async #mendingRights<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      await makeWritable(this.path);
      return step();
    }
  }

  async #refuseSubmodules(commit: string): Promise<void> {
    if (!(await this.#repository.hasSubmodules(commit))) return;
    throw new AppError('repository', `${this.#repository.root} has submodules, which a worktree would leave empty`, {
      hint: 'set kind = checkout under [workspace] in config.cfg',
    });
  }
}

const STATUS_COMMAND = [
  'status',
  '--porcelain=v2',
  '-z',
  '--untracked-files=all',
  '--no-renames',
  '--ignore-submodules=none',
];

interface SortedStatus {
  readonly changed: ChangedPath[];
  readonly outOfScope: string[];
  readonly strayFiles: string[];
}

/** After staging the target, what is staged is inside it and what is not staged is outside. */
function sortStatus(entries: readonly StatusEntry[], nestedRepositories: readonly string[]): SortedStatus {
  const sorted: SortedStatus = { changed: [], outOfScope: [], strayFiles: [] };
  for (const { path, staged, unstaged, untracked, headMode, indexMode } of entries) {
    const isSubmodule = headMode === SUBMODULE_MODE || indexMode === SUBMODULE_MODE;
    if (untracked) (nestedRepositories.includes(path) ? sorted.outOfScope : sorted.strayFiles).push(path);
    else if (unstaged !== '.' || isSubmodule) sorted.outOfScope.push(path);
    else sorted.changed.push({ path, status: statusWord(staged), oldMode: headMode, newMode: indexMode });
  }
  return sorted;
}

function trimSlashes(path: string): string {
  return path.replace(/^(?:\.?\/)+|\/+$/g, '');
}

function escapeGlob(path: string): string {
  return path.replace(/[\\*?[\]]/g, '\\$&');
}

/** A rule for `clean -e`: anchored at the top (so a leading `!` or `#` is plain), trailing spaces kept. */
function cleanRule(pattern: string): string {
  return `/${pattern.replace(/ +$/, (spaces) => '\\ '.repeat(spaces.length))}`;
}
