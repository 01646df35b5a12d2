/**
 * The user's own working copy as workspace, for people and agents who commit themselves. HEAD is the proposal line: what
 * it, and the target's working files, have above the incumbent is the candidate. Nothing is ever reset or cleaned here:
 * files change only where the runner put them, HEAD moves only by compare-and-swap.
 */

import { join } from 'node:path';
import { AppError } from '../core/errors.js';
import { quoted } from '../core/text.js';
import { decodePath, parseStatus, records } from './parse.js';
import type { ExperimentRefs } from './refs.js';
import { type Head, PATCH_FLAGS, type Repository } from './repository.js';
import { excludePathspecs, globPathspec, stageInto, withTemporaryIndex } from './staging.js';
import type { Scope, StagedProposal, Workspace } from './types.js';
import { WorkingCopy } from './working-copy.js';

export interface CheckoutOptions {
  /** The proposal line is the experiment's branch (or a detached HEAD); false: whatever is checked out at the start. */
  readonly branch: boolean;
}

const SUBMODULE_MODE = '160000';

export class CheckoutWorkspace implements Workspace {
  readonly kind = 'checkout';
  readonly path: string;
  readonly #repository: Repository;
  readonly #refs: ExperimentRefs;
  readonly #files: WorkingCopy;
  readonly #ownBranch: boolean;
  /** Branch of the proposal line where it is not the experiment's own; undefined until the first look. */
  #startBranch: string | null | undefined;
  /** New files outside the target that were there before the first proposal: no candidate made them. */
  #untrackedAtStart: ReadonlySet<string> = new Set();

  constructor(repository: Repository, refs: ExperimentRefs, options: CheckoutOptions) {
    this.path = repository.root;
    this.#repository = repository;
    this.#refs = refs;
    this.#files = new WorkingCopy(repository);
    this.#ownBranch = options.branch;
  }

  /**
   * Refuses to begin where work of the user could get in the way, then takes a backup ref of HEAD and returns its name.
   * @throws AppError repository (something is unfinished, another branch, uncommitted work outside the target) or
   * conflict (HEAD does not descend from the incumbent).
   */
  async checkReady(scope: Scope, incumbent: string | null): Promise<string> {
    const operation = await this.#repository.operationInProgress();
    if (operation) {
      const verb = operation === 'bisect' ? 'reset' : 'abort';
      throw new AppError('repository', `a ${operation} is in progress in ${this.path}`, {
        hint: `finish it, or give it up: git ${operation} ${operation === 'bisect' ? verb : `--${verb}`}`,
      });
    }
    const head = await this.#line('repository');
    const { changed, untracked } = await this.#outside(scope);
    this.#untrackedAtStart = new Set(untracked);
    if (changed.length > 0) {
      const shown = changed.slice(0, 5).join(', ');
      const more = changed.length > 5 ? ` and ${changed.length - 5} more` : '';
      throw new AppError('repository', `there is uncommitted work outside the target: ${shown}${more}`, {
        hint: `commit it, or put it aside: git stash push -- ${changed.slice(0, 5).map(quoted).join(' ')}`,
      });
    }
    if (incumbent !== null) await this.#requireDescent(head, incumbent);
    return this.#refs.createBackup(head.commit);
  }

  async prepare(): Promise<void> {
    // The user's working copy is ready as it is.
  }

