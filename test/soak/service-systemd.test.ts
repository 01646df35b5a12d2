import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServiceWorld } from '../helpers/service-world.js';
import { systemdProblem, UserSystemd } from '../helpers/systemd.js';

const problem = systemdProblem();
if (problem !== null) console.warn(`services are not tested here: ${problem}`);

let systemd: UserSystemd;

describe.skipIf(problem !== null)('a service of systemd', () => {
  beforeAll(async () => {
    systemd = await UserSystemd.start();
  });
  afterAll(async () => {
    await systemd?.stop();
  });

  it('gives up after five crashes in a row, and starts again when a person says so', async () => {
    const world = new ServiceWorld(systemd);
    systemd.override('[Service]\nRestartSec=50ms');
    world.install();
    let pid = '0';
    for (let crash = 1; crash <= 5; crash += 1) {
      await world.restarted(pid);
      pid = world.show('MainPID');
      systemd.run(['kill', '-KILL', pid]);
    }
    await world.ended('failed');
    expect(systemd.systemctl('start', world.unit).stderr).toContain('failed');
    expect(world.service('status').stdout).toContain('failed, and not started again');
    const count = world.trials().length;
    expect(world.service('start').code).toBe(0);
    await world.measured(count + 1);
  });
});
