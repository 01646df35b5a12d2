import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { AppError } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import { oneLine } from '../core/text.js';
import { changedPrograms, listPrograms, type Programs } from '../evaluate/program-folders.js';
import { SealedFiles } from '../evaluate/sealed-files.js';
import { entriesOf, stampOf } from '../git/stamps.js';
import { Surroundings, type SurroundingsFinding, type SurroundingsPlace } from '../git/surroundings.js';
import type { TrialRow } from '../store/rows.js';
import type { Store } from '../store/store.js';
import type { Revision } from './context.js';
import type { StateFolder } from './state-folder.js';

/**
 * Watches over what a candidate, an agent and the programs of either must leave alone while they run: everybody's refs,
 * git's settings, the kept definitions, the programs that later measurements run. What is ours is put back, what is the
 * user's is kept under a rescue ref and reported, never changed.
 */
export interface Intrusion {
  /** What happened, for the trial's row. */
  readonly reason: string;
  /** It may have been the user's doing: what ran meanwhile is no evidence, and running it again may settle it. */
  readonly mayRepeat: boolean;
}

/** Something ran that is no evidence any more; the candidate is not judged by it. */
export class Tampered extends Error {}

export interface GuardPlace extends SurroundingsPlace {
  readonly state: StateFolder;
  readonly store: Pick<Store, 'fact' | 'setFact'>;
  readonly emit: EventSink;
  /** `[workspace] link` and `keep`: what outlives a measurement. */
  readonly lasting: readonly string[];
}

export interface Window {
  /**
   * `measurement` (also a check): everything is watched. `setup`: programs are meant to be installed. `proposal`: what it
   * does to the workspace's own files is looked at afterwards.
   */
  readonly kind: 'measurement' | 'setup' | 'proposal';
  readonly trial: Pick<TrialRow, 'kind'>;
  readonly revision: Revision;
}

const OWN_PROGRAM = 'autoresearch';
const NAMED_AT_MOST = 3;

export class Guard {
  readonly #place: GuardPlace;
  readonly #surroundings: Surroundings;
  #overlaid: { readonly revision: number; readonly files: SealedFiles } | null = null;
  #kept: { readonly revision: number; readonly files: SealedFiles } | null = null;
  #ownProgram: { readonly content: Buffer | null; stamp: string | null } | null = null;
  #programs: Programs = new Map();
  /** Programs differ from what they were before the measurement that is being repeated. */
  #isDisputed = false;
  #conflict: AppError | null = null;

  constructor(place: GuardPlace) {
    this.#place = place;
    this.#surroundings = new Surroundings(place);
  }

  /** Why the run must end once the trial is settled: something of the user's is lost, or further numbers are tainted. */
  get conflict(): AppError | null {
    return this.#conflict;
  }

