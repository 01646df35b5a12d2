import { chmodSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CheckoutWorkspace } from '../../src/git/checkout-workspace.js';
import { openRepository } from '../../src/git/open.js';
import { ExperimentRefs } from '../../src/git/refs.js';
import type { Repository } from '../../src/git/repository.js';
import type { Scope } from '../../src/git/types.js';
import { type TemporaryRepository, temporaryRepository } from '../helpers/git.js';

const BRANCH = 'autoresearch/engineering/speed';
const TARGET: Scope = { target: ['src/**'], ignored: [], strictness: 'normal' };

interface Bench {
  readonly user: TemporaryRepository;
  readonly repository: Repository;
  readonly refs: ExperimentRefs;
  readonly workspace: CheckoutWorkspace;
  readonly incumbent: string;
}

/** The user's checkout is on the experiment's branch, at the incumbent. */
async function bench(options: { branch?: boolean; files?: Record<string, string> } = {}): Promise<Bench> {
  const { branch = true, files = {} } = options;
  const user = temporaryRepository({
    files: { 'src/a.txt': 'one\n', 'src/b.txt': 'two\n', 'other.txt': 'other\n', 'more.txt': 'more\n', ...files },
  });
  const repository = await openRepository(user.path);
  const refs = new ExperimentRefs(repository, { domain: 'engineering', name: 'speed' });
  const incumbent = user.head();
  await refs.initialise(incumbent, { branch });
  if (branch) user.git('switch', BRANCH);
  return { user, repository, refs, workspace: new CheckoutWorkspace(repository, refs, { branch }), incumbent };
}

async function adopted(b: Bench): Promise<string> {
  const staged = await b.workspace.inspect(b.incumbent, TARGET);
  if (staged === null) throw new Error('expected a proposal');
  const { tree, parent } = staged;
  const intent = { tree, parent, message: 'experiment: x', epochSeconds: 1_000_000_000 };
  const commit = staged.existingCommit ?? (await b.repository.commitTree(intent));
  await b.workspace.adopt(commit, staged);
  return commit;
}

