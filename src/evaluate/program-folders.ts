import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { entriesOf, stampOf } from '../git/stamps.js';

/**
 * The folders of programs (`bin`, `.bin`, `Scripts`) in what outlives a measurement: linked and kept paths. A program put
 * there by one candidate would be run by every later measurement.
 */
const NAMES = new Set(['bin', '.bin', 'Scripts']);
/** In `node_modules` every package is a folder, and only `.bin` is searched for programs. */
const MOST_SUBFOLDERS = 64;
const MOST_MATCHES = 200;

/** Stamps of the programs by their paths. */
export type Programs = ReadonlyMap<string, string>;

/** Programs at most two levels below each path, which may hold globs; `roots` are where those paths are relative to. */
export function listPrograms(root: string, patterns: readonly string[]): Programs {
  const programs = new Map<string, string>();
  for (const path of patterns.flatMap((pattern) => matches(root, pattern))) {
    for (const folder of programFolders(path)) {
      for (const { name } of entriesOf(folder)) {
        const program = join(folder, name);
        programs.set(program, programStamp(program));
      }
    }
  }
  return programs;
}

/** Paths of programs that are new, gone or other. */
export function changedPrograms(was: Programs, now: Programs): string[] {
  return [...new Set([...was.keys(), ...now.keys()])].filter((path) => was.get(path) !== now.get(path));
}

/** A program behind a symlink is what runs, so both are looked at. */
function programStamp(path: string): string {
  const { mode = 0, size = 0, mtimeMs = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return `${stampOf(path)} ${mode}:${size}:${mtimeMs}`;
}

function programFolders(path: string): string[] {
  const inside = entriesOf(path);
  const direct = inside.filter(({ name }) => NAMES.has(name)).map(({ name }) => join(path, name));
  if (NAMES.has(basename(path))) direct.push(path);
  const subfolders = inside.filter((entry) => entry.isDirectory() && !NAMES.has(entry.name));
  if (subfolders.length > MOST_SUBFOLDERS || basename(path) === 'node_modules') return direct;
  const deeper = subfolders.flatMap(({ name }) =>
    entriesOf(join(path, name))
      .filter((entry) => NAMES.has(entry.name))
      .map((entry) => join(path, name, entry.name)),
  );
  return [...direct, ...deeper];
}

/** Existing paths that a pattern of literal and `*` segments means; what follows a `**` is not searched. */
function matches(root: string, pattern: string): string[] {
  let found = [root];
  for (const segment of pattern.split('/').filter((part) => part !== '' && part !== '.')) {
    if (segment === '**' || found.length > MOST_MATCHES) break;
    if (!/[*?[\]]/.test(segment)) {
      found = found.map((folder) => resolve(folder, segment));
      continue;
    }
    const rule = new RegExp(
      `^${segment
        .replace(/[.+^${}()|\\[\]]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')}$`,
    );
    found = found.flatMap((folder) =>
      entriesOf(folder)
        .filter(({ name }) => rule.test(name))
        .map(({ name }) => join(folder, name)),
    );
  }
  return found;
}
