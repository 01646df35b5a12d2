import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRepository } from '../../src/git/open.js';
import { isOwnWorkspace } from '../../src/git/own-worktree.js';
import type { Repository } from '../../src/git/repository.js';
import type { Scope, StagedProposal } from '../../src/git/types.js';
import { workspacePath } from '../../src/git/worktree-home.js';
import { type WorktreeOptions, WorktreeWorkspace } from '../../src/git/worktree-workspace.js';
import {
  repositoryAt,
  runGit,
  type TemporaryRepository,
  temporaryFolder,
  temporaryRepository,
} from '../helpers/git.js';

const EXPERIMENT = { domain: 'engineering', name: 'speed' };
const TARGET: Scope = { target: ['src/**'], ignored: [], strictness: 'normal' };

interface Bench {
  readonly user: TemporaryRepository;
  readonly repository: Repository;
  readonly workspace: WorktreeWorkspace;
  /** The workspace with the handy methods of a repository. */
  readonly at: TemporaryRepository;
  readonly incumbent: string;
}

/** A repository with `src/a.txt`, `src/b.txt` and `other.txt`, and a prepared workspace at its HEAD. */
async function bench(
  options: WorktreeOptions & { files?: Record<string, string>; setUp?: (user: TemporaryRepository) => void } = {},
): Promise<Bench> {
  const user = temporaryRepository({
    files: { 'src/a.txt': 'one\n', 'src/b.txt': 'two\n', 'other.txt': 'other\n', ...options.files },
  });
  process.env['XDG_CACHE_HOME'] = user.cacheHome;
  options.setUp?.(user);
  const repository = await openRepository(user.path);
  const workspace = new WorktreeWorkspace(repository, EXPERIMENT, options);
  const incumbent = user.head();
  await workspace.prepare(incumbent);
  return { user, repository, workspace, at: repositoryAt(workspace.path, user.cacheHome), incumbent };
}

async function commitOf(repository: Repository, staged: StagedProposal): Promise<string> {
  return repository.commitTree({
    tree: staged.tree,
    parent: staged.parent,
    message: 'experiment: x',
    epochSeconds: 1e9,
  });
}

/** Inspects, commits and adopts what is in the workspace; fails the test when there is nothing. */
async function candidateOf(b: Bench, scope: Scope = TARGET): Promise<{ staged: StagedProposal; commit: string }> {
  const staged = await b.workspace.inspect(b.incumbent, scope);
  if (staged === null) throw new Error('expected a proposal');
  const commit = await commitOf(b.repository, staged);
  await b.workspace.adopt(commit);
  return { staged, commit };
}

/** Every file below a folder but `.git`, with its content or link target. */
function snapshot(folder: string, below = ''): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const path = below ? `${below}/${entry.name}` : entry.name;
    if (path === '.git') continue;
    if (entry.isSymbolicLink()) files[path] = `-> ${readlinkSync(join(folder, path))}`;
    else if (entry.isDirectory()) Object.assign(files, snapshot(folder, path), { [`${path}/`]: '' });
    else
      files[path] =
        `${(lstatSync(join(folder, path)).mode & 0o777).toString(8)} ${readFileSync(join(folder, path), 'latin1')}`;
  }
  return files;
}

