import { createHash } from 'node:crypto';
import { chmod, copyFile, cp, lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize, relative, sep } from 'node:path';
import { AppError, errnoOf } from '../core/errors.js';
import { hashOfFile, LARGEST_FILE_BYTES } from './file-hash.js';

/**
 * The definitions: every file that decides how a candidate is judged. They are read from the operator's root, never from
 * a workspace, kept as a copy per revision, and laid over the workspace before each measurement, so that no candidate
 * can change how it is measured.
 */
export interface DefinitionFile {
  /** Relative to the root of the repository, `/`-separated. */
  readonly path: string;
  /** Where the operator keeps it. */
  readonly source: string;
  readonly sha256: string;
  /** Permission bits. */
  readonly mode: number;
}

export interface DefinitionSources {
  readonly root: string;
  /** The experiment's own folder, and where it appears inside the repository. */
  readonly experimentFolder: string;
  readonly experimentPath: string;
  readonly evaluateCmd: string;
  readonly checks: readonly string[];
  /** Paths that `target` names literally: the classic `target: train.py` with `evaluate_cmd: uv run train.py`. */
  readonly literalTargets: readonly string[];
  /** `[protect] paths`, literal files or folders. */
  readonly protect: readonly string[];
}

const MIRRORS = /^(results\.tsv.*|run\.log|loop\.json|config\.cfg|program\.md|guidance\.md|\.gitignore)$/;
/** Lists the files beside them, for people. */
export const MANIFEST = 'MANIFEST.json';
const MOST_FILES = 2000;

/** Collects and hashes the definition files. @throws AppError config for what cannot be read or is too large. */
export async function collectDefinitions(sources: DefinitionSources): Promise<readonly DefinitionFile[]> {
  const found = new Map<string, string>();
  for (const path of await experimentFiles(sources.experimentFolder)) {
    found.set(`${sources.experimentPath}/${path}`, join(sources.experimentFolder, path));
  }
  for (const command of [sources.evaluateCmd, ...sources.checks]) {
    for (const path of await namedFiles(command, sources.root)) found.set(path, join(sources.root, path));
  }
  for (const path of await protectedFiles(sources)) found.set(path, join(sources.root, path));
  for (const literal of sources.literalTargets) found.delete(normalisePath(literal));
  if (found.size > MOST_FILES) {
    throw new AppError(
      'config',
      `${found.size} files are protected or in the experiment's folder, at most ${MOST_FILES} can be`,
      {
        hint: 'name fewer in [protect] paths, or move data out of the experiment folder',
      },
    );
  }
  return Promise.all([...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, source]) => describe(path, source)));
}

async function describe(path: string, source: string): Promise<DefinitionFile> {
  const { size, mode } = await stat(source);
  if (size > LARGEST_FILE_BYTES) {
    throw new AppError(
      'config',
      `${source} decides the measurement but is larger than ${LARGEST_FILE_BYTES >> 20} MiB`,
      {
        hint: 'keep large data outside the experiment folder and name only the script in evaluate_cmd',
      },
    );
  }
  const sha256 = createHash('sha256')
    .update(await readFile(source))
    .digest('hex');
  return { path, source, sha256, mode: mode & 0o777 };
}

/** Words of a command line that are files inside the root: `python bench/run.py --x` names `bench/run.py`. */
export async function namedFiles(command: string, root: string): Promise<string[]> {
  const words = command.split(/[\s;|&()<>=`$"']+/).filter((word) => word !== '' && !word.startsWith('-'));
  const named: string[] = [];
  for (const word of new Set(words)) {
    const path = normalisePath(isAbsolute(word) ? relative(root, word) : word);
    if (path === '' || path.startsWith('..')) continue;
    if ((await kindOf(join(root, path))) === 'file') named.push(path);
  }
  return named;
}

async function protectedFiles({ root, protect }: DefinitionSources): Promise<string[]> {
  const files: string[] = [];
  for (const entry of protect) {
    const path = normalisePath(entry);
    const kind = await kindOf(join(root, path));
    if (kind === 'file') files.push(path);
    else if (kind === 'folder') files.push(...(await filesBelow(join(root, path))).map((file) => `${path}/${file}`));
    else {
      throw new AppError('config', `[protect] paths names ${entry}, which does not exist in ${root}`, {
        hint: 'name files or folders relative to the repository, separated by commas',
      });
    }
  }
  return files;
}

async function experimentFiles(folder: string): Promise<string[]> {
  return (await filesBelow(folder)).filter((path) => !MIRRORS.test(basename(path)));
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter(
      (path) => !path.split('/').some((part) => part === '__pycache__' || part === 'node_modules' || part === '.git'),
    );
}

async function kindOf(path: string): Promise<'file' | 'folder' | 'none'> {
  try {
    const info = await stat(path);
    return info.isFile() ? 'file' : info.isDirectory() ? 'folder' : 'none';
  } catch (error) {
    // A word that is no path: longer than a name may be, or through a file, or with a NUL byte.
    if (
      ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EACCES', 'ERR_INVALID_ARG_VALUE'].includes(errnoOf(error) ?? '')
    )
      return 'none';
    throw error;
  }
}

function normalisePath(path: string): string {
  const normal = normalize(path).split(sep).join('/').replace(/\/+$/, '');
  return normal === '.' ? '' : normal;
}

/** One hash over everything that affects measuring; a new hash is a new revision with a new baseline. */
export function revisionHash(settings: unknown, files: readonly DefinitionFile[]): string {
  const content = JSON.stringify([settings, files.map(({ path, sha256, mode }) => [path, sha256, mode])]);
  return createHash('sha256').update(content).digest('hex');
}

/** Keeps the definition files of a revision where no git command and no candidate reaches them. */
export async function snapshotDefinitions(folder: string, files: readonly DefinitionFile[]): Promise<void> {
  const temporary = `${folder}.new`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  for (const file of files) {
    const copy = join(temporary, file.path);
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(file.source, copy);
    await chmod(copy, file.mode | 0o400);
  }
  await writeFile(
    join(temporary, MANIFEST),
    `${JSON.stringify(
      files.map(({ source: _, ...file }) => file),
      null,
      1,
    )}\n`,
  );
  await rm(folder, { recursive: true, force: true });
  await rename(temporary, folder);
}

/** Puts the definitions of a revision over a workspace; never through a symlink that a candidate laid. */
export async function overlayDefinitions(
  snapshot: string,
  files: readonly DefinitionFile[],
  workspace: string,
): Promise<void> {
  for (const file of files) {
    const target = join(workspace, file.path);
    await clearWay(workspace, file.path);
    await mkdir(dirname(target), { recursive: true });
    await cp(join(snapshot, file.path), target, { force: true });
    await chmod(target, file.mode);
  }
}

/** Removes whatever in the workspace is not a plain folder above the file, or not a plain file in its place. */
async function clearWay(workspace: string, path: string): Promise<void> {
  const parts = path.split('/');
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const here = join(workspace, ...parts.slice(0, depth));
    const info = await lstat(here).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    });
    if (info === null) return;
    const isLast = depth === parts.length;
    if (isLast ? !info.isFile() || info.nlink > 1 : !info.isDirectory())
      await rm(here, { recursive: true, force: true });
  }
}

/** Definition files that on disk are not (any more) what the revision says. */
export async function changedDefinitions(root: string, files: readonly DefinitionFile[]): Promise<string[]> {
  const changed: string[] = [];
  for (const file of files) {
    if (hashOfFile(join(root, file.path)) !== file.sha256) changed.push(file.path);
  }
  return changed;
}
