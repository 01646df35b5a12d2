/**
 * Opens the repository around a folder, or says what is wrong with it and how to mend that. Reads only.
 */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AppError, errnoOf } from '../core/errors.js';
import { quoted, startRepositoryHint } from './failure.js';
import { Git } from './git.js';
import { ownWorktreeAt } from './own-worktree.js';
import { Repository } from './repository.js';

const OLDEST_GIT: readonly [number, number] = [2, 30];

/**
 * @throws AppError repository: not a repository, bare, without a commit, of a foreign owner, git too old, or git-lfs
 * missing where the files need it.
 */
export async function openRepository(cwd: string): Promise<Repository> {
  const folder = await existingFolder(cwd);
  const gitVersion = await supportedVersion(folder);
  const toplevel = await toplevelOf(folder);
  const own = await ownWorktreeAt(toplevel);
  const root = own ? await existingFolder(own.root) : toplevel;

  const git = new Git(root, { config: durabilityFor(gitVersion) });
  const gitDir = await realpath(resolve(root, await git.text(['rev-parse', '--git-dir'])));
  const commonDir = await realpath(resolve(root, await git.text(['rev-parse', '--git-common-dir'])));
  const rootCommit = await rootCommitOf(git);
  await refuseMissingLfs(git);
  const id = createHash('sha256').update(`${rootCommit}\0${commonDir}`).digest('hex').slice(0, 12);
  return new Repository({ root, gitDir, commonDir, rootCommit, id, gitVersion }, git);
}

async function existingFolder(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw new AppError('repository', `the folder ${path} does not exist`, {
      hint: 'name an existing repository with --path',
      cause: error,
    });
  }
}

async function supportedVersion(folder: string): Promise<readonly [number, number]> {
  const text = await new Git(folder).text(['version']);
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(text) ?? [];
  const version = [Number(major), Number(minor)] as const;
  if (isOlder(version, OLDEST_GIT)) {
    throw new AppError('repository', `git is too old: "${text}"`, {
      hint: `install git ${OLDEST_GIT.join('.')} or newer`,
    });
  }
  return version;
}

function isOlder(version: readonly [number, number], than: readonly [number, number]): boolean {
  return version[0] < than[0] || (version[0] === than[0] && version[1] < than[1]);
}

/** `core.fsync` came with git 2.36; before it, loose objects had a switch of their own. */
function durabilityFor(version: readonly [number, number]): string[] {
  return isOlder(version, [2, 36]) ? ['core.fsyncObjectFiles=true'] : [];
}

async function toplevelOf(folder: string): Promise<string> {
  const git = new Git(folder);
  const inside = await git.run(['rev-parse', '--is-inside-work-tree', '--is-bare-repository'], {
    okStderr: /not a git repository/,
  });
  if (inside.exitCode !== 0) {
    throw new AppError('repository', `${folder} is not inside a git repository`, { hint: startRepositoryHint(folder) });
  }
  const [isInside, isBare] = inside.stdout.toString('latin1').split('\n');
  if (isInside === 'true') return realpath(await git.text(['rev-parse', '--show-toplevel']));
  if (isBare === 'true') {
    throw new AppError('repository', `${folder} is a bare repository: there are no files to experiment on`, {
      hint: `git clone ${quoted(folder)} work && cd work`,
    });
  }
  throw new AppError('repository', `${folder} lies inside a git folder, not in a working copy`, {
    hint: 'cd to the top folder of the working copy',
  });
}

async function rootCommitOf(git: Git): Promise<string> {
  const head = await git.run(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], { okExitCodes: [0, 1, 128] });
  if (head.exitCode !== 0) {
    throw new AppError('repository', `${git.directory} has no commit yet: there is nothing to go back to`, {
      hint: `cd ${quoted(git.directory)} && git add -A && git commit -m start`,
    });
  }
  const roots = await git.text(['rev-list', '--max-parents=0', '--first-parent', 'HEAD']);
  return roots.split('\n').at(-1) ?? '';
}

async function refuseMissingLfs(git: Git): Promise<void> {
  const args = ['grep', '--quiet', '-e', 'filter=lfs', 'HEAD', '--', ':(top,glob)**/.gitattributes'];
  const usesLfs = (await git.run(args, { okExitCodes: [0, 1] })).exitCode === 0;
  if (!usesLfs) return;
  const lfs = await git.run(['lfs', 'version'], { okExitCodes: [0, 1] });
  if (lfs.exitCode === 0) return;
  throw new AppError('repository', `${git.directory} keeps files in Git LFS, but git-lfs is not installed`, {
    hint: 'install git-lfs, then: git lfs install && git lfs pull',
  });
}
