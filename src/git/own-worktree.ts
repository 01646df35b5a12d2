/**
 * How a worktree of ours is told from everybody else's: by a marker in its git folder, which no command that cleans
 * working files can reach.
 */
import { join, resolve } from 'node:path';
import { textOf } from './files.js';

export const MARKER_FILE = 'autoresearch-workspace';

export interface OwnWorktree {
  /** The operator's checkout that it was made for. */
  readonly root: string;
}

/** Whether `path` is the top folder of a worktree that we made. */
export async function isOwnWorkspace(path: string): Promise<boolean> {
  return (await ownWorktreeAt(path)) !== null;
}

export async function ownWorktreeAt(path: string): Promise<OwnWorktree | null> {
  const gitDir = await linkedGitDir(path);
  if (gitDir === null) return null;
  const root = await textOf(join(gitDir, MARKER_FILE));
  return root === null ? null : { root };
}

/** The git folder that the `.git` file of a linked worktree names; null when there is no such file. */
export async function linkedGitDir(path: string): Promise<string | null> {
  const link = await textOf(join(path, '.git'));
  const target = link === null ? null : /^gitdir: ([^\0]+)$/.exec(link)?.[1];
  return target ? resolve(path, target) : null;
}
