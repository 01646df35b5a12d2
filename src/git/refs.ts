/**
 * The refs of one experiment. `incumbent` is the truth; the branch follows it for people. Every move names the value it
 * expects to find (compare-and-swap), and a branch that somebody has checked out is never moved under them.
 */

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../core/errors.js';
import type { ExperimentName } from '../core/names.js';
import { quoted } from '../core/text.js';
import { namesIn, textOf, unlessAbsent } from './files.js';
import { PackedRefs } from './packed-refs.js';
import type { Repository } from './repository.js';
import { removeAgedLock } from './stale-lock.js';

/**
 * What became of the branch: moved to the incumbent (or already there), left alone because it is checked out, left alone
 * because it has commits of its own, or not there.
 */
export interface BranchFate {
  readonly branch: 'moved' | 'checked_out' | 'diverged' | 'absent';
  /** The working copy that has it checked out. */
  readonly checkedOutAt?: string;
}

interface RefState {
  readonly commit: string | null;
  readonly checkedOutAt: string | null;
}

const REFLOG_MESSAGE = 'autoresearch';

/** Git's words for a compare-and-swap that found something else: ref, and for two values the found and the expected. */
const NOT_AS_EXPECTED =
  /cannot lock ref '([^']+)': (?:is at ([0-9a-f]+) but expected ([0-9a-f]+)|reference already exists|unable to resolve reference)/;

export class ExperimentRefs {
  readonly incumbentRef: string;
  /** Full and short name of the branch. */
  readonly branchRef: string;
  readonly branchName: string;
  readonly #repository: Repository;
  readonly #experiment: ExperimentName;
  readonly #prefix: string;
  readonly #packed: PackedRefs;

  constructor(repository: Repository, experiment: ExperimentName) {
    this.#repository = repository;
    this.#experiment = experiment;
    this.#prefix = `refs/autoresearch/${experiment.domain}/${experiment.name}`;
    this.incumbentRef = `${this.#prefix}/incumbent`;
    this.branchName = `autoresearch/${experiment.domain}/${experiment.name}`;
    this.branchRef = `refs/heads/${this.branchName}`;
    this.#packed = new PackedRefs(repository, `${experiment.domain}/${experiment.name}`);
  }

  trialRef(number: number): string {
    return `${this.#prefix}/trials/${number}`;
  }

  /** The best kept commit, or null before the experiment was initialised. */
  incumbent(): Promise<string | null> {
    return this.#repository.resolve(this.incumbentRef);
  }

  /** The candidate of a trial, or null. */
  trial(number: number): Promise<string | null> {
    return this.#repository.resolve(this.trialRef(number));
  }

  branch(): Promise<string | null> {
    return this.#repository.resolve(this.branchRef);
  }

  /**
   * Creates the incumbent ref, and the branch where it is wanted and not there. Idempotent for the same commit.
   * @throws AppError conflict when the incumbent is another commit; repository when a branch name is blocked.
   */
  async initialise(commit: string, options: { branch: boolean }): Promise<void> {
    const blocked = options.branch ? await this.blockingBranch() : null;
    if (blocked) throw blocked;
    const { incumbent, branch } = await this.#read();
    if (incumbent.commit !== null && incumbent.commit !== commit) {
      throw this.#moved(this.incumbentRef, null, incumbent.commit);
    }
    const creations: string[] = [];
    if (incumbent.commit === null) creations.push(creation(this.incumbentRef, commit));
    if (options.branch && branch.commit === null) creations.push(creation(this.branchRef, commit));
    if (creations.length > 0) await this.#transaction(creations);
  }

  /**
   * Moves the incumbent, and the branch with it, in one transaction. A branch that lags behind (it was checked out
   * during an earlier keep) is brought forward. Idempotent.
   * @throws AppError conflict when the incumbent is neither `from` nor `to`.
   */
  async advance(from: string, to: string, options: { branch: boolean }): Promise<BranchFate> {
    const { incumbent, branch } = await this.#read();
    if (incumbent.commit !== from && incumbent.commit !== to) {
      throw this.#moved(this.incumbentRef, from, incumbent.commit);
    }
    const moves: string[] = [];
    if (incumbent.commit !== to) moves.push(update(this.incumbentRef, to, from));
    const fate = options.branch ? await this.#branchFate(branch, from, to) : ({ branch: 'absent' } as const);
    if (fate.branch === 'moved' && branch.commit !== null && branch.commit !== to) {
      moves.push(update(this.branchRef, to, branch.commit));
    }
    if (moves.length > 0) await this.#transaction(moves);
    return fate;
  }

