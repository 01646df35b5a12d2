import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../core/errors.js';
import { identityOf } from '../process/identity.js';
import type { ProcessIdentity } from '../process/types.js';
import { type Database, isBusy, isFull, openRaw, storeError } from './database.js';

/**
 * One runner per experiment. The lock is a write lock on a small SQLite file, held open for the runner's life: the
 * kernel drops it at the very moment the owner dies, so there is no stale lock to judge and no race to take one over.
 * Who owns it stands in `owner.json` beside it, for people.
 */
export interface LockOwner extends ProcessIdentity {
  readonly host: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Path of the control socket, or empty before it listens. */
  readonly socket: string;
}

/** `isLocked` holds the lock for an instant; a starting runner waits that out. */
const READER_MS = 300;

export class RunnerLock {
  readonly #database: Database;
  readonly #ownerPath: string;
  #owner: LockOwner;

  private constructor(database: Database, ownerPath: string, owner: LockOwner) {
    this.#database = database;
    this.#ownerPath = ownerPath;
    this.#owner = owner;
  }

  /** Takes the lock. @throws AppError locked, naming the owner, when another runner lives. */
  static acquire(folder: string, now: number): RunnerLock {
    const path = join(folder, 'lock.sqlite');
    try {
      mkdirSync(folder, { recursive: true });
    } catch (error) {
      throw storeError(path, error);
    }
    const database = openRaw(path, { timeout: READER_MS });
    try {
      database.exec('BEGIN IMMEDIATE');
    } catch (error) {
      database.close();
      if (isBusy(error)) throw lockedError(readOwner(folder));
      throw storeError(path, error);
    }
    const identity = identityOf(process.pid) ?? { pid: process.pid, startTime: '', bootId: '' };
    const lock = new RunnerLock(database, join(folder, 'owner.json'), {
      ...identity,
      host: hostname(),
      since: now,
      socket: '',
    });
    lock.#writeOwner();
    return lock;
  }

  announceSocket(socket: string): void {
    this.#owner = { ...this.#owner, socket };
    this.#writeOwner();
  }

  release(): void {
    rmSync(this.#ownerPath, { force: true });
    this.#database.exec('ROLLBACK');
    this.#database.close();
  }

  #writeOwner(): void {
    const temporary = `${this.#ownerPath}.new`;
    writeFileSync(temporary, `${JSON.stringify(this.#owner)}\n`);
    renameSync(temporary, this.#ownerPath);
  }
}

function lockedError(owner: LockOwner | null): AppError {
  const who = owner
    ? `by process ${owner.pid} on ${owner.host} since ${new Date(owner.since).toISOString()}`
    : 'by another process';
  return new AppError('locked', `this experiment is already being run ${who}`, {
    hint: 'see `autoresearch status`, or end it with `autoresearch stop`',
  });
}

/** The last owner that announced itself; it may be dead. */
export function readOwner(folder: string): LockOwner | null {
  let text: string;
  try {
    text = readFileSync(join(folder, 'owner.json'), 'utf8');
  } catch {
    return null; // Nobody announced: the same answer as a lock that is free.
  }
  try {
    const owner: unknown = JSON.parse(text);
    return isOwner(owner) ? owner : null;
  } catch {
    return null; // A torn file says nothing about who holds the lock.
  }
}

function isOwner(value: unknown): value is LockOwner {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'since' in value &&
    typeof value.since === 'number' &&
    isMoment(value.since) &&
    'host' in value &&
    typeof value.host === 'string' &&
    'socket' in value &&
    typeof value.socket === 'string'
  );
}

/** Not every number is one that a date can show. */
function isMoment(ms: number): boolean {
  return !Number.isNaN(new Date(ms).getTime());
}

/** Whether a runner holds the lock now. Never disturbs it. */
export function isLocked(folder: string): boolean {
  let database: Database;
  try {
    database = openRaw(join(folder, 'lock.sqlite'), { timeout: 0, fileMustExist: true });
  } catch {
    return false; // No lock file yet: nobody ever ran.
  }
  try {
    database.exec('BEGIN IMMEDIATE');
    database.exec('ROLLBACK');
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    if (isFull(error)) return false; // Who gets as far as writing has the lock.
    throw storeError(join(folder, 'lock.sqlite'), error);
  } finally {
    database.close();
  }
}
