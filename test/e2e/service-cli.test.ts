import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { heldBack } from '../../src/service/record.js';
import { StoreReader } from '../../src/store/reader.js';
import { SampleExperiment } from '../helpers/experiment.js';
import { autoresearch, placeOf } from '../helpers/init.js';
import { present } from '../helpers/process.js';

const NAMED = 'target = src/*\nevaluate_cmd = node bench.js\nmetric = p50_ms\nmetric_direction = lower\n';
const SEARCH = `${NAMED}[proposer]\nkind = search\n`;
const command = (experiment: SampleExperiment, ...args: string[]) => autoresearch(placeOf(experiment.repository), args);

describe('service install', () => {
  it('refuses an experiment to which nobody proposes anything, with the lines that hire an agent', () => {
    const { exitCode, stderr } = command(new SampleExperiment({ config: NAMED }), 'service', 'install', '--print');
    expect(exitCode).toBe(10);
    expect(stderr).toContain('engineering/api-speed has nobody who proposes changes, so a service would only wait');
    expect(stderr).toMatch(/\[proposer\]\n\s+kind = agent\n\s+\[agent\]\n\s+preset = /);
  });

  it('says what it would do, and prints what it would write, without doing it', () => {
    const experiment = new SampleExperiment({ config: SEARCH });
    const dry = command(experiment, 'service', 'install', '--dry-run', '--name', 'api', '--env', 'HOME');
    expect(dry.exitCode).toBe(0);
    expect(dry.stdout).toMatch(
      /^Would install (autoresearch-api\.service|dev\.autoresearch\.api): engineering\/api-speed/,
    );
    expect(dry.stdout).toContain('Nothing was changed (--dry-run).');
    const printed = command(experiment, 'service', 'install', '--print');
    expect(printed.stdout).toContain(experiment.repository.path);
    expect(printed.stdout).toContain(process.execPath);
    expect(command(experiment, 'service', 'install', '--system').stdout).toContain('service');
    expect(command(experiment, 'service', 'status').exitCode).toBe(4);
  });

  it('never prints the value of a variable', () => {
    const experiment = new SampleExperiment({ config: SEARCH });
    const { exitCode, stdout, stderr } = command(experiment, 'service', 'install', '--dry-run', '--env', 'KEY=hush');
    expect(exitCode).toBe(2);
    expect(stdout + stderr).not.toContain('hush');
  });
});

describe('run --service', () => {
  it('does not begin again what came to an end, until a person says so', () => {
    const experiment = new SampleExperiment({ config: SEARCH });
    experiment.endSession('max_experiments', '2 trials were asked for and are done');
    experiment.close();
    const run = (manager: string) => command(experiment, 'run', '--loop', '--service', manager);
    const { exitCode, stderr } = run('systemd');
    expect(exitCode).toBe(0);
    expect(stderr).toContain('it ended (max_experiments): 2 trials were asked for and are done');
    expect(stderr).toContain('autoresearch service start --experiment engineering/api-speed');
    const session = present(StoreReader.open(experiment.state.store)).newestSession();
    expect(session?.id).toBe(1);
    expect(heldBack(session, null)).not.toBeNull();
  });

  it('ends with the code of what is to be mended; launchd is not given a reason to start it again', () => {
    const experiment = new SampleExperiment({ config: SEARCH });
    experiment.endSession('baseline_failed', 'the evaluator exits 1');
    experiment.close();
    const run = (manager: string) => command(experiment, 'run', '--loop', '--service', manager).exitCode;
    expect(run('systemd')).toBe(13);
    expect(run('launchd')).toBe(0);
    const config = join(experiment.repository.path, '.autoresearch/engineering/api-speed/config.cfg');
    writeFileSync(config, `${SEARCH}colour = red\n`);
    expect(run('systemd')).toBe(10);
    expect(run('launchd')).toBe(0);
  });
});
