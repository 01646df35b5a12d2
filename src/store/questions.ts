import type { Columns } from './codec.js';
import { type Database, type Statement, storeError } from './database.js';

/** Asks a database: statements are prepared once, failures become errors that a person can act on. */
export class Questions {
  protected readonly database: Database;
  readonly path: string;
  readonly #statements = new Map<string, Statement>();

  constructor(database: Database, path: string) {
    this.database = database;
    this.path = path;
  }

  close(): void {
    this.database.close();
  }

  protected statement(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const prepared = this.database.prepare<unknown[]>(sql);
    this.#statements.set(sql, prepared);
    return prepared;
  }

  protected get(sql: string, ...parameters: (string | number | null)[]): Columns | undefined {
    return this.guard(() => this.statement(sql).get(...parameters) as Columns | undefined);
  }

  protected all(sql: string, ...parameters: (string | number | null)[]): Columns[] {
    return this.guard(() => this.statement(sql).all(...parameters) as Columns[]);
  }

  protected guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeError(this.path, error);
    }
  }
}
