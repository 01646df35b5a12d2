/**
 * `[workspace] link`: untracked folders of the operator (node_modules, .venv) that a worktree sees through a symlink.
 * Refuses a folder that leads back into the operator's own files: every candidate would then measure like the baseline.
 */
import { mkdir, readdir, readFile, readlink, realpath, rm, stat, symlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { AppError } from '../core/errors.js';
import { kindOf, unlessAbsent } from './files.js';
import { decodePath, records } from './parse.js';
import type { Repository } from './repository.js';
import { literalPathspec } from './staging.js';

/** Deep enough for `.venv/lib/python3.12/site-packages/x.pth` and `node_modules/.pnpm/node_modules/@scope/name`. */
const MAX_DEPTH = 4;
const MAX_ENTRIES = 50_000;

/** Files by which Python makes an editable install point at its sources. */
const PYTHON_POINTER = /\.pth$|\.egg-link$|^__editable__.*\.py$/;

/** @throws AppError config naming the link and the cure. */
export async function checkLinks(repository: Repository, links: readonly string[]): Promise<void> {
  for (const link of links) {
    const source = resolve(repository.root, link);
    if (isAbsolute(link) || !isInside(repository.root, source) || isInside(repository.gitDir, source)) {
      throw linkError(link, 'is not a path inside the repository', 'name a path below the top folder');
    }
    const found = await unlessAbsent(stat(source));
    if (found === null) throw linkError(link, `does not exist in ${repository.root}`, 'create it or remove the link');
    if ((await trackedBelow(repository, [link])).length > 0) {
      throw linkError(link, 'is tracked by git: a link to it would bypass the candidate', 'remove the link');
    }
    if (found.isDirectory()) await refuseWayBack(repository, link, links);
  }
}

async function refuseWayBack(repository: Repository, link: string, links: readonly string[]): Promise<void> {
  const linked = links.map((each) => resolve(repository.root, each));
  const pointers = await findPointers(resolve(repository.root, link), repository.root);
  const back = pointers.filter(
    ({ target }) => isInside(repository.root, target) && !linked.some((folder) => isInside(folder, target)),
  );
  if (back.length === 0) return;
  const tracked = await trackedBelow(repository, [
    ...new Set(back.map(({ target }) => relative(repository.root, target))),
  ]);
  const guilty = back.find(({ target }) => {
    const path = relative(repository.root, target);
    return path === '' || tracked.some((each) => each === path || each.startsWith(`${path}/`));
  });
  if (!guilty) return;
  throw linkError(
    link,
    `leads back into the repository: ${relative(repository.root, guilty.from)} points to ${guilty.target}`,
    `remove "${link}" from link and install inside the workspace: [workspace] setup_cmd, with keep = ${link}`,
  );
}

interface Pointer {
  readonly from: string;
  readonly target: string;
}

/** Symlinks and Python path files below a folder, with where they lead. */
async function findPointers(folder: string, root: string): Promise<Pointer[]> {
  const pointers: Pointer[] = [];
  const queue = [{ folder, depth: 1 }];
  let seen = 0;
  for (let next = queue.shift(); next !== undefined && seen < MAX_ENTRIES; next = queue.shift()) {
    for (const entry of await readdir(next.folder, { withFileTypes: true })) {
      seen += 1;
      const path = join(next.folder, entry.name);
      if (entry.isSymbolicLink()) {
        const target = await realpath(path).catch(() => null);
        if (target !== null) pointers.push({ from: path, target });
      } else if (entry.isDirectory()) {
        if (next.depth < MAX_DEPTH) queue.push({ folder: path, depth: next.depth + 1 });
      } else if (PYTHON_POINTER.test(entry.name)) {
        for (const target of await pathsNamedIn(path, root)) pointers.push({ from: path, target });
      }
    }
  }
  return pointers;
}

/** Existing paths below `root` that a Python path file names: as a whole line, or quoted inside generated code. */
async function pathsNamedIn(file: string, root: string): Promise<string[]> {
  const text = await readFile(file, 'utf8');
  const lines = text.split('\n').map((line) => line.trim());
  const quotedPaths = [...text.matchAll(/['"](\/[^'"\n]+)['"]/g)].map((match) => match[1] ?? '');
  const named: string[] = [];
  for (const line of [...lines, ...quotedPaths]) {
    if (line === '' || line.startsWith('#') || line.startsWith('import ')) continue;
    const target = await realpath(resolve(dirname(file), line)).catch(() => null);
    if (target !== null && isInside(root, target)) named.push(target);
  }
  return named;
}

async function trackedBelow(repository: Repository, paths: readonly string[]): Promise<string[]> {
  const listing = await repository.git.run([
    'ls-files',
    '-z',
    '--',
    ...paths.map((path) => literalPathspec(path || '.')),
  ]);
  return records(listing.stdout).map(decodePath);
}

/** Makes every link in `workspace` lead to the operator's folder, whatever stands in its place. */
export async function restoreLinks(root: string, workspace: string, links: readonly string[]): Promise<void> {
  for (const link of links) {
    const path = join(workspace, link);
    const target = join(root, link);
    if ((await linkTarget(path)) === target) continue;
    await rm(path, { recursive: true, force: true });
    await mkdir(dirname(path), { recursive: true });
    await symlink(target, path);
  }
}

async function linkTarget(path: string): Promise<string | null> {
  return (await kindOf(path)) === 'other' ? readlink(path) : null;
}

function isInside(folder: string, path: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function linkError(link: string, problem: string, hint: string): AppError {
  return new AppError('config', `[workspace] link: "${link}" ${problem}`, { hint });
}