  async #branchFate(branch: RefState, from: string, to: string): Promise<BranchFate> {
    if (branch.commit === null) return { branch: 'absent' };
    if (branch.commit === to) return { branch: 'moved' };
    const checkedOutAt = branch.checkedOutAt ?? (await this.#rebasedAt());
    if (checkedOutAt !== null) return { branch: 'checked_out', checkedOutAt };
    const lags = branch.commit === from || (await this.#repository.isAncestor(branch.commit, from));
    return { branch: lags ? 'moved' : 'diverged' };
  }

  /** Keeps a candidate reachable. Idempotent. @throws AppError conflict when the trial has another commit. */
  createTrialRef(number: number, commit: string): Promise<void> {
    return this.#create(this.trialRef(number), commit);
  }

  /** For a candidate that is gone: a ref to nothing would fail every later `git gc`. */
  async dropTrialRef(number: number): Promise<void> {
    await this.#repository.git.run(['update-ref', '-d', this.trialRef(number)]);
  }

  /** Puts back refs of trials that somebody took away, where the commits are still there. Returns the trials' numbers. */
  async restoreTrials(expected: ReadonlyMap<number, string>): Promise<number[]> {
    const { git } = this.#repository;
    const listing = await git.text(['for-each-ref', '--format=%(refname)', `${this.#prefix}/trials/`]);
    const present = new Set(listing.split('\n'));
    const gone = [...expected].filter(([number]) => !present.has(this.trialRef(number)));
    if (gone.length === 0) return [];
    const input = gone.map(([, commit]) => `${commit}\n`).join('');
    const types = (await git.text(['cat-file', '--batch-check=%(objecttype)'], { input })).split('\n');
    const back = gone.filter((_, index) => types[index] === 'commit');
    if (back.length > 0) {
      await this.#transaction(back.map(([number, commit]) => `create ${this.trialRef(number)} ${commit}`));
    }
    return back.map(([number]) => number);
  }

  /** Lets go of trials up to a number, all but `kept`; what is reachable from elsewhere stays. False: to be done later. */
  async forgetTrials(upTo: number, kept: ReadonlySet<number>): Promise<boolean> {
    const prefix = `${this.#prefix}/trials/`;
    const listing = await this.#repository.git.text(['for-each-ref', '--format=%(refname) %(objectname)', prefix]);
    const old = listing.split('\n').filter((line) => {
      const [ref = ''] = line.split(' ');
      const number = Number(ref.slice(prefix.length));
      return ref !== '' && number > 0 && number <= upTo && !kept.has(number);
    });
    return old.length === 0 || this.#packed.forget(old);
  }

  /** Keeps the refs of trials from slowing down every git in the repository. False when it has to be done later. */
  packTrials(): Promise<boolean> {
    return this.#packed.pack();
  }

  /** Keeps `commit` reachable under the next free backup number; the newest backup is reused when it is the same. */
  async createBackup(commit: string): Promise<string> {
    const prefix = `${this.#prefix}/backup/`;
    const listing = await this.#repository.git.text(['for-each-ref', '--format=%(refname) %(objectname)', prefix]);
    let newest = { number: 0, commit: '' };
    for (const line of listing.split('\n').filter(Boolean)) {
      const [ref = '', backedUp = ''] = line.split(' ');
      const number = Number(ref.slice(prefix.length));
      if (number > newest.number) newest = { number, commit: backedUp };
    }
    if (newest.commit === commit) return `${prefix}${newest.number}`;
    const ref = `${prefix}${newest.number + 1}`;
    await this.#create(ref, commit);
    return ref;
  }

  /** Removes locks that a killed git left on the refs that the runner writes. Call with no git of ours running. */
  async removeStaleLocks(): Promise<void> {
    const folder = join(this.#repository.commonDir, this.#prefix);
    const names = await unlessAbsent(readdir(folder, { recursive: true }));
    for (const name of (names ?? []).filter((each) => each.endsWith('.lock')))
      await rm(join(folder, name), { force: true });
    await this.#packed.mend();
    // People's gits write the branch too.
    await removeAgedLock(join(this.#repository.commonDir, `${this.branchRef}.lock`));
  }

  /** Why the branch cannot exist: another branch takes its place in the folder of refs. Null when it can. */
  async blockingBranch(): Promise<AppError | null> {
    const names = await this.#repository.git.text(['for-each-ref', '--format=%(refname)', 'refs/heads/autoresearch']);
    const parents = ['refs/heads/autoresearch', `refs/heads/autoresearch/${this.#experiment.domain}`];
    const blocking = names.split('\n').find((ref) => parents.includes(ref) || ref.startsWith(`${this.branchRef}/`));
    if (blocking === undefined) return null;
    const name = blocking.slice('refs/heads/'.length);
    return new AppError('repository', `the branch ${name} is in the way of the branch ${this.branchName}`, {
      hint: `git branch -m ${quoted(name)} ${quoted(`${name.replaceAll('/', '-')}-old`)}`,
    });
  }

  /**
   * The commit a new experiment starts from: HEAD, or the tip of an existing branch that goes on from HEAD.
   * @throws AppError repository when HEAD and the branch went different ways.
   */
  async startPoint(headCommit: string): Promise<string> {
    const tip = await this.branch();
    if (tip === null || (await this.#repository.isAncestor(tip, headCommit))) return headCommit;
    if (await this.#repository.isAncestor(headCommit, tip)) return tip;
    throw new AppError(
      'repository',
      `the branch ${this.branchName} (${tip.slice(0, 12)}) and HEAD (${headCommit.slice(0, 12)}) went different ways`,
      {
        hint: `go on from the branch: git switch ${this.branchName}; start anew from HEAD: git branch -m ${this.branchName} ${this.branchName}-old`,
      },
    );
  }

  async #create(ref: string, commit: string): Promise<void> {
    try {
      await this.#transaction([creation(ref, commit)]);
    } catch (error) {
      if ((await this.#repository.resolve(ref)) !== commit) throw error;
    }
  }

  /** Both refs as they are now, in one command. */
  async #read(): Promise<{ incumbent: RefState; branch: RefState }> {
    const format = '--format=%(refname)%00%(objectname)%00%(worktreepath)%00';
    const listing = await this.#repository.git.text(['for-each-ref', format, this.incumbentRef, this.branchRef]);
    const fields = listing.split('\0');
    const states = new Map<string, RefState>();
    for (let i = 0; i + 2 < fields.length; i += 3) {
      const name = (fields[i] ?? '').replace(/^\n/, '');
      states.set(name, { commit: fields[i + 1] ?? null, checkedOutAt: fields[i + 2] || null });
    }
    const absent: RefState = { commit: null, checkedOutAt: null };
    return {
      incumbent: states.get(this.incumbentRef) ?? absent,
      branch: states.get(this.branchRef) ?? absent,
    };
  }

  /** A rebase or bisect detaches HEAD, yet comes back to the branch at its end. */
  async #rebasedAt(): Promise<string | null> {
    const { commonDir, root } = this.#repository;
    const linked = await namesIn(join(commonDir, 'worktrees'));
    for (const gitDir of [commonDir, ...linked.map((name) => join(commonDir, 'worktrees', name))]) {
      for (const mark of ['rebase-merge/head-name', 'rebase-apply/head-name', 'BISECT_START']) {
        const name = await textOf(join(gitDir, mark));
        if (name === this.branchRef || name === this.branchName) return gitDir === commonDir ? root : gitDir;
      }
    }
    return null;
  }

  async #transaction(commands: readonly string[]): Promise<void> {
    const input = ['start', ...commands, 'prepare', 'commit', ''].join('\n');
    const args = ['update-ref', '--create-reflog', '-m', REFLOG_MESSAGE, '--stdin'];
    const { exitCode, stderr } = await this.#repository.git.run(args, { input, okStderr: NOT_AS_EXPECTED });
    if (exitCode === 0) return;
    const [, ref = '', found, expected] = NOT_AS_EXPECTED.exec(stderr) ?? [];
    throw this.#moved(ref, expected ?? null, found ?? (await this.#repository.resolve(ref)));
  }

  #moved(ref: string, expected: string | null, found: string | null): AppError {
    const restore =
      expected === null ? `git update-ref -d ${ref} ${found}` : `git update-ref ${ref} ${expected} ${found ?? ''}`;
    return new AppError(
      'conflict',
      `${ref} was moved by somebody else: expected ${expected ?? 'no such ref'}, found ${found ?? 'no such ref'}`,
      { hint: `see what it is: git log -3 ${found ?? expected}; put it back: ${restore.trim()}` },
    );
  }
}

function creation(ref: string, commit: string): string {
  return `create ${ref} ${commit}`;
}

function update(ref: string, to: string, from: string): string {
  return `update ${ref} ${to} ${from}`;
}