describe('a trial in a worktree', () => {
  it('goes from proposal to discard and leaves no trace in the operator’s checkout', async () => {
    const b = await bench();
    b.user.write('other.txt', 'being edited\n');
    b.user.write('new.txt', 'untracked\n');
    b.user.git('add', 'other.txt');
    const before = b.user.fingerprint();
    const clean = snapshot(b.at.path);

    b.at.write('src/a.txt', 'better\n');
    b.at.write('src/c.txt', 'new\n');
    const { staged, commit } = await candidateOf(b);
    expect(staged.changed.map(({ path, status }) => `${status} ${path}`)).toEqual([
      'modified src/a.txt',
      'added src/c.txt',
    ]);
    expect(staged.outOfScope).toEqual([]);
    expect(await b.workspace.differsFrom(commit)).toEqual([]);
    await b.workspace.materialise(b.incumbent);
    expect(snapshot(b.at.path)).toEqual(clean);
    await b.workspace.materialise(commit);
    expect(b.at.read('src/c.txt')).toBe('new\n');
    b.at.write('src/a.txt', 'written by the evaluator\n');
    expect(await b.workspace.differsFrom(commit)).toEqual(['src/a.txt']);
    expect(await b.workspace.settle(b.incumbent)).toBeNull();
    expect(snapshot(b.at.path)).toEqual(clean);
    expect(b.user.fingerprint()).toBe(before);
  });

  it('finds nothing to try when nothing changed, or when files were only touched', async () => {
    const b = await bench();
    expect(await b.workspace.inspect(b.incumbent, TARGET)).toBeNull();
    b.at.write('src/a.txt', 'one\n');
    expect(await b.workspace.inspect(b.incumbent, TARGET)).toBeNull();
  });

  it('makes the same tree again when it inspects twice', async () => {
    const b = await bench();
    b.at.write('src/a.txt', 'better\n');
    const first = await b.workspace.inspect(b.incumbent, TARGET);
    expect(await b.workspace.inspect(b.incumbent, TARGET)).toEqual(first);
  });

  it('names tracked changes outside the target and leaves new files there out', async () => {
    const b = await bench();
    b.at.write('src/a.txt', 'better\n');
    b.at.write('other.txt', 'changed\n');
    rmSync(join(b.at.path, 'README.md'));
    b.at.write('notes/x.md', 'stray\n');
    const staged = await b.workspace.inspect(b.incumbent, TARGET);
    expect(staged?.outOfScope).toEqual(['README.md', 'other.txt']);
    expect(staged?.strayFiles).toEqual(['notes/x.md']);
    expect(staged?.changed.map(({ path }) => path)).toEqual(['src/a.txt']);
  });

  it('refuses new files outside the target under strict scope', async () => {
    const b = await bench();
    b.at.write('notes/x.md', 'stray\n');
    expect(await b.workspace.inspect(b.incumbent, TARGET)).toBeNull();
    const staged = await b.workspace.inspect(b.incumbent, { ...TARGET, strictness: 'strict' });
    expect(staged?.outOfScope).toEqual(['notes/x.md']);
  });

  it('does not stumble over a target that matches nothing', async () => {
    const b = await bench();
    b.at.write('src/a.txt', 'better\n');
    const staged = await b.workspace.inspect(b.incumbent, { ...TARGET, target: ['nothing/*.md', 'src'] });
    expect(staged?.changed.map(({ path }) => path)).toEqual(['src/a.txt']);
  });

  it('squashes commits that the proposer made itself', async () => {
    const b = await bench();
    b.at.write('src/a.txt', 'step 1\n');
    b.at.commit('agent 1');
    b.at.write('src/b.txt', 'step 2\n');
    b.at.commit('agent 2');
    const { staged, commit } = await candidateOf(b);
    expect(staged.parent).toBe(b.incumbent);
    expect(staged.changed.map(({ path }) => path)).toEqual(['src/a.txt', 'src/b.txt']);
    expect(b.user.git('rev-parse', `${commit}~1`)).toBe(b.incumbent);
  });

  it('never moves a branch of the user that the proposer switched to', async () => {
    const b = await bench();
    b.user.git('branch', 'feature');
    b.at.git('switch', 'feature');
    b.at.write('src/a.txt', 'better\n');
    const tip = b.user.git('rev-parse', 'feature');
    const { commit } = await candidateOf(b);
    expect(b.user.git('rev-parse', 'feature')).toBe(tip);
    b.at.git('switch', 'feature');
    await b.workspace.materialise(commit);
    expect(b.user.git('rev-parse', 'feature')).toBe(tip);
    expect(b.at.read('src/a.txt')).toBe('better\n');
  });

  it('sees changes that the proposer hid with assume-unchanged and skip-worktree', async () => {
    const b = await bench();
    b.at.git('update-index', '--assume-unchanged', 'other.txt');
    b.at.git('update-index', '--skip-worktree', 'README.md');
    b.at.write('other.txt', 'hidden\n');
    b.at.write('README.md', 'hidden\n');
    const staged = await b.workspace.inspect(b.incumbent, TARGET);
    expect(staged?.outOfScope).toEqual(['README.md', 'other.txt']);
    await b.workspace.materialise(b.incumbent);
    expect(b.at.read('other.txt')).toBe('other\n');
  });

  it('is not deceived by a proposer that writes into our own index', async () => {
    const b = await bench();
    const ours = { GIT_INDEX_FILE: join(b.at.git('rev-parse', '--absolute-git-dir'), 'autoresearch-index') };
    b.at.write('other.txt', 'slipped in\n');
    runGit(b.at.path, ['add', 'other.txt'], ours);
    b.at.write('README.md', 'hidden\n');
    runGit(b.at.path, ['update-index', '--assume-unchanged', 'README.md'], ours);
    b.at.write('src/a.txt', 'better\n');
    const staged = await b.workspace.inspect(b.incumbent, TARGET);
    expect(staged?.changed.map(({ path }) => path)).toEqual(['src/a.txt']);
    expect(staged?.outOfScope).toEqual(['README.md', 'other.txt']);
    await b.workspace.materialise(b.incumbent);
    runGit(b.at.path, ['update-index', '--skip-worktree', 'README.md'], ours);
    b.at.write('README.md', 'hidden\n');
    await b.workspace.materialise(b.incumbent);
    expect(b.at.git('status', '--porcelain')).toBe('');
    expect(b.at.read('README.md')).not.toBe('hidden\n');
  });

  it('stays in its repository when a proposer leads its git folder to another one', async () => {
    const b = await bench();
    const common = join(b.at.git('rev-parse', '--absolute-git-dir'), 'commondir');
    writeFileSync(common, '/nowhere\n');
    b.at.write('src/a.txt', 'better\n');
    expect((await b.workspace.inspect(b.incumbent, TARGET))?.changed).toHaveLength(1);
    expect(readFileSync(common, 'utf8')).toBe('../..\n');
  });

  it('gives the proposer a clean git status, also after an unfinished rebase and a conflicted merge', async () => {
    const b = await bench();
    b.at.git('switch', '-c', 'side');
    b.at.write('src/a.txt', 'side\n');
    b.at.commit('side');
    b.at.git('switch', '--detach', b.incumbent);
    b.at.write('src/a.txt', 'mine\n');
    b.at.commit('mine');
    expect(() => b.at.git('rebase', 'side')).toThrow();
    await b.workspace.settle(b.incumbent);
    expect(b.at.git('status', '--porcelain=v2', '--branch')).toBe(
      `# branch.oid ${b.incumbent}\n# branch.head (detached)`,
    );
    expect(b.at.git('status')).not.toMatch(/rebas|merg/i);
  });
});