describe('a trial in the user’s checkout', () => {
  it('takes saved but uncommitted edits of the target as candidate and rolls them back', async () => {
    const b = await bench();
    await b.workspace.checkReady(TARGET, b.incumbent);
    b.user.write('src/a.txt', 'better\n');
    b.user.write('src/new.txt', 'new\n');
    b.user.write('notes.md', 'mine\n');
    const staged = await b.workspace.inspect(b.incumbent, TARGET);
    expect(staged?.changed.map(({ path, status }) => `${status} ${path}`)).toEqual([
      'modified src/a.txt',
      'added src/new.txt',
    ]);
    expect(staged).toMatchObject({
      parent: b.incumbent,
      existingCommit: null,
      outOfScope: [],
      strayFiles: ['notes.md'],
    });

    const candidate = await adopted(b);
    expect(b.user.git('status', '--porcelain')).toBe('?? notes.md');
    expect(b.user.git('rev-parse', BRANCH)).toBe(candidate);
    expect(await b.workspace.differsFrom(candidate)).toEqual([]);
    expect(await b.workspace.settle(b.incumbent, candidate)).toBeNull();
    expect(b.user.head()).toBe(b.incumbent);
    expect(b.user.git('status', '--porcelain')).toBe('?? notes.md');
    expect(b.user.read('src/a.txt')).toBe('one\n');
    expect(b.user.git('symbolic-ref', '--short', 'HEAD')).toBe(BRANCH);
  });

  it('takes the commits above the incumbent as candidate, with several commits as one', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'step 1\n');
    b.user.commit();
    b.user.write('src/b.txt', 'step 2\n');
    const tip = b.user.commit();
    const staged = await b.workspace.inspect(b.incumbent, TARGET);
    expect(staged).toMatchObject({ existingCommit: tip, parent: b.incumbent, outOfScope: [] });
    expect(staged?.changed).toHaveLength(2);
    expect(await adopted(b)).toBe(tip);
    expect(await b.workspace.settle(b.incumbent, tip)).toBeNull();
    expect(b.user.head()).toBe(b.incumbent);
    expect(b.user.git('status', '--porcelain')).toBe('');
  });

  it('puts uncommitted edits on top of commits of the line', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'step 1\n');
    const tip = b.user.commit();
    b.user.write('src/b.txt', 'step 2\n');
    const candidate = await adopted(b);
    expect(b.user.git('rev-parse', `${candidate}~1`)).toBe(tip);
    await b.workspace.settle(b.incumbent, candidate);
    expect(b.user.git('status', '--porcelain')).toBe('');
    expect(b.user.read('src/b.txt')).toBe('two\n');
  });

  it('stays where it is after a keep', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    const candidate = await adopted(b);
    await b.workspace.materialise(b.incumbent);
    expect(b.user.read('src/a.txt')).toBe('one\n');
    expect(await b.refs.advance(b.incumbent, candidate, { branch: true })).toEqual({ branch: 'moved' });
    expect(await b.workspace.settle(candidate, candidate)).toBeNull();
    expect(b.user.head()).toBe(candidate);
    expect(b.user.read('src/a.txt')).toBe('better\n');
    expect(b.user.git('status', '--porcelain')).toBe('');
  });

  it('finds nothing to try when the target is as it was', async () => {
    const b = await bench();
    b.user.write('notes.md', 'mine\n');
    expect(await b.workspace.inspect(b.incumbent, TARGET)).toBeNull();
    b.user.git('commit', '--allow-empty', '-m', 'empty');
    expect(await b.workspace.inspect(b.incumbent, TARGET)).toBeNull();
    expect(await b.workspace.settle(b.incumbent, null)).toBeNull();
  });

  it('names commits and edits outside the target', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    b.user.write('other.txt', 'committed outside\n');
    b.user.commit();
    b.user.write('more.txt', 'edited outside\n');
    const staged = await b.workspace.inspect(b.incumbent, TARGET);
    expect(staged?.outOfScope).toEqual(['other.txt', 'more.txt']);
  });

  it('works on a detached HEAD', async () => {
    const b = await bench();
    b.user.git('switch', '--detach');
    await b.workspace.checkReady(TARGET, b.incumbent);
    b.user.write('src/a.txt', 'better\n');
    const candidate = await adopted(b);
    expect(b.user.head()).toBe(candidate);
    expect(b.user.git('rev-parse', BRANCH)).toBe(b.incumbent);
    await b.workspace.settle(b.incumbent, candidate);
    expect(b.user.head()).toBe(b.incumbent);
    expect(b.user.git('rev-parse', '--symbolic-full-name', 'HEAD')).toBe('HEAD');
  });

  it('works on the branch that is checked out where no branch of its own is wanted', async () => {
    const b = await bench({ branch: false });
    await b.workspace.checkReady(TARGET, b.incumbent);
    b.user.write('src/a.txt', 'better\n');
    const candidate = await adopted(b);
    expect(b.user.git('rev-parse', 'main')).toBe(candidate);
    await b.workspace.settle(b.incumbent, candidate);
    expect(b.user.git('rev-parse', 'main')).toBe(b.incumbent);
    b.user.git('switch', '-c', 'side');
    await expect(b.workspace.inspect(b.incumbent, TARGET)).rejects.toMatchObject({
      code: 'conflict',
      hint: 'git switch main',
    });
  });

  it('carries modes, links, deletions, odd names and a file that becomes a folder, there and back', async () => {
    const odd = ['src/with space', 'src/new\nline', 'src/-dash', 'src/:(glob)x', 'src/*', 'src/"q"', 'src/back\\slash'];
    const b = await bench({ files: Object.fromEntries(odd.map((path) => [path, 'old\n'])) });
    for (const path of odd) b.user.write(path, 'new\n');
    chmodSync(join(b.user.path, 'src/b.txt'), 0o755);
    rmSync(join(b.user.path, 'src/a.txt'));
    b.user.write('src/a.txt/inner', 'inner\n');
    symlinkSync('/nowhere', join(b.user.path, 'src/dangling'));
    const candidate = await adopted(b);
    expect(b.user.git('status', '--porcelain')).toBe('');
    await b.workspace.materialise(b.incumbent);
    expect(await b.workspace.differsFrom(b.incumbent)).toEqual([]);
    expect(b.user.read('src/a.txt')).toBe('one\n');
    await b.workspace.materialise(candidate);
    expect(b.user.git('status', '--porcelain')).toBe('');
    expect(b.user.read('src/a.txt/inner')).toBe('inner\n');
    await b.workspace.settle(b.incumbent, candidate);
    expect(b.user.git('status', '--porcelain')).toBe('');
  });
});

