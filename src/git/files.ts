/** Small questions to the file system that the git layer asks again and again. */
import { access, lstat, open, readdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '../core/errors.js';

const ABSENT = ['ENOENT', 'ENOTDIR'];

export async function exists(path: string): Promise<boolean> {
  return (await unlessAbsent(access(path).then(() => true))) ?? false;
}

/** A small text file without its last line end; null when it is not there or is no regular file. */
export async function textOf(path: string): Promise<string | null> {
  if ((await kindOf(path)) !== 'file') return null;
  const text = await unlessAbsent(readFile(path, 'utf8'));
  return text === null ? null : text.replace(/\n$/, '');
}

export type FileKind = 'missing' | 'file' | 'folder' | 'other';

/** What is at `path` itself; a symlink is `other`. */
export async function kindOf(path: string): Promise<FileKind> {
  const found = await unlessAbsent(lstat(path));
  if (found === null) return 'missing';
  if (found.isFile()) return 'file';
  return found.isDirectory() ? 'folder' : 'other';
}

/** Makes a file, and its name in its folder, outlast a loss of power. */
export async function syncFile(path: string): Promise<void> {
  for (const each of [path, dirname(path)]) {
    const handle = await open(each, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/** Names in a folder; none when there is no folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await unlessAbsent(readdir(folder))) ?? [];
}

/** The answer, or null when the path that was asked about does not exist. */
export async function unlessAbsent<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (ABSENT.includes(errnoOf(error) ?? '')) return null;
    throw error;
  }
}
