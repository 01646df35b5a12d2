/**
 * The refs of an experiment's trials in git's one file of packed refs: thousands of loose ones slow down every git that
 * lists refs. Git itself packs them, but in a git folder of its own, made of links, that shows it these refs and no
 * others: people's refs stay in the very files they are in, which `git pack-refs` cannot promise before 2.42. Values and
 * reflogs stay. A lock that somebody else holds means later.
 */
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gitFailure, isLockHeld } from './failure.js';
import { exists, syncFile } from './files.js';
import { Git } from './git.js';
import type { Repository } from './repository.js';
import { removeAgedLock } from './stale-lock.js';

/** Git made packed refs durable with 2.36, and mended that in 2.39: before, a loss of power could take all of them. */
const DURABLE_SINCE = [2, 39] as const;

export class PackedRefs {
  readonly #repository: Repository;
  /** Relative to a git folder. */
  readonly #trials: string;
  /** The git folder of links. While it is there we are at the packed refs, or were when we, or our git, died. */
  readonly #folder: string;

  /** `experiment`: whose trials, `<domain>/<name>`. */
  constructor(repository: Repository, experiment: string) {
    this.#repository = repository;
    this.#trials = `refs/autoresearch/${experiment}/trials`;
    this.#folder = join(repository.commonDir, 'autoresearch', experiment, 'packing');
  }

  /** False when there was nothing to do, or another git holds the lock. */
  async pack(): Promise<boolean> {
    const { commonDir } = this.#repository;
    if (!this.#isDurable() || !(await exists(join(commonDir, this.#trials)))) return false;
    // Such repositories keep their refs in tables, and those in order.
    if (await exists(join(commonDir, 'reftable'))) return false;
    await this.#begin();
    const git = new Git(this.#folder, { env: { GIT_DIR: this.#folder } });
    // Loose refs go only after the packed ones are sure to outlast a loss of power.
    let isDone = await this.#rewrite(git, ['pack-refs', '--all', '--no-prune']);
    if (isDone) {
      await syncFile(join(commonDir, 'packed-refs'));
      isDone = await this.#rewrite(git, ['pack-refs', '--all', '--prune']);
    }
    await this.#end();
    return isDone;
  }

  /** Deletes refs, given as `<ref> <commit>`. False when another git holds the lock. */
  async forget(refs: readonly string[]): Promise<boolean> {
    await this.#begin();
    const input = ['start', ...refs.map((ref) => `delete ${ref}`), 'prepare', 'commit', ''].join('\n');
    const isDone = await this.#rewrite(this.#repository.git, ['update-ref', '--stdin'], input);
    await this.#end();
    return isDone;
  }

  /** Takes away what a git that was killed left behind. Call with no git of ours running. */
  async mend(): Promise<void> {
    if (!(await exists(this.#folder))) return;
    const packed = join(this.#repository.commonDir, 'packed-refs');
    await removeAgedLock(`${packed}.lock`, [`${packed}.new`]);
    await this.#end();
  }

  #isDurable(): boolean {
    const [major, minor] = this.#repository.gitVersion;
    return major > DURABLE_SINCE[0] || (major === DURABLE_SINCE[0] && minor >= DURABLE_SINCE[1]);
  }

  async #begin(): Promise<void> {
    await this.mend();
    const { commonDir, rootCommit } = this.#repository;
    await mkdir(join(this.#folder, dirname(this.#trials)), { recursive: true });
    for (const path of ['objects', 'packed-refs', this.#trials]) {
      await symlink(join(commonDir, path), join(this.#folder, path));
    }
    const extensions = rootCommit.length === 64 ? '[extensions]\n\tobjectformat = sha256\n' : '';
    const version = extensions === '' ? 0 : 1;
    const config = `[core]\n\trepositoryformatversion = ${version}\n\tbare = true\n${extensions}`;
    await writeFile(join(this.#folder, 'config'), config);
    await writeFile(join(this.#folder, 'HEAD'), 'ref: refs/heads/none\n');
    await syncFile(this.#folder);
  }

  async #end(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** A git that ends by itself leaves no lock behind; where it was killed, the folder stays until all is mended. */
  async #rewrite(git: Git, args: readonly string[], input = ''): Promise<boolean> {
    const patience = git.with({ config: ['core.packedRefsTimeout=0', 'core.filesRefLockTimeout=0'] });
    const { exitCode, stderr } = await patience.run(args, { input, okStderr: /./ });
    if (exitCode === 0) return true;
    if (isLockHeld(stderr)) return false;
    await this.#end();
    const directory = this.#repository.root;
    throw gitFailure({ args, directory, exitCode, stderr, timedOut: false, timeoutMs: 0, problem: '' });
  }
}
