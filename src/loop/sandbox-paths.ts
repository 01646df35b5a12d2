import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Mount } from '../process/sandbox.js';

/** Paths as a sandbox needs them: real ones, what lies in what, and the mounts that show them. */
export function readOnly(path: string): Mount {
  return { kind: 'read_only', path };
}

export function writable(path: string): Mount {
  return { kind: 'writable', path };
}

export function existingPlace(path: string): readonly string[] {
  const real = realPlace(path);
  return real === null ? [] : [real];
}

/** `~/` and symlinks resolved; null when it does not exist. */
export function realPlace(path: string): string | null {
  try {
    return realpathSync(path.startsWith('~/') ? join(homeFolder(), path.slice(2)) : resolve(path));
  } catch {
    return null; // absent, or behind a folder that this user may not enter: then nobody inside may either
  }
}

export function homeFolder(): string {
  return process.env['HOME'] || homedir();
}

export function isInside(folder: string, path: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`);
}

export function outermost(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => !paths.some((other) => other !== path && isInside(other, path)));
}

/** Made places of their own, outermost first: a folder that holds no more than one could be moved away with it. */
export function foldersAbove(top: string, paths: readonly string[]): readonly string[] {
  const above = new Set<string>();
  for (const path of paths.filter((each) => isInside(top, each))) {
    for (let folder = dirname(path); folder !== top; folder = dirname(folder)) above.add(folder);
  }
  return [...above].sort((a, b) => a.length - b.length);
}
