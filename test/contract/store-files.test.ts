import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import { StoreReader } from '../../src/store/reader.js';
import { MIGRATIONS } from '../../src/store/schema.js';
import { Store } from '../../src/store/store.js';
import { temporaryFolder } from '../helpers/git.js';
import { begin, temporaryStore, walk } from '../helpers/store.js';

function errorOf(work: () => unknown): AppError {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** The rows of a store file, as `user_version` says they are. */
function setVersion(path: string, version: number): void {
  const raw = new Database(path);
  raw.pragma(`user_version = ${version}`);
  raw.close();
}

describe('the file of a store', () => {
  it('is durable: WAL, every commit synced', () => {
    const { store, path } = temporaryStore();
    expect(Object(store)['database'].pragma('synchronous', { simple: true })).toBe(2);
    store.close();
    const raw = new Database(path, { readonly: true });
    expect(raw.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(raw.pragma('user_version', { simple: true })).toBeGreaterThan(0);
    raw.close();
  });

  it('is whole by itself after closing, and opens again with everything', () => {
    const opened = temporaryStore();
    const row = walk(opened, { outcome: 'measured', verdict: 'keep', metric: 1.5 });
    opened.store.close();
    expect(readdirSync(join(opened.path, '..'))).toEqual(['store.sqlite']);
    const again = Store.create(opened.path);
    expect(again.trialByNumber(0)).toEqual(row);
    again.close();
    expect(readdirSync(join(opened.path, '..'))).toEqual(['store.sqlite']);
  });

  it('is refused when a newer version wrote it, by readers and writers, and left as it is', () => {
    const { store, path } = temporaryStore();
    store.close();
    setVersion(path, 99);
    for (const open of [() => Store.create(path), () => StoreReader.open(path)]) {
      const error = errorOf(open);
      expect(error).toMatchObject({ code: 'store', exitCode: 14 });
      expect(error.message).toContain('schema 99');
      expect(error.hint).toContain('npm install');
    }
    expect(readdirSync(join(path, '..')).filter((name) => name.includes('before'))).toEqual([]);
    setVersion(path, MIGRATIONS.length);
    Store.create(path).close();
  });

  it('of the first schema is brought up to date by a run with every row, after a copy of it', () => {
    const folder = join(temporaryFolder(), 'speed/api');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, 'store.sqlite');
    const raw = new Database(path);
    raw.exec(MIGRATIONS[0] ?? '');
    raw.exec(`
      INSERT INTO revisions VALUES (1, 'h', 'score', 'lower', 0);
      INSERT INTO sessions (id, started_at) VALUES (1, 0);
      INSERT INTO trials (number, kind, phase, session_id, revision, proposer, incumbent_commit, candidate_commit, outcome, verdict, metric, mark, started_at, settled_at)
        VALUES (0, 'baseline', 'settled', 1, 1, 'baseline', 'c0', 'c0', 'measured', 'keep', 3.5, 'm', 1, 2),
               (1, 'trial', 'measuring', 1, 1, 'agent', 'c0', 'c1', NULL, NULL, NULL, 'm', 3, NULL);
      INSERT INTO measurements (trial_id, attempt, side, commit_id, state, outcome, metric, log_path, mark, started_at)
        VALUES (1, 1, 'candidate', 'c0', 'done', 'measured', 3.5, '/l', 'm', 1);
    `);
    raw.pragma('user_version = 1');
    raw.close();
    const refused = errorOf(() => StoreReader.open(path));
    expect(refused).toMatchObject({ code: 'store', exitCode: 14 });
    expect(refused.hint).toContain('autoresearch run --experiment speed/api;');
    const store = Store.create(path);
    expect(store.trialByNumber(0)).toMatchObject({ metric: 3.5, verdict: 'keep', holdout: null });
    expect(store.openTrial()).toMatchObject({ number: 1, phase: 'measuring' });
    expect(store.incumbentValues('c0', 1)).toEqual([3.5]);
    const settled = new Database(path);
    expect(() => settled.exec("UPDATE trials SET reason = 'x' WHERE number = 0")).toThrow(/never changes/);
    settled.close();
    const another = {
      kind: 'trial',
      sessionId: 1,
      revision: 1,
      proposer: 'agent',
      incumbentCommit: 'c0',
      mark: 'm',
      retryOf: null,
      now: 5,
    } as const;
    expect(() => store.beginTrial(another)).toThrow(/UNIQUE/);
    store.close();
    expect(existsSync(`${path}.before-v${MIGRATIONS.length}`)).toBe(true);
  });

  it('is nothing yet to a reader before its first migration, and is then made by the writer', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'store.sqlite');
    expect(StoreReader.open(path)).toBeNull();
    const raw = new Database(path);
    raw.pragma('journal_mode = WAL');
    raw.close();
    expect(StoreReader.open(path)).toBeNull();
    const store = Store.create(path);
    expect(store.totals()).toMatchObject({ trials: 0, lastSettledAt: null });
    store.close();
    expect(existsSync(`${path}.before-v1`)).toBe(false);
  });

  it('can be read while it is written, up to the newest commit', () => {
    const opened = temporaryStore();
    const reader = StoreReader.open(opened.path);
    if (!reader) throw new Error('no store');
    expect(reader.totals().trials).toBe(0);
    walk(opened, { outcome: 'crashed', verdict: 'crash' });
    expect(reader.totals()).toMatchObject({ trials: 1, crashed: 1 });
    const open = begin(opened);
    expect(reader.openTrial()).toEqual(open);
    const iterator = reader.eachTrial();
    expect(iterator.next().value?.number).toBe(0);
    opened.store.setFact('written', true);
    expect(iterator.next().done).toBe(true);
    expect(reader.fact('written')).toBe(true);
    expect(() => Object(reader)['database'].exec('DELETE FROM trials')).toThrow(/readonly/);
    reader.close();
  });

  it.each([
    ['is no database', (path: string) => writeFileSync(path, 'no database at all, but long enough '.repeat(50))],
    ['is a folder', (path: string) => mkdirSync(path)],
  ])('is named with a cure when it %s', (_, spoil) => {
    const path = join(temporaryFolder(), 'store.sqlite');
    spoil(path);
    for (const open of [() => Store.create(path), () => StoreReader.open(path)]) {
      const error = errorOf(open);
      expect(error.code).toBe('store');
      expect(error.message).toContain(path);
      expect(error.hint).not.toBe('');
    }
  });

  it('is named when its folder cannot be made', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    expect(errorOf(() => Store.create(join(folder, 'file', 'store.sqlite')))).toMatchObject({ code: 'store' });
  });

  it('keeps imported lines and facts as they were given', () => {
    const { store } = temporaryStore();
    const lines = ['abc1234\t1.000000\tkeep\tquote \' and "', '', 'ünïcode\t日本'];
    store.importLines(lines);
    expect(store.importedLines()).toEqual(lines);
    expect(store.fact('imported')).toBe(3);
    expect(store.fact('never set')).toBeUndefined();
    store.setFact('a', [1, { b: null }]);
    store.setFact('a', 'again');
    expect(store.fact('a')).toBe('again');
  });

  it('keeps a fact of any length, and writes only the end of one that has grown', () => {
    const { store, path } = temporaryStore();
    const raw = new Database(path, { readonly: true });
    const written = (work: () => void) => {
      work();
      return Number(raw.prepare("SELECT COUNT(*) FROM facts WHERE key LIKE 'long%'").pluck().get());
    };
    const history = Array.from({ length: 10_000 }, (_, index) => `${index} ünïcode 日本 𝄞`);
    const pieces = written(() => store.setFact('long', { history, step: 0.3 }));
    expect(pieces).toBeGreaterThan(10);
    store.setFact('longer', 1);
    expect(store.fact('long')).toEqual({ history, step: 0.3 });
    const before = Number(Object(store)['database'].prepare('SELECT total_changes()').pluck().get());
    store.setFact('long', { history: [...history, 'one more'], step: 0.5 });
    const changes = Number(Object(store)['database'].prepare('SELECT total_changes()').pluck().get()) - before;
    expect(changes).toBeLessThanOrEqual(2);
    expect(store.fact('long')).toEqual({ history: [...history, 'one more'], step: 0.5 });
    store.setFact('long', 'short');
    expect(store.fact('long')).toBe('short');
    expect(store.fact('longer')).toBe(1);
    expect(written(() => undefined)).toBe(2);
    raw.close();
  });

  it('gives back every text that it was given', () => {
    const { store } = temporaryStore();
    const halves = fc.constantFrom('𝄞', 'a', 'é', '"', '\n');
    const texts = fc.tuple(halves, fc.integer({ min: 16_370, max: 16_390 }), halves);
    fc.assert(
      fc.property(texts, ([filling, length, end]) => {
        const text = `${filling.repeat(length)}${end.repeat(20)}`;
        store.setFact('text', text);
        expect(store.fact('text') === text).toBe(true);
      }),
    );
  });
});