describe('odd contents of a proposal', () => {
  it('keeps odd paths: spaces, quotes, dashes, newlines, backslashes, colons, stars, 200 characters, other scripts', async () => {
    const odd = [
      'src/with space.txt',
      'src/"quoted".txt',
      "src/it's.txt",
      'src/-dash.txt',
      'src/new\nline.txt',
      'src/back\\slash.txt',
      'src/:(glob)colon.txt',
      'src/*star*.txt',
      'src/[bracket].txt',
      `src/${'x'.repeat(196)}.txt`,
      'src/файл-文件.txt',
      'src/!bang.txt',
      'src/#hash.txt',
    ];
    const b = await bench({ files: Object.fromEntries(odd.map((path) => [path, 'old\n'])) });
    for (const path of odd) b.at.write(path, 'new\n');
    b.at.write(`src/sub ${odd[4]?.slice(4)}/y`, 'added\n');
    const { staged, commit } = await candidateOf(b);
    const changed = staged.changed.map(({ path }) => path);
    expect(changed.sort()).toEqual([...odd, 'src/sub new\nline.txt/y'].sort());
    expect(staged.outOfScope).toEqual([]);
    await b.workspace.materialise(b.incumbent);
    for (const path of odd) expect(b.at.read(path)).toBe('old\n');
    await b.workspace.materialise(commit);
    for (const path of odd) expect(b.at.read(path)).toBe('new\n');
  });

  it('keeps a path that is not UTF-8, spelt as git does', async () => {
    const b = await bench();
    writeFileSync(Buffer.concat([Buffer.from(`${b.at.path}/src/caf`), Buffer.from([0xe9])]), 'latin\n');
    const { staged, commit } = await candidateOf(b);
    expect(staged.changed.map(({ path }) => path)).toEqual(['"src/caf\\351"']);
    expect(b.user.git('ls-tree', '-r', '--name-only', commit)).toContain('src/caf');
  });

  it('carries a file replaced by a folder, and a folder replaced by a file', async () => {
    const b = await bench({ files: { 'src/dir/x.txt': 'x\n' } });
    const before = snapshot(b.at.path);
    rmSync(join(b.at.path, 'src/a.txt'));
    b.at.write('src/a.txt/inner.txt', 'inner\n');
    rmSync(join(b.at.path, 'src/dir'), { recursive: true });
    b.at.write('src/dir', 'file\n');
    const wanted = snapshot(b.at.path);
    const { staged, commit } = await candidateOf(b);
    expect(staged.outOfScope).toEqual([]);
    await b.workspace.materialise(b.incumbent);
    expect(snapshot(b.at.path)).toEqual(before);
    await b.workspace.materialise(commit);
    expect(snapshot(b.at.path)).toEqual(wanted);
  });

  it('carries a mere change of mode', async () => {
    const b = await bench();
    chmodSync(join(b.at.path, 'src/a.txt'), 0o755);
    const { staged, commit } = await candidateOf(b);
    expect(staged.changed).toEqual([{ path: 'src/a.txt', status: 'modified', oldMode: '100644', newMode: '100755' }]);
    await b.workspace.materialise(b.incumbent);
    expect(lstatSync(join(b.at.path, 'src/a.txt')).mode & 0o111).toBe(0);
    await b.workspace.materialise(commit);
    expect(lstatSync(join(b.at.path, 'src/a.txt')).mode & 0o100).toBe(0o100);
  });

  it('carries a deleted file', async () => {
    const b = await bench();
    rmSync(join(b.at.path, 'src/b.txt'));
    const { staged, commit } = await candidateOf(b);
    expect(staged.changed).toEqual([{ path: 'src/b.txt', status: 'deleted', oldMode: '100644', newMode: '000000' }]);
    await b.workspace.materialise(commit);
    expect(b.at.has('src/b.txt')).toBe(false);
  });

  it('carries a target that is a symlink, and dangling symlinks', async () => {
    const b = await bench({
      setUp: (user) => {
        symlinkSync('a.txt', join(user.path, 'src/link.txt'));
        user.commit('link');
      },
    });
    rmSync(join(b.at.path, 'src/link.txt'));
    b.at.write('src/link.txt', 'a real file now\n');
    symlinkSync('/nowhere/at/all', join(b.at.path, 'src/dangling'));
    const { staged, commit } = await candidateOf(b);
    expect(staged.changed.map(({ path, status, newMode }) => `${status} ${path} ${newMode}`)).toEqual([
      'added src/dangling 120000',
      'type_changed src/link.txt 100644',
    ]);
    await b.workspace.materialise(b.incumbent);
    expect(readlinkSync(join(b.at.path, 'src/link.txt'))).toBe('a.txt');
    await b.workspace.materialise(commit);
    expect(readlinkSync(join(b.at.path, 'src/dangling'))).toBe('/nowhere/at/all');
  });

  it('never writes through a folder that the proposer replaced by a symlink to elsewhere', async () => {
    const b = await bench();
    const outside = temporaryFolder();
    renameSync(join(b.at.path, 'src'), join(outside, 'src'));
    symlinkSync(join(outside, 'src'), join(b.at.path, 'src'));
    const staged = await b.workspace.inspect(b.incumbent, TARGET);
    expect([...(staged?.outOfScope ?? []), ...(staged?.strayFiles ?? [])]).not.toEqual([]);
    await b.workspace.settle(b.incumbent);
    expect(lstatSync(join(b.at.path, 'src')).isDirectory()).toBe(true);
    expect(readdirSync(join(outside, 'src')).sort()).toEqual(['a.txt', 'b.txt']);
    expect(readFileSync(join(outside, 'src/a.txt'), 'utf8')).toBe('one\n');
  });

  it('stages a folder of the target that became a symlink as what it is', async () => {
    const b = await bench({ files: { 'src/dir/x.txt': 'x\n' } });
    rmSync(join(b.at.path, 'src/dir'), { recursive: true });
    const outside = temporaryFolder();
    writeFileSync(join(outside, 'x.txt'), 'elsewhere\n');
    symlinkSync(outside, join(b.at.path, 'src/dir'));
    const { staged } = await candidateOf(b);
    expect(staged.changed.map(({ path, status }) => `${status} ${path}`)).toEqual([
      'added src/dir',
      'deleted src/dir/x.txt',
    ]);
  });

  it('survives a tracked file that became a named pipe or a hard link', async () => {
    const b = await bench();
    rmSync(join(b.at.path, 'src/a.txt'));
    execFileSync('mkfifo', [join(b.at.path, 'src/a.txt')]);
    rmSync(join(b.at.path, 'src/b.txt'));
    linkSync(join(b.at.path, 'other.txt'), join(b.at.path, 'src/b.txt'));
    const { staged } = await candidateOf(b);
    expect(staged.changed.map(({ path, status }) => `${status} ${path}`)).toEqual([
      'deleted src/a.txt',
      'modified src/b.txt',
    ]);
    await b.workspace.settle(b.incumbent);
    expect(b.at.read('src/a.txt')).toBe('one\n');
    expect(b.at.read('other.txt')).toBe('other\n');
  });

  it('reports a nested repository inside the target as out of scope, with and without a commit', async () => {
    const b = await bench();
    for (const name of ['empty', 'full']) {
      mkdirSync(join(b.at.path, 'src', name));
      runGit(join(b.at.path, 'src', name), ['init', '--quiet']);
    }
    b.at.write('src/full/f', 'x\n');
    const identity = ['-c', 'user.name=x', '-c', 'user.email=x@example.org'];
    runGit(join(b.at.path, 'src/full'), ['add', 'f']);
    runGit(join(b.at.path, 'src/full'), [...identity, 'commit', '-m', 'x']);
    const staged = await b.workspace.inspect(b.incumbent, TARGET);
    expect(staged?.outOfScope).toEqual(['src/empty/', 'src/full/']);
    await b.workspace.settle(b.incumbent);
    expect(readdirSync(join(b.at.path, 'src')).sort()).toEqual(['a.txt', 'b.txt']);
  });

  it('leaves ignored files of a candidate neither committed nor lying around', async () => {
    const b = await bench({ files: { '.gitignore': '*.o\nbuild/\n' } });
    b.at.write('src/a.txt', 'better\n');
    b.at.write('src/a.o', 'object\n');
    b.at.write('build/out', 'built\n');
    const { staged, commit } = await candidateOf(b);
    expect(staged.changed.map(({ path }) => path)).toEqual(['src/a.txt']);
    expect(staged.strayFiles).toEqual([]);
    await b.workspace.materialise(commit);
    expect(b.at.has('src/a.o')).toBe(false);
    expect(b.at.has('build')).toBe(false);
  });

  it('commits a change of a tracked file that lies in an ignored folder', async () => {
    const b = await bench({
      setUp: (user) => {
        user.write('src/ignored/kept.txt', 'tracked\n');
        user.commit();
        user.write('.gitignore', 'ignored/\n');
        user.commit();
      },
    });
    b.at.write('src/ignored/kept.txt', 'changed\n');
    const { staged } = await candidateOf(b);
    expect(staged.changed.map(({ path }) => path)).toEqual(['src/ignored/kept.txt']);
  });

  it('gives the same bytes back under core.autocrlf=true', async () => {
    const b = await bench({
      setUp: (user) => {
        user.git('config', 'core.autocrlf', 'true');
        user.git('config', 'core.safecrlf', 'true');
      },
    });
    expect(b.at.read('src/a.txt')).toBe('one\r\n');
    expect(await b.workspace.inspect(b.incumbent, TARGET)).toBeNull();
    b.at.write('src/a.txt', 'mixed\r\nends\n');
    const { staged, commit } = await candidateOf(b);
    expect(staged.changed.map(({ path }) => path)).toEqual(['src/a.txt']);
    expect((await b.repository.readFile(commit, 'src/a.txt'))?.toString()).toBe('mixed\nends\n');
    await b.workspace.materialise(commit);
    expect(await b.workspace.differsFrom(commit)).toEqual([]);
  });

  it('puts all files in place in a repository with a sparse checkout', async () => {
    const files = { 'docs/far.md': 'far\n' };
    const b = await bench({ files, setUp: (user) => user.git('sparse-checkout', 'set', 'src') });
    expect(b.user.has('docs/far.md')).toBe(false);
    expect(b.at.read('docs/far.md')).toBe('far\n');
    b.at.write('src/a.txt', 'better\n');
    const { commit } = await candidateOf(b);
    await b.workspace.materialise(commit);
    expect(await b.workspace.differsFrom(commit)).toEqual([]);
    expect(b.at.has('docs/far.md')).toBe(true);
  });
});

