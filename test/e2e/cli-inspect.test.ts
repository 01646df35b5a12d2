import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RunnerLock } from '../../src/store/lock.js';
import { autoresearch, builtProgram, placeOf } from '../helpers/command.js';
import { SampleExperiment } from '../helpers/experiment.js';
import { temporaryRepository } from '../helpers/git.js';

/** A kept trial, a discarded one, a crash and an attempt that does not count. */
function sample(): SampleExperiment {
  const experiment = new SampleExperiment();
  experiment.trial({
    description: 'cache it',
    verdict: 'keep',
    metric: 80,
    files: { 'src/a.js': 'let a = "kept";\n' },
  });
  experiment.trial({ description: 'slower \u001b[2J|trick', verdict: 'discard', metric: 120 });
  experiment.trial({ description: 'broken', verdict: 'crash', outcome: 'crashed' });
  experiment.trial({ description: 'nothing', outcome: 'no_change' });
  return experiment;
}

const command = (experiment: SampleExperiment, ...args: string[]) => autoresearch(placeOf(experiment.repository), args);

describe('list', () => {
  it('shows the state of each experiment, and a broken one with its error', async () => {
    const experiment = sample();
    experiment.repository.write('.autoresearch/content/title/config.cfg', 'target = README.md\n');
    const { stdout, code } = await command(experiment, 'list');
    expect(code).toBe(0);
    expect(stdout).toMatch(/engineering\/api-speed +done +3 +1 +80 ms +-20\.0 %/);
    expect(stdout).toMatch(/content\/title +broken .*evaluate_cmd/s);
    const { experiments, schemaVersion } = JSON.parse((await command(experiment, 'list', '--json')).stdout);
    expect(schemaVersion).toBe(1);
    expect(experiments.map((each: { name: string }) => each.name)).toEqual(['content/title', 'engineering/api-speed']);
    expect(experiments[0].error.code).toBe('config');
    expect(experiments[1]).toMatchObject({ trials: 3, best: 80, scope: 'project', error: null });
  });

  it('names the command that makes the first one where there is none', async () => {
    const { stdout, code } = await autoresearch(placeOf(temporaryRepository()), ['list']);
    expect(code).toBe(0);
    expect(stdout).toContain('autoresearch init');
  });

  it('shows experiments of other repositories only when asked', async () => {
    const experiment = sample();
    const other = temporaryRepository();
    const place = placeOf(experiment.repository);
    const folder = join(place.env.HOME, '.autoresearch/prompts/tone');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'config.cfg'),
      `target = README.md\nevaluate_cmd = ./m\nmetric = score\nmetric_direction = higher\nrepository = ${other.path}\n`,
    );
    const here = await autoresearch(place, ['list']);
    expect(here.stdout).not.toContain('prompts/tone');
    expect(here.stderr).toContain('autoresearch list --all');
    expect((await autoresearch(place, ['list', '--all'])).stdout).toMatch(/prompts\/tone +idle .* user /);
    expect((await autoresearch({ ...place, cwd: place.env.HOME }, ['list'])).stdout).toContain('prompts/tone');
  });
});

