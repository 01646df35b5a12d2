/**
 * Opens the repository around a folder, or says what is wrong with it and how to mend that. Reads only.
 */

import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AppError, errnoOf } from '../core/errors.js';
import { quoted } from '../core/text.js';
import { startRepositoryHint } from './failure.js';
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
  const [gitVersion, here] = await Promise.all([supportedVersion(folder), foldersAround(folder)]);
  const own = await ownWorktreeAt(here.root);
  const { root, gitDir, commonDir } = own ? await foldersAround(await existingFolder(own.root)) : here;

  const git = new Git(root, { config: durabilityFor(gitVersion) });
  const [rootCommit] = await Promise.all([rootCommitOf(git), refuseMissingLfs(git)]);
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

interface Folders {
  readonly root: string;
  readonly gitDir: string;
  readonly commonDir: string;
}

const PLACES = ['--git-dir', '--git-common-dir', '--show-toplevel'];

/** Real paths, in one call: each process of git is felt before every command's first line. */
async function foldersAround(folder: string): Promise<Folders> {
  const git = new Git(folder);
  const args = ['rev-parse', '--is-inside-work-tree', '--is-bare-repository', ...PLACES];
  const found = await git.run(args, { okStderr: /not a git repository|must be run in a work tree/ });
  const [isInside, isBare, ...lines] = found.stdout.toString('utf8').replace(/\n$/, '').split('\n');
  if (isInside === 'true') {
    const paths = lines.length === PLACES.length ? lines : await oneByOne(git);
    const [gitDir = '', commonDir = '', root = ''] = await Promise.all(
      paths.map((path) => realpath(resolve(folder, path))),
    );
    return { root, gitDir, commonDir };
  }
  if (isInside === '') {
    throw new AppError('repository', `${folder} is not inside a git repository`, { hint: startRepositoryHint(folder) });
  }
  if (isBare === 'true') {
    throw new AppError('repository', `${folder} is a bare repository: there are no files to experiment on`, {
      hint: `git clone ${quoted(folder)} work && cd work`,
    });
  }
  throw new AppError('repository', `${folder} lies inside a git folder, not in a working copy`, {
    hint: 'cd to the top folder of the working copy',
  });
}

/** For paths with line ends in them. */
async function oneByOne(git: Git): Promise<string[]> {
  return await Promise.all(PLACES.map((place) => git.text(['rev-parse', place])));
}

async function rootCommitOf(git: Git): Promise<string> {
  const args = ['rev-list', '--max-parents=0', '--first-parent', 'HEAD', '--'];
  const roots = await git.run(args, { okStderr: /bad revision/ });
  if (roots.exitCode !== 0) {
    throw new AppError('repository', `${git.directory} has no commit yet: there is nothing to go back to`, {
      hint: `cd ${quoted(git.directory)} && git add -A && git commit -m start`,
    });
  }
  return roots.stdout.toString('latin1').trim().split('\n').at(-1) ?? '';
}

async function refuseMissingLfs(git: Git): Promise<void> {
  const args = ['grep', '--quiet', '-e', 'filter=lfs', 'HEAD', '--', ':(top,glob)**/.gitattributes'];
  const found = await git.run(args, { okExitCodes: [0, 1], okStderr: /unable to resolve revision/ });
  const usesLfs = found.exitCode === 0;
  if (!usesLfs) return;
  const lfs = await git.run(['lfs', 'version'], { okExitCodes: [0, 1] });
  if (lfs.exitCode === 0) return;
  throw new AppError('repository', `${git.directory} keeps files in Git LFS, but git-lfs is not installed`, {
    hint: 'install git-lfs, then: git lfs install && git lfs pull',
  });
}
