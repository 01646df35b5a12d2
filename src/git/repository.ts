/**
 * One repository as the operator sees it: reading commits, trees and the state of the operator's checkout, and making
 * objects that nothing refers to yet. Never changes a ref, a working file or the operator's index.
 */
import { join } from 'node:path';
import { exists } from './files.js';
import type { Git } from './git.js';
import { type FileStat, History, type LoggedCommit } from './history.js';
import { decodePath, parseRawDiff, parseStatus, type RawChange, records, toChangedPath } from './parse.js';
import { literalPathspec, withTemporaryIndex } from './staging.js';
import type { ChangedPath, CommitIntent, DiffStat } from './types.js';

export interface RepositoryPlace {
  /** Top folder of the operator's checkout (never one of our own worktrees), symlinks resolved. */
  readonly root: string;
  /** Git folder of that checkout. */
  readonly gitDir: string;
  /** Git folder shared by all worktrees: state of ours lives below it. */
  readonly commonDir: string;
  /** Oldest commit known on HEAD's first-parent line; in a shallow clone the oldest that was fetched. */
  readonly rootCommit: string;
  /** Short hash of `rootCommit` and `commonDir`: the same for every worktree of one clone. */
  readonly id: string;
  readonly gitVersion: readonly [number, number];
}

export interface Head {
  readonly commit: string;
  /** Short name of the checked-out branch; null when HEAD is detached. */
  readonly branch: string | null;
}

export type Operation = 'merge' | 'rebase' | 'cherry-pick' | 'revert' | 'bisect';

export interface DirtyPath {
  readonly path: string;
  readonly staged: boolean;
  readonly untracked: boolean;
}

export interface TrackedPath {
  readonly path: string;
  readonly mode: string;
}