describe('rescue', () => {
  it('saves everything that differs as a patch that applies: binary, stray and out of scope', async () => {
    const b = await bench();
    writeFileSync(join(b.at.path, 'src/a.txt'), Buffer.from([0, 255, 1, 254]));
    b.at.write('other.txt', 'outside\n');
    b.at.write('stray file.md', 'stray\n');
    rmSync(join(b.at.path, 'src/b.txt'));
    const wanted = snapshot(b.at.path);
    const patch = await b.workspace.patch(b.incumbent);
    await b.workspace.settle(b.incumbent);
    const file = join(temporaryFolder(), 'rescue.patch');
    writeFileSync(file, patch);
    b.at.git('apply', '--binary', file);
    expect(snapshot(b.at.path)).toEqual(wanted);
  });

  it('leaves the state that inspect sees untouched', async () => {
    const b = await bench();
    b.at.write('src/a.txt', 'better\n');
    b.at.write('other.txt', 'outside\n');
    await b.workspace.patch(b.incumbent);
    expect((await b.workspace.inspect(b.incumbent, TARGET))?.outOfScope).toEqual(['other.txt']);
  });
});

describe('cleaning, kept paths and links', () => {
  it('removes nested repositories, read-only folders and untracked files', async () => {
    const b = await bench();
    mkdirSync(join(b.at.path, 'nested/deep'), { recursive: true });
    runGit(join(b.at.path, 'nested'), ['init', '--quiet']);
    b.at.write('nested/deep/file', 'x');
    b.at.write('cache/mod/file', 'x');
    chmodSync(join(b.at.path, 'cache/mod'), 0o500);
    await b.workspace.materialise(b.incumbent);
    expect(readdirSync(b.at.path).sort()).toEqual(['.git', 'README.md', 'other.txt', 'src']);
  });

  it('keeps what is named, also with odd names and globs, and only that', async () => {
    const keep = ['!bang', '#hash', 'trailing ', 'deep/er/cache', 'target/', 'out-*', '[x]'];
    const b = await bench({ keep });
    const kept = ['!bang/1', '#hash', 'trailing ', 'deep/er/cache/1', 'target/a', 'out-1/b', 'x'];
    for (const path of [...kept, 'deep/er/other', 'nested/target/a', 'bang', 'hash']) b.at.write(path, 'k');
    await b.workspace.materialise(b.incumbent);
    for (const path of kept) expect([path, b.at.has(path)]).toEqual([path, true]);
    for (const path of ['deep/er/other', 'nested', 'bang', 'hash'])
      expect([path, b.at.has(path)]).toEqual([path, false]);
    expect(await b.workspace.inspect(b.incumbent, { ...TARGET, strictness: 'strict' })).toBeNull();
  });

  it('shows linked folders, never commits, cleans or counts them, and mends them', async () => {
    const setUp = (user: TemporaryRepository) => {
      user.write('.gitignore', 'node_modules/\n');
      user.commit();
      user.write('node_modules/dependency/index.js', 'x\n');
      user.write('web app/node_modules/y/index.js', 'y\n');
    };
    const b = await bench({ link: ['node_modules', 'web app/node_modules/'], setUp });
    expect(b.at.read('node_modules/dependency/index.js')).toBe('x\n');
    expect(b.at.read('web app/node_modules/y/index.js')).toBe('y\n');
    expect(await b.workspace.inspect(b.incumbent, { ...TARGET, target: ['**'], strictness: 'strict' })).toBeNull();
    expect((await b.workspace.patch(b.incumbent)).length).toBe(0);
    rmSync(join(b.at.path, 'node_modules'));
    b.at.write('node_modules/own/z.js', 'agent\n');
    await b.workspace.materialise(b.incumbent);
    expect(readlinkSync(join(b.at.path, 'node_modules'))).toBe(join(b.user.path, 'node_modules'));
    expect(b.user.has('node_modules/own')).toBe(false);
    expect(b.user.read('node_modules/dependency/index.js')).toBe('x\n');
  });

  it('refuses a linked node_modules whose packages lead back to tracked files', async () => {
    const setUp = (user: TemporaryRepository) => {
      user.write('packages/core/index.js', 'x\n');
      user.commit();
      mkdirSync(join(user.path, 'node_modules/@scope'), { recursive: true });
      symlinkSync('../../packages/core', join(user.path, 'node_modules/@scope/core'));
    };
    await expect(bench({ link: ['node_modules'], setUp })).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('node_modules/@scope/core points to'),
      hint: expect.stringContaining('setup_cmd'),
    });
  });

  it.each([
    ['a.pth', (root: string) => `${root}/src\n`],
    ['__editable___pkg_finder.py', (root: string) => `MAPPING = {'pkg': '${root}/src'}\n`],
    ['pkg.egg-link', (root: string) => `${root}/src\n.`],
  ])('refuses a linked .venv with an editable install (%s)', async (name, content) => {
    const setUp = (user: TemporaryRepository) =>
      user.write(`.venv/lib/python3.12/site-packages/${name}`, content(user.path));
    await expect(bench({ link: ['.venv'], setUp })).rejects.toMatchObject({ code: 'config' });
  });

  it('accepts links that stay inside themselves or lead out of the repository', async () => {
    const setUp = (user: TemporaryRepository) => {
      user.write('node_modules/x/cli.js', 'x\n');
      mkdirSync(join(user.path, 'node_modules/.bin'));
      symlinkSync('../x/cli.js', join(user.path, 'node_modules/.bin/x'));
      symlinkSync('/usr/bin', join(user.path, 'node_modules/usr'));
      user.write('node_modules/distutils-precedence.pth', 'import os; x = 1\n');
    };
    const b = await bench({ link: ['node_modules'], setUp });
    expect(b.at.has('node_modules/.bin/x')).toBe(true);
  });

  it.each(['../outside', '/etc', '.git/hooks', 'src', 'missing'])('refuses the link %s', async (link) => {
    await expect(bench({ link: [link] })).rejects.toMatchObject({ code: 'config' });
  });
});

