/**
 * What lies around an experiment in its repository: everybody's refs, the experiment's own, and the settings of git. A
 * window notes it before foreign code runs and looks afterwards. A ref that is new or moved forward is its owner's work.
 * A ref that was rewound, replaced or deleted is lost: its old tip is kept under `refs/autoresearch/rescue/`. Two kinds
 * are kept too but are no reason to stop: what any fetch of an editor moves (`refs/remotes`), and what other experiments
 * move; in a checkout also the line that is checked out there, where people amend. A stash is lost only when its commit
 * left the stash's reflog. Own refs are put back. Nothing else is ever changed. Without a change no git is started.
 */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted } from '../core/text.js';
import { textOf, unlessAbsent } from './files.js';
import { linkedGitDir } from './own-worktree.js';
import type { ExperimentRefs } from './refs.js';
import type { Repository } from './repository.js';
import { SettingsWatch } from './settings-watch.js';
import { stampOf, stampsBelow } from './stamps.js';
import type { Workspace } from './types.js';

const NEWLINE = 0x0a;

export type SurroundingsFinding =
  | {
      /** `rescued` is no reason to stop. */
      readonly kind: 'ref_lost' | 'ref_rescued';
      readonly ref: string;
      readonly was: string;
      readonly now: string | null;
      /** The ref that holds the old tip now. */
      readonly rescue: string;
      /** The command that puts it back. */
      readonly restore: string;
    }
  | { readonly kind: 'own_ref_restored'; readonly ref: string; readonly was: string; readonly found: string | null }
  | {
      /** A commit was made in our workspace on a branch that is not ours; nothing is lost. */
      readonly kind: 'ref_moved_from_workspace';
      readonly ref: string;
      readonly was: string;
      readonly now: string;
      readonly restore: string;
    }
  | { readonly kind: 'settings_changed'; readonly what: string; readonly look: string };

export interface SurroundingsPlace {
  readonly repository: Repository;
  readonly refs: ExperimentRefs;
  readonly workspace: Pick<Workspace, 'kind' | 'path'>;
}

interface RefTip {
  readonly id: string;
  readonly checkedOutAt: string | null;
}

type Listing = ReadonlyMap<string, RefTip>;

interface Noted {
  /** Null where refs are no files: then git is asked each time. */
  readonly fingerprint: string | null;
  readonly others: Listing;
  readonly stash: readonly string[];
  readonly own: ReadonlyMap<string, string | null>;
}

const RESCUE = 'refs/autoresearch/rescue';
/** Moved by what somebody else runs all the time. */
const RESTLESS = /^refs\/(?:remotes|prefetch|autoresearch|heads\/autoresearch)\//;
/** A working copy's own, for the length of an operation. */
const PASSING = /^refs\/(?:bisect|worktree|rewritten)(?:\/|$)/;
/** Reflog words of commands that make a commit on the branch that is checked out. */
const MADE_HERE = /\t(?:commit|merge|pull|cherry-pick|revert|rebase|am)\b/;

export class Surroundings {
  readonly #repository: Repository;
  readonly #workspace: SurroundingsPlace['workspace'];
  readonly #settings: SettingsWatch;
  /** Full names of the refs that only this experiment moves. */
  readonly #own: readonly string[];
  readonly #ownPrefix: string;
  readonly #branchRef: string;
  #noted: Noted | null = null;
  /** Own refs that are packed, as of some packed-refs file. */
  #packed: { readonly stamp: string | null; readonly tips: Listing } | null = null;

  constructor({ repository, refs, workspace }: SurroundingsPlace) {
    this.#repository = repository;
    this.#workspace = workspace;
    this.#settings = new SettingsWatch(repository);
    this.#branchRef = refs.branchRef;
    this.#ownPrefix = refs.incumbentRef.slice(0, -'/incumbent'.length);
    // In a checkout the branch is the line on which people and agents commit; the workspace guards it.
    this.#own = workspace.kind === 'worktree' ? [refs.incumbentRef, refs.branchRef] : [refs.incumbentRef];
  }

  /** What is there now counts from here on. */
  async note(): Promise<void> {
    await this.#settings.note();
    const fingerprint = this.#fingerprint();
    const isSame = this.#noted !== null && fingerprint !== null && this.#noted.fingerprint === fingerprint;
    const others = isSame && this.#noted ? this.#noted.others : await this.#list();
    const stash = isSame && this.#noted ? this.#noted.stash : await this.#stash();
    this.#noted = { fingerprint, others, stash, own: await this.#ownTips() };
  }

