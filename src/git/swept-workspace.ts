/**
 * A worktree in which git never meets a named pipe: it would wait for ever to read one that is called `.gitignore`, and
 * it cleans neither pipes nor sockets away. What foreign code left of them goes before git looks at the files.
 */
import { chmodSync, type Dirent, readdirSync, unlinkSync } from 'node:fs';
import { errnoOf } from '../core/errors.js';
import type { Scope, StagedProposal, Workspace } from './types.js';

export class SweptWorkspace implements Workspace {
  readonly kind;
  readonly path;
  readonly #inner: Workspace;
  readonly #isKept: (path: string) => boolean;
  #isSwept = false;

  /** `kept`: links and globs of what survives cleaning; it is the operator's to look after. */
  constructor(inner: Workspace, kept: readonly string[]) {
    this.kind = inner.kind;
    this.path = inner.path;
    this.#inner = inner;
    this.#isKept = matcherOf(kept);
  }

  async prepare(incumbent: string): Promise<void> {
    // Later ones follow a step that swept; the first follows whatever the last run left.
    if (!this.#isSwept) this.#sweep();
    await this.#inner.prepare(incumbent);
  }

  async inspect(incumbent: string, scope: Scope): Promise<StagedProposal | null> {
    this.#sweep();
    return await this.#inner.inspect(incumbent, scope);
  }

  async patch(incumbent: string): Promise<Buffer> {
    this.#sweep();
    return await this.#inner.patch(incumbent);
  }

  async adopt(candidate: string, staged: Pick<StagedProposal, 'parent' | 'changed'>): Promise<void> {
    await this.#inner.adopt(candidate, staged);
  }

  async materialise(commit: string): Promise<void> {
    this.#sweep();
    await this.#inner.materialise(commit);
  }

  async differsFrom(commit: string): Promise<readonly string[]> {
    this.#sweep();
    return await this.#inner.differsFrom(commit);
  }

  async settle(incumbent: string, candidate: string | null): Promise<string | null> {
    this.#sweep();
    return await this.#inner.settle(incumbent, candidate);
  }

  #sweep(): void {
    removePipes(this.path, this.#isKept);
    this.#isSwept = true;
  }
}

/** Removes what is neither file, folder nor link below a folder. Names are bytes: not all of them are text. */
export function removePipes(folder: string, isKept: (path: string) => boolean = () => false): void {
  const top = Buffer.from(folder);
  const queue: Buffer[] = [Buffer.alloc(0)];
  for (let below = queue.pop(); below !== undefined; below = queue.pop()) {
    for (const entry of entriesOf(Buffer.concat([top, below]))) {
      const path = Buffer.concat([below, SLASH, entry.name]);
      if (entry.isDirectory()) {
        if (!isKept(path.toString('utf8', 1))) queue.push(path);
      } else if (!entry.isFile() && !entry.isSymbolicLink()) {
        withRights(Buffer.concat([top, below]), () => unlinkSync(Buffer.concat([top, path])));
      }
    }
  }
}

const SLASH = Buffer.from('/');

/** None where there is no folder. */
function entriesOf(folder: Buffer): readonly Dirent<Buffer>[] {
  try {
    return withRights(folder, () => readdirSync(folder, { withFileTypes: true, encoding: 'buffer' }));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
}

/** Again with every right to the folder, where it was not enough without. */
function withRights<T>(folder: Buffer, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    chmodSync(folder, 0o755);
    return step();
  }
}

/** Literal paths, and `name` at any depth; other globs are looked into, which costs only time. */
function matcherOf(patterns: readonly string[]): (path: string) => boolean {
  const trimmed = patterns.map((pattern) => pattern.replace(/^(?:\.?\/)+|\/+$/g, ''));
  const literal = new Set(trimmed);
  const names = trimmed.flatMap((pattern) => /^\*\*\/([^/*?[]+)$/.exec(pattern)?.[1] ?? []);
  return (path) => literal.has(path) || names.some((name) => path === name || path.endsWith(`/${name}`));
}