describe('status', () => {
  it('says with exit code 3 that nothing runs, why it stopped and where the best code is', async () => {
    const experiment = sample();
    experiment.endSession();
    experiment.moveBranch();
    const { stdout, code } = await command(experiment, 'status');
    expect(code).toBe(3);
    expect(stdout).toMatch(/runner +not running/);
    expect(stdout).toMatch(/stopped +2 trials were asked for/);
    expect(stdout).toMatch(/best +80 ms +-20\.0 % \(unverified\) +trial 1, 2 trials ago/);
    expect(stdout).toContain(`${experiment.incumbent.slice(0, 7)} on branch autoresearch/engineering/api-speed`);
    expect(stdout).not.toContain('--ff-only');
  });

  it('prints the line that brings a checked-out branch forward, and that line works', async () => {
    const experiment = sample();
    experiment.endSession();
    experiment.repository.git('switch', '-q', 'autoresearch/engineering/api-speed');
    const { stdout } = await command(experiment, 'status');
    const line = stdout.split('\n').find((each) => each.includes('merge --ff-only'));
    expect(line?.trim()).toBe('git merge --ff-only refs/autoresearch/engineering/api-speed/incumbent');
    experiment.repository.git(...(line ?? '').trim().split(' ').slice(1));
    expect(experiment.repository.head()).toBe(experiment.incumbent);
  });

  it('says what a live runner does, with exit code 0, and what a dead one left', async () => {
    const experiment = sample();
    experiment.openTrial('a new idea');
    const lock = RunnerLock.acquire(experiment.state.path, Date.now());
    writeFileSync(experiment.state.heartbeat, '');
    const alive = await command(experiment, 'status');
    const document = JSON.parse((await command(experiment, 'status', '--json')).stdout);
    lock.release();
    expect(alive.code).toBe(0);
    expect(alive.stdout).toMatch(/now +trial #0004: measuring the candidate, for /);
    expect(alive.stdout).toContain('a new idea');
    expect(alive.stdout).toMatch(new RegExp(`runner +process ${process.pid}, since .*last sign of life`));
    expect(document).toMatchObject({
      ...{ schemaVersion: 1, running: true, runner: { pid: process.pid } },
      trial: { number: 4, phase: 'measuring' },
      measurement: { side: 'candidate' },
      incumbent: { commit: experiment.incumbent },
    });
    const dead = await command(experiment, 'status');
    expect(dead.code).toBe(3);
    expect(dead.stdout).toMatch(/open +trial #0004 is unfinished \(measuring\)/);
    expect(dead.stdout).toMatch(/the runner is gone since/);
    expect(dead.stdout).toContain('autoresearch run --experiment engineering/api-speed --loop');
  });

  it('tells how to start an experiment that never ran', async () => {
    const repository = temporaryRepository({
      files: {
        '.autoresearch/a/b/config.cfg':
          'target = README.md\nevaluate_cmd = ./m\nmetric = score\nmetric_direction = higher\n',
      },
    });
    const { stdout, code } = await autoresearch(placeOf(repository), ['status']);
    expect(code).toBe(3);
    expect(stdout).toContain('never ran');
    expect(stdout).toContain('autoresearch run --experiment a/b --loop');
  });

  it('tells an unknown experiment to a program as JSON', () => {
    const { stdout, stderr, code } = builtProgram(placeOf(sample().repository), [
      ...['status', '--json', '-e', 'engineering/api-sped'],
    ]);
    expect(code).toBe(10);
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toMatchObject({ schemaVersion: 1, error: { code: 'config' } });
  });
});

describe('show', () => {
  it('tells everything about a trial, with or without the sign before its number', async () => {
    const experiment = sample();
    const { stdout, code } = await command(experiment, 'show', '#1');
    expect(code).toBe(0);
    expect(stdout).toContain('80 ms   -20.0 % against 100 ms');
    expect(stdout).toContain('because the gate said so');
    expect(stdout).toContain('+let a = "kept";');
    const { trial, measurements, diff } = JSON.parse((await command(experiment, 'show', '1', '--json')).stdout);
    expect(trial).toMatchObject({ number: 1, verdict: 'keep', metric: 80 });
    expect(measurements).toHaveLength(1);
    expect(diff).toContain('+let a = "kept";');
  });

  it('passes nothing on that could steer a terminal', async () => {
    expect((await command(sample(), 'show', '2')).stdout).not.toContain('\u001b');
  });

  it('names the numbers there are for one there is not', async () => {
    const { stderr, code } = await command(sample(), 'show', '99');
    expect(code).toBe(2);
    expect(stderr).toContain('there is no trial 99: there are 0 to 3');
    expect((await command(sample(), 'show', 'x7')).code).toBe(2);
  });

  it('still shows a trial whose commit is gone', async () => {
    const experiment = sample();
    experiment.repository.git('update-ref', '-d', 'refs/autoresearch/engineering/api-speed/trials/2');
    experiment.repository.git('reflog', 'expire', '--expire=now', '--all');
    experiment.repository.git('gc', '-q', '--prune=now');
    const { stdout, code } = await command(experiment, 'show', '2');
    expect(code).toBe(0);
    expect(stdout).toContain('120 ms');
    const diff = await command(experiment, 'diff', '2');
    expect(diff.code).toBe(11);
    expect(diff.stderr).toContain('the commit of trial 2, is no longer in');
  });
});

describe('diff', () => {
  it('gives a pipe a patch that git applies, byte by byte', () => {
    const experiment = new SampleExperiment({ files: { 'src/a.js': 'caf\u00e9\r\n' } });
    const content = 'caf\u00e9 \u202e\r\nno end';
    experiment.trial({ description: 'odd bytes', verdict: 'keep', metric: 80, files: { 'src/a.js': content } });
    for (const args of [['diff', '1'], ['diff']]) {
      experiment.repository.git('checkout', '-q', '--', '.');
      const { stdout, code } = builtProgram(placeOf(experiment.repository), args);
      expect(code).toBe(0);
      experiment.repository.write('../patch', stdout);
      experiment.repository.git('apply', '../patch');
      expect(experiment.repository.read('src/a.js')).toBe(content);
    }
  });

  it('compares two trials, also backwards', async () => {
    const experiment = sample();
    expect((await command(experiment, 'diff', '1', '2')).stdout).toMatch(/-let a = "kept";\n\+let a = 3;/);
    expect((await command(experiment, 'diff', '2', '1')).stdout).toMatch(/-let a = 3;\n\+let a = "kept";/);
    const document = JSON.parse((await command(experiment, 'diff', '2', '1', '--json')).stdout);
    expect(document).toMatchObject({ schemaVersion: 1, from: { trial: 2 }, to: { trial: 1 } });
  });

  it('prints nothing where nothing differs', async () => {
    const { stdout, code } = await command(sample(), 'diff', '1', '1');
    expect({ stdout, code }).toEqual({ stdout: '', code: 0 });
  });
});
