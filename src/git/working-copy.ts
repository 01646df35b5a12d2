/**
 * Moves the files of the user's working copy from one commit to another, and back, without losing anything: a path moves
 * only when what is on disk is one of the versions that the runner itself put there. Works from any half-moved state, so
 * that a killed run can be finished. HEAD is not touched.
 */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../core/errors.js';
import { textOf, unlessAbsent } from './files.js';
import { decodePath, parseRawDiff, type RawChange } from './parse.js';
import type { Repository } from './repository.js';
import { stagePaths, withTemporaryIndex } from './staging.js';

/** Where it is noted that the files are at another commit than HEAD, or on their way. */
const AWAY_FILE = 'autoresearch-away';

/** `at` one commit, or `moving` between HEAD and these: then a killed git may have left a file missing or cut short. */
interface Away {
  readonly state: 'at' | 'moving';
  readonly commits: readonly string[];
}

const ABSENT = 'absent';

/** A file's mode and content as git names them, or `absent`. */
function version(mode: string, id: string): string {
  return mode === '000000' && /^0+$/.test(id) ? ABSENT : `${mode} ${id}`;
}

function keyOf(path: Buffer): string {
  return path.toString('latin1');
}

/** Versions of every path that differs between the commits the files may be at. */
class KnownVersions {
  readonly #versions = new Map<string, { path: Buffer; wanted: string; known: Set<string> }>();

  add(changes: readonly RawChange[]): void {
    for (const { path, oldMode, oldId, newMode, newId } of changes) {
      const wanted = version(newMode, newId);
      const entry = this.#versions.get(keyOf(path)) ?? { path, wanted, known: new Set([wanted]) };
      entry.known.add(version(oldMode, oldId));
      this.#versions.set(keyOf(path), entry);
    }
  }

  get paths(): Buffer[] {
    return [...this.#versions.values()].map(({ path }) => path);
  }

  knows(path: Buffer, found: string): boolean {
    return this.of(path).has(found);
  }

  of(path: Buffer): ReadonlySet<string> {
    return this.#versions.get(keyOf(path))?.known ?? new Set();
  }

  wanted(path: Buffer): string | undefined {
    return this.#versions.get(keyOf(path))?.wanted;
  }
}

export class WorkingCopy {
  readonly #repository: Repository;
  readonly #awayFile: string;
  readonly #indexFile: string;

  constructor(repository: Repository) {
    this.#repository = repository;
    this.#awayFile = join(repository.gitDir, AWAY_FILE);
    this.#indexFile = join(repository.gitDir, 'index');
  }

  /** Call once HEAD is where the files are. */
  async forgetAway(): Promise<void> {
    await rm(this.#awayFile, { force: true });
  }

  /**
   * Puts the files of `to` in place. Edits and staged changes of other paths stay as they are.
   * @throws AppError conflict when somebody edited a path that would have to change; then nothing was changed.
   */
  async move(head: string, to: string): Promise<void> {
    const away = await this.#away();
    if (to === head && away === null) return;
    const from = [...new Set([head, ...(away?.commits ?? [])])].filter((commit) => commit !== to);
    const versions = new KnownVersions();
    for (const commit of from) versions.add(await this.#repository.rawChanges(commit, to));
    if (versions.paths.length > 0) {
      const present = await this.#treeAsPresent(versions, to, away?.state === 'moving');
      await this.#note({ state: 'moving', commits: [...from, to].filter((commit) => commit !== head) });
      await this.#alignIndex(present, versions.paths);
      await this.#repository.git.run(['read-tree', '-m', '-u', present, to]);
    }
    if (to === head) await this.forgetAway();
    else await this.#note({ state: 'at', commits: [to] });
  }

  /** Makes the user's index agree with `commit` for these paths and no others; working files are not touched. */
  async #alignIndex(treeish: string, paths: readonly Buffer[]): Promise<void> {
    const nul = Buffer.from([0]);
    const input = Buffer.concat(paths.flatMap((path) => [path, nul]));
    const args = ['--literal-pathspecs', 'reset', '--pathspec-from-file=-', '--pathspec-file-nul', treeish];
    // Older gits exit 1 when other paths have unstaged changes.
    await this.#repository.git.run(args, { input, okExitCodes: [0, 1] });
  }

  /** After HEAD moved from `from` to `to`, whose files are in place already. */
  async alignIndexAfterCommit(from: string, to: string): Promise<void> {
    const changes = await this.#repository.rawChanges(from, to);
    if (changes.length > 0)
      await this.#alignIndex(
        to,
        changes.map(({ path }) => path),
      );
  }