describe('a workspace that was damaged', () => {
  it('is made again after the user deleted its folder', async () => {
    const b = await bench();
    rmSync(b.at.path, { recursive: true });
    await b.workspace.prepare(b.incumbent);
    expect(b.at.read('src/a.txt')).toBe('one\n');
    expect(b.user.git('worktree', 'list').split('\n')).toHaveLength(2);
  });

  it('is made again after the folder vanished between proposal and measurement, without inventing a proposal', async () => {
    const b = await bench();
    rmSync(b.at.path, { recursive: true });
    expect(await b.workspace.inspect(b.incumbent, TARGET)).toBeNull();
    expect(b.at.read('src/a.txt')).toBe('one\n');
  });

  it('is locked, so that git worktree prune spares it, and is found again after unlock and prune', async () => {
    const b = await bench();
    renameSync(b.at.path, `${b.at.path}.away`);
    b.user.git('worktree', 'prune', '--expire=now');
    expect(b.user.git('worktree', 'list').split('\n')).toHaveLength(2);
    b.user.git('worktree', 'unlock', b.at.path);
    b.user.git('worktree', 'prune', '--expire=now');
    renameSync(`${b.at.path}.away`, b.at.path);
    await b.workspace.prepare(b.incumbent);
    expect(b.at.git('status', '--porcelain')).toBe('');
    expect(b.user.git('worktree', 'list', '--porcelain')).toContain('locked autoresearch');
  });

  it('is finished after a kill left it half made: folder and intent, no registration', async () => {
    const b = await bench();
    const gitDir = b.at.git('rev-parse', '--absolute-git-dir');
    rmSync(gitDir, { recursive: true });
    rmSync(join(b.at.path, '.git'));
    const intent = join(b.user.path, '.git/autoresearch/engineering/speed/workspace-intent');
    await expect(b.workspace.prepare(b.incumbent)).rejects.toMatchObject({ code: 'repository' });
    writeFileSync(intent, b.at.path);
    await b.workspace.prepare(b.incumbent);
    expect(b.at.git('status', '--porcelain')).toBe('');
    expect(existsSync(intent)).toBe(false);
  });

  it('is finished after a kill left it half made: registered, but without marker, HEAD or files', async () => {
    const b = await bench();
    const gitDir = b.at.git('rev-parse', '--absolute-git-dir');
    rmSync(join(gitDir, 'HEAD'));
    rmSync(join(gitDir, 'autoresearch-workspace'));
    rmSync(b.at.path, { recursive: true });
    mkdirSync(b.at.path);
    await b.workspace.prepare(b.incumbent);
    expect(b.at.git('status', '--porcelain')).toBe('');
    expect(await isOwnWorkspace(b.at.path)).toBe(true);
  });

  it('refuses a folder that is not ours, and does not touch it', async () => {
    const b = await bench();
    b.user.git('worktree', 'remove', '--force', '--force', b.at.path);
    mkdirSync(b.at.path);
    b.at.write('precious.txt', 'mine\n');
    await expect(b.workspace.prepare(b.incumbent)).rejects.toMatchObject({
      code: 'repository',
      hint: expect.stringContaining(`mv ${b.at.path}`),
    });
    expect(b.at.read('precious.txt')).toBe('mine\n');
  });

  it('stays in its own repository when the proposer removed .git, below a folder that is a repository too', async () => {
    const b = await bench();
    runGit(b.user.cacheHome, ['init', '--quiet']);
    writeFileSync(join(b.user.cacheHome, 'dotfile'), 'precious');
    rmSync(join(b.at.path, '.git'));
    b.at.write('src/a.txt', 'better\n');
    const { commit } = await candidateOf(b);
    rmSync(join(b.at.path, '.git'));
    await b.workspace.materialise(commit);
    await b.workspace.settle(b.incumbent);
    expect(readFileSync(join(b.user.cacheHome, 'dotfile'), 'utf8')).toBe('precious');
    expect(b.at.git('rev-parse', 'HEAD')).toBe(b.incumbent);
  });

  it('takes its folder back when the proposer ran git init in it', async () => {
    const b = await bench();
    rmSync(join(b.at.path, '.git'));
    runGit(b.at.path, ['init', '--quiet']);
    b.at.write('src/a.txt', 'better\n');
    const { staged } = await candidateOf(b);
    expect(staged.changed.map(({ path }) => path)).toEqual(['src/a.txt']);
    expect(staged.outOfScope).toEqual([]);
  });

  it('removes the stale locks that a killed git left in our worktree', async () => {
    const b = await bench();
    const gitDir = b.at.git('rev-parse', '--absolute-git-dir');
    for (const name of ['index.lock', 'autoresearch-index.lock', 'HEAD.lock']) writeFileSync(join(gitDir, name), '');
    b.at.write('src/a.txt', 'better\n');
    const { commit } = await candidateOf(b);
    for (const name of ['index.lock', 'autoresearch-index.lock', 'HEAD.lock']) writeFileSync(join(gitDir, name), '');
    await b.workspace.materialise(commit);
    expect(b.at.read('src/a.txt')).toBe('better\n');
    expect(b.at.git('status', '--porcelain')).toBe('');
  });

  it('mends a truncated index', async () => {
    const b = await bench();
    const gitDir = b.at.git('rev-parse', '--absolute-git-dir');
    writeFileSync(join(gitDir, 'autoresearch-index'), 'garbage');
    b.at.write('src/a.txt', 'half written');
    await b.workspace.materialise(b.incumbent);
    expect(b.at.read('src/a.txt')).toBe('one\n');
    expect(await b.workspace.differsFrom(b.incumbent)).toEqual([]);
  });

  it('mends files that a kill left half written', async () => {
    const b = await bench();
    b.at.write('src/a.txt', 'better\n');
    const { commit } = await candidateOf(b);
    writeFileSync(join(b.at.path, 'src/a.txt'), 'bet');
    rmSync(join(b.at.path, 'other.txt'));
    const again = new WorktreeWorkspace(b.repository, EXPERIMENT);
    await again.materialise(commit);
    expect(await again.differsFrom(commit)).toEqual([]);
  });

  it('is used as it is by the next run, with files and proposal kept', async () => {
    const b = await bench();
    b.at.write('src/a.txt', 'partial\n');
    const again = new WorktreeWorkspace(b.repository, EXPERIMENT);
    const staged = await again.inspect(b.incumbent, TARGET);
    expect(staged?.changed.map(({ path }) => path)).toEqual(['src/a.txt']);
  });
});