describe('work of the user beside the experiment', () => {
  it('survives a discard: edits, staged entries, untracked files, stashes and other refs', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    b.user.commit();
    const tip = b.user.head();
    b.user.write('other.txt', 'staged\n');
    b.user.git('add', 'other.txt');
    b.user.write('other.txt', 'staged and edited\n');
    b.user.write('more.txt', 'edited\n');
    b.user.write('notes.md', 'mine\n');
    const status = b.user.git('status', '--porcelain');
    const staged = b.user.git('diff', '--cached');
    await b.workspace.materialise(b.incumbent);
    await b.workspace.materialise(tip);
    expect(await b.workspace.settle(b.incumbent, tip)).toBeNull();
    expect(b.user.git('status', '--porcelain')).toBe(status);
    expect(b.user.git('diff', '--cached')).toBe(staged);
    expect(b.user.read('other.txt')).toBe('staged and edited\n');
    expect(b.user.read('more.txt')).toBe('edited\n');
    expect(b.user.read('notes.md')).toBe('mine\n');
  });

  it('is not overwritten when a target file was edited meanwhile: nothing is rolled back', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    const candidate = await adopted(b);
    b.user.write('src/a.txt', 'edited by hand\n');
    const before = b.user.fingerprint();
    await expect(b.workspace.materialise(b.incumbent)).rejects.toMatchObject({ code: 'conflict' });
    expect(await b.workspace.settle(b.incumbent, candidate)).toMatch(/^not rolled back: src\/a.txt was edited/);
    expect(b.user.fingerprint()).toBe(before);
    expect(b.user.head()).toBe(candidate);
    expect(b.user.read('src/a.txt')).toBe('edited by hand\n');
    const next = await b.workspace.inspect(b.incumbent, TARGET);
    expect(next).toMatchObject({ parent: candidate, existingCommit: null });
  });

  it('is not overwritten when an untracked file took the place of a deleted one', async () => {
    const b = await bench();
    rmSync(join(b.user.path, 'src/b.txt'));
    const candidate = await adopted(b);
    b.user.write('src/b.txt', 'something else\n');
    expect(await b.workspace.settle(b.incumbent, candidate)).toMatch(/^not rolled back/);
    expect(b.user.read('src/b.txt')).toBe('something else\n');
  });

  it('is not overwritten when it was staged meanwhile', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    const candidate = await adopted(b);
    b.user.write('src/a.txt', 'staged by hand\n');
    b.user.git('add', 'src/a.txt');
    b.user.write('src/a.txt', 'better\n');
    expect(await b.workspace.settle(b.incumbent, candidate)).toMatch(/^not rolled back/);
    expect(b.user.git('show', ':src/a.txt')).toBe('staged by hand');
  });

  it('keeps an edit that was made on top of the incumbent while that was measured', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    const candidate = await adopted(b);
    await b.workspace.materialise(b.incumbent);
    b.user.write('src/a.txt', 'one, edited\n');
    expect(await b.workspace.settle(b.incumbent, candidate)).toBeNull();
    expect(b.user.head()).toBe(b.incumbent);
    expect(b.user.read('src/a.txt')).toBe('one, edited\n');
    expect(b.user.git('diff', '--cached')).toBe('');
  });

  it('is left alone when the user committed on top of the candidate meanwhile', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    const candidate = await adopted(b);
    b.user.write('src/a.txt', 'better still\n');
    const tip = b.user.commit();
    expect(await b.workspace.settle(b.incumbent, candidate)).toMatch(/HEAD moved on/);
    expect(b.user.head()).toBe(tip);
    expect(b.user.read('src/a.txt')).toBe('better still\n');
  });

  it('is left alone when the user switched to another branch meanwhile', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    const candidate = await adopted(b);
    b.user.git('switch', 'main');
    const before = b.user.fingerprint();
    expect(await b.workspace.settle(b.incumbent, candidate)).toMatch(/not rolled back: HEAD is on main/);
    expect(b.user.fingerprint()).toBe(before);
  });
});

