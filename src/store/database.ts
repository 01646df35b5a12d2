import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { AppError, errorMessage } from '../core/errors.js';
import { MIGRATIONS } from './schema.js';

/**
 * Opens SQLite files: the one place that loads the native module, sets the durability and runs migrations.
 * Writers migrate (after a copy of the file), readers never do.
 */
export type Database = BetterSqlite3.Database;
export type Statement = BetterSqlite3.Statement<unknown[]>;
type Constructor = new (path: string, options?: BetterSqlite3.Options) => Database;

const BUSY_MS = 200;

function loadDriver(): Constructor {
  try {
    return createRequire(import.meta.url)('better-sqlite3') as Constructor;
  } catch (error) {
    throw nativeModuleError(error);
  }
}

function nativeModuleError(error: unknown): AppError {
  return new AppError('store', `the native module better-sqlite3 cannot be loaded by Node ${process.version}`, {
    hint: 'rebuild it with `npm rebuild better-sqlite3 --allow-scripts=better-sqlite3` in the folder where autoresearch is installed, or `npm install -g --allow-scripts=better-sqlite3 autoresearch`',
    cause: error,
  });
}

export function openRaw(path: string, options: BetterSqlite3.Options): Database {
  const Driver = loadDriver();
  try {
    return new Driver(path, { timeout: BUSY_MS, ...options });
  } catch (error) {
    // The addon itself is loaded by the first constructor call, so a wrong ABI shows up here.
    if (/bindings file|NODE_MODULE_VERSION|invalid ELF|dlopen|\.node/.test(errorMessage(error)))
      throw nativeModuleError(error);
    throw storeError(path, error);
  }
}

/** Somebody else holds the write lock. */
export function isBusy(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');
}

export function isFull(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'SQLITE_FULL';
}

export function storeError(path: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const message = errorMessage(error);
  const hint = /full|ENOSPC/i.test(message)
    ? 'free some disk space, then run the same command again: it resumes where it stopped'
    : /readonly|read-only|EACCES|EROFS|unable to open/i.test(message)
      ? `check who owns ${dirname(path)} and that it can be written`
      : /malformed|not a database|corrupt/i.test(message)
        ? `move ${path} away; the copies beside it (*.before-v*) and results.tsv hold the history`
        : 'run the same command again; if it stays, report it with `autoresearch --version`';
  return new AppError('store', `the store ${path} failed: ${message}`, { hint, cause: error });
}

/** Of the library that is linked in. @throws AppError where it cannot be loaded. */
export function sqliteVersion(): string {
  const database = openRaw(':memory:', {});
  try {
    return String(database.prepare('SELECT sqlite_version()').pluck().get());
  } finally {
    database.close();
  }
}

/** Opens a store for its one writer: creates it, or migrates it after copying the file. */
export function openForWriting(path: string): Database {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw storeError(path, error);
  }
  const isNew = !existsSync(path);
  const database = openRaw(path, {});
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    // A table that is rebuilt has its references restored only at the end.
    database.pragma('foreign_keys = OFF');
    migrate(database, path, isNew);
    database.pragma('foreign_keys = ON');
    return database;
  } catch (error) {
    database.close();
    throw storeError(path, error);
  }
}

/** Opens a store for reading; null when there is none yet. */
export function openForReading(path: string): Database | null {
  if (!existsSync(path)) return null;
  const database = openRaw(path, { readonly: true, fileMustExist: true });
  try {
    const version = schemaVersion(database);
    refuseNewer(version, path);
    if (version === MIGRATIONS.length) return database;
    database.close();
    // Version 0 is a store whose first migration has not committed yet.
    if (version === 0) return null;
  } catch (error) {
    database.close();
    throw storeError(path, error);
  }
  throw new AppError('store', `the store ${path} was written by an older autoresearch`, {
    hint: `a run brings it up to date and keeps a copy: autoresearch run --experiment ${experimentOf(path)}; if one of the older version still runs, end it first with autoresearch stop`,
  });
}

/** A store lies in `<domain>/<name>/`. */
function experimentOf(path: string): string {
  const folder = dirname(path);
  return `${basename(dirname(folder))}/${basename(folder)}`;
}

function schemaVersion(database: Database): number {
  return Number(database.pragma('user_version', { simple: true }));
}

function refuseNewer(version: number, path: string): void {
  if (version > MIGRATIONS.length) {
    throw new AppError(
      'store',
      `the store ${path} has schema ${version}, this autoresearch knows up to ${MIGRATIONS.length}`,
      { hint: 'update autoresearch: `npm install -g autoresearch@latest`' },
    );
  }
}

function migrate(database: Database, path: string, isNew: boolean): void {
  const version = schemaVersion(database);
  refuseNewer(version, path);
  if (version === MIGRATIONS.length) return;
  if (!isNew && version > 0) {
    database.pragma('wal_checkpoint(TRUNCATE)');
    copyFileSync(path, `${path}.before-v${MIGRATIONS.length}`);
  }
  database.transaction(() => {
    for (const sql of MIGRATIONS.slice(version)) database.exec(sql);
    const dangling = database.pragma('foreign_key_check') as unknown[];
    if (dangling.length > 0) throw new Error(`the migration would leave ${dangling.length} rows without their trial`);
    database.pragma(`user_version = ${MIGRATIONS.length}`);
  })();
}
