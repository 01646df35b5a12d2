import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceWorld } from '../helpers/service-world.js';
import { eventually, systemdProblem, UserSystemd } from '../helpers/systemd.js';

const problem = systemdProblem();
if (problem !== null) console.warn(`services are not tested here: ${problem}`);

let systemd: UserSystemd;

describe.skipIf(problem !== null)('a service of systemd', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    systemd = await UserSystemd.start();
  });
  afterAll(async () => {
    await systemd?.stop();
  });

  it('survives a kill, stops and starts without losing anything, and leaves nothing when it is removed', async () => {
    const world = new ServiceWorld(systemd);
    systemd.override('[Service]\nRestartSec=100ms');
    expect(world.service('status').code).toBe(4);
    expect(world.service('start').code).toBe(4);
    world.install();
    expect(world.show('Type')).toBe('notify');
    await world.measured(2);

    const pid = world.show('MainPID');
    systemd.run(['kill', '-KILL', pid]);
    await world.restarted(pid);
    await world.measured(4);
    expect(world.show('NRestarts')).toBe('1');
    expect(world.service('status').code).toBe(0);
    expect(JSON.parse(world.service('status', '--json').stdout)).toMatchObject({
      running: true,
      restarts: 1,
      ended: null,
    });

    const second = world.show('MainPID');
    expect(world.service('install').stderr).toContain('running already');
    expect(world.show('MainPID')).toBe(second);

    const environmentFile = join(systemd.home, '.config/autoresearch/services', world.unit.replace('.service', '.env'));
    expect(statSync(environmentFile).mode & 0o777).toBe(0o600);
    expect(systemd.systemctl('cat', world.unit).stdout).not.toContain('quoted');

    await eventually('an orphan', () => systemd.processes().some((command) => command.startsWith('sleep 1000')));
    expect(world.service('stop').code).toBe(0);
    expect(systemd.processes()).toEqual([]);
    expect(world.service('status').code).toBe(3);
    expect(world.ask((store) => store.newestSession()?.stopReason)).toBe('terminated');

    const count = world.trials().length;
    expect(world.service('start').code).toBe(0);
    await world.measured(count + 1);
    expect(world.service('logs', '-n', 'all').stdout).toContain('#0001');
    expect(world.service('uninstall').code).toBe(0);
    expect(world.service('uninstall').code).toBe(0);
    expect(systemd.processes()).toEqual([]);
    expect(systemd.homeFiles().filter((path) => !path.includes('/.cache/'))).toEqual([]);

    const numbers = world.trials().map(({ number }) => number);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(world.trials().every(({ outcome }) => outcome === 'measured' || outcome === 'duplicate')).toBe(true);
  });

  it('is started again by the watchdog when it hangs', async () => {
    const world = new ServiceWorld(systemd);
    systemd.override('[Service]\nRestartSec=100ms\nWatchdogSec=3');
    world.install();
    await world.measured(1);
    await eventually('a word of the runner', () => /settled/.test(world.show('StatusText')));
    const pid = world.show('MainPID');
    systemd.run(['kill', '-STOP', pid]);
    await world.restarted(pid);
    expect(
      readFileSync(
        join(systemd.home, '.local/state/autoresearch/services', world.unit.replace('.service', '.log')),
        'utf8',
      ),
    ).toContain('#0001');
    await world.measured(world.trials().length + 1);
    expect(world.show('NRestarts')).toBe('1');
  });

  it('does not start again into what a person has to mend, nor into what is finished', async () => {
    const world = new ServiceWorld(systemd, '[limits]\nmax_trials = 1');
    systemd.override('[Service]\nRestartSec=100ms');
    world.install();
    await world.ended('inactive');
    expect(world.show('Result')).toBe('success');
    const sessions = world.ask((store) => store.newestSession()?.id);

    systemd.systemctl('start', world.unit);
    await world.ended('inactive');
    expect(world.ask((store) => store.newestSession()?.id)).toBe(sessions);
    expect(world.service('status').stdout).toContain('ended    max_trials: the experiment has its max_trials = 1');
    expect(world.service('logs').stdout).toContain('is not started: it ended (max_trials)');

    world.configure('[limits]\nmax_trails = 9');
    expect(world.service('start').code).toBe(10);
    systemd.systemctl('start', world.unit);
    expect(world.show('ActiveState')).toBe('failed');
    expect(world.show('ExecMainStatus')).toBe('10');
    expect(world.show('NRestarts')).toBe('0');
    expect(world.service('status').code).toBe(3);
    expect(world.service('logs').stdout).toContain('did you mean max_trials?');
    expect(world.service('stop').code).toBe(0);

    world.configure('[limits]\nmax_trials = 2');
    expect(world.service('start').code).toBe(0);
    await world.measured(2);
  });
});