describe('a killed run in the checkout', () => {
  /** HEAD at the candidate, files at the incumbent or somewhere between. */
  async function away(): Promise<Bench & { candidate: string }> {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    b.user.write('src/b.txt', 'also\n');
    b.user.write('src/new.txt', 'new\n');
    const candidate = await adopted(b);
    await b.workspace.materialise(b.incumbent);
    return { ...b, candidate };
  }
  const again = (b: Bench) => new CheckoutWorkspace(b.repository, b.refs, { branch: true });

  it('is finished from between the files and HEAD', async () => {
    const b = await away();
    expect(await again(b).settle(b.incumbent, b.candidate)).toBeNull();
    expect(b.user.head()).toBe(b.incumbent);
    expect(b.user.git('status', '--porcelain')).toBe('');
  });

  it('is finished from half-moved files: either way', async () => {
    for (const destination of ['incumbent', 'candidate'] as const) {
      const b = await away();
      b.user.write('src/a.txt', 'better\n');
      b.user.write('src/new.txt', 'new\n');
      await again(b).materialise(b[destination]);
      expect(await again(b).differsFrom(b[destination])).toEqual([]);
      expect(b.user.has('src/new.txt')).toBe(destination === 'candidate');
      await again(b).materialise(b.candidate);
      expect(b.user.git('status', '--porcelain')).toBe('');
    }
  });

  it('is finished when git was killed while it wrote a file: cut short, or gone', async () => {
    for (const destination of ['incumbent', 'candidate'] as const) {
      const b = await away();
      b.user.write('.git/autoresearch-away', `moving ${b.incumbent}`);
      b.user.write('src/a.txt', 'bet');
      rmSync(join(b.user.path, 'src/b.txt'));
      await again(b).materialise(b[destination]);
      expect(await again(b).differsFrom(b[destination])).toEqual([]);
    }
  });

  it('takes a shortened file for the user’s own edit when git was not killed', async () => {
    const b = await away();
    b.user.write('src/a.txt', 'on');
    await expect(again(b).materialise(b.candidate)).rejects.toMatchObject({ code: 'conflict' });
    expect(b.user.read('src/a.txt')).toBe('on');
  });

  it('is finished after a keep whose files were still at the old incumbent', async () => {
    const b = await away();
    await b.refs.advance(b.incumbent, b.candidate, { branch: true });
    expect(await again(b).settle(b.candidate, b.candidate)).toBeNull();
    expect(b.user.read('src/a.txt')).toBe('better\n');
    expect(b.user.git('status', '--porcelain')).toBe('');
  });

  it('is not mistaken for a proposal that undoes the candidate', async () => {
    const b = await away();
    const staged = await again(b).inspect(b.incumbent, TARGET);
    expect(staged).toMatchObject({ existingCommit: b.candidate });
  });

  it('is finished from between HEAD and the index', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    const staged = await b.workspace.inspect(b.incumbent, TARGET);
    if (staged === null) throw new Error('expected a proposal');
    const intent = { tree: staged.tree, parent: staged.parent, message: 'x', epochSeconds: 1_000_000_000 };
    const candidate = await b.repository.commitTree(intent);
    b.user.git('update-ref', 'HEAD', candidate);
    await again(b).adopt(candidate, staged);
    expect(b.user.git('status', '--porcelain')).toBe('');
  });
});

