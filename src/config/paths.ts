/** Questions to the file system whose answer is never an exception: what cannot be looked at is not there. */
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { errnoOf } from '../core/errors.js';

/** Follows links. */
export function isFolder(path: string): boolean {
  return ask(
    () => statSync(path).isDirectory(),
    () => false,
  );
}

/** True also for a dangling link, and for what only its rights hide. */
export function entryExists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    const name = errnoOf(error);
    if (name === undefined) throw error;
    return name !== 'ENOENT' && name !== 'ENOTDIR' && name !== 'ENAMETOOLONG';
  }
}

/** The path without links, or `path` itself where that cannot be told. */
export function canonical(path: string): string {
  return ask(
    () => realpathSync(path),
    () => path,
  );
}

function ask<T>(question: () => T, unanswered: () => T): T {
  try {
    return question();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return unanswered();
  }
}