  /** A tree like `to`'s, but with the paths of `versions` as they are on disk now. */
  #treeAsPresent(versions: KnownVersions, to: string, wasMoving: boolean): Promise<string> {
    const { git, root } = this.#repository;
    return withTemporaryIndex({ git, commit: to, likeIndex: this.#indexFile }, async (indexed) => {
      await stagePaths(indexed, root, versions.paths);
      const present = await indexed.text(['write-tree']);
      const staged = await this.#stagedAgainst(to);
      const editedOnTop: RawChange[] = [];
      for (const change of await this.#repository.rawChanges(to, present)) {
        const { path, newMode, newId } = change;
        const found = version(newMode, newId);
        if (versions.knows(path, found) || (wasMoving && (await this.#isTorn(path, found, versions)))) continue;
        // An edit on top of the wanted version already has the right base: it stays, as an edit.
        if (staged.has(keyOf(path)) || versions.wanted(path) === undefined) throw editedMeanwhile(path);
        editedOnTop.push(change);
      }
      for (const { path, found } of staged.values()) {
        if (versions.wanted(path) !== undefined && !versions.knows(path, found)) throw editedMeanwhile(path);
      }
      if (editedOnTop.length === 0) return present;
      await indexed.run(['update-index', '--replace', '-z', '--index-info'], { input: entries(editedOnTop) });
      return indexed.text(['write-tree']);
    });
  }

  /** What the user's index has that `to` has not. */
  async #stagedAgainst(to: string): Promise<Map<string, { path: Buffer; found: string }>> {
    const args = ['diff-index', '--cached', '--raw', '-z', '--no-renames', '--no-abbrev', to];
    const staged = new Map<string, { path: Buffer; found: string }>();
    for (const { path, newMode, newId, isUnmerged } of parseRawDiff((await this.#repository.git.run(args)).stdout)) {
      staged.set(keyOf(path), { path, found: isUnmerged ? 'unmerged' : version(newMode, newId) });
    }
    return staged;
  }

  /** Whether git was killed while it wrote this file: it removes the old one and writes the new one from its start. */
  async #isTorn(path: Buffer, found: string, versions: KnownVersions): Promise<boolean> {
    if (found === ABSENT) return true;
    const { git, root } = this.#repository;
    const written = await unlessAbsent(readFile(Buffer.concat([Buffer.from(`${root}/`), path])));
    for (const known of versions.of(path)) {
      const id = known.split(' ')[1];
      if (written === null || id === undefined) continue;
      const whole = (await git.run(['cat-file', '--filters', `--path=${decodePath(path)}`, id])).stdout;
      if (written.length < whole.length && whole.subarray(0, written.length).equals(written)) return true;
    }
    return false;
  }

  async #away(): Promise<Away | null> {
    const [state, ...commits] = ((await textOf(this.#awayFile)) ?? '').split(' ');
    if (state !== 'at' && state !== 'moving') return null;
    return { state, commits };
  }

  /** Replaced as a whole and durable before the first file changes. */
  async #note({ state, commits }: Away): Promise<void> {
    const file = await open(`${this.#awayFile}.new`, 'w');
    try {
      await file.writeFile([state, ...commits].join(' '));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${this.#awayFile}.new`, this.#awayFile);
  }
}

/** Index entries that put back the old side of each change. */
function entries(changes: readonly RawChange[]): Buffer {
  const lines = changes.flatMap(({ path, oldMode, oldId }) => [
    Buffer.from(`${oldMode === '000000' ? '0' : oldMode} ${oldId}\t`),
    path,
    Buffer.from([0]),
  ]);
  return Buffer.concat(lines);
}

function editedMeanwhile(path: Buffer): AppError {
  const name = decodePath(path);
  return new AppError('conflict', `${name} was edited while it was being measured`, {
    hint: `commit the edit on the proposal line, or put it aside: git stash push -- ${name}`,
  });
}
