/**
 * Where the worktree of an experiment lives, and making it whole: created, half made by a killed run, or deleted by the
 * operator. Removes a folder only when it can prove that it is ours.
 */

import { realpathSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { AppError, errnoOf } from '../core/errors.js';
import type { ExperimentName } from '../core/names.js';
import { quoted } from '../core/text.js';
import { type FileKind, kindOf, namesIn, syncFile, textOf } from './files.js';
import type { Git } from './git.js';
import { linkedGitDir, MARKER_FILE } from './own-worktree.js';
import type { Repository } from './repository.js';

/** Our own index in the worktree's git folder: flags that an agent sets in the ordinary one cannot hide a change. */
const INDEX_FILE = 'autoresearch-index';
/** From the git folder of a linked worktree, as git writes it. */
const COMMON_FOLDER = '../..';
const LOCK_REASON = 'autoresearch measures here';

/** What a proposer's git may leave half done; the next proposer must not find it. */
const OPERATION_LEFTOVERS = ['rebase-merge', 'rebase-apply', 'sequencer', 'BISECT_LOG', 'BISECT_START'];

/** Every setting that could make git overlook a change, or put fewer files in place, is fixed. */
const WORKTREE_CONFIG = [
  'core.sparseCheckout=false',
  'core.splitIndex=false',
  'core.trustctime=true',
  'core.checkStat=default',
  'core.untrackedCache=false',
];

/** `${XDG_CACHE_HOME:-~/.cache}/autoresearch/<repository id>/<domain>/<name>`, symlinks resolved. */
export function workspacePath(repository: Pick<Repository, 'id'>, experiment: ExperimentName): string {
  const configured = process.env['XDG_CACHE_HOME'];
  const cache = configured && isAbsolute(configured) ? configured : join(homedir(), '.cache');
  return resolveExisting(join(cache, 'autoresearch', repository.id, experiment.domain, experiment.name));
}

/** Resolves the symlinks of all folders above `path` that exist. */
function resolveExisting(path: string): string {
  const parent = dirname(path);
  if (parent === path) return path;
  try {
    return join(realpathSync(parent), basename(path));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return join(resolveExisting(parent), basename(path));
  }
}

export interface WholeWorktree {
  /** Bound to the worktree's own git folder and index: it cannot reach any other repository. */
  readonly git: Git;
  readonly gitDir: string;
  readonly indexFile: string;
  /** Made just now: holds no files yet. */
  readonly isNew: boolean;
}

export class WorktreeHome {
  readonly path: string;
  readonly #repository: Repository;
  /** Names the folder while it is being made, so that a half-made one is known to be ours. */
  readonly #intentFile: string;

  constructor(repository: Repository, experiment: ExperimentName) {
    this.path = workspacePath(repository, experiment);
    this.#repository = repository;
    this.#intentFile = join(
      repository.commonDir,
      'autoresearch',
      experiment.domain,
      experiment.name,
      'workspace-intent',
    );
  }

  /** @throws AppError repository when a folder that is not ours stands in the way. */
  async ensure(commit: string): Promise<WholeWorktree> {
    const registered = await this.#registeredGitDir();
    if (registered !== null && (await this.#isWhole(registered))) {
      await this.#restoreLinkFile(registered);
      await this.#restoreCommonFolder(registered);
      await this.#lock(registered);
      await this.#forgetIntent(registered);
      return this.#whole(registered, false);
    }
    await this.#clear(registered);
    return this.#whole(await this.#create(commit), true);
  }

  #whole(gitDir: string, isNew: boolean): WholeWorktree {
    const indexFile = join(gitDir, INDEX_FILE);
    const env = { GIT_DIR: gitDir, GIT_WORK_TREE: this.path, GIT_INDEX_FILE: indexFile };
    const git = this.#repository.git.with({ directory: this.path, env, config: WORKTREE_CONFIG });
    return { git, gitDir, indexFile, isNew };
  }

  async #isWhole(gitDir: string): Promise<boolean> {
    // Empty: a killed run had created the file and not written it yet.
    for (const file of ['HEAD', 'commondir', MARKER_FILE]) if (!(await textOf(join(gitDir, file)))) return false;
    return (await kindOf(this.path)) === 'folder';
  }

  /** A proposer may have removed `.git` or run `git init` over it. */
  async #restoreLinkFile(gitDir: string): Promise<void> {
    if ((await linkedGitDir(this.path)) === gitDir) return;
    const link = join(this.path, '.git');
    await rm(link, { recursive: true, force: true });
    await writeFile(link, `gitdir: ${gitDir}\n`);
  }

  /** Led elsewhere it would lend our git the objects and the settings of another repository. */
  async #restoreCommonFolder(gitDir: string): Promise<void> {
    const file = join(gitDir, 'commondir');
    if (resolve(gitDir, (await textOf(file)) ?? '') === resolve(this.#repository.commonDir)) return;
    await rm(file, { recursive: true, force: true });
    await writeFile(file, `${COMMON_FOLDER}\n`);
  }

  /** So that no `git worktree prune` takes it while its folder is away (an unmounted disk). */
  async #lock(gitDir: string): Promise<void> {
    if ((await textOf(join(gitDir, 'locked'))) !== null) return;
    await this.#repository.git.run(['worktree', 'lock', '--reason', LOCK_REASON, this.path]);
  }

  async #create(commit: string): Promise<string> {
    await mkdir(dirname(this.#intentFile), { recursive: true });
    await writeFile(this.#intentFile, this.path);
    await syncFile(this.#intentFile);
    await mkdir(dirname(this.path), { recursive: true });
    await this.#repository.git.run(['worktree', 'add', '--detach', '--no-checkout', this.path, commit]);
    const gitDir = await linkedGitDir(this.path);
    if (gitDir === null) throw new Error(`git worktree add left no .git file in ${this.path}`);
    await this.#lock(gitDir);
    await writeFile(join(gitDir, MARKER_FILE), this.#repository.root);
    await this.#forgetIntent(gitDir);
    return gitDir;
  }

  /** Git syncs none of the files that tell whose the folder is; without them nobody could prove that it is ours. */
  async #forgetIntent(gitDir: string): Promise<void> {
    if ((await textOf(this.#intentFile)) === null) return;
    const proofs = ['HEAD', 'commondir', 'gitdir', MARKER_FILE].map((name) => join(gitDir, name));
    for (const proof of [...proofs, join(this.path, '.git')]) await syncFile(proof);
    await rm(this.#intentFile, { force: true });
  }

  async #clear(registered: string | null): Promise<void> {
    const kind = await kindOf(this.path);
    if (kind !== 'missing' && !(await this.#isOurs(registered, kind))) {
      throw new AppError('repository', `${this.path} is needed as workspace, but holds something that is not ours`, {
        hint: `look at it, then: mv ${quoted(this.path)} ${quoted(`${this.path}.old`)}`,
      });
    }
    await removeTree(this.path);
    if (registered !== null) await removeTree(registered);
  }

  async #isOurs(registered: string | null, kind: FileKind): Promise<boolean> {
    if (kind !== 'folder') return false;
    if (registered !== null) return true;
    if ((await textOf(this.#intentFile)) === this.path) return true;
    const link = await linkedGitDir(this.path);
    if (link !== null && dirname(link) === this.#worktreesFolder) return true;
    return (await readdir(this.path)).length === 0;
  }

  get #worktreesFolder(): string {
    return join(this.#repository.commonDir, 'worktrees');
  }

  /** The git folder of the worktree registered for our path; null when git knows of none. */
  async #registeredGitDir(): Promise<string | null> {
    for (const name of await namesIn(this.#worktreesFolder)) {
      const gitDir = join(this.#worktreesFolder, name);
      const link = await textOf(join(gitDir, 'gitdir'));
      if (link !== null && resolve(gitDir, link) === join(this.path, '.git')) return gitDir;
    }
    return null;
  }
}

/**
 * Removes what a killed git of ours, or of a proposer, left in the worktree's git folder. Only the runner that holds the
 * experiment's lock calls this, with no process of a proposer alive, so every lock there is stale.
 */
export async function removeGitLeftovers(gitDir: string): Promise<void> {
  const names = await readdir(gitDir);
  const leftovers = names.filter((name) => name.endsWith('.lock') || OPERATION_LEFTOVERS.includes(name));
  for (const name of leftovers) await rm(join(gitDir, name), { recursive: true, force: true });
}

async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    await makeWritable(path);
    await rm(path, { recursive: true, force: true });
  }
}

/** Gives the owner back every right below `folder`: module caches and some proposers leave read-only folders. */
export async function makeWritable(folder: string): Promise<void> {
  const rights = 0o700;
  if (((await lstat(folder)).mode & rights) !== rights) await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await makeWritable(path);
    else if (entry.isFile() && ((await lstat(path)).mode & 0o400) === 0) await chmod(path, 0o644);
  }
}