  /** What happened since `note`. Own refs are put back, lost ones are kept. @throws Error when nothing was noted. */
  async findings(): Promise<SurroundingsFinding[]> {
    const noted = this.#noted;
    if (noted === null) throw new Error('nothing was noted to compare with');
    const settings = (await this.#settings.changes()).map(
      (change) => ({ kind: 'settings_changed', ...change }) as const,
    );
    const own = await this.#restoreOwn(noted.own);
    const fingerprint = this.#fingerprint();
    if (fingerprint !== null && fingerprint === noted.fingerprint) return [...own, ...settings];
    const now = await this.#list();
    const others: SurroundingsFinding[] = [];
    for (const [ref, was] of noted.others) others.push(...(await this.#compare(ref, was, now.get(ref) ?? null)));
    return [
      ...own,
      ...others,
      ...(await this.#compareStash(noted.stash)),
      ...settings,
      ...replacements(noted.others, now),
    ];
  }

  async #compare(ref: string, was: RefTip, now: RefTip | null): Promise<SurroundingsFinding[]> {
    if (was.id === now?.id || ref === 'refs/stash' || PASSING.test(ref) || ref.startsWith('refs/replace/')) return [];
    const restore = `git update-ref ${quoted(ref)} ${was.id} ${now?.id ?? nothing(was.id)}`;
    if (now !== null && (await this.#isForward(was.id, now.id))) {
      if (!ref.startsWith('refs/heads/') || !(await this.#wasMadeHere(now.id))) return [];
      return [{ kind: 'ref_moved_from_workspace', ref, was: was.id, now: now.id, restore }];
    }
    const isLine = this.#workspace.kind === 'checkout' && was.checkedOutAt === this.#workspace.path;
    const kind = RESTLESS.test(ref) || isLine ? 'ref_rescued' : 'ref_lost';
    const rescue = await this.#rescue(ref, was.id);
    return [{ kind, ref, was: was.id, now: now?.id ?? null, rescue, restore }];
  }

  async #compareStash(was: readonly string[]): Promise<SurroundingsFinding[]> {
    const now = await this.#stash();
    const gone = was.filter((id) => !now.includes(id));
    const findings: SurroundingsFinding[] = [];
    for (const id of gone) {
      const rescue = await this.#rescue('refs/stash', id);
      const restore = `git stash store -m rescued ${id}`;
      findings.push({ kind: 'ref_lost', ref: 'refs/stash', was: id, now: now.at(-1) ?? null, rescue, restore });
    }
    return findings;
  }

  /** Commits of the stash, oldest first. */
  async #stash(): Promise<readonly string[]> {
    const log = await unlessAbsent(readFile(join(this.#repository.commonDir, 'logs/refs/stash'), 'latin1'));
    return (log ?? '').split('\n').flatMap((line) => /^[0-9a-f]+ ([0-9a-f]+) /.exec(line)?.[1] ?? []);
  }

  async #restoreOwn(noted: ReadonlyMap<string, string | null>): Promise<SurroundingsFinding[]> {
    const seen = await this.#ownTips();
    if ([...noted].every(([ref, was]) => was === null || was === seen.get(ref))) return [];
    const tips = await this.#list(this.#own);
    const findings: SurroundingsFinding[] = [];
    for (const [ref, was] of noted) {
      const tip = tips.get(ref) ?? null;
      // Somebody who has the branch checked out works on it.
      const isPeoples = tip !== null && tip.checkedOutAt !== null && tip.checkedOutAt !== this.#workspace.path;
      if (was === null || tip?.id === was || isPeoples) continue;
      if (tip !== null) await this.#rescue(ref, tip.id);
      await this.#write(ref, was, tip?.id ?? nothing(was));
      findings.push({ kind: 'own_ref_restored', ref, was, found: tip?.id ?? null });
    }
    return findings;
  }

  async #ownTips(): Promise<ReadonlyMap<string, string | null>> {
    const { commonDir } = this.#repository;
    const tips = new Map<string, string | null>();
    for (const ref of this.#own) {
      const text = await textOf(join(commonDir, ref));
      tips.set(ref, text !== null && /^[0-9a-f]{40,64}$/.test(text) ? text : await this.#packedTip(ref, text));
    }
    return tips;
  }

  async #packedTip(ref: string, loose: string | null): Promise<string | null> {
    const stamp = `${stampOf(join(this.#repository.commonDir, 'packed-refs'))} ${loose ?? ''}`;
    if (this.#packed?.stamp !== stamp || this.#hasReftable()) {
      this.#packed = { stamp, tips: await this.#list(this.#own) };
    }
    return this.#packed.tips.get(ref)?.id ?? null;
  }

  #hasReftable(): boolean {
    return existsSync(join(this.#repository.commonDir, 'reftable'));
  }

  #fingerprint(): string | null {
    if (this.#hasReftable()) return null;
    const { commonDir } = this.#repository;
    const stamps = stampsBelow(
      join(commonDir, 'refs'),
      (path) => path.endsWith('.lock') || this.#isLeftOut(`refs/${path}`),
    );
    const packed = stampOf(join(commonDir, 'packed-refs'));
    const stash = stampOf(join(commonDir, 'logs/refs/stash'));
    return JSON.stringify([packed, stash, ...stamps]);
  }

  /** Own refs are looked at by themselves; other experiments' candidates are many and nobody's tips. */
  #isLeftOut(ref: string): boolean {
    return (
      ref === this.#branchRef ||
      ref === this.#ownPrefix ||
      ref.startsWith(`${this.#ownPrefix}/`) ||
      /^refs\/autoresearch\/(?:rescue|[^/]+\/[^/]+\/trials)(?:\/|$)/.test(ref)
    );
  }

  async #list(only: readonly string[] = []): Promise<Listing> {
    const format = '--format=%(refname)%00%(objectname)%00%(worktreepath)%00';
    const { stdout } = await this.#repository.git.run(['for-each-ref', format, ...only]);
    const tips = new Map<string, RefTip>();
    // A hundred thousand trials of our own are skipped as bytes: as strings they would take a hundred megabytes.
    const skipped = only.length === 0 ? Buffer.from(`${this.#ownPrefix}/`) : null;
    for (const [ref, id, checkedOutAt] of nulTriples(stdout, skipped)) {
      if (only.length === 0 && this.#isLeftOut(ref)) continue;
      tips.set(ref, { id, checkedOutAt: checkedOutAt || null });
    }
    return tips;
  }

  async #isForward(was: string, now: string): Promise<boolean> {
    const args = ['merge-base', '--is-ancestor', was, now];
    return (await this.#repository.git.run(args, { okExitCodes: [0, 1, 128] })).exitCode === 0;
  }

  /** The reflog of our worktree's HEAD has the commit: it was made there, not by the branch's owner. */
  async #wasMadeHere(commit: string): Promise<boolean> {
    const gitDir = this.#workspace.kind === 'worktree' ? await linkedGitDir(this.#workspace.path) : null;
    const log = gitDir === null ? null : await unlessAbsent(readFile(join(gitDir, 'logs/HEAD'), 'utf8'));
    return (log ?? '').split('\n').some((line) => line.split(' ', 2)[1] === commit && MADE_HERE.test(line));
  }

  /** Keeps a tip; never overwrites, and the same tip of the same ref is kept once. */
  async #rescue(ref: string, id: string): Promise<string> {
    const flat = ref
      .slice('refs/'.length)
      .replace(/[^A-Za-z0-9_-]+/g, '-')
      .slice(0, 120);
    const rescue = `${RESCUE}/${flat}/${id}`;
    if (!(await this.#list([rescue])).has(rescue)) await this.#write(rescue, id, nothing(id));
    return rescue;
  }

  async #write(ref: string, to: string, from: string): Promise<void> {
    await this.#repository.git.run([
      'update-ref',
      '--no-deref',
      '--create-reflog',
      '-m',
      'autoresearch',
      ref,
      to,
      from,
    ]);
  }
}

/** A replaced object is another file under the same name: who sets one changes what every commit holds. */
function replacements(was: Listing, now: Listing): SurroundingsFinding[] {
  const refs = new Set([...was.keys(), ...now.keys()].filter((ref) => ref.startsWith('refs/replace/')));
  const changed = [...refs].filter((ref) => was.get(ref)?.id !== now.get(ref)?.id);
  return changed.map(
    (ref) => ({ kind: 'settings_changed', what: ref, look: 'git replace --list --format=medium' }) as const,
  );
}

function nothing(like: string): string {
  return '0'.repeat(like.length);
}

/** Three texts that end in NUL, line by line; lines that begin with `skipped` cost nothing. */
function* nulTriples(bytes: Buffer, skipped: Buffer | null): Generator<readonly [string, string, string]> {
  for (let start = 0; ; ) {
    const first = bytes.indexOf(0, start);
    const second = first < 0 ? -1 : bytes.indexOf(0, first + 1);
    const third = second < 0 ? -1 : bytes.indexOf(0, second + 1);
    if (third < 0) return;
    const line = bytes[start] === NEWLINE ? start + 1 : start;
    const end = skipped === null ? 0 : line + skipped.length;
    if (skipped === null || end > bytes.length || bytes.compare(skipped, 0, skipped.length, line, end) !== 0) {
      const text = (from: number, to: number) => bytes.toString('utf8', from, to);
      yield [text(line, first), text(first + 1, second), text(second + 1, third)];
    }
    start = third + 1;
  }
}