/** In the order of what a person would name first: a rebase that stopped also leaves CHERRY_PICK_HEAD behind. */
const OPERATION_MARKS: readonly (readonly [string, Operation])[] = [
  ['rebase-merge', 'rebase'],
  ['rebase-apply', 'rebase'],
  ['MERGE_HEAD', 'merge'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['REVERT_HEAD', 'revert'],
  ['BISECT_LOG', 'bisect'],
];

const NO_SUCH_FILE = /path '.*' (?:does not exist in|exists on disk, but not in)|: bad file/s;

/** The empty tree, which git always knows, by length of the repository's object names (SHA-1, SHA-256). */
const EMPTY_TREES: Readonly<Record<number, string>> = {
  40: '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  64: '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321',
};

export class Repository {
  readonly root: string;
  readonly gitDir: string;
  readonly commonDir: string;
  readonly rootCommit: string;
  readonly id: string;
  readonly gitVersion: readonly [number, number];
  /** Runs in `root`, bound to this very git folder. */
  readonly git: Git;
  readonly #history: History;
  /** The newest answer of `trackedPaths`: a trial asks for the same commit as the one before. */
  #tracked: { readonly question: string; readonly paths: readonly TrackedPath[] } | null = null;

  constructor(place: RepositoryPlace, git: Git) {
    this.root = place.root;
    this.gitDir = place.gitDir;
    this.commonDir = place.commonDir;
    this.rootCommit = place.rootCommit;
    this.id = place.id;
    this.gitVersion = place.gitVersion;
    this.git = git.with({ env: { GIT_DIR: place.gitDir, GIT_WORK_TREE: place.root } });
    this.#history = new History(place.root);
  }

  async head(): Promise<Head> {
    const [commit = '', name = ''] = (await this.git.text(['rev-parse', 'HEAD', '--symbolic-full-name', 'HEAD'])).split(
      '\n',
    );
    return { commit, branch: name.startsWith('refs/heads/') ? name.slice('refs/heads/'.length) : null };
  }

  /** What the operator has begun and not finished in this checkout. */
  async operationInProgress(): Promise<Operation | null> {
    for (const [mark, operation] of OPERATION_MARKS) {
      if (await exists(join(this.gitDir, mark))) return operation;
    }
    return null;
  }

  /** The full name of the commit that `revision` means, or null. */
  async resolve(revision: string): Promise<string | null> {
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`];
    const { exitCode, stdout } = await this.git.run(args, { okExitCodes: [0, 1, 128] });
    return exitCode === 0 ? stdout.toString('latin1').trim() : null;
  }

  treeOf(commit: string): Promise<string> {
    return this.git.text(['rev-parse', '--verify', '--end-of-options', `${commit}^{tree}`]);
  }

  /** True when `ancestor` is `descendant` or comes before it. */
  async isAncestor(ancestor: string, descendant: string): Promise<boolean> {
    const args = ['merge-base', '--is-ancestor', ancestor, descendant];
    return (await this.git.run(args, { okExitCodes: [0, 1] })).exitCode === 0;
  }

  async isValidRefName(name: string): Promise<boolean> {
    return (await this.git.run(['check-ref-format', name], { okExitCodes: [0, 1] })).exitCode === 0;
  }

  /** Commits or trees; `pathspecs` narrows. */
  async changedPaths(from: string, to: string, pathspecs: readonly string[] = []): Promise<ChangedPath[]> {
    return (await this.rawChanges(from, to, pathspecs)).map(toChangedPath);
  }

  async rawChanges(from: string, to: string, pathspecs: readonly string[] = []): Promise<RawChange[]> {
    const args = ['diff-tree', '-r', '--raw', '-z', '--no-renames', '--no-abbrev', from, to, '--', ...pathspecs];
    return parseRawDiff((await this.git.run(args)).stdout);
  }

  diffStat(from: string, to: string): Promise<DiffStat> {
    return this.#history.diffStat(from, to);
  }

  /** Lines changed per file. */
  fileStats(from: string, to: string): Promise<FileStat[]> {
    return this.#history.fileStats(from, to);
  }

  /** Commits of `to` that `from` does not have, newest first. */
  log(from: string, to: string): Promise<LoggedCommit[]> {
    return this.#history.log(from, to);
  }

  /** A patch that `git apply --binary` takes. */
  async patch(from: string, to: string): Promise<Buffer> {
    return (await this.git.run(['diff-tree', '-r', ...PATCH_FLAGS, from, to])).stdout;
  }

  /** The bytes git stores for `path` (a symlink's are its target), or null where the commit has no such file. */
  async readFile(commit: string, path: string): Promise<Buffer | null> {
    const answer = await this.git.run(['cat-file', 'blob', `${commit}:${path}`], { okStderr: NO_SUCH_FILE });
    return answer.exitCode === 0 ? answer.stdout : null;
  }

  /** Files of a commit, all or those that match. */
  async trackedPaths(commit: string, pathspecs: readonly string[] = []): Promise<readonly TrackedPath[]> {
    const question = [commit, ...pathspecs].join('\0');
    if (this.#tracked?.question === question) return this.#tracked.paths;
    const emptyTree = EMPTY_TREES[this.rootCommit.length] ?? '';
    const changes = await this.rawChanges(emptyTree, commit, pathspecs);
    const paths = changes.map(({ path, newMode }) => ({ path: decodePath(path), mode: newMode }));
    // A name may move, an object never changes.
    if (/^[0-9a-f]{40,64}$/.test(commit)) this.#tracked = { question, paths };
    return paths;
  }

  /** True when the commit has submodules. */
  async hasSubmodules(commit: string): Promise<boolean> {
    const listing = await this.git.run(['ls-tree', '-r', '-z', commit]);
    return records(listing.stdout).some((record) => record.subarray(0, 6).toString('latin1') === '160000');
  }

  /** Committer date, seconds since 1970. */
  async commitTime(commit: string): Promise<number> {
    return Number(await this.git.text(['show', '-s', '--no-show-signature', '--format=%ct', commit]));
  }

  /** Writes the commit of an intent; the same intent always gives the same commit. No ref refers to it. */
  commitTree(intent: CommitIntent): Promise<string> {
    const date = `@${Math.trunc(intent.epochSeconds)} +0000`;
    const message = `${intent.message.replaceAll('\0', '').trimEnd()}\n`;
    return this.git.text(['commit-tree', intent.tree, '-p', intent.parent, '-F', '-'], {
      input: message,
      env: { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
    });
  }

  /** Whether all objects of a tree or commit are there that `base` does not have: a prune beside us may take new ones. */
  async isWhole(tip: string, base: string): Promise<boolean> {
    const args = ['rev-list', '--objects', '--quiet', tip, '--not', base];
    return (await this.git.run(args, { okExitCodes: [0, 128] })).exitCode === 0;
  }

  /**
   * A tree like `commit`'s with some files replaced (bytes as git stores them) or removed (null). Modes are kept; a new
   * file is 100644.
   */
  async treeWith(commit: string, files: ReadonlyMap<string, Buffer | null>): Promise<string> {
    const modes = new Map<string, string>();
    const pathspecs = [...files.keys()].map(literalPathspec);
    for (const { path, mode } of await this.trackedPaths(commit, pathspecs)) modes.set(path, mode);
    const absent = '0'.repeat(this.rootCommit.length);
    const lines: string[] = [];
    for (const [path, content] of files) {
      if (content === null) {
        lines.push(`0 ${absent}\t${path}\0`);
        continue;
      }
      const blob = await this.git.text(['hash-object', '-w', '-t', 'blob', '--stdin'], { input: content });
      lines.push(`${modes.get(path) ?? '100644'} ${blob}\t${path}\0`);
    }
    return withTemporaryIndex({ git: this.git, commit }, async (git) => {
      await git.run(['update-index', '--replace', '-z', '--index-info'], { input: lines.join('') });
      return git.text(['write-tree']);
    });
  }

  /** Uncommitted work in the operator's checkout: changed tracked files, and new files that are not ignored. */
  async dirtyPaths(): Promise<DirtyPath[]> {
    const args = ['status', '--porcelain=v2', '-z', '--untracked-files=all', '--no-renames'];
    return parseStatus((await this.git.run(args)).stdout).map(({ path, staged, untracked }) => ({
      path,
      staged: staged !== '.',
      untracked,
    }));
  }
}

/** Flags of every patch we make: whole, binary-safe, and independent of the operator's diff settings. */
export const PATCH_FLAGS = [
  '-p',
  '--binary',
  '--full-index',
  '--no-renames',
  '--no-ext-diff',
  '--no-textconv',
  '--no-color',
];
