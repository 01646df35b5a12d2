import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Database, isBusy, openRaw, storeError } from './database.js';

/**
 * One measurement at a time on this machine (of this user): a write lock on a small SQLite file, which the kernel drops
 * at the very moment its owner dies.
 */
export class MachineLock {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** Null while somebody else has it. */
  static tryAcquire(owner: string): MachineLock | null {
    const path = lockPath();
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      throw storeError(path, error);
    }
    const database = openRaw(path, { timeout: 0 });
    try {
      database.exec('BEGIN IMMEDIATE');
    } catch (error) {
      database.close();
      if (isBusy(error)) return null;
      throw storeError(path, error);
    }
    writeFileSync(`${path}.owner`, `${owner}\n`);
    return new MachineLock(database);
  }

  /** Who took it last, for people. */
  static owner(): string {
    try {
      return readFileSync(`${lockPath()}.owner`, 'utf8').trim().slice(0, 200);
    } catch {
      return ''; // A name for a message: without it the message is shorter.
    }
  }

  release(): void {
    this.#database.exec('ROLLBACK');
    this.#database.close();
  }
}

function lockPath(): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(cache, 'autoresearch', 'measuring.sqlite');
}