  /** Null also while a merge or rebase is in progress: there is nothing settled to try. */
  async inspect(incumbent: string, scope: Scope): Promise<StagedProposal | null> {
    if (await this.#repository.operationInProgress()) return null;
    const head = await this.#line();
    await this.#requireDescent(head, incumbent);
    await this.#comeBack(head.commit);

    const pathspecs = [...scope.target.map(globPathspec), ...excludePathspecs(scope.ignored)];
    const { git } = this.#repository;
    const likeIndex = join(this.#repository.gitDir, 'index');
    const { tree, nested } = await withTemporaryIndex({ git, commit: head.commit, likeIndex }, async (indexed) => {
      const { nestedRepositories } = await stageInto(indexed, this.path, { pathspecs });
      return { tree: await indexed.text(['write-tree']), nested: nestedRepositories };
    });
    const isCommitted = tree === (await this.#repository.treeOf(head.commit));

    const all = await this.#repository.changedPaths(incumbent, tree);
    const inside = new Set((await this.#repository.changedPaths(incumbent, tree, pathspecs)).map(({ path }) => path));
    const isAllowed = (change: (typeof all)[number]) =>
      inside.has(change.path) && change.oldMode !== SUBMODULE_MODE && change.newMode !== SUBMODULE_MODE;
    const changed = all.filter(isAllowed);
    if (all.length === 0 && nested.length === 0) return null;

    const outside = await this.#outside(scope);
    const committedOutside = all.filter((change) => !isAllowed(change)).map(({ path }) => path);
    const strays = outside.untracked.filter((path) => !this.#untrackedAtStart.has(path));
    const refused = scope.strictness === 'strict' ? strays : [];
    return {
      tree,
      parent: isCommitted ? incumbent : head.commit,
      existingCommit: isCommitted ? head.commit : null,
      changed,
      outOfScope: [...new Set([...committedOutside, ...nested, ...outside.changed, ...refused])],
      strayFiles: scope.strictness === 'strict' ? [] : strays,
    };
  }

  /** Tracked files only: nothing else is ever removed here, so nothing else needs rescue. */
  async patch(incumbent: string): Promise<Buffer> {
    const prefixes = ['--src-prefix=a/', '--dst-prefix=b/'];
    return (await this.#repository.git.run(['diff', ...PATCH_FLAGS, ...prefixes, incumbent, '--'])).stdout;
  }

  /** @throws AppError conflict when the line is neither at the parent nor at the candidate. */
  async adopt(candidate: string, staged: Pick<StagedProposal, 'parent'>): Promise<void> {
    const head = await this.#line();
    if (head.commit !== candidate) await this.#moveLine(head, staged.parent, candidate);
    await this.#files.alignIndexAfterCommit(staged.parent, candidate);
    await this.#files.forgetAway();
  }

  /** Changes files and index of the paths that differ, never HEAD. */
  async materialise(commit: string): Promise<void> {
    const head = await this.#line();
    await this.#files.move(head.commit, commit);
  }

  async differsFrom(commit: string): Promise<readonly string[]> {
    const args = ['diff', '--name-only', '-z', '--no-renames', '--no-ext-diff', commit, '--'];
    return records((await this.#repository.git.run(args)).stdout).map(decodePath);
  }

  async settle(incumbent: string, candidate: string | null): Promise<string | null> {
    try {
      const head = await this.#line();
      if (head.commit === incumbent || candidate === null) {
        await this.#files.move(head.commit, head.commit);
        return null;
      }
      if (head.commit !== candidate) {
        await this.#files.move(head.commit, head.commit);
        return `not rolled back: HEAD moved on to ${head.commit.slice(0, 12)}`;
      }
      await this.#files.move(candidate, incumbent);
      await this.#moveLine(head, candidate, incumbent);
      await this.#files.forgetAway();
      return null;
    } catch (error) {
      if (error instanceof AppError && error.code === 'conflict') return `not rolled back: ${error.message}`;
      throw error;
    }
  }

  /** After a killed run the files may be at another commit than HEAD. An edit in the way is the user's proposal. */
  async #comeBack(head: string): Promise<void> {
    try {
      await this.#files.move(head, head);
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'conflict')) throw error;
      await this.#files.forgetAway();
    }
  }

  /** HEAD, provided it is on the proposal line. */
  async #line(code: 'repository' | 'conflict' = 'conflict'): Promise<Head> {
    const head = await this.#repository.head();
    if (!this.#ownBranch) {
      if (this.#startBranch === undefined) this.#startBranch = head.branch;
      if (head.branch === this.#startBranch) return head;
    } else if (head.branch === null || head.branch === this.#refs.branchName) {
      return head;
    }
    const wanted = this.#ownBranch ? this.#refs.branchName : (this.#startBranch ?? '--detach');
    const create = this.#ownBranch && (await this.#refs.branch()) === null ? '-c ' : '';
    throw new AppError(code, `HEAD is on ${head.branch ?? 'no branch'}, not on the proposal line ${wanted}`, {
      hint: `git switch ${create}${wanted}`,
    });
  }

  /** Moves the branch itself, not HEAD: should the user switch branches this instant, the new one is not touched. */
  async #moveLine(head: Head, from: string, to: string): Promise<void> {
    const ref = head.branch === null ? 'HEAD' : `refs/heads/${head.branch}`;
    const args = ['update-ref', '--no-deref', '-m', 'autoresearch: move the proposal line', ref, to, from];
    const moved = await this.#repository.git.run(args, { okStderr: /is at [0-9a-f]+ but expected/ });
    if (moved.exitCode === 0) return;
    const found = await this.#repository.head();
    throw new AppError('conflict', `the proposal line was moved: expected ${from}, found ${found.commit}`, {
      hint: `see what it is: git log -3 ${found.commit}; put it back: git reset --keep ${from}`,
    });
  }

  async #requireDescent(head: Head, incumbent: string): Promise<void> {
    if (await this.#repository.isAncestor(incumbent, head.commit)) return;
    throw new AppError('conflict', `HEAD (${head.commit}) does not descend from the incumbent ${incumbent}`, {
      hint: `go on from the incumbent: git merge ${this.#refs.incumbentRef}`,
    });
  }

  /** Uncommitted tracked changes, and new files, outside the target. */
  async #outside(scope: Scope): Promise<{ changed: string[]; untracked: string[] }> {
    const excluded = excludePathspecs([...scope.target, ...scope.ignored]);
    const args = ['status', '--porcelain=v2', '-z', '--untracked-files=all', '--no-renames', '--', '.', ...excluded];
    const entries = parseStatus((await this.#repository.git.run(args)).stdout);
    return {
      changed: entries.filter(({ untracked }) => !untracked).map(({ path }) => path),
      untracked: entries.filter(({ untracked }) => untracked).map(({ path }) => path),
    };
  }
}
