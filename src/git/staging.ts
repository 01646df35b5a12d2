/**
 * Puts the working files that match some pathspecs into an index of ours, whatever became of them: new, deleted, turned
 * into a folder, a link or a device. Never touches a working file and never the operator's own index.
 */
import { copyFile, lstat, mkdtemp, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unlessAbsent } from './files.js';
import type { Git } from './git.js';
import { decodePath, records } from './parse.js';

/** A pathspec of `target` with the documented meaning: `*` stops at `/`, `**` does not, a folder means all below it. */
export function globPathspec(pattern: string): string {
  return `:(glob)${pattern}`;
}

export function literalPathspec(path: string): string {
  return `:(literal)${path}`;
}

/** Leaves out a path (or glob) and everything below it. */
export function excludePathspecs(patterns: readonly string[]): string[] {
  return patterns.map(withoutSlash).flatMap((path) => [`:(exclude,glob)${path}`, `:(exclude,glob)${path}/**`]);
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, '');
}

/**
 * Matches nothing, and keeps `ls-files` from cutting off the folder that all pathspecs have in common: it cuts that also
 * from excluding ones that do not have it, reads behind their ends, and then finds too little.
 */
const NO_COMMON_FOLDER = literalPathspec('.git');

export interface StageOptions {
  readonly pathspecs: readonly string[];
  /** Untracked files larger than this are left out. */
  readonly maxUntrackedBytes?: number;
}

export interface Staged {
  /** Repositories inside the matched paths, `/` at the end: git cannot commit their files. */
  readonly nestedRepositories: readonly string[];
}

/** `git` must carry `GIT_INDEX_FILE`; `root` is its working folder. */
export async function stageInto(git: Git, root: string, options: StageOptions): Promise<Staged> {
  const { pathspecs, maxUntrackedBytes = Number.POSITIVE_INFINITY } = options;
  const flags = ['-z', '-t', '-m', '-d', '-o', '--exclude-standard'];
  const listing = await git.run(['ls-files', ...flags, '--', ...pathspecs, NO_COMMON_FOLDER]);

  const tracked = new Map<string, Buffer>();
  const untracked: Buffer[] = [];
  const nestedRepositories: string[] = [];
  for (const record of records(listing.stdout)) {
    const path = record.subarray(2);
    if (record[0] !== 0x3f) tracked.set(path.toString('latin1'), path);
    else if (path.at(-1) === 0x2f) nestedRepositories.push(decodePath(path));
    else untracked.push(path);
  }

  const small: Buffer[] = [];
  for (const path of untracked) {
    const size = await workingSize(root, path);
    if (size !== null && size <= maxUntrackedBytes) small.push(path);
  }
  await stagePaths(git, root, [...tracked.values(), ...small]);
  return { nestedRepositories };
}

/** Puts exactly these paths into the index as the working folder has them; what is not there is removed. */
export async function stagePaths(git: Git, root: string, paths: readonly Buffer[]): Promise<void> {
  const gone: Buffer[] = [];
  const present: Buffer[] = [];
  for (const path of paths) ((await workingSize(root, path)) === null ? gone : present).push(path);
  // Removals first, so that a folder can take the place of a file.
  if (gone.length > 0) await updateIndex(git, ['--force-remove'], gone);
  if (present.length > 0) await updateIndex(git, ['--add', '--remove', '--replace'], present);
}

async function updateIndex(git: Git, flags: readonly string[], paths: readonly Buffer[]): Promise<void> {
  const nul = Buffer.from([0]);
  const input = Buffer.concat(paths.flatMap((path) => [path, nul]));
  await git.run(['update-index', ...flags, '-z', '--stdin'], { input });
}

/**
 * Size of a file or symlink that git can store; null when nothing of the kind is there: missing, a folder, a device, or
 * only reachable through a symlinked folder.
 */
async function workingSize(root: string, path: Buffer): Promise<number | null> {
  const parts = path.toString('latin1').split('/');
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const full = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(parts.slice(0, depth).join('/'), 'latin1')]);
    const found = await unlessAbsent(lstat(full));
    if (found === null) return null;
    if (depth < parts.length && !found.isDirectory()) return null;
    if (depth === parts.length) return found.isFile() || found.isSymbolicLink() ? found.size : null;
  }
  return null;
}

/**
 * Lends an index that holds `commit`, in a new folder that is removed afterwards. What `likeIndex` remembers of file
 * times is taken over, so that unchanged files need not be read. `core.splitIndex` would leave shared files behind in the
 * git folder.
 */
export async function withTemporaryIndex<T>(
  source: { readonly git: Git; readonly commit: string; readonly likeIndex?: string },
  use: (indexed: Git) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'autoresearch-index-'));
  try {
    const indexFile = join(folder, 'index');
    const git = source.git.with({ env: { GIT_INDEX_FILE: indexFile }, config: ['core.splitIndex=false'] });
    if (source.likeIndex !== undefined) await unlessAbsent(copyIndex(source.likeIndex, indexFile));
    await git.run(['read-tree', '--reset', source.commit]);
    return await use(git);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Copies an index with its time: git trusts a file time only when it is older than the index, so a younger copy would
 * hide a file that was written again within the same second.
 */
export async function copyIndex(from: string, to: string): Promise<void> {
  const { atime, mtimeMs } = await stat(from);
  await copyFile(from, to);
  await utimes(to, atime, Math.floor(mtimeMs) / 1000);
}
