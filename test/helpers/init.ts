/** Runs the built command as a person or a script would: no terminal, a home folder and a cache of its own. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TemporaryRepository } from './git.js';

export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface CommandEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandPlace {
  readonly cwd: string;
  readonly home: string;
  readonly cacheHome: string;
}

export function placeOf(repository: TemporaryRepository, cwd = repository.path): CommandPlace {
  const home = join(dirname(repository.path), 'home');
  mkdirSync(home, { recursive: true });
  return { cwd, home, cacheHome: repository.cacheHome };
}

/** `autoresearch <args>`; `prefix` runs it by way of another program. */
export function autoresearch(place: CommandPlace, args: readonly string[], prefix: readonly string[] = []): CommandEnd {
  const [program = process.execPath, ...rest] = [...prefix, process.execPath, CLI, ...args];
  const { status, stdout, stderr } = spawnSync(program, rest, {
    cwd: place.cwd,
    encoding: 'utf8',
    env: { ...process.env, HOME: place.home, XDG_CACHE_HOME: place.cacheHome },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 50_000,
  });
  return { exitCode: status, stdout, stderr };
}

/** Files below `folder`, sorted; none when there is no folder. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