describe('repositories of every kind', () => {
  it('works from a linked worktree of the user, and finds the operator’s checkout from inside the workspace', async () => {
    const user = temporaryRepository({ files: { 'src/a.txt': 'one\n' } });
    process.env['XDG_CACHE_HOME'] = user.cacheHome;
    const linked = join(temporaryFolder(), 'linked');
    user.git('worktree', 'add', '-b', 'side', linked);
    const repository = await openRepository(linked);
    const workspace = new WorktreeWorkspace(repository, EXPERIMENT);
    await workspace.prepare(user.head());
    const fromInside = await openRepository(join(workspace.path, 'src'));
    expect(fromInside.root).toBe(repository.root);
    expect(fromInside.id).toBe(repository.id);
    expect(workspacePath(fromInside, EXPERIMENT)).toBe(workspace.path);
    expect(await isOwnWorkspace(workspace.path)).toBe(true);
    expect(await isOwnWorkspace(linked)).toBe(false);
    expect(await isOwnWorkspace(user.path)).toBe(false);
  });

  it('refuses submodules and says which kind of workspace can do it', async () => {
    const library = temporaryRepository();
    const setUp = (user: TemporaryRepository) => {
      user.git('-c', 'protocol.file.allow=always', 'submodule', 'add', '--quiet', library.path, 'lib');
      user.commit('submodule');
    };
    await expect(bench({ setUp })).rejects.toMatchObject({
      code: 'repository',
      hint: expect.stringContaining('kind = checkout'),
    });
  });

  it('never runs a hook, not even one that hangs or fails', async () => {
    const setUp = (user: TemporaryRepository) => {
      for (const hook of ['post-checkout', 'pre-commit', 'reference-transaction', 'post-index-change', 'post-commit']) {
        user.write(
          `.git/hooks/${hook}`,
          '#!/bin/sh\ntouch "$(git rev-parse --git-common-dir)/hook-ran"\nsleep 1000\nexit 1\n',
          0o755,
        );
      }
    };
    const b = await bench({ setUp });
    b.at.write('src/a.txt', 'better\n');
    const { commit } = await candidateOf(b);
    await b.workspace.materialise(commit);
    await b.workspace.settle(b.incumbent);
    expect(b.user.has('.git/hook-ran')).toBe(false);
  });

  it('works with a user index that is locked, and while a merge is in progress there', async () => {
    const b = await bench();
    b.user.git('switch', '-c', 'side');
    b.user.write('src/a.txt', 'side\n');
    b.user.commit();
    b.user.git('switch', 'main');
    b.user.write('src/a.txt', 'main\n');
    b.user.commit();
    expect(() => b.user.git('merge', 'side')).toThrow();
    b.user.write('.git/index.lock', '');
    const before = b.user.fingerprint();
    b.at.write('src/a.txt', 'better\n');
    const { commit } = await candidateOf(b);
    await b.workspace.materialise(commit);
    await b.workspace.settle(b.incumbent);
    expect(b.user.fingerprint()).toBe(before);
    expect(b.user.has('.git/index.lock')).toBe(true);
  });
});
