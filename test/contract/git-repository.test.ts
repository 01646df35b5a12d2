import { chownSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Git } from '../../src/git/git.js';
import { openRepository } from '../../src/git/open.js';
import {
  repositoryAt,
  runGit,
  type TemporaryRepository,
  temporaryFolder,
  temporaryRepository,
} from '../helpers/git.js';

const ambient = { ...process.env };
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in ambient)) delete process.env[name];
  Object.assign(process.env, ambient);
});

function commitIntent(user: TemporaryRepository) {
  const tree = user.git('rev-parse', 'HEAD^{tree}');
  return { tree, parent: user.head(), message: 'experiment: x\n\nTrial: 1', epochSeconds: 1_700_000_000 };
}

describe('opening a repository', () => {
  it('finds the top folder, the shared git folder and an id that all worktrees share', async () => {
    const user = temporaryRepository({ files: { 'deep/er/x': '1' } });
    const linked = join(temporaryFolder(), 'linked');
    user.git('worktree', 'add', linked);
    const main = await openRepository(join(user.path, 'deep/er'));
    const other = await openRepository(linked);
    expect(main).toMatchObject({ root: user.path, commonDir: join(user.path, '.git'), rootCommit: user.head() });
    expect(other).toMatchObject({ root: linked, commonDir: main.commonDir, id: main.id });
    expect(other.gitDir).toBe(join(user.path, '.git/worktrees/linked'));
    const clone = temporaryFolder();
    runGit(clone, ['clone', '--quiet', user.path, '.']);
    expect((await openRepository(clone)).id).not.toBe(main.id);
  });

  it('follows symlinks to the same repository', async () => {
    const user = temporaryRepository();
    const alias = join(temporaryFolder(), 'alias');
    symlinkSync(user.path, alias);
    expect((await openRepository(alias)).id).toBe((await openRepository(user.path)).id);
  });

  it('finds a folder with a line end in its name', async () => {
    const path = join(temporaryFolder(), 'two\nlines');
    mkdirSync(path);
    runGit(path, ['init', '--quiet']);
    runGit(path, ['-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '--quiet', '--allow-empty', '-m', 'x']);
    expect(await openRepository(path)).toMatchObject({ root: path, gitDir: join(path, '.git') });
  });

  it('refuses a folder without repository', async () => {
    await expect(openRepository(temporaryFolder())).rejects.toMatchObject({
      exitCode: 11,
      hint: expect.stringContaining('git init && git add -A && git commit'),
    });
    await expect(openRepository('/does/not/exist')).rejects.toMatchObject({ exitCode: 11 });
  });

  it('refuses a bare repository, and the inside of a git folder', async () => {
    const bare = temporaryFolder();
    runGit(bare, ['init', '--quiet', '--bare']);
    await expect(openRepository(bare)).rejects.toMatchObject({
      exitCode: 11,
      hint: expect.stringContaining('git clone'),
    });
    const user = temporaryRepository();
    await expect(openRepository(join(user.path, '.git'))).rejects.toMatchObject({ exitCode: 11 });
  });

  it('refuses an unborn branch', async () => {
    const user = temporaryRepository({ empty: true });
    await expect(openRepository(user.path)).rejects.toMatchObject({
      message: expect.stringContaining('has no commit yet'),
      hint: expect.stringContaining('git commit'),
    });
  });

  it('opens a shallow clone by its oldest known commit', async () => {
    const user = temporaryRepository();
    user.write('x', '1');
    const second = user.commit();
    user.write('x', '2');
    user.commit();
    const clone = temporaryFolder();
    runGit(clone, ['clone', '--quiet', '--depth=2', `file://${user.path}`, '.']);
    const repository = await openRepository(clone);
    expect(repository.rootCommit).toBe(second);
    expect(await repository.isAncestor(second, (await repository.head()).commit)).toBe(true);
  });

  it.skipIf(process.getuid?.() !== 0)('refuses a repository of a foreign owner with the cure', async () => {
    const user = temporaryRepository();
    chownSync(user.path, 65534, 65534);
    chownSync(join(user.path, '.git'), 65534, 65534);
    await expect(openRepository(user.path)).rejects.toMatchObject({
      exitCode: 11,
      hint: `git config --global --add safe.directory ${user.path}`,
    });
  });

  it('refuses LFS files when git-lfs is missing, and opens them when it is there', async () => {
    const user = temporaryRepository({
      files: { 'data/.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n' },
    });
    const tools = temporaryFolder();
    const gitPath = runGit(user.path, ['--exec-path']);
    symlinkSync(join(gitPath, 'git'), join(tools, 'git'));
    process.env['PATH'] = tools;
    await expect(openRepository(user.path)).rejects.toMatchObject({
      exitCode: 11,
      hint: expect.stringContaining('git lfs pull'),
    });
    writeFileSync(join(tools, 'git-lfs'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    expect((await openRepository(user.path)).root).toBe(user.path);
  });

  it('ignores GIT_DIR, GIT_INDEX_FILE and the like of the git hook it was started from', async () => {
    const user = temporaryRepository();
    const other = temporaryRepository();
    Object.assign(process.env, { GIT_DIR: join(other.path, '.git'), GIT_INDEX_FILE: '/nowhere', GIT_WORK_TREE: '/' });
    const repository = await openRepository(user.path);
    expect(repository.root).toBe(user.path);
    expect(await repository.dirtyPaths()).toEqual([]);
  });
});

describe('the state of the operator’s checkout', () => {
  it('tells a branch from a detached HEAD', async () => {
    const user = temporaryRepository();
    const repository = await openRepository(user.path);
    expect(await repository.head()).toEqual({ commit: user.head(), branch: 'main' });
    user.git('switch', '-c', 'HEAD2/deep');
    expect((await repository.head()).branch).toBe('HEAD2/deep');
    user.git('switch', '--detach');
    expect((await repository.head()).branch).toBeNull();
  });

  it('names what is in progress: merge, rebase, cherry-pick, revert, bisect', async () => {
    const user = temporaryRepository({ files: { x: '0\n' } });
    const repository = await openRepository(user.path);
    expect(await repository.operationInProgress()).toBeNull();
    user.git('switch', '-c', 'side');
    user.write('x', 'side\n');
    user.commit('side');
    user.git('switch', 'main');
    user.write('x', 'main\n');
    user.commit('main');
    for (const [operation, ...args] of [
      ['merge', 'side'],
      ['rebase', 'side'],
      ['cherry-pick', 'side'],
      ['revert', 'HEAD~1'],
    ] as const) {
      if (operation === 'revert') {
        user.write('x', 'later\n');
        user.commit('later');
      }
      expect(() => user.git(operation, ...(operation === 'rebase' ? [] : ['--no-edit']), ...args)).toThrow();
      expect(await repository.operationInProgress()).toBe(operation);
      user.git(operation, '--abort');
    }
    user.git('bisect', 'start');
    expect(await repository.operationInProgress()).toBe('bisect');
  });

  it('lists uncommitted work: staged, edited, untracked, with odd names', async () => {
    const user = temporaryRepository({ files: { a: '1', 'b c': '1' } });
    const repository = await openRepository(user.path);
    user.write('a', '2');
    user.git('add', 'a');
    user.write('b c', '2');
    user.write('new\n"x"', '3');
    expect(await repository.dirtyPaths()).toEqual([
      { path: 'a', staged: true, untracked: false },
      { path: 'b c', staged: false, untracked: false },
      { path: 'new\n"x"', staged: false, untracked: true },
    ]);
  });
});

describe('reading commits', () => {
  it('answers what a revision is, and null for what is none', async () => {
    const user = temporaryRepository();
    const repository = await openRepository(user.path);
    expect(await repository.resolve('main')).toBe(user.head());
    user.git('tag', '-a', 'v1', '-m', 'v1');
    expect(await repository.resolve('v1')).toBe(user.head());
    for (const nothing of ['nope', 'HEAD^{tree}', '--all', '', '0'.repeat(40), 'refs/heads/']) {
      expect(await repository.resolve(nothing)).toBeNull();
    }
    expect(await repository.treeOf('HEAD')).toBe(user.git('rev-parse', 'HEAD^{tree}'));
    expect(await repository.isValidRefName('refs/heads/a/b')).toBe(true);
    expect(await repository.isValidRefName('refs/heads/a..b')).toBe(false);
  });

  it('lists and sizes changes, and makes a patch that applies', async () => {
    const user = temporaryRepository({ files: { keep: '1\n', gone: '2\n' } });
    user.git('config', 'diff.noprefix', 'true');
    user.git('config', 'color.ui', 'always');
    const from = user.head();
    user.write('keep', '1\n2\n3\n');
    rmSync(join(user.path, 'gone'));
    user.write('bin', Buffer.from([0, 1, 2, 255]));
    const to = user.commit();
    const repository = await openRepository(user.path);
    expect((await repository.changedPaths(from, to)).map(({ path, status }) => `${status} ${path}`)).toEqual([
      'added bin',
      'deleted gone',
      'modified keep',
    ]);
    expect(await repository.diffStat(from, to)).toEqual({ files: 3, insertions: 2, deletions: 1 });
    expect(await repository.diffStat(from, from)).toEqual({ files: 0, insertions: 0, deletions: 0 });
    expect(await repository.fileStats(from, to)).toContainEqual({ path: 'bin', insertions: null, deletions: null });
    expect((await repository.log(from, to)).map(({ commit, subject }) => `${commit} ${subject}`)).toEqual([
      `${to} change`,
    ]);
    const file = join(temporaryFolder(), 'x.patch');
    writeFileSync(file, await repository.patch(from, to));
    user.git('switch', '--detach', from);
    user.git('apply', '--binary', '--index', file);
    expect(user.git('write-tree')).toBe(await repository.treeOf(to));
  });

  it('names a commit that does not exist in the error', async () => {
    const repository = await openRepository(temporaryRepository().path);
    await expect(repository.diffStat('nope', 'HEAD')).rejects.toMatchObject({ code: 'repository' });
    await expect(repository.patch('nope', 'HEAD')).rejects.toMatchObject({ code: 'repository' });
    await expect(repository.readFile('nope', 'x')).rejects.toMatchObject({ code: 'repository' });
  });

  it('reads a file’s bytes, a link’s target, and null where there is no file', async () => {
    const user = temporaryRepository();
    user.write('bin', Buffer.from([0, 255, 10, 13]));
    user.write('new\nline', 'x');
    symlinkSync('bin', join(user.path, 'link'));
    user.write('folder/x', 'x');
    const commit = user.commit();
    user.write('on-disk-only', 'x');
    const repository = await openRepository(user.path);
    expect(await repository.readFile(commit, 'bin')).toEqual(Buffer.from([0, 255, 10, 13]));
    expect((await repository.readFile(commit, 'new\nline'))?.toString()).toBe('x');
    expect((await repository.readFile(commit, 'link'))?.toString()).toBe('bin');
    for (const path of ['nope', 'no\npe', 'on-disk-only', 'folder'])
      expect(await repository.readFile(commit, path)).toBeNull();
  });

  it('lists tracked files by glob and literal, with modes', async () => {
    const user = temporaryRepository({ files: { 'src/a.ts': '', 'src/deep/b.ts': '', '[x].ts': '', 'x.ts': '' } });
    const repository = await openRepository(user.path);
    const paths = async (...specs: string[]) => (await repository.trackedPaths('HEAD', specs)).map(({ path }) => path);
    expect(await paths()).toHaveLength(5);
    expect(await paths(':(glob)src/*.ts')).toEqual(['src/a.ts']);
    expect(await paths(':(glob)src/**')).toEqual(['src/a.ts', 'src/deep/b.ts']);
    expect(await paths(':(literal)[x].ts')).toEqual(['[x].ts']);
    expect(await repository.trackedPaths('HEAD', ['x.ts'])).toEqual([{ path: 'x.ts', mode: '100644' }]);
    expect(await repository.hasSubmodules('HEAD')).toBe(false);
    expect(await repository.commitTime('HEAD')).toBe(Number(user.git('show', '-s', '--format=%ct')));
  });
});

describe('making commits', () => {
  it('makes the same commit from the same intent, unsigned and by nobody', async () => {
    const user = temporaryRepository();
    const repository = await openRepository(user.path);
    const intent = commitIntent(user);
    const commit = await repository.commitTree(intent);
    user.git('config', '--unset', 'user.name');
    user.git('config', '--unset', 'user.email');
    user.git('config', 'user.useConfigOnly', 'true');
    user.git('config', 'commit.gpgsign', 'true');
    user.git('config', 'gpg.program', '/bin/false');
    user.git('config', 'i18n.commitEncoding', 'latin1');
    user.git('config', 'core.hooksPath', 'hooks');
    user.write('hooks/pre-commit', '#!/bin/sh\nexit 1\n', 0o755);
    Object.assign(process.env, { GIT_AUTHOR_NAME: 'x', GIT_COMMITTER_DATE: '2001-01-01', TZ: 'Asia/Tokyo' });
    expect(await (await openRepository(user.path)).commitTree(intent)).toBe(commit);
    const stored = user.git('cat-file', 'commit', commit);
    expect(stored).toContain('author autoresearch <autoresearch@localhost> 1700000000 +0000');
    expect(stored).toContain('committer autoresearch <autoresearch@localhost> 1700000000 +0000');
    expect(stored).not.toMatch(/gpgsig|encoding/);
    expect(stored).toMatch(/experiment: x\n\nTrial: 1$/);
  });

  it('takes a date of long ago and a message with odd bytes', async () => {
    const user = temporaryRepository();
    const repository = await openRepository(user.path);
    const commit = await repository.commitTree({ ...commitIntent(user), epochSeconds: 5, message: '# a\0b 文 \n\n\n' });
    expect(await repository.commitTime(commit)).toBe(5);
    expect(user.git('show', '-s', '--format=%B', commit)).toBe('# ab 文\n');
  });

  it('makes a tree with files replaced, added and removed, keeping modes, and touches nothing else', async () => {
    const user = temporaryRepository({ files: { 'a b': '1', gone: '2', 'd/x': '3' } });
    user.write('run.sh', 'old', 0o755);
    user.commit();
    const before = user.fingerprint();
    const repository = await openRepository(user.path);
    const files = new Map([
      ['run.sh', Buffer.from('new')],
      ['gone', null],
      ['d', Buffer.from('file now')],
      ['new\n"file"', Buffer.from([0, 255])],
      ['never was', null],
    ]);
    const tree = await repository.treeWith('HEAD', files);
    const listed = (await repository.trackedPaths(tree)).map(({ path, mode }) => `${mode} ${path}`);
    expect(listed).toEqual(['100644 README.md', '100644 a b', '100644 d', '100644 new\n"file"', '100755 run.sh']);
    expect(await repository.treeWith('HEAD', new Map())).toBe(await repository.treeOf('HEAD'));
    expect(user.fingerprint()).toBe(before);
  });
});

describe('running git', () => {
  it('waits for a lock that the operator’s git holds for a moment', async () => {
    const user = temporaryRepository();
    const git = new Git(user.path);
    user.write('.git/index.lock', '');
    user.write('x', '1');
    let isDone = false;
    const adding = git.run(['add', 'x']).finally(() => {
      isDone = true;
    });
    const begun = performance.now();
    while (performance.now() - begun < 100) await new Promise(setImmediate);
    expect(isDone).toBe(false);
    rmSync(join(user.path, '.git/index.lock'));
    await adding;
    expect(user.git('diff', '--cached', '--name-only')).toBe('x');
  });

  it('names a lock that stays, and never removes it', async () => {
    const user = temporaryRepository();
    user.write('.git/index.lock', '');
    await expect(new Git(user.path, { lockWaitMs: 50 }).run(['add', '-A'])).rejects.toMatchObject({
      exitCode: 11,
      hint: `wait for the other git to end; if no git is running: rm ${user.path}/.git/index.lock`,
    });
    expect(user.has('.git/index.lock')).toBe(true);
  });

  it('ends a git that hangs, and says what may hang', async () => {
    const user = temporaryRepository({ files: { '.gitattributes': '*.slow filter=slow\n' } });
    user.git('config', 'filter.slow.clean', 'sleep 1000; cat');
    user.write('x.slow', '1');
    await expect(new Git(user.path, { timeoutMs: 300 }).run(['add', '-A'])).rejects.toMatchObject({
      code: 'repository',
      message: expect.stringContaining('no end after'),
      hint: expect.stringContaining('filter'),
    });
  });

  it('says what git said, in one line, whatever the command printed', async () => {
    const user = temporaryRepository();
    const error = await new Git(user.path).run(['show', 'no-such\nthing']).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringContaining('git show failed in') });
    expect(String(error)).not.toContain('\n');
  });

  it('takes exit codes as answers only where asked', async () => {
    const git = new Git(temporaryRepository().path);
    await expect(git.run(['diff', '--quiet', 'HEAD', '--', 'README.md'])).resolves.toMatchObject({ exitCode: 0 });
    await expect(git.run(['rev-parse', '--verify', '-q', 'nope'])).rejects.toMatchObject({ code: 'repository' });
    const answer = await git.run(['rev-parse', '--verify', '-q', 'nope'], { okExitCodes: [0, 1] });
    expect(answer.exitCode).toBe(1);
  });

  it('says so when there is no git or no folder', async () => {
    const folder = temporaryFolder();
    await expect(new Git(join(folder, 'gone')).run(['status'])).rejects.toMatchObject({ code: 'repository' });
    process.env['PATH'] = folder;
    await expect(openRepository(folder)).rejects.toMatchObject({ hint: expect.stringContaining('install git') });
  });
});

describe('any set of file names', () => {
  it('comes back from a tree as it went in', async () => {
    const user = temporaryRepository();
    const repository = await openRepository(user.path);
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
      .map((text) => text.replace(/[/\0]/g, '_'))
      .filter((text) => !['.', '..'].includes(text) && !/^\.?git/i.test(text) && Buffer.from(text).toString() === text);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 1, maxLength: 5 }), async (names) => {
        const tree = await repository.treeWith('HEAD', new Map(names.map((each) => [`f/${each}`, Buffer.from(each)])));
        const paths = (await repository.trackedPaths(tree)).map(({ path }) => path);
        expect(new Set(paths)).toEqual(new Set(['README.md', ...names.map((each) => `f/${each}`)]));
        for (const each of names) expect((await repository.readFile(tree, `f/${each}`))?.toString()).toBe(each);
      }),
      { numRuns: 15 },
    );
  });
});

describe('the helper repositories of these tests', () => {
  it('keep to themselves', () => {
    const user = temporaryRepository();
    expect(readdirSync(user.cacheHome)).toEqual([]);
    mkdirSync(join(user.path, 'x'));
    expect(repositoryAt(user.path, user.cacheHome).head()).toBe(user.head());
  });
});
