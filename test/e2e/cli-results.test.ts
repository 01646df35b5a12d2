import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { autoresearch, builtProgram, placeOf } from '../helpers/command.js';
import { parseCsv } from '../helpers/dashboard.js';
import { fillWithTrials, SampleExperiment } from '../helpers/experiment.js';

const command = (experiment: SampleExperiment, ...args: string[]) => autoresearch(placeOf(experiment.repository), args);

function sample(count = 40): SampleExperiment {
  const experiment = new SampleExperiment();
  fillWithTrials(experiment, count);
  experiment.trial({ description: 'nothing', outcome: 'no_change' });
  return experiment;
}

function addSecond(experiment: SampleExperiment): void {
  const config = 'target = README.md\nevaluate_cmd = ./m\nmetric = score\nmetric_direction = higher\n';
  experiment.repository.write('.autoresearch/content/title/config.cfg', config);
}

describe('results', () => {
  it('shows people the last 30 trials, and all of them with the uncounted attempts when asked', async () => {
    const experiment = sample();
    const { stdout, code } = await command(experiment, 'results');
    expect(code).toBe(0);
    expect(stdout).toContain('11 earlier trials not shown');
    expect(stdout.match(/^#\d{4}/gm)).toHaveLength(30);
    expect(stdout).toMatch(/#0000 .*● kept .*#0040/);
    expect(stdout.match(/^#\d{4}|^ {2}---/gm)?.at(-1)).toBe('#0040');
    const all = (await command(experiment, 'results', '--all')).stdout;
    expect(all.match(/^#\d{4}/gm)).toHaveLength(41);
    expect(all).toMatch(/^ {2}--- +no change/m);
    expect(all).not.toContain('not shown');
    expect((await command(experiment, 'results', '-n', '3')).stdout.match(/^#\d{4}/gm)).toHaveLength(3);
  });

  it('gives programs the whole history', async () => {
    const experiment = sample();
    const document = JSON.parse((await command(experiment, 'results', '--json')).stdout);
    expect(document).toMatchObject({ schemaVersion: 1, earlierTrials: 0, experiment: { trials: 40 } });
    expect(document.trials).toHaveLength(41);
    expect(parseCsv((await command(experiment, 'results', '--format', 'csv')).stdout)).toHaveLength(42);
    expect(JSON.parse((await command(experiment, 'results', '--json', '--all')).stdout).trials).toHaveLength(42);
    expect((await command(experiment, 'results', '--json', '--format', 'csv')).code).toBe(2);
  });

  it('writes a file whole, in the format of its name, and says where', async () => {
    const experiment = sample(3);
    for (const [name, beginning] of [
      ['r.csv', 'Trial,Verdict'],
      ['r.MD', '# engineering/api-speed'],
      ['r.json', '{\n  "schemaVersion": 1'],
      ['r.txt', 'engineering/api-speed '],
    ] as const) {
      const { stdout, stderr, code } = await command(experiment, 'results', '--output', name);
      expect({ stdout, code }).toEqual({ stdout: '', code: 0 });
      expect(stderr).toContain(`written to ${join(experiment.repository.path, name)}`);
      expect(experiment.repository.read(name).startsWith(beginning)).toBe(true);
    }
    expect(readdirSync(experiment.repository.path).filter((name) => name.endsWith('.new'))).toEqual([]);
    expect((await command(experiment, 'results', '--output', 'r.xls')).stderr).toContain('--format');
    expect((await command(experiment, 'results', '--output', 'r.xls', '--format', 'csv')).code).toBe(0);
  });

  it('never writes through a symbolic link or over a folder', async () => {
    const experiment = sample(1);
    const { path } = experiment.repository;
    writeFileSync(join(path, 'precious'), 'mine');
    symlinkSync('precious', join(path, 'r.csv'));
    mkdirSync(join(path, 'f.csv'));
    for (const [name, what] of [
      ['r.csv', 'a symbolic link'],
      ['f.csv', 'a folder'],
      ['missing/r.csv', 'cannot be written'],
    ] as const) {
      const { stderr, code } = await command(experiment, 'results', '--output', name);
      expect(code).toBe(2);
      expect(stderr).toContain(what);
    }
    expect(readFileSync(join(path, 'precious'), 'utf8')).toBe('mine');
    expect(lstatSync(join(path, 'r.csv')).isSymbolicLink()).toBe(true);
    expect(existsSync(join(path, 'missing'))).toBe(false);
  });

  it('ends well where the reader has seen enough', () => {
    const experiment = new SampleExperiment();
    fillWithTrials(experiment, 3_000);
    const head = ['bash', '-c', 'set -o pipefail; "$@" | head -c 9', 'head'];
    const end = builtProgram(placeOf(experiment.repository), ['results', '--json'], head);
    expect(end).toEqual({ code: 0, stdout: '{\n  "sche', stderr: '' });
  });

  it('reads a hundred thousand trials in no time', { timeout: 300_000 }, async () => {
    const experiment = new SampleExperiment();
    fillWithTrials(experiment, 100_000);
    // Processor time, not the clock's: it says the same on a busy machine.
    const timed = ['bash', '-c', 'TIMEFORMAT="%U %S"; time "$@"', 'timed'];
    for (const args of [['results'], ['status'], ['list'], ['dashboard']]) {
      const { stderr } = builtProgram(placeOf(experiment.repository), args, timed);
      const [user = Number.NaN, system = Number.NaN] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
      expect({ args, stderr, isFast: user + system < 2 }).toMatchObject({ isFast: true });
    }
    expect((await command(experiment, 'results', '--output', 'all.csv')).code).toBe(0);
    expect(experiment.repository.read('all.csv').split('\n')).toHaveLength(100_003);
  });
});

describe('dashboard', () => {
  it('shows all experiments, or those of a domain, in every format', async () => {
    const experiment = sample(2);
    addSecond(experiment);
    expect((await command(experiment, 'dashboard')).stdout).toMatch(
      /^DOMAIN +EXPERIMENT .*\ncontent +title +0 .*idle\nengineering +api-speed +2 /,
    );
    expect((await command(experiment, 'results')).stdout).toContain('DOMAIN');
    const ofDomain = JSON.parse((await command(experiment, 'results', '--domain', 'content', '--json')).stdout);
    expect(ofDomain.experiments).toMatchObject([{ name: 'content/title', best: null }]);
    const unknown = await command(experiment, 'dashboard', '--domain', 'contents');
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('content, engineering');
    expect((await command(experiment, 'dashboard', '-e', 'engineering/api-speed')).stdout).toContain('TRIAL');
    expect((await command(experiment, 'results', '--all-experiments', '-e', 'content/title')).code).toBe(2);
  });

  it('says on the side which experiments are broken', async () => {
    const experiment = sample(1);
    experiment.repository.write('.autoresearch/content/title/config.cfg', 'nonsense');
    const { stdout, stderr, code } = await command(experiment, 'dashboard', '--format', 'csv');
    expect(code).toBe(0);
    expect(parseCsv(stdout)).toHaveLength(2);
    expect(stderr).toContain('content/title is broken');
  });
});
