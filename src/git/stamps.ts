/**
 * Whether files are still the ones that were seen before, told from what the file system says about them: size, times,
 * inode, mode. The change time cannot be set by a program, so equal stamps mean equal content. Synchronous, because it is
 * asked around every measurement and each call takes microseconds.
 */
import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../core/errors.js';

/** What is at `path` itself, as one word; null when nothing is there. A folder is only told to be one. */
export function stampOf(path: string): string | null {
  const found = infoOf(path);
  if (found === null) return null;
  if (found.isDirectory()) return 'folder';
  return [found.mode, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(':');
}

/** Stamps of all files below a folder by their path in it, `/`-separated; `skip` leaves out paths with all below them. */
export function stampsBelow(folder: string, skip: (path: string) => boolean): Map<string, string> {
  const stamps = new Map<string, string>();
  const queue = [''];
  for (let below = queue.pop(); below !== undefined; below = queue.pop()) {
    for (const entry of entriesOf(join(folder, below))) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (skip(path)) continue;
      if (entry.isDirectory()) queue.push(path);
      else stamps.set(path, stampOf(join(folder, path)) ?? 'gone');
    }
  }
  return stamps;
}

/** Entries of a folder in the order of their names; none where there is no folder. */
export function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

function infoOf(path: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(errnoOf(error) ?? '');
}
