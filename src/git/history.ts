/**
 * Read-only conveniences over history, by simple-git: sizes of changes and lists of commits. The only importer of
 * simple-git; whatever writes, or must see exit codes or bytes, goes through git.ts.
 */
import { type SimpleGit, simpleGit } from 'simple-git';
import { AppError, errorMessage } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import type { DiffStat } from './types.js';

export interface LoggedCommit {
  readonly commit: string;
  readonly subject: string;
  readonly body: string;
  readonly epochSeconds: number;
}

/** Lines changed in one file; both null for a binary file. */
export interface FileStat {
  readonly path: string;
  readonly insertions: number | null;
  readonly deletions: number | null;
}

export class History {
  readonly #git: SimpleGit;

  constructor(root: string) {
    this.#git = simpleGit({
      baseDir: root,
      allowEnvironment: ['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM', 'GIT_CONFIG_NOSYSTEM', 'GIT_CEILING_DIRECTORIES'],
      config: ['core.quotePath=false', 'log.showSignature=false', 'color.ui=never'],
      // Without this a failing git that prints nothing on stderr counts as a success.
      errors: (error, { exitCode, stdErr, stdOut }) => {
        if (error) return error;
        if (exitCode === 0) return undefined;
        return Buffer.concat([...stdErr, ...stdOut, Buffer.from(`exit code ${exitCode}`)]);
      },
    });
  }

  async diffStat(from: string, to: string): Promise<DiffStat> {
    const summary = await this.#diffSummary(from, to);
    return { files: summary.changed, insertions: summary.insertions, deletions: summary.deletions };
  }

  async fileStats(from: string, to: string): Promise<FileStat[]> {
    const { files } = await this.#diffSummary(from, to);
    return files.map((file) => ({
      path: file.file,
      insertions: file.binary || !('insertions' in file) ? null : file.insertions,
      deletions: file.binary || !('deletions' in file) ? null : file.deletions,
    }));
  }

  /** Commits reachable from `to` and not from `from`, newest first. */
  async log(from: string, to: string, limit = 1000): Promise<LoggedCommit[]> {
    const result = await answered(
      this.#git.log({
        from,
        to,
        symmetric: false,
        maxCount: limit,
        format: { commit: '%H', subject: '%s', body: '%b', epoch: '%ct' },
      }),
    );
    return result.all.map(({ commit, subject, body, epoch }) => ({
      commit,
      subject,
      body,
      epochSeconds: Number(epoch),
    }));
  }

  #diffSummary(from: string, to: string) {
    return answered(this.#git.diffSummary(['--no-renames', '--no-ext-diff', '--no-textconv', from, to, '--']));
  }
}

async function answered<T>(answer: PromiseLike<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new AppError('repository', `git could not read the history: ${oneLine(errorMessage(error), 300)}`, {
      hint: 'git fsck',
      cause: error,
    });
  }
}
