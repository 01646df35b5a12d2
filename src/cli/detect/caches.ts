/**
 * What a clean worktree would lack: installed packages that git does not track. Proposes to borrow them from the
 * operator's checkout, or, where that would lead the worktree back to the operator's own code, to install anew.
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../../core/errors.js';
import { quoted } from '../../core/text.js';
import { checkLinks } from '../../git/links.js';
import type { Repository } from '../../git/repository.js';

export interface WorkspaceIdea {
  /** Untracked folders of the checkout that a worktree can borrow; relative to the repository. */
  readonly link: readonly string[];
  /** Ignored folders that a build fills, worth keeping between measurements. */
  readonly keep: readonly string[];
  /** An installation, where borrowing is not possible. */
  readonly setup: { readonly command: string; readonly keep: string; readonly reason: string } | null;
}

interface Place {
  /** The folder of the project inside the repository, '' at its top. */
  readonly prefix: string;
  /** All tracked paths of the repository. */
  readonly tracked: readonly string[];
}

const PACKAGES = ['node_modules', '.venv', 'venv'] as const;

export async function findCaches(repository: Repository, { prefix, tracked }: Place): Promise<WorkspaceIdea> {
  const link: string[] = [];
  let setup: WorkspaceIdea['setup'] = null;
  const places = [...new Set(['', prefix])].map((folder) => (path: string) => (folder ? `${folder}/${path}` : path));
  for (const at of places) {
    for (const name of PACKAGES) {
      const path = at(name);
      if (!isFolder(join(repository.root, path)) || isTracked(path, tracked)) continue;
      const problem = await linkProblem(repository, path);
      if (problem === null) link.push(path);
      else setup ??= installation(at, tracked, problem);
    }
    if (tracked.includes(at('package.json')) && !isFolder(join(repository.root, at('node_modules')))) {
      setup ??= installation(at, tracked, `${at('node_modules')} is not there`);
    }
  }
  const keep = places
    .filter((at) => tracked.includes(at('Cargo.toml')) && !isTracked(at('target'), tracked))
    .map((at) => at('target'))
    .filter((path) => isFolder(join(repository.root, path)));
  return { link, keep, setup };
}

const LOCK_FILES = [
  ['package-lock.json', 'npm ci'],
  ['npm-shrinkwrap.json', 'npm ci'],
  ['pnpm-lock.yaml', 'pnpm install --frozen-lockfile'],
  ['yarn.lock', 'yarn install --frozen-lockfile'],
] as const;

function installation(
  at: (path: string) => string,
  tracked: readonly string[],
  reason: string,
): WorkspaceIdea['setup'] {
  const command = LOCK_FILES.find(([file]) => tracked.includes(at(file)))?.[1];
  if (command === undefined) return null;
  const folder = at('').replace(/\/$/, '');
  return { command: folder ? `cd ${quoted(folder)} && ${command}` : command, keep: at('node_modules'), reason };
}

async function linkProblem(repository: Repository, path: string): Promise<string | null> {
  try {
    await checkLinks(repository, [path]);
    return null;
  } catch (error) {
    if (error instanceof AppError) return error.message;
    throw error;
  }
}

function isTracked(folder: string, tracked: readonly string[]): boolean {
  return tracked.some((path) => path.startsWith(`${folder}/`));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