describe('the start in a checkout', () => {
  it('takes a backup of HEAD', async () => {
    const b = await bench();
    const ref = await b.workspace.checkReady(TARGET, b.incumbent);
    expect(b.user.git('rev-parse', ref)).toBe(b.incumbent);
  });

  it('refuses a merge in progress', async () => {
    const b = await bench();
    b.user.git('switch', '-c', 'side');
    b.user.write('src/a.txt', 'side\n');
    b.user.commit();
    b.user.git('switch', BRANCH);
    b.user.write('src/a.txt', 'mine\n');
    b.user.commit();
    expect(() => b.user.git('merge', 'side')).toThrow();
    await expect(b.workspace.checkReady(TARGET, b.incumbent)).rejects.toMatchObject({
      code: 'repository',
      hint: expect.stringContaining('git merge --abort'),
    });
    expect(await b.workspace.inspect(b.incumbent, TARGET)).toBeNull();
  });

  it('refuses a rebase in progress', async () => {
    const b = await bench();
    b.user.git('switch', '-c', 'side');
    b.user.write('src/a.txt', 'side\n');
    b.user.commit();
    b.user.git('switch', BRANCH);
    b.user.write('src/a.txt', 'mine\n');
    b.user.commit();
    expect(() => b.user.git('rebase', 'side')).toThrow();
    await expect(b.workspace.checkReady(TARGET, b.incumbent)).rejects.toMatchObject({
      hint: expect.stringContaining('git rebase --abort'),
    });
  });

  it('refuses another branch and says how to get to the right one', async () => {
    const b = await bench();
    b.user.git('switch', 'main');
    const refusal = { code: 'repository', hint: `git switch ${BRANCH}` };
    await expect(b.workspace.checkReady(TARGET, b.incumbent)).rejects.toMatchObject(refusal);
    b.user.git('branch', '-D', BRANCH);
    await expect(b.workspace.checkReady(TARGET, null)).rejects.toMatchObject({ hint: `git switch -c ${BRANCH}` });
  });

  it('refuses uncommitted and staged work outside the target, and none of it is touched', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'inside\n');
    await b.workspace.checkReady(TARGET, b.incumbent);
    b.user.write('other.txt', 'edited\n');
    b.user.write('more.txt', 'staged\n');
    b.user.git('add', 'more.txt');
    const before = b.user.fingerprint();
    await expect(b.workspace.checkReady(TARGET, b.incumbent)).rejects.toMatchObject({
      message: 'there is uncommitted work outside the target: more.txt, other.txt',
      hint: expect.stringContaining('git stash push -- more.txt other.txt'),
    });
    expect(b.user.fingerprint()).toBe(before);
  });

  it('refuses a HEAD that does not descend from the incumbent', async () => {
    const b = await bench();
    const own = b.user.git('commit-tree', 'HEAD^{tree}', '-m', 'rootless');
    b.user.git('reset', '--quiet', '--soft', own);
    const conflict = { code: 'conflict', hint: expect.stringContaining('git merge refs/autoresearch/') };
    await expect(b.workspace.checkReady(TARGET, b.incumbent)).rejects.toMatchObject(conflict);
    await expect(b.workspace.inspect(b.incumbent, TARGET)).rejects.toMatchObject(conflict);
  });

  it('says which lock stands in the way, and leaves it', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    const staged = await b.workspace.inspect(b.incumbent, TARGET);
    if (staged === null) throw new Error('expected a proposal');
    const intent = { tree: staged.tree, parent: staged.parent, message: 'x', epochSeconds: 1_000_000_000 };
    const candidate = await b.repository.commitTree(intent);
    b.user.write('.git/index.lock', '');
    await expect(b.workspace.adopt(candidate, staged)).rejects.toMatchObject({
      code: 'repository',
      hint: expect.stringContaining(`rm ${b.user.path}/.git/index.lock`),
    });
    rmSync(join(b.user.path, '.git/index.lock'));
    await b.workspace.adopt(candidate, staged);
    expect(b.user.git('status', '--porcelain')).toBe('');
  });

  it('refuses to adopt when the line moved since the inspection', async () => {
    const b = await bench();
    b.user.write('src/a.txt', 'better\n');
    const staged = await b.workspace.inspect(b.incumbent, TARGET);
    if (staged === null) throw new Error('expected a proposal');
    const intent = { tree: staged.tree, parent: staged.parent, message: 'x', epochSeconds: 1_000_000_000 };
    const candidate = await b.repository.commitTree(intent);
    b.user.git('commit', '--allow-empty', '-m', 'meanwhile');
    const tip = b.user.head();
    await expect(b.workspace.adopt(candidate, staged)).rejects.toMatchObject({ code: 'conflict' });
    expect(b.user.head()).toBe(tip);
  });
});
