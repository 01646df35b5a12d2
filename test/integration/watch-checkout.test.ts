import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { send } from '../../src/loop/control.js';
import { readOwner } from '../../src/store/lock.js';
import { BackgroundRun, type ConfigKeys, EXPERIMENT, scores, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';
import { present, until } from '../helpers/process.js';

const BRANCH = `autoresearch/${EXPERIMENT}`;

beforeEach(() => {
  // Looking at the repository must not refresh its index.
  vi.stubEnv('GIT_OPTIONAL_LOCKS', '0');
});

/** An experiment by hand, its baseline measured, the proposal line checked out. */
async function byHand(config: ConfigKeys = {}, value = scores(10)): Promise<TestExperiment> {
  const experiment = new TestExperiment({ value, config, files: { 'notes.md': 'notes\n' } });
  await experiment.run({ mode: 'baseline' });
  experiment.repository.git('switch', BRANCH);
  return experiment;
}

function edit(experiment: TestExperiment, value: number | string): void {
  experiment.repository.write('value.sh', `${typeof value === 'number' ? scores(value) : value}\n`);
}

function commit(experiment: TestExperiment, value: number, message: string): string {
  edit(experiment, value);
  experiment.repository.git('commit', '-am', message);
  return experiment.repository.head();
}

/** A value that measures only once the file `gate` exists; it makes `begun` first. */
function held(value: number): { content: string; begun: string; release: string } {
  const place = temporaryFolder();
  const [begun, release] = [join(place, 'begun'), join(place, 'release')];
  return { content: `touch ${begun}; until [ -e ${release} ]; do sleep 0.02; done; ${scores(value)}`, begun, release };
}

describe('by hand, one trial', () => {
  it('measures a commit: a keep moves nothing under the user, a discard takes the line back', async () => {
    const experiment = await byHand();
    const { repository } = experiment;
    const better = commit(experiment, 9, 'halve the loop');
    await experiment.run({ mode: 'single' });
    expect(experiment.trial(1)).toMatchObject({
      verdict: 'keep',
      description: 'halve the loop',
      candidateCommit: better,
    });
    expect(repository.head()).toBe(better);
    expect(experiment.ref('incumbent')).toBe(better);

    const worse = commit(experiment, 12, 'unroll it');
    await experiment.run({ mode: 'single' });
    expect(experiment.trial(2)).toMatchObject({ verdict: 'discard', candidateCommit: worse });
    expect(repository.head()).toBe(better);
    expect(repository.git('symbolic-ref', 'HEAD')).toBe(`refs/heads/${BRANCH}`);
    expect(repository.read('value.sh')).toBe(`${scores(9)}\n`);
    expect(repository.git('status', '--porcelain')).toBe('');
    expect(repository.git('rev-parse', `refs/autoresearch/${EXPERIMENT}/trials/2`)).toBe(worse);
  });

  it('measures an edit that is not committed, also as the very first thing', async () => {
    const experiment = await byHand();
    edit(experiment, 9);
    await experiment.run({ mode: 'single', description: 'mine' });
    expect(experiment.trial(1)).toMatchObject({ verdict: 'keep', metric: 9, incumbentMetric: 10, description: 'mine' });
    expect(experiment.repository.git('status', '--porcelain')).toBe('');

    edit(experiment, 12);
    await experiment.run({ mode: 'single' });
    expect(experiment.trial(2)).toMatchObject({ verdict: 'discard', description: 'edit of value.sh' });
    expect(experiment.repository.read('value.sh')).toBe(`${scores(9)}\n`);
    expect(experiment.valueAt(experiment.ref('trials/2'))).toBe(scores(12));
    expect(experiment.attempts().flatMap(({ notes }) => notes)).toEqual([]);
  });

  it('takes two commits and an edit on top as one candidate', async () => {
    const experiment = await byHand();
    const start = experiment.repository.head();
    commit(experiment, 12, 'one');
    commit(experiment, 11, 'two');
    edit(experiment, 8);
    await experiment.run({ mode: 'single' });
    expect(experiment.course()).toEqual(['measured keep']);
    expect(experiment.repository.git('rev-list', '--count', `${start}..${experiment.ref('incumbent')}`)).toBe('3');
    commit(experiment, 12, 'three');
    commit(experiment, 13, 'four');
    await experiment.run({ mode: 'single' });
    expect(experiment.course()).toEqual(['measured keep', 'measured discard']);
    expect(experiment.repository.head()).toBe(experiment.ref('incumbent'));
  });

  it('with nothing to try says so', async () => {
    const experiment = await byHand();
    const run = await experiment.run({ mode: 'single' });
    expect(run.stop.reason).toBe('proposer_finished');
    expect(run.stop.detail).toContain('edit or commit a change of value.sh first');
  });

  it('leaves the target as it was when the baseline is refused or a measurement is stopped', async () => {
    const blind = new TestExperiment({ config: { 'gate.probe': 'on' }, files: { 'bench.sh': 'echo "score: 5"\n' } });
    blind.repository.git('switch', '-c', BRANCH);
    const before = blind.fingerprint();
    expect((await blind.run({ mode: 'single' })).exitCode).toBe(13);
    expect(blind.fingerprint()).toBe(before);

    const { content, begun } = held(10);
    const slow = new TestExperiment({ value: content });
    slow.repository.git('switch', '-c', BRANCH);
    edit(slow, 9);
    const background = new BackgroundRun(slow, { mode: 'single' });
    await until('the baseline is measured', () => existsSync(begun));
    background.stop.now('interrupted');
    expect((await background.finished).stop.reason).toBe('interrupted');
    expect(slow.repository.read('value.sh')).toBe(`${scores(9)}\n`);
    expect(slow.repository.git('status', '--porcelain')).toBe('');
  });

  it('works with a detached HEAD', async () => {
    const experiment = await byHand();
    experiment.repository.git('switch', '--detach');
    const better = commit(experiment, 9, 'detached');
    await experiment.run({ mode: 'single' });
    commit(experiment, 12, 'worse');
    await experiment.run({ mode: 'single' });
    expect(experiment.course()).toEqual(['measured keep', 'measured discard']);
    expect(experiment.repository.head()).toBe(better);
    expect(experiment.repository.git('rev-parse', '--abbrev-ref', 'HEAD')).toBe('HEAD');
    expect(experiment.repository.git('rev-parse', BRANCH)).toBe(better);
  });

  it('refuses to begin on another branch, on work outside the target, or in the middle of a merge', async () => {
    const experiment = await byHand();
    const { repository } = experiment;
    const refusal = { code: 'repository', exitCode: 11 };
    repository.git('switch', 'main');
    await expect(experiment.run({ mode: 'single' })).rejects.toMatchObject({
      ...refusal,
      hint: `git switch ${BRANCH}`,
    });
    repository.git('switch', BRANCH);
    repository.write('notes.md', 'changed\n');
    const unsaved = { ...refusal, message: expect.stringContaining('notes.md') };
    await expect(experiment.run({ mode: 'single' })).rejects.toMatchObject(unsaved);
    repository.git('commit', '-am', 'notes');
    repository.git('switch', '-c', 'other', 'main');
    repository.write('notes.md', 'changed otherwise\n');
    repository.git('commit', '-am', 'other notes');
    repository.git('switch', BRANCH);
    expect(() => repository.git('merge', 'other')).toThrow();
    const merging = { ...refusal, message: expect.stringContaining('a merge is in progress') };
    await expect(experiment.run({ mode: 'single' })).rejects.toMatchObject(merging);
    expect(repository.read('notes.md')).toContain('<<<<<<<');
  });
});

describe('watching', () => {
  it('measures each change as it settles, and never half of one', async () => {
    const experiment = await byHand();
    const background = new BackgroundRun(experiment);
    await background.seen('proposing');
    // Written in pieces, each a valid file with another number, until it rests.
    for (let part = 1; part <= 20; part += 1) {
      edit(experiment, `${scores(2)}\n: part ${part}`);
      await setTimeout(100);
    }
    edit(experiment, 9);
    await background.seen('settled', 2);
    const worse = commit(experiment, 12, 'a worse one');
    await background.seen('settled', 3);
    experiment.repository.write('untracked.txt', 'of the user\n');
    const run = await background.end();
    expect(run.stop.reason).toBe('stopped');
    const seen = experiment.trials().map(({ metric, verdict }) => [metric, verdict]);
    expect(seen).toEqual([
      [9, 'keep'],
      [12, 'discard'],
    ]);
    expect(experiment.ref('trials/2')).toBe(worse);
    expect(experiment.repository.read('value.sh')).toBe(`${scores(9)}\n`);
    expect(experiment.repository.head()).toBe(experiment.ref('incumbent'));
    expect(experiment.repository.git('status', '--porcelain')).toBe('?? untracked.txt');
  });

  it('ends at once when told to while it waits, and leaves no attempt behind', async () => {
    const experiment = await byHand();
    const background = new BackgroundRun(experiment);
    await background.seen('proposing');
    const startedAt = performance.now();
    background.stop.afterTrial('interrupted');
    const run = await background.finished;
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(run.stop.reason).toBe('interrupted');
    expect(run.exitCode).toBe(130);
    expect(experiment.read((store) => store.openTrial())).toBeNull();
    expect(experiment.results()).toHaveLength(1);
  });

  it('says what it waits for when it is paused and stopped, and takes nothing while it is paused', async () => {
    const experiment = await byHand();
    const background = new BackgroundRun(experiment);
    await background.seen('proposing');
    const tell = async (command: 'pause' | 'resume' | 'stop') =>
      (await send(present(readOwner(experiment.state)).socket, { command })).text;
    expect(await tell('resume')).toBe('it is not paused: nothing to resume');
    expect(await tell('pause')).toBe('paused: what you change now is measured after `resume`');
    edit(experiment, 9);
    await setTimeout(2_500);
    expect(experiment.trials()).toEqual([]);
    expect(await tell('resume')).toBe('going on: waiting for your change');
    await background.seen('settled', 2);
    await background.until((event) => event.kind === 'proposing' && event.number === 2);
    expect(await tell('stop')).toBe('stopping: it waited for your change, nothing is under way');
    expect((await background.finished).stop.reason).toBe('stopped');
    expect(experiment.course()).toEqual(['measured keep', 'interrupted']);
  });

  it('gives no number to what was edited while it was measured, and takes the edit as the next candidate', async () => {
    const experiment = await byHand();
    const background = new BackgroundRun(experiment);
    await background.seen('proposing');
    const { content, begun, release } = held(1);
    edit(experiment, content);
    await until('the measurement began', () => existsSync(begun));
    edit(experiment, 9);
    writeFileSync(release, '');
    await background.seen('settled', 3);
    const run = await background.end();
    expect(run.stop.reason).toBe('stopped');
    const [first, second] = experiment.trials();
    expect(first).toMatchObject({ outcome: 'skipped', metric: null });
    expect(present(first).reason).toContain('value.sh was edited during the measurement');
    expect(second).toMatchObject({ outcome: 'measured', verdict: 'keep', metric: 9 });
    expect(experiment.repository.read('value.sh')).toBe(`${scores(9)}\n`);
  });

  it('stops when the user switches to another branch, and touches nothing there', async () => {
    const experiment = await byHand();
    const { repository } = experiment;
    const background = new BackgroundRun(experiment);
    await background.seen('proposing');
    repository.git('switch', 'main');
    repository.write('value.sh', 'the work of another branch\n');
    const before = experiment.fingerprint();
    const run = await background.finished;
    expect(run.exitCode).toBe(18);
    expect(run.stop.detail).toContain('HEAD is on main');
    expect(run.stop.hint).toBe(`git switch ${BRANCH}`);
    expect(experiment.fingerprint()).toBe(before);
    repository.git('checkout', 'value.sh');
    repository.git('switch', BRANCH);
    commit(experiment, 9, 'back again');
    await experiment.run({ mode: 'single' });
    expect(experiment.course().at(-1)).toBe('measured keep');
  });

  it('stops when the user switches the branch while it measures, and nothing of theirs is lost', async () => {
    const experiment = await byHand();
    const { repository } = experiment;
    const background = new BackgroundRun(experiment);
    await background.seen('proposing');
    const { content, begun, release } = held(1);
    edit(experiment, content);
    await until('the measurement began', () => existsSync(begun));
    repository.git('switch', 'main');
    repository.write('notes.md', 'written on main\n');
    writeFileSync(release, '');
    const run = await background.finished;
    expect(run.exitCode).toBe(18);
    expect(repository.git('symbolic-ref', 'HEAD')).toBe('refs/heads/main');
    expect(repository.read('notes.md')).toBe('written on main\n');
    expect(repository.read('value.sh')).toBe(`${scores(10)}\n`);
    expect(experiment.valueAt(experiment.ref('trials/1'))).toBe(content);
  });

  it('does not mind a discard that cannot be rolled back, and does not propose it again', async () => {
    const experiment = await byHand();
    const background = new BackgroundRun(experiment);
    await background.seen('proposing');
    const { content, begun, release } = held(12);
    edit(experiment, content);
    await until('the measurement began', () => existsSync(begun));
    // Another commit on the line, while the first is measured: the files of the candidate stay the same.
    experiment.repository.write('notes.md', 'more\n');
    experiment.repository.git('commit', '-m', 'notes', '--', 'notes.md');
    const users = experiment.repository.head();
    writeFileSync(release, '');
    await background.seen('settled', 2 + 1);
    await background.end();
    expect(experiment.repository.git('rev-list', '--all')).toContain(users);
    expect(experiment.repository.git('show', `${users}:notes.md`)).toBe('more');
  });
});
