import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { heldBack } from '../../src/service/record.js';
import { StoreReader } from '../../src/store/reader.js';
import { autoresearch, builtProgram, placeOf } from '../helpers/command.js';
import { SampleExperiment } from '../helpers/experiment.js';
import { present } from '../helpers/process.js';

const NAMED = 'target = src/*\nevaluate_cmd = node bench.js\nmetric = p50_ms\nmetric_direction = lower\n';
const SEARCH = `${NAMED}[proposer]\nkind = search\n`;
const command = (experiment: SampleExperiment, ...args: string[]) => autoresearch(placeOf(experiment.repository), args);
/** A service needs the built program. */
const install = (experiment: SampleExperiment, ...args: string[]) =>
  builtProgram(placeOf(experiment.repository), ['service', 'install', ...args]);

describe('service install', () => {
  it('refuses an experiment to which nobody proposes anything, with the lines that hire an agent', () => {
    const { code, stderr } = install(new SampleExperiment({ config: NAMED }), '--print');
    expect(code).toBe(10);
    expect(stderr).toContain('engineering/api-speed has nobody who proposes changes, so a service would only wait');
    expect(stderr).toMatch(/\[proposer\]\n\s+kind = agent\n\s+\[agent\]\n\s+preset = /);
  });

  it('says what it would do, and prints what it would write, without doing it', async () => {
    const experiment = new SampleExperiment({ config: SEARCH });
    const dry = install(experiment, '--dry-run', '--name', 'api', '--env', 'HOME');
    expect(dry.code).toBe(0);
    expect(dry.stdout).toMatch(
      /^Would install (autoresearch-api\.service|dev\.autoresearch\.api): engineering\/api-speed/,
    );
    expect(dry.stdout).toContain('Nothing was changed (--dry-run).');
    const printed = install(experiment, '--print');
    expect(printed.stdout).toContain(experiment.repository.path);
    expect(printed.stdout).toContain(process.execPath);
    const system = install(experiment, '--system', '--env', 'HOME').stdout;
    expect(system).toContain('sudo systemctl enable --now');
    expect(system).toMatch(
      /# The unit reads HOME from a file.*\n# {3}mkdir -p .* && \(umask 077; echo 'NAME="value"' >> .*/,
    );
    expect((await command(experiment, 'service', 'status')).code).toBe(4);
  });

  it('never prints the value of a variable', () => {
    const experiment = new SampleExperiment({ config: SEARCH });
    const { code, stdout, stderr } = install(experiment, '--dry-run', '--env', 'KEY=hush');
    expect(code).toBe(2);
    expect(stdout + stderr).not.toContain('hush');
  });
});

describe('run --service', () => {
  it('does not begin again what came to an end, until a person says so', async () => {
    const experiment = new SampleExperiment({ config: SEARCH });
    experiment.endSession('max_experiments', '2 trials were asked for and are done');
    experiment.close();
    const run = (manager: string) => command(experiment, 'run', '--loop', '--service', manager);
    const { code, stderr } = await run('systemd');
    expect(code).toBe(0);
    expect(stderr).toContain('it ended (max_experiments): 2 trials were asked for and are done');
    expect(stderr).toContain('autoresearch service start --experiment engineering/api-speed');
    const session = present(StoreReader.open(experiment.state.store)).newestSession();
    expect(session?.id).toBe(1);
    expect(heldBack(session, null)).not.toBeNull();
  });

  it('ends with the code of what is to be mended; launchd is not given a reason to start it again', async () => {
    const experiment = new SampleExperiment({ config: SEARCH });
    experiment.endSession('baseline_failed', 'the evaluator exits 1');
    experiment.close();
    const run = async (manager: string) => (await command(experiment, 'run', '--loop', '--service', manager)).code;
    expect(await run('systemd')).toBe(13);
    expect(await run('launchd')).toBe(0);
    const config = join(experiment.repository.path, '.autoresearch/engineering/api-speed/config.cfg');
    writeFileSync(config, `${SEARCH}colour = red\n`);
    expect(await run('systemd')).toBe(10);
    expect(await run('launchd')).toBe(0);
  });
});
