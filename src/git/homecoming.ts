import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from '../core/errors.js';
import { mergeCommit } from './combine.js';
import type { FileStat } from './history.js';
import type { Repository } from './repository.js';
import type { ChangedPath } from './types.js';

/** What bringing the incumbent into the operator's checkout would do, and what of the operator's is in its way. Reads only. */
export interface Homecoming {
  /** The incumbent is there already, can be fast-forwarded to, or HEAD has commits that it lacks. */
  readonly relation: 'holds' | 'behind' | 'diverged';
  /** Commits that the incumbent brings; newest first. */
  readonly commits: readonly string[];
  /** Commits of HEAD that the incumbent lacks. */
  readonly ownCommits: number;
  readonly stats: readonly FileStat[];
  /** Files of the operator that would be overwritten. */
  readonly inTheWay: readonly string[];
  /** Something is staged: it would get into the same commit. */
  readonly staged: readonly string[];
}

/** @throws AppError repository when HEAD and the incumbent changed the same lines. */
export async function homecoming(repository: Repository, head: string, incumbent: string): Promise<Homecoming> {
  const revList = async (from: string, to: string) =>
    (await repository.git.text(['rev-list', to, `^${from}`])).split('\n').filter((line) => line !== '');
  const [commits, own] = await Promise.all([revList(head, incumbent), revList(incumbent, head)]);
  const relation = commits.length === 0 ? 'holds' : own.length === 0 ? 'behind' : 'diverged';
  const nothing = { relation, commits, ownCommits: own.length, stats: [], inTheWay: [], staged: [] } as const;
  if (relation === 'holds') return nothing;
  const result = relation === 'behind' ? incumbent : await mergedTree(repository, head, incumbent);
  const changed = await repository.changedPaths(head, result);
  const dirty = await repository.dirtyPaths();
  const touched = new Set(changed.map(({ path }) => path));
  const overwritten = dirty.filter(({ path }) => touched.has(path)).map(({ path }) => path);
  const hidden = await ignoredInTheWay(repository.root, changed);
  return {
    ...nothing,
    stats: await repository.fileStats(head, result),
    inTheWay: [...new Set([...overwritten, ...hidden])],
    staged: dirty.filter((each) => each.staged && !each.untracked).map(({ path }) => path),
  };
}

/** A commit that no ref refers to: its files are what a merge would give. */
function mergedTree(repository: Repository, ours: string, theirs: string): Promise<string> {
  return mergeCommit(repository, { ours, theirs, message: 'a trial merge\n', epochSeconds: 0 });
}

/** New files whose place is taken by something that git does not list because it is ignored, and would overwrite. */
async function ignoredInTheWay(root: string, changed: readonly ChangedPath[]): Promise<string[]> {
  const leaving = new Set(changed.filter(({ status }) => status === 'deleted').map(({ path }) => path));
  const found: string[] = [];
  for (const { path, status } of changed) {
    if (status !== 'added') continue;
    const obstacle = await obstacleAt(root, path);
    if (obstacle !== null && !leaving.has(obstacle) && !isFolderOfLeaving(obstacle, leaving)) found.push(obstacle);
  }
  return found;
}

/** The path itself where something is there, or the file that stands where a folder is needed; else null. */
async function obstacleAt(root: string, path: string): Promise<string | null> {
  try {
    await lstat(join(root, path));
    return path;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    if (errnoOf(error) !== 'ENOTDIR') throw error;
    return obstacleAt(root, dirname(path));
  }
}

/** A folder that becomes a file: its tracked files leave with it; anything else in it git itself refuses to lose. */
function isFolderOfLeaving(path: string, leaving: ReadonlySet<string>): boolean {
  return [...leaving].some((each) => each.startsWith(`${path}/`));
}
