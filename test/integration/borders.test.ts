import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { send } from '../../src/loop/control.js';
import { readOwner } from '../../src/store/lock.js';
import { MachineLock } from '../../src/store/machine-lock.js';
import { BackgroundRun, rewrites, scores, TestExperiment } from '../helpers/experiments.js';
import { present } from '../helpers/process.js';

const steps = (count: number) => Array.from({ length: count }, (_, i) => rewrites(scores(20 + i)));
const tell = (experiment: TestExperiment, command: 'pause' | 'resume') =>
  send(present(readOwner(experiment.state)).socket, { command });

describe('between two trials', () => {
  it('a loop waits while it is paused, and goes on when told to', async () => {
    const experiment = new TestExperiment({ steps: steps(4) });
    const run = new BackgroundRun(experiment, { maxExperiments: 4 });
    await run.seen('settled', 2);
    expect(await tell(experiment, 'pause')).toMatchObject({ ok: true, text: expect.stringMatching(/^paus(?:ing|ed)/) });
    await run.seen('paused');
    expect(await tell(experiment, 'pause')).toMatchObject({ text: 'paused: nothing is under way; `resume` goes on' });
    const before = experiment.trials().length;
    expect(before).toBeLessThan(4);
    expect(existsSync(join(experiment.state, 'paused'))).toBe(true);
    expect(experiment.read((store) => store.openTrial())).toBeNull();
    await tell(experiment, 'resume');
    const finished = await run.finished;
    expect(finished.stop.reason).toBe('max_experiments');
    expect(experiment.trials()).toHaveLength(4);
    expect(existsSync(join(experiment.state, 'paused'))).toBe(false);
  });

  it('a pause outlives the end of the runner by force, and not a new run by a person', async () => {
    const experiment = new TestExperiment({ steps: steps(4) });
    const first = new BackgroundRun(experiment, { maxExperiments: 4 });
    await first.seen('settled', 2);
    await tell(experiment, 'pause');
    await first.seen('paused');
    first.stop.now('terminated');
    expect((await first.finished).stop.reason).toBe('terminated');
    const second = new BackgroundRun(experiment, { maxExperiments: 4 });
    await second.seen('paused');
    second.stop.afterTrial('stopped');
    expect((await second.finished).stop.reason).toBe('stopped');
    const third = await experiment.run({ maxExperiments: 1 });
    expect(third.stop.reason).toBe('max_experiments');
  });

  it('a loop waits for its interval, and a stop ends the wait at once', async () => {
    const experiment = new TestExperiment({ steps: steps(3), config: { 'loop.interval': '1h' } });
    const run = new BackgroundRun(experiment, { maxExperiments: 3 });
    await run.seen('waiting');
    expect(experiment.trials()).toHaveLength(1);
    const wait = present(run.events.find((event) => event.kind === 'waiting'));
    const began = present(experiment.trials()[0]).startedAt;
    expect(wait).toMatchObject({ untilMs: began + 3_600_000 });
    expect((await run.end()).stop.reason).toBe('stopped');
  });

  it('a short interval goes by, and one trial at a time is made up for', async () => {
    const experiment = new TestExperiment({ steps: steps(3), config: { 'loop.interval': '1s' } });
    const finished = await experiment.run({ maxExperiments: 3 });
    expect(finished.stop.reason).toBe('max_experiments');
    const starts = experiment.trials().map(({ startedAt }) => startedAt);
    for (const [i, start] of starts.slice(1).entries()) expect(start - present(starts[i])).toBeGreaterThanOrEqual(1000);
  });

  it('the trials of a day are counted, and the rest waits for midnight', async () => {
    const experiment = new TestExperiment({ steps: steps(3), config: { 'limits.max_trials_per_day': 2 } });
    const run = new BackgroundRun(experiment, { maxExperiments: 3 });
    await run.seen('waiting');
    expect(experiment.trials()).toHaveLength(2);
    expect(run.events.find((event) => event.kind === 'waiting')).toMatchObject({
      reason: 'the 2 trials of the day are done',
    });
    await run.end();
  });
});

describe('a metric that tells time', () => {
  const timed = { metric: 'p50_ms', metric_grep: '^score:' };

  it('is measured while nobody else measures on this machine', async () => {
    const experiment = new TestExperiment({ steps: steps(1), config: timed });
    const other = present(MachineLock.tryAcquire('other/one'));
    const run = new BackgroundRun(experiment, { maxExperiments: 1 });
    await run.seen('turn');
    expect(run.events.find(({ kind }) => kind === 'turn')).toEqual({ kind: 'turn', owner: 'other/one' });
    expect(run.count('measured')).toBe(0);
    other.release();
    expect((await run.finished).stop.reason).toBe('max_experiments');
    present(MachineLock.tryAcquire('free again')).release();
  });

  it.each([
    ['exclusive = off', { ...timed, 'workspace.exclusive': 'off' }],
    ['a metric that tells none', {}],
  ])('waits for nobody with %s', async (_, config) => {
    const experiment = new TestExperiment({ steps: steps(1), config });
    const other = present(MachineLock.tryAcquire('other/one'));
    expect((await experiment.run({ maxExperiments: 1 })).stop.reason).toBe('max_experiments');
    other.release();
  });
});

describe('the end of a run', () => {
  it('lets go of judges’ answers that nobody used for long, where judges are asked', async () => {
    const experiment = new TestExperiment({ steps: [] });
    const folder = join(present(process.env['XDG_CACHE_HOME']), 'autoresearch/answers/aa');
    mkdirSync(folder, { recursive: true });
    for (const name of ['old.json', 'new.json']) writeFileSync(join(folder, name), '{}');
    utimesSync(join(folder, 'old.json'), 0, 0);
    await experiment.run({ mode: 'baseline' });
    expect(readdirSync(folder)).toHaveLength(2);
    experiment.configure({ 'judge.adapter': 'command', 'judge.command': 'true' });
    await experiment.run({ mode: 'baseline' });
    expect(readdirSync(folder)).toEqual(['new.json']);
  });
});
