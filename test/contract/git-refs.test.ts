import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRepository } from '../../src/git/open.js';
import { ExperimentRefs } from '../../src/git/refs.js';
import { type TemporaryRepository, temporaryFolder, temporaryRepository } from '../helpers/git.js';

const BRANCH = 'autoresearch/engineering/speed';
const INCUMBENT = 'refs/autoresearch/engineering/speed/incumbent';

/** Commits c0 (HEAD of main), c1 on c0, c2 on c1; only main refers to them. */
async function chain(): Promise<{
  user: TemporaryRepository;
  refs: ExperimentRefs;
  c0: string;
  c1: string;
  c2: string;
}> {
  const user = temporaryRepository();
  const repository = await openRepository(user.path);
  const c0 = user.head();
  const next = async (parent: string, content: string) => {
    const tree = await repository.treeWith(parent, new Map([['README.md', Buffer.from(content)]]));
    return repository.commitTree({ tree, parent, message: content, epochSeconds: 1_000_000_000 });
  };
  const c1 = await next(c0, 'one');
  const c2 = await next(c1, 'two');
  return { user, refs: new ExperimentRefs(repository, { domain: 'engineering', name: 'speed' }), c0, c1, c2 };
}

describe('the refs of an experiment', () => {
  it('begin with the incumbent and, where wanted, the branch; doing it again changes nothing', async () => {
    const { user, refs, c0 } = await chain();
    expect(await refs.incumbent()).toBeNull();
    await refs.initialise(c0, { branch: true });
    await refs.initialise(c0, { branch: true });
    expect(await refs.incumbent()).toBe(c0);
    expect(user.git('rev-parse', BRANCH)).toBe(c0);
  });

  it('need no branch', async () => {
    const { user, refs, c0, c1 } = await chain();
    await refs.initialise(c0, { branch: false });
    expect(await refs.advance(c0, c1, { branch: false })).toEqual({ branch: 'absent' });
    expect(user.git('branch', '--list', 'autoresearch/*')).toBe('');
  });

  it('move together, and only once', async () => {
    const { user, refs, c0, c1 } = await chain();
    await refs.initialise(c0, { branch: true });
    expect(await refs.advance(c0, c1, { branch: true })).toEqual({ branch: 'moved' });
    expect(await refs.advance(c0, c1, { branch: true })).toEqual({ branch: 'moved' });
    expect(await refs.incumbent()).toBe(c1);
    expect(user.git('rev-parse', BRANCH)).toBe(c1);
    expect(user.git('reflog', 'show', '--format=%H', INCUMBENT).split('\n')).toEqual([c1, c0]);
  });

  it('report an incumbent that somebody else moved, and touch nothing', async () => {
    const { user, refs, c0, c1, c2 } = await chain();
    await refs.initialise(c0, { branch: true });
    user.git('update-ref', INCUMBENT, c2);
    await expect(refs.advance(c0, c1, { branch: true })).rejects.toMatchObject({
      code: 'conflict',
      message: `${INCUMBENT} was moved by somebody else: expected ${c0}, found ${c2}`,
      hint: expect.stringContaining(`git update-ref ${INCUMBENT} ${c0} ${c2}`),
    });
    expect(user.git('rev-parse', BRANCH)).toBe(c0);
    user.git('update-ref', '-d', INCUMBENT);
    await expect(refs.advance(c0, c1, { branch: true })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('leave a branch alone that is checked out elsewhere, and bring it forward once it is free', async () => {
    const { user, refs, c0, c1, c2 } = await chain();
    await refs.initialise(c0, { branch: true });
    const elsewhere = join(temporaryFolder(), 'else where');
    user.git('worktree', 'add', elsewhere, BRANCH);
    expect(await refs.advance(c0, c1, { branch: true })).toEqual({ branch: 'checked_out', checkedOutAt: elsewhere });
    expect(user.git('rev-parse', BRANCH)).toBe(c0);
    rmSync(elsewhere, { recursive: true });
    user.git('worktree', 'prune', '--expire=now');
    expect(await refs.advance(c1, c2, { branch: true })).toEqual({ branch: 'moved' });
    expect(user.git('rev-parse', BRANCH)).toBe(c2);
  });

  it('leave a branch alone that is being rebased', async () => {
    const { user, refs, c0, c1 } = await chain();
    await refs.initialise(c0, { branch: true });
    user.git('switch', BRANCH);
    user.write('README.md', 'mine\n');
    user.commit('mine');
    user.git('update-ref', INCUMBENT, user.head());
    expect(() => user.git('rebase', c1)).toThrow();
    const mine = user.git('rev-parse', BRANCH);
    const tree = user.git('rev-parse', `${c1}^{tree}`);
    const next = user.git('commit-tree', tree, '-p', mine, '-m', 'next');
    expect(await refs.advance(mine, next, { branch: true })).toEqual({
      branch: 'checked_out',
      checkedOutAt: user.path,
    });
  });

  it('leave a branch alone that the user took another way', async () => {
    const { user, refs, c0, c1 } = await chain();
    await refs.initialise(c0, { branch: true });
    const own = user.git('commit-tree', `${c0}^{tree}`, '-p', c0, '-m', 'own');
    user.git('update-ref', `refs/heads/${BRANCH}`, own);
    expect(await refs.advance(c0, c1, { branch: true })).toEqual({ branch: 'diverged' });
    expect(user.git('rev-parse', BRANCH)).toBe(own);
    expect(await refs.incumbent()).toBe(c1);
  });

  it('go on without a branch that the user deleted', async () => {
    const { user, refs, c0, c1 } = await chain();
    await refs.initialise(c0, { branch: true });
    user.git('branch', '-D', BRANCH);
    expect(await refs.advance(c0, c1, { branch: true })).toEqual({ branch: 'absent' });
  });

  it('keep the candidate of every trial, once', async () => {
    const { refs, c1, c2 } = await chain();
    await refs.createTrialRef(7, c1);
    await refs.createTrialRef(7, c1);
    expect(await refs.trial(7)).toBe(c1);
    expect(await refs.trial(8)).toBeNull();
    await expect(refs.createTrialRef(7, c2)).rejects.toMatchObject({ code: 'conflict' });
    expect(await refs.trial(7)).toBe(c1);
  });

  it('number backups, and reuse the newest when nothing changed', async () => {
    const { refs, c0, c1 } = await chain();
    expect(await refs.createBackup(c0)).toMatch(/backup\/1$/);
    expect(await refs.createBackup(c0)).toMatch(/backup\/1$/);
    for (let number = 2; number <= 11; number += 1) {
      expect(await refs.createBackup(number % 2 === 0 ? c1 : c0)).toMatch(new RegExp(`backup/${number}$`));
    }
  });

  it('survive the locks of a killed git once they are cleared', async () => {
    const { user, refs, c0, c1 } = await chain();
    await refs.initialise(c0, { branch: false });
    user.write(`.git/${INCUMBENT}.lock`, '');
    user.write(`.git/refs/autoresearch/engineering/speed/trials/1.lock`, '');
    await refs.removeStaleLocks();
    await refs.createTrialRef(1, c1);
    await refs.advance(c0, c1, { branch: false });
    expect(await refs.incumbent()).toBe(c1);
  });
});

describe('a branch in the way', () => {
  it.each(['autoresearch', 'autoresearch/engineering', `${BRANCH}/more`])(
    'is named with the cure: %s',
    async (name) => {
      const { user, refs, c0 } = await chain();
      user.git('branch', name);
      await expect(refs.initialise(c0, { branch: true })).rejects.toMatchObject({
        exitCode: 11,
        hint: expect.stringContaining(`git branch -m ${name} `),
      });
      const hint = (await refs.blockingBranch())?.hint ?? '';
      user.git(...hint.split(' ').slice(1));
      await refs.initialise(c0, { branch: true });
    },
  );

  it('is not seen where there is none', async () => {
    const { user, refs } = await chain();
    user.git('branch', 'autoresearch/engineering/speedier');
    expect(await refs.blockingBranch()).toBeNull();
  });
});

describe('the start point of a new experiment', () => {
  it('is HEAD without a branch, or with one that HEAD contains', async () => {
    const { user, refs, c0, c1 } = await chain();
    expect(await refs.startPoint(c1)).toBe(c1);
    user.git('branch', BRANCH, c0);
    expect(await refs.startPoint(c1)).toBe(c1);
  });

  it('is the tip of a branch that goes on from HEAD', async () => {
    const { user, refs, c0, c2 } = await chain();
    user.git('branch', BRANCH, c2);
    expect(await refs.startPoint(c0)).toBe(c2);
  });

  it('is refused with both cures when they went different ways', async () => {
    const { user, refs, c0, c1 } = await chain();
    const own = user.git('commit-tree', `${c0}^{tree}`, '-p', c0, '-m', 'own');
    user.git('branch', BRANCH, own);
    await expect(refs.startPoint(c1)).rejects.toMatchObject({
      exitCode: 11,
      hint: expect.stringMatching(/git switch .*git branch -m/),
    });
  });
});
