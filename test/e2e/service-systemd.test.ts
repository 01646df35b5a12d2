import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { StoreReader } from '../../src/store/reader.js';
import type { TrialRow } from '../../src/store/rows.js';
import { repositoryAt, type TemporaryRepository, temporaryFolder } from '../helpers/git.js';
import { present } from '../helpers/process.js';
import { eventually, systemdProblem, UserSystemd } from '../helpers/systemd.js';

const problem = systemdProblem();
if (problem !== null) console.warn(`services are not tested here: ${problem}`);

const EXPERIMENT = 'engineering/score';
const SECRET = 'a "quoted" $HOME `id` \\ value';

/** Refuses to measure when it sees the manager's plumbing, or not the variable that `--env` carried; leaves an orphan. */
const EVALUATOR = `
[ -z "$NOTIFY_SOCKET$WATCHDOG_USEC$WATCHDOG_PID$INVOCATION_ID$LISTEN_FDS" ] || exit 9
[ "$TOKEN" = "$(cat token.txt)" ] || exit 8
setsid sleep 1000 &
sleep 0.2
sed -n 's/^x = \\([0-9]*\\).*/score: \\1/p' params.txt
`;

function configOf(limits = ''): string {
  return `target = params.txt
evaluate_cmd = sh evaluate.sh
metric = score
metric_direction = higher
time_budget_minutes = 1
[proposer]
kind = search
[gate]
kind = single
baseline_runs = 1
probe = off
[workspace]
warmup_runs = 0
${limits}
`;
}

let systemd: UserSystemd;

/** An experiment in a folder whose name every level of quoting has something to say about. */
class World {
  readonly repository: TemporaryRepository;
  readonly unit: string;

  constructor(limits?: string) {
    const folder = temporaryFolder();
    this.repository = repositoryAt(join(folder, `it's 100%h of $HOME, "ünï" \\n; #1`), join(folder, 'cache'));
    mkdirSync(this.repository.path);
    this.repository.git('init', '--quiet', '--initial-branch=main');
    this.repository.git('config', 'user.name', 'Test Person');
    this.repository.git('config', 'user.email', 'person@example.org');
    this.repository.write('params.txt', 'x = 5 # autoresearch: int 0..100000\n');
    this.repository.write('evaluate.sh', EVALUATOR);
    this.repository.write('token.txt', `${SECRET}\n`);
    this.repository.write('.autoresearch/.gitignore', '**/results.tsv*\n**/run.log\n');
    this.configure(limits);
    this.repository.commit();
    const printed = this.service('install', '--dry-run').stdout;
    this.unit = present(/Would install (\S+):/.exec(printed)?.[1]);
    onTestFinished(() => {
      systemd.override(null);
      this.service('uninstall');
    });
  }

  configure(limits?: string): void {
    this.repository.write(`.autoresearch/${EXPERIMENT}/config.cfg`, configOf(limits));
  }

  service(...args: string[]) {
    return systemd.cli(this.repository.path, ['service', ...args], { TOKEN: SECRET });
  }

  /** Installs it with the variable that the evaluator asks for. */
  install(): void {
    const { code, stderr } = this.service('install', '--env', 'TOKEN');
    expect(stderr).toMatch(/^warning: whether lingering is on cannot be told/);
    expect(code).toBe(0);
  }

  ask<T>(question: (store: StoreReader) => T): T | null {
    const path = join(this.repository.path, '.git/autoresearch', EXPERIMENT, 'store.sqlite');
    const store = existsSync(path) ? StoreReader.open(path) : null;
    try {
      return store === null ? null : question(store);
    } finally {
      store?.close();
    }
  }

  trials(): readonly TrialRow[] {
    return (
      this.ask((store) => [...store.eachTrial()].filter(({ kind, number }) => kind === 'trial' && number !== null)) ??
      []
    );
  }

  async measured(count: number): Promise<void> {
    await eventually(
      `${count} trials`,
      () => this.trials().length >= count,
      () => this.story(),
    );
  }

  /** For a person who wonders why a test failed. */
  story(): string {
    return systemd.systemctl('status', this.unit).stdout + this.service('logs', '-n', '40').stdout;
  }

  show(name: string): string {
    return systemd.property(this.unit, name);
  }

  async restarted(pid: string): Promise<void> {
    await eventually(
      'another process',
      () => !['0', pid].includes(this.show('MainPID')) && this.show('ActiveState') === 'active',
      () => this.story(),
    );
  }

  async ended(state: 'inactive' | 'failed'): Promise<void> {
    await eventually(
      `the unit is ${state}`,
      () => this.show('ActiveState') === state,
      () => this.story(),
    );
  }
}

describe.skipIf(problem !== null)('a service of systemd', () => {
  beforeAll(async () => {
    systemd = await UserSystemd.start();
  });
  afterAll(async () => {
    await systemd?.stop();
  });

  it('survives a kill, stops and starts without losing anything, and leaves nothing when it is removed', async () => {
    const world = new World();
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
    const world = new World();
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
    const world = new World('[limits]\nmax_trials = 1');
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

  it('gives up after five crashes in a row, and starts again when a person says so', async () => {
    const world = new World();
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