  /** Runs foreign code in a window; null where nothing happened that makes it no evidence. */
  async watch<T>(window: Window, work: () => Promise<T>): Promise<{ result: T; intrusion: Intrusion | null }> {
    await this.#open(window);
    let result: T;
    try {
      result = await work();
    } catch (error) {
      await this.#close(window);
      throw error;
    }
    return { result, intrusion: await this.#close(window) };
  }

  async #open(window: Window): Promise<void> {
    const mended = [...(await this.#mendKept(window.revision)), ...this.#mendOwnPrograms()];
    await this.#kept?.files.removeOthers();
    if (mended.length > 0) this.#warn(`changed between two measurements, and put back: ${listed(mended)}`);
    if (window.kind === 'measurement') await this.#brokenDefinitions(window.revision);
    await this.#surroundings.note();
    if (!this.#isDisputed) this.#programs = this.#list(window);
  }

  async #close(window: Window): Promise<Intrusion | null> {
    const findings = await this.#surroundings.findings();
    for (const finding of findings) this.#report(finding);
    const mended = [...(await this.#mendKept(window.revision)), ...this.#mendOwnPrograms()];
    if (mended.length > 0) this.#warn(`changed by what ran, and put back: ${listed(mended)}`);
    const lost = findings.flatMap((finding) => (finding.kind === 'ref_lost' ? [finding] : []));
    if (lost.length > 0) {
      const refs = listed([...new Set(lost.map(({ ref }) => ref))]);
      this.#conflict = new AppError('conflict', `${refs} lost commits while foreign code ran (all are kept)`, {
        hint: `put back what you did not change yourself: ${lost.map(({ restore }) => restore).join(' && ')}; then run again`,
      });
    }
    const settings = findings.flatMap((finding) => (finding.kind === 'settings_changed' ? [finding.what] : []));
    const programs = window.kind === 'setup' ? null : this.#compareProgramFolders(window);
    const final = [...findings.flatMap(blame), ...(mended.length > 0 ? [`it changed ${listed(mended)}`] : [])];
    const rewritten = window.kind === 'measurement' ? await this.#brokenDefinitions(window.revision) : [];
    if (rewritten.length > 0) final.push(`it changed ${listed(rewritten)} while it was measured by it`);
    if (programs !== null && !programs.mayRepeat) final.push(programs.reason);
    if (final.length > 0) return { reason: final.join('; '), mayRepeat: false };
    if (settings.length > 0) {
      return {
        reason: `${listed(settings)} was changed meanwhile, which decides how git treats files`,
        mayRepeat: true,
      };
    }
    return programs;
  }

  #report(finding: SurroundingsFinding): void {
    switch (finding.kind) {
      case 'ref_lost':
      case 'ref_rescued': {
        const fate =
          finding.now === null ? 'was deleted' : `was moved to ${finding.now.slice(0, 12)}, which does not contain it`;
        this.#warn(
          `${finding.ref} (${finding.was.slice(0, 12)}) ${fate}; it is kept as ${finding.rescue}`,
          finding.restore,
        );
        break;
      }
      case 'own_ref_restored': {
        const fate = finding.found === null ? 'deleted' : `moved to ${finding.found.slice(0, 12)}`;
        this.#warn(`${finding.ref} was ${fate} by somebody else and is back at ${finding.was.slice(0, 12)}`);
        break;
      }
      case 'ref_moved_from_workspace':
        this.#warn(`a commit was made on ${finding.ref} in the workspace`, `take it off: ${finding.restore}`);
        break;
      case 'settings_changed':
        this.#warn(`${finding.what} was changed while foreign code ran`, `see whether it was you: ${finding.look}`);
        break;
    }
  }

