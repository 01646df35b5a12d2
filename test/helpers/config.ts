import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';
import { AppError } from '../../src/core/errors.js';

export const MINIMAL_CONFIG = 'target: src/a.ts\nevaluate_cmd: make bench\nmetric: p50_ms\n';

/** The AppError that `action` throws; anything else fails the test. */
export function appErrorOf(action: () => unknown): AppError {
  try {
    action();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new folder (real path) that is removed after the test. Its name holds a space and a quote on purpose. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "autoresearch config' ")));
  folders.push(folder);
  return folder;
}

/** Writes a file with the folders it needs. */
export function put(path: string, content: string | Uint8Array = MINIMAL_CONFIG): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}
