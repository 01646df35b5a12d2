/**
 * A systemd user instance of the test's own: in namespaces of its own for processes and mounts, in a control group of
 * its own, with a home of its own. Nothing of the machine's systemd is touched, and all of it ends with one process.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { findProgram } from '../../src/process/shell.js';
import { parseProperties } from '../../src/service/systemd.js';
import { CLI, type CommandEnd } from './command.js';
import { present, until } from './process.js';

const SYSTEMD = '/lib/systemd/systemd';
const NEEDED = ['systemctl', 'systemd-notify', 'unshare', 'nsenter', 'setsid', 'dbus-daemon'];

/** Process 1 of the namespace. `sd_booted` looks for the folder. */
const INIT = `
mount -t tmpfs tmpfs /run/systemd && mkdir -p /run/systemd/system
${SYSTEMD} --user --log-target=console --log-level=notice &
manager=$!
until systemctl --user is-system-running >/dev/null 2>&1; do
  kill -0 $manager || exit 1
  sleep 0.05
done
echo ready
wait $manager
`;

/** Why no instance can be started on this machine; null when one can. */
export function systemdProblem(): string | null {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'namespaces for a systemd of its own need root';
  if (!existsSync(SYSTEMD)) return 'there is no systemd: apt-get install -y systemd dbus-user-session';
  const missing = NEEDED.filter((name) => findProgram(name, process.env['PATH'] ?? '') === null);
  if (missing.length > 0) return `not on PATH: ${missing.join(', ')}: apt-get install -y systemd dbus-user-session`;
  const group = join(hierarchies()[0] ?? '/nowhere', `autoresearch-probe-${randomUUID().slice(0, 8)}`);
  try {
    mkdirSync(group);
    rmdirSync(group);
  } catch (error) {
    return `control groups cannot be made: ${String(error)}`;
  }
  const probe = spawnSync('unshare', ['--mount', '--pid', '--fork', '--mount-proc', 'true']);
  return probe.status === 0 ? null : `no namespaces: ${probe.stderr.toString('utf8').trim()}`;
}

/** The folder of this process's own control group, in the hierarchies that systemd uses. */
function hierarchies(): string[] {
  const found: string[] = [];
  for (const line of readFileSync('/proc/self/cgroup', 'utf8').split('\n')) {
    const [number, controllers, path = ''] = line.split(':');
    if (controllers === 'name=systemd') found.push(join('/sys/fs/cgroup/systemd', path));
    if (number !== '0') continue;
    const unified = existsSync('/sys/fs/cgroup/unified') ? '/sys/fs/cgroup/unified' : '/sys/fs/cgroup';
    found.push(join(unified, path));
  }
  return found;
}

export class UserSystemd {
  readonly home: string;
  readonly #place: string;
  readonly #groups: readonly string[];
  readonly #outer: ChildProcess;
  readonly #ended: Promise<unknown>;
  #printed = '';
  #init = 0;

  private constructor() {
    this.#place = realpathSync(mkdtempSync(join(tmpdir(), 'autoresearch-systemd-')));
    this.home = join(this.#place, 'home');
    mkdirSync(this.home);
    mkdirSync(join(this.#place, 'run'), { mode: 0o700 });
    const group = `autoresearch-${randomUUID().slice(0, 8)}`;
    this.#groups = hierarchies().map((folder) => join(folder, group));
    for (const group of this.#groups) mkdirSync(group);
    const enter = this.#groups.map((group) => `echo $$ > '${group}/cgroup.procs'`).join(' && ');
    const isolate = 'exec unshare --mount --pid --fork --mount-proc --kill-child bash -c "$0"';
    this.#outer = spawn('bash', ['-c', `${enter} && ${isolate}`, INIT], {
      env: this.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#ended = new Promise((resolve) => this.#outer.once('close', resolve));
    for (const stream of [this.#outer.stdout, this.#outer.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#printed += chunk.toString('utf8');
      });
    }
  }

  static async start(): Promise<UserSystemd> {
    const systemd = new UserSystemd();
    await until('systemd', () => /^ready$/m.test(systemd.#printed) || systemd.#outer.exitCode !== null);
    if (systemd.#outer.exitCode !== null) throw new Error(`systemd did not start: ${systemd.#printed}`);
    const children = readFileSync(`/proc/${systemd.#outer.pid}/task/${systemd.#outer.pid}/children`, 'utf8');
    systemd.#init = Number(children.trim());
    return systemd;
  }

  /** What a shell of the user has. */
  get environment(): Record<string, string> {
    return {
      HOME: this.home,
      XDG_RUNTIME_DIR: join(this.#place, 'run'),
      PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
      LANG: 'C.UTF-8',
      NO_COLOR: '1',
    };
  }

  /** Runs a program as this user would. */
  run(
    argv: readonly string[],
    options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
  ): CommandEnd {
    const entry = ['--target', String(this.#init), '--mount', '--pid', `--wd=${options.cwd ?? this.home}`, '--'];
    const { status, stdout, stderr } = spawnSync('nsenter', [...entry, ...argv], {
      env: { ...this.environment, ...options.env },
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { code: status, stdout, stderr };
  }

  cli(cwd: string, args: readonly string[], env: Record<string, string> = {}): CommandEnd {
    return this.run([process.execPath, CLI, ...args], { cwd, env });
  }

  systemctl(...args: string[]): CommandEnd {
    return this.run(['systemctl', '--user', '--no-pager', ...args]);
  }

  property(unit: string, name: string): string {
    return present(parseProperties(this.systemctl('show', unit, `--property=${name}`).stdout).get(name));
  }

  /** Settings that all services of ours get on top of their unit; null takes them away. */
  override(settings: string | null): void {
    const folder = join(this.#place, 'run', 'systemd', 'user', 'autoresearch-.service.d');
    const script =
      'rm -rf "$0"; [ -z "$1" ] || { mkdir -p "$0" && printf "%s\\n" "$1" > "$0/test.conf"; }; systemctl --user daemon-reload';
    this.run(['sh', '-c', script, folder, settings ?? '']);
  }

  /** Command lines of everything that services have started and that still lives, wherever it hid. */
  processes(): string[] {
    const services = processesOf(present(this.#groups[0])).filter(({ group }) => group.endsWith('.service'));
    return services
      .map(({ pid }) => commandOf(pid))
      .filter((command) => command !== '' && !/dbus-daemon/.test(command));
  }

  /** All files of the home; links too. */
  homeFiles(): string[] {
    const entries = readdirSync(this.home, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name));
  }

  async stop(): Promise<void> {
    this.#outer.kill('SIGKILL');
    await this.#ended;
    for (const group of this.#groups) await until('an empty control group', () => removeGroup(group));
    rmSync(this.#place, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

/** False while something in it has not quite ended. */
function removeGroup(group: string): boolean {
  if (!existsSync(group)) return true;
  try {
    for (const entry of readdirSync(group, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeGroup(join(group, entry.name))) return false;
    }
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}

function processesOf(group: string): { pid: string; group: string }[] {
  const here = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
  const below = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...here.map((pid) => ({ pid, group })), ...below.flatMap(({ name }) => processesOf(join(group, name)))];
}

/** Empty for a zombie and for what has ended meanwhile. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** Polls a condition that is slow to ask for. */
export async function eventually(what: string, isSo: () => boolean, explain = () => ''): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`waited 30 s in vain: ${what}\n${explain()}`);
    await setTimeout(50);
  }
}