  #warn(text: string, hint?: string): void {
    this.#place.emit({
      kind: 'notice',
      level: 'warning',
      text: oneLine(text, 600),
      ...(hint === undefined ? {} : { hint }),
    });
  }

  /** The copy of the definitions from which every workspace gets them. Returns what was not right and is again. */
  async #mendKept(revision: Revision): Promise<string[]> {
    if (this.#kept?.revision !== revision.number) {
      const folder = this.#place.state.definitions(revision.number);
      this.#kept = { revision: revision.number, files: new SealedFiles(folder, revision.files) };
    }
    const broken = await this.#kept.files.broken();
    if (broken.length > 0) await this.#kept.files.mend(broken);
    return broken.map(({ path }) => `the kept copy of ${path}`);
  }

  /** Definitions in the workspace (in a checkout: the operator's own) that are not what the revision says. */
  async #brokenDefinitions(revision: Revision): Promise<string[]> {
    const { workspace, repository } = this.#place;
    if (this.#overlaid?.revision !== revision.number) {
      const isOwn = (file: Revision['files'][number]) => file.source === join(repository.root, file.path);
      const files = workspace.kind === 'checkout' ? revision.files.filter(isOwn) : revision.files;
      this.#overlaid = { revision: revision.number, files: new SealedFiles(workspace.path, files) };
    }
    return (await this.#overlaid.files.broken()).map(({ path }) => path);
  }

  /** The first folder on the PATH of every measurement holds `autoresearch` as the runner installed it, or nothing. */
  #mendOwnPrograms(): string[] {
    const folder = this.#place.state.programs;
    const path = join(folder, OWN_PROGRAM);
    this.#ownProgram ??= { content: contentOf(path), stamp: stampOf(path) };
    const mended: string[] = [];
    for (const { name } of entriesOf(folder)) {
      if (name === OWN_PROGRAM) continue;
      rmSync(join(folder, name), { recursive: true, force: true });
      mended.push(join(folder, name));
    }
    const { content, stamp } = this.#ownProgram;
    if (stampOf(path) === stamp) return mended;
    if (content === null || contentOf(path)?.equals(content) !== true) mended.push(path);
    rmSync(path, { recursive: true, force: true });
    if (content !== null) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(`${path}.new`, content);
      chmodSync(`${path}.new`, 0o755);
      renameSync(`${path}.new`, path);
    }
    this.#ownProgram.stamp = stampOf(path);
    return mended;
  }

  #compareProgramFolders(window: Window): Intrusion | null {
    const changed = changedPrograms(this.#programs, this.#list(window));
    if (changed.length === 0) {
      this.#isDisputed = false;
      return null;
    }
    if (window.trial.kind === 'baseline') {
      this.#stopWatching(window.revision, changed);
      return null;
    }
    const what = listed(changed.map((path) => this.#shown(path)));
    const look = `ls -la ${[...new Set(changed.map(dirname))].slice(0, NAMED_AT_MOST).join(' ')}`;
    this.#warn(`programs that every measurement sees were changed: ${what}`, `see what they are: ${look}`);
    if (!this.#isDisputed && window.kind !== 'proposal') {
      this.#isDisputed = true;
      return { reason: `it changed programs that every measurement sees: ${what}`, mayRepeat: true };
    }
    this.#conflict = new AppError(
      'conflict',
      `programs that every measurement sees were changed and stay so: ${what}`,
      {
        hint: `look at them (${look}), install them anew, then run again`,
      },
    );
    return { reason: `it changed programs that every measurement sees: ${what}`, mayRepeat: false };
  }

  #list({ revision }: Window): Programs {
    const { workspace, lasting } = this.#place;
    if (lasting.length === 0) return new Map();
    const unwatched = this.#unwatched(revision);
    const all = listPrograms(workspace.path, lasting);
    return new Map([...all].filter(([path]) => !unwatched.includes(dirname(path))));
  }

  #unwatched(revision: Revision): readonly string[] {
    const fact = this.#place.store.fact(unwatchedKey(revision));
    return Array.isArray(fact) ? fact.filter((folder) => typeof folder === 'string') : [];
  }

  /** What the user's own code writes with each measurement (build output in a kept `bin`) is no alarm. */
  #stopWatching(revision: Revision, changed: readonly string[]): void {
    const folders = [...new Set([...this.#unwatched(revision), ...changed.map(dirname)])];
    this.#place.store.setFact(unwatchedKey(revision), folders);
    const text = `the measurement itself writes programs into ${listed(folders.map((path) => this.#shown(path)))}: changes there are not watched`;
    this.#place.emit({ kind: 'notice', level: 'info', text });
  }

  #shown(path: string): string {
    return relative(this.#place.workspace.path, path);
  }
}

/** What of a finding is the candidate's to answer for. */
function blame(finding: SurroundingsFinding): string[] {
  switch (finding.kind) {
    case 'ref_lost':
      return [finding.now === null ? `${finding.ref} was deleted` : `${finding.ref} was moved away from its commits`];
    case 'own_ref_restored':
      return [`${finding.ref} was ${finding.found === null ? 'deleted' : 'moved'} and put back`];
    case 'ref_moved_from_workspace':
      return [`it committed on ${finding.ref}, which is not its own`];
    case 'ref_rescued':
    case 'settings_changed':
      return [];
  }
}

function unwatchedKey({ number }: Revision): string {
  return `unwatched_programs:${number}`;
}

function contentOf(path: string): Buffer | null {
  const isFile = stampOf(path) !== null && stampOf(path) !== 'folder';
  return isFile ? readFileSync(path) : null;
}

function listed(items: readonly string[]): string {
  const shown = items.slice(0, NAMED_AT_MOST).map((item) => oneLine(item, 120));
  return items.length > NAMED_AT_MOST
    ? `${shown.join(', ')} and ${items.length - NAMED_AT_MOST} more`
    : shown.join(', ');
}
