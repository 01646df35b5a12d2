/** An experiment with a service, in a folder whose name every level of quoting has something to say about. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { StoreReader } from '../../src/store/reader.js';
import type { TrialRow } from '../../src/store/rows.js';
import { repositoryAt, type TemporaryRepository, temporaryFolder } from './git.js';
import { present } from './process.js';
import { eventually, type UserSystemd } from './systemd.js';

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

export class ServiceWorld {
  readonly repository: TemporaryRepository;
  readonly unit: string;
  readonly #systemd: UserSystemd;

  constructor(systemd: UserSystemd, limits?: string) {
    this.#systemd = systemd;
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
    return this.#systemd.cli(this.repository.path, ['service', ...args], { TOKEN: SECRET });
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
    return this.#systemd.systemctl('status', this.unit).stdout + this.service('logs', '-n', '40').stdout;
  }

  show(name: string): string {
    return this.#systemd.property(this.unit, name);
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
