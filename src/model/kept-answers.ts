/** The folder of kept answers, shared by all experiments of a user, and what of it is let go. */
import type { Dirent, Stats } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

const DAY_MS = 86_400_000;
const LONGEST_UNUSED_MS = 30 * DAY_MS;
const LARGEST_BYTES = 256 * 1024 * 1024;

export function answersFolder(environment: NodeJS.ProcessEnv): string {
  const base = environment['XDG_CACHE_HOME'] || join(environment['HOME'] || homedir(), '.cache');
  return join(base, 'autoresearch', 'answers');
}

export interface PruneOptions {
  /** Ms since 1970. */
  readonly now: number;
  readonly maxBytes?: number;
}

/**
 * Lets go of what was not used for 30 days, then of the longest unused until the rest is small enough. An answer that is
 * gone is asked for again; one that another run takes away at the same time is gone all the same.
 */
export async function pruneAnswers(folder: string, { now, maxBytes = LARGEST_BYTES }: PruneOptions): Promise<void> {
  const files = await filesBelow(folder);
  const newestFirst = files.toSorted((a, b) => b.usedAt - a.usedAt);
  let bytes = 0;
  for (const { path, size, usedAt } of newestFirst) {
    bytes += size;
    if (bytes > maxBytes || now - usedAt > LONGEST_UNUSED_MS) await rm(path, { force: true });
  }
}

interface KeptFile {
  readonly path: string;
  readonly size: number;
  /** Reading it sets its time anew. */
  readonly usedAt: number;
}

/** `<two letters of the hash>/<file>`; nothing else is looked at. */
async function filesBelow(folder: string): Promise<KeptFile[]> {
  const files: KeptFile[] = [];
  for (const shelf of await entries(folder)) {
    if (!shelf.isDirectory()) continue;
    for (const entry of await entries(join(folder, shelf.name))) {
      const path = join(folder, shelf.name, entry.name);
      const found = entry.isFile() ? await statOf(path) : null;
      if (found !== null) files.push({ path, size: found.size, usedAt: found.mtimeMs });
    }
  }
  return files;
}

function entries(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

function statOf(path: string): Promise<Stats | null> {
  return stat(path).catch(() => null);
}
