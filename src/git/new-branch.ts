import { AppError } from '../core/errors.js';
import { quoted } from '../core/text.js';
import type { Repository } from './repository.js';
import { withTemporaryIndex } from './staging.js';

/**
 * A new branch with commits in the operator's own name, made of trees that exist already. No branch that is there is ever
 * moved, nothing is checked out, no hook runs.
 */
export interface NewCommit {
  readonly tree: string;
  readonly message: string;
}

/** The commit that a branch is at, or null where there is none. */
export function branchTip(repository: Repository, name: string): Promise<string | null> {
  return repository.resolve(`refs/heads/${name}`);
}

/** @throws AppError usage for a name that git or this program does not allow; repository when it cannot be created. */
export async function refuseBranchName(repository: Repository, name: string): Promise<void> {
  const ref = `refs/heads/${name}`;
  if (name.startsWith('-') || name === 'HEAD' || !(await repository.isValidRefName(ref))) {
    throw new AppError('usage', `${quoted(name)} is no name for a branch`, { hint: 'such as --branch faster-routes' });
  }
  if (/^autoresearch(?:\/|$)/.test(name)) {
    throw new AppError('usage', `branches below autoresearch/ belong to the experiments: ${name}`, {
      hint: `--branch ${quoted(`finish/${name.split('/').at(-1) ?? ''}`)}`,
    });
  }
  const refs = (await repository.git.text(['for-each-ref', '--format=%(refname)', 'refs/heads'])).split('\n');
  const inTheWay = refs.find((each) => each.startsWith(`${ref}/`) || ref.startsWith(`${each}/`));
  if (inTheWay !== undefined) {
    const other = inTheWay.slice('refs/heads/'.length);
    throw new AppError('repository', `the branch ${other} is in the way of a branch ${name}`, {
      hint: `choose another name: --branch ${quoted(name.replaceAll('/', '-'))}`,
    });
  }
  if ((await branchTip(repository, name)) !== null) return;
  const worktrees = (await repository.git.text(['worktree', 'list', '--porcelain'])).split('\n');
  if (worktrees.includes(`branch ${ref}`)) {
    throw new AppError('repository', `${name} is checked out already, as a branch without a commit`, {
      hint: 'switch to another branch there first: git switch -',
    });
  }
}

/** Writes the commits on top of `start`, oldest first; no ref refers to them yet. Returns them in order. */
export async function writeCommits(
  repository: Repository,
  start: string,
  { commits, epochSeconds }: { readonly commits: readonly NewCommit[]; readonly epochSeconds: number },
): Promise<string[]> {
  const date = `@${Math.trunc(epochSeconds)} +0000`;
  const env = { ...(await operator(repository)), GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  const written: string[] = [];
  for (const { tree, message } of commits) {
    const parent = written.at(-1) ?? start;
    const input = `${message.replaceAll('\0', '').trimEnd()}\n`;
    written.push(await repository.git.text(['commit-tree', tree, '-p', parent, '-F', '-'], { input, env }));
  }
  return written;
}

/** Whom the operator's commits name; nothing where git does not know, and then it is us. */
async function operator({ git }: Repository): Promise<Record<string, string>> {
  const setting = async (key: string) =>
    (await git.text(['config', '--get', key], { okExitCodes: [0, 1] })).replaceAll('\n', ' ').trim();
  const [name, email] = await Promise.all([setting('user.name'), setting('user.email')]);
  if (name === '' || email === '') return {};
  return { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email };
}

/** @throws AppError conflict when somebody made a branch of this name in the meantime. */
export async function createBranch(repository: Repository, name: string, commit: string): Promise<void> {
  const input = ['start', `create refs/heads/${name} ${commit}`, 'prepare', 'commit', ''].join('\n');
  const args = ['update-ref', '--create-reflog', '-m', 'autoresearch finish', '--stdin'];
  const { exitCode } = await repository.git.run(args, { input, okStderr: /reference already exists|but expected/ });
  if (exitCode === 0) return;
  throw new AppError('conflict', `a branch ${name} was made in the meantime: it was left alone`, {
    hint: `see what it is: git log -3 ${quoted(name)}`,
  });
}

/** `base` with these paths as `final` has them; the others stay. Trees or commits. */
export async function withPathsOf(
  repository: Repository,
  base: string,
  { final, paths }: { readonly final: string; readonly paths: ReadonlySet<string> },
): Promise<string> {
  const changes = (await repository.rawChanges(base, final)).filter(({ path }) => paths.has(path.toString('latin1')));
  if (changes.length === 0) return repository.treeOf(base);
  const line = (mode: string, id: string, path: Buffer) =>
    Buffer.concat([Buffer.from(`${mode === '000000' ? '0' : mode} ${id}\t`), path, Buffer.from([0])]);
  // Removals first, so that a folder can take the place of a file.
  const sorted = [...changes].sort((a, b) => Number(b.status === 'deleted') - Number(a.status === 'deleted'));
  const input = Buffer.concat(sorted.map(({ newMode, newId, path }) => line(newMode, newId, path)));
  return withTemporaryIndex({ git: repository.git, commit: base }, async (git) => {
    await git.run(['update-index', '--replace', '-z', '--index-info'], { input });
    return git.text(['write-tree']);
  });
}
