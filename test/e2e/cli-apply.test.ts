import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RunnerLock } from '../../src/store/lock.js';
import { autoresearch, builtProgram, placeOf } from '../helpers/command.js';
import { SampleExperiment } from '../helpers/experiment.js';
import { temporaryRepository } from '../helpers/git.js';

const apply = (experiment: SampleExperiment, ...args: string[]) =>
  autoresearch(placeOf(experiment.repository), ['apply', ...args]);

/** Two kept trials: one changes a file, one adds one. */
function sample(config?: string): SampleExperiment {
  const experiment = new SampleExperiment(config === undefined ? {} : { config });
  experiment.trial({
    description: 'cache it',
    verdict: 'keep',
    metric: 80,
    files: { 'src/a.js': 'let a = "kept";\n' },
  });
  experiment.trial({ description: 'worse', verdict: 'discard', metric: 120 });
  experiment.trial({ description: 'split it', verdict: 'keep', metric: 70, files: { 'src/new.js': 'new\n' } });
  experiment.endSession();
  return experiment;
}

const CHECKOUT =
  'target = src/*\nevaluate_cmd = ./m\nmetric = p50_ms\nmetric_direction = lower\n[workspace]\nkind = checkout\n';

describe('apply', () => {
  it('shows what would come and changes nothing without a terminal, with --dry-run, or both', async () => {
    const experiment = sample();
    const before = experiment.repository.fingerprint();
    for (const args of [[], ['--dry-run'], ['--squash'], ['--dry-run', '--yes']]) {
      const { stdout, stderr, code } = await apply(experiment, ...args);
      expect({ args, stderr, code }).toMatchObject({ code: 0 });
      expect(stdout).toMatch(/#0001 .*-20\.0 % +cache it\n#0003 .*split it/);
      expect(stdout).not.toContain('worse');
      expect(stdout).toMatch(/src\/new\.js +\+1 +-0/);
      expect(stdout).toContain('100 ms -> 70 ms (-30.0 %, unverified)');
      if (args.length === 0) expect(stderr).toContain('apply --experiment engineering/api-speed --ff --yes');
    }
    expect(experiment.repository.fingerprint()).toBe(before);
  });

  it('fast-forwards the branch that is checked out, keeps unrelated edits, and tells how to undo it', () => {
    const experiment = sample();
    const { repository } = experiment;
    repository.write('README.md', 'my edit\n');
    repository.write('note.txt', 'my note\n');
    const before = repository.head();
    const { stdout, code } = builtProgram(placeOf(repository), ['apply', '--yes']);
    expect(code).toBe(0);
    expect(repository.head()).toBe(experiment.incumbent);
    expect(repository.git('symbolic-ref', '--short', 'HEAD')).toBe('main');
    expect(repository.read('src/new.js')).toBe('new\n');
    expect(repository.git('status', '--porcelain')).toBe(' M README.md\n?? note.txt');
    const undo = /Undo it: git (.*)/.exec(stdout)?.[1] ?? '';
    repository.git(...undo.split(' '));
    expect(repository.head()).toBe(before);
    expect(repository.git('status', '--porcelain')).toBe(' M README.md\n?? note.txt');
  });

  it('says that it is there already', async () => {
    const experiment = sample();
    await apply(experiment, '--yes');
    const again = await apply(experiment, '--yes');
    expect(again.code).toBe(0);
    expect(again.stdout).toContain('is already in main');
    experiment.moveBranch();
    experiment.repository.git('switch', '-q', 'autoresearch/engineering/api-speed');
    expect((await apply(experiment)).stdout).toContain('git switch main');
  });

  it('stages the sum for one commit, whose command works', async () => {
    const experiment = sample();
    const { repository } = experiment;
    const before = repository.head();
    const { stdout, code } = await apply(experiment, '--squash', '--yes');
    expect(code).toBe(0);
    expect(repository.head()).toBe(before);
    expect(repository.git('status', '--porcelain')).toBe('M  src/a.js\nA  src/new.js');
    const message = /git commit -m '(.*)'/.exec(stdout)?.[1] ?? '';
    expect(message).toBe('p50_ms -30.0 %: 2 kept trials of engineering/api-speed');
    repository.git('commit', '-q', '-m', message);
    expect(repository.git('diff', 'HEAD', experiment.incumbent)).toBe('');
  });

  it('says what to do where the branch has moved on, and squashes only when told', async () => {
    const experiment = sample();
    const { repository } = experiment;
    repository.write('README.md', 'other work\n');
    repository.commit('other work');
    const before = repository.fingerprint();
    const refused = await apply(experiment, '--yes');
    expect(refused.code).toBe(11);
    expect(refused.stderr).toContain('main has moved on: it has 1 commit');
    expect(refused.stderr).toContain('--rebase-onto main');
    expect(refused.stderr).toContain('apply --squash');
    expect((await apply(experiment, '--ff', '--yes')).code).toBe(11);
    expect(repository.fingerprint()).toBe(before);
    expect((await apply(experiment, '--squash', '--yes')).code).toBe(0);
    expect(repository.git('status', '--porcelain')).toBe('M  src/a.js\nA  src/new.js');
    expect(repository.read('README.md')).toBe('other work\n');
  });

  it('leaves no conflict behind where both sides changed the same lines', async () => {
    const experiment = sample();
    experiment.repository.write('src/a.js', 'let a = "mine";\n');
    experiment.repository.commit('mine');
    const before = experiment.repository.fingerprint();
    const { stderr, code } = await apply(experiment, '--squash', '--yes');
    expect(code).toBe(11);
    expect(stderr).toContain('src/a.js');
    expect(experiment.repository.fingerprint()).toBe(before);
  });

  it.each([
    ['an edited file', 'src/a.js', ''],
    ['a new file', 'src/new.js', ''],
    ['an ignored file', 'src/new.js', 'src/new.js\n'],
  ])('refuses where %s is in the way', async (_what, path, ignored) => {
    const experiment = sample();
    const { repository } = experiment;
    writeFileSync(join(repository.path, '.git/info/exclude'), ignored);
    repository.write(path, 'mine\n');
    for (const way of ['--ff', '--squash']) {
      const { stderr, code } = await apply(experiment, way, '--yes');
      expect(code).toBe(11);
      expect(stderr).toContain(`would be overwritten: ${path}`);
    }
    expect(repository.read(path)).toBe('mine\n');
    expect(repository.head()).not.toBe(experiment.incumbent);
  });

  it('refuses to mix what is staged already into a squash', async () => {
    const experiment = sample();
    experiment.repository.write('README.md', 'staged\n');
    experiment.repository.git('add', 'README.md');
    const { stderr, code } = await apply(experiment, '--squash', '--yes');
    expect(code).toBe(11);
    expect(stderr).toContain('README.md');
    expect((await apply(experiment, '--ff', '--yes')).code).toBe(0);
    expect(experiment.repository.git('status', '--porcelain')).toBe('M  README.md');
  });

  it('refuses in the middle of a merge, and works with a detached HEAD', async () => {
    const experiment = sample();
    const { repository } = experiment;
    writeFileSync(join(repository.path, '.git/MERGE_HEAD'), `${experiment.incumbent}\n`);
    const refused = await apply(experiment, '--yes');
    expect(refused.code).toBe(11);
    expect(refused.stderr).toContain('git merge --abort');
    repository.git('merge', '--abort');
    repository.git('switch', '-q', '--detach');
    expect((await apply(experiment, '--yes')).code).toBe(0);
    expect(repository.head()).toBe(experiment.incumbent);
    expect(repository.git('rev-parse', 'main')).not.toBe(experiment.incumbent);
  });

  it('refuses while the experiment runs in this checkout, but not while it runs in a worktree of its own', async () => {
    const checkout = sample(CHECKOUT);
    const worktree = sample(CHECKOUT.replace('checkout', 'worktree'));
    for (const [experiment, expected] of [
      [checkout, 12],
      [worktree, 0],
    ] as const) {
      const lock = RunnerLock.acquire(experiment.state.path, Date.now());
      const { code } = await apply(experiment, '--yes');
      lock.release();
      expect(code).toBe(expected);
    }
  });

  it('says that nothing was kept yet', async () => {
    const experiment = new SampleExperiment();
    const { stderr, code } = await apply(experiment, '--yes');
    expect(code).toBe(2);
    expect(stderr).toContain('kept nothing yet');
  });

  it('brings the best code into the working copy in which it is typed, not into another one', async () => {
    const experiment = sample();
    const { repository } = experiment;
    const linked = join(temporaryRepository().path, 'linked');
    mkdirSync(linked);
    repository.git('worktree', 'add', '-q', '-b', 'side', linked);
    const place = placeOf(repository);
    const { code, stdout } = await autoresearch({ ...place, cwd: linked }, ['apply', '--yes']);
    expect(code).toBe(0);
    expect(stdout).toContain('side is now at');
    expect(repository.git('rev-parse', 'side')).toBe(experiment.incumbent);
    expect(repository.git('rev-parse', 'main')).not.toBe(experiment.incumbent);
  });
});
