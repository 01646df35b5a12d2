/** Installs and drives a unit of the user's own systemd. The system's manager is never spoken to. */
import { join } from 'node:path';
import { AppError } from '../core/errors.js';
import type { ToolResult } from '../process/tool.js';
import type { ServiceDefinition, ServiceHomes } from './definition.js';
import { endedAtOnce, managerFailure, type RunManager, type ServiceManager, type ServiceState } from './manager.js';
import { renderUnit } from './systemd-unit.js';

const NO_MANAGER = /failed to connect to bus|not been booted with systemd|no medium found|\$DBUS_SESSION_BUS_ADDRESS/i;

export class SystemdManager implements ServiceManager {
  readonly kind = 'systemd';
  readonly path: string;
  readonly title: string;
  readonly #run: RunManager;
  readonly #notify: boolean;

  /** `notify`: whether `systemd-notify` is on PATH. */
  constructor(name: string, { homes, run, notify }: { homes: ServiceHomes; run: RunManager; notify: boolean }) {
    this.title = `${name}.service`;
    this.path = join(homes.config, 'systemd', 'user', this.title);
    this.#run = run;
    this.#notify = notify;
  }

  render(definition: ServiceDefinition): string {
    return renderUnit(definition, { notify: this.#notify });
  }

  async enable(): Promise<void> {
    await this.#systemctl('daemon-reload');
    await this.#systemctl('enable', this.title);
  }

  start(): Promise<void> {
    return this.#bring('start');
  }

  restart(): Promise<void> {
    return this.#bring('restart');
  }

  async #bring(verb: 'start' | 'restart'): Promise<void> {
    // Without it systemd refuses for minutes after too many crashes. Fails where there is nothing to reset.
    await this.#ask('reset-failed', this.title);
    const result = await this.#ask(verb, this.title);
    if (result.exitCode === 0) return;
    const { exitCode } = await this.state();
    throw endedAtOnce(exitCode) ?? this.#failure([verb, this.title], result);
  }

  async stop(): Promise<void> {
    await this.#systemctl('stop', this.title);
  }

  async remove(removeFile: () => void): Promise<void> {
    await this.#systemctl('disable', '--now', this.title);
    removeFile();
    await this.#systemctl('daemon-reload');
    await this.#ask('reset-failed', this.title);
  }

  async state(): Promise<ServiceState> {
    const properties =
      'ActiveState,SubState,MainPID,NRestarts,StatusText,ExecMainCode,ExecMainStatus,UnitFileState,Result';
    const shown = parseProperties(await this.#systemctl('show', this.title, `--property=${properties}`));
    const pid = Number(shown.get('MainPID'));
    return {
      activity: activityOf(shown),
      pid: pid > 0 ? pid : null,
      // 1 is CLD_EXITED; a signal's number is no exit code.
      exitCode: shown.get('ExecMainCode') === '1' ? Number(shown.get('ExecMainStatus')) : null,
      restarts: Number(shown.get('NRestarts') ?? 0),
      text: shown.get('StatusText') ?? '',
      enabled: shown.get('UnitFileState') === 'enabled',
    };
  }

  #ask(...args: string[]): Promise<ToolResult> {
    return this.#run(['systemctl', '--user', '--no-pager', ...args]);
  }

  async #systemctl(...args: string[]): Promise<string> {
    const result = await this.#ask(...args);
    if (result.exitCode === 0) return result.stdout.toString('utf8');
    throw this.#failure(args, result);
  }

  #failure(args: readonly string[], result: ToolResult): AppError {
    if (result.exitCode === null && result.problem !== '') {
      return new AppError('environment', `there is no systemd here: ${result.problem}`, {
        hint: 'let a supervisor of your own keep `autoresearch run --loop` up; `autoresearch service install --print` shows the unit',
      });
    }
    if (NO_MANAGER.test(result.stderr)) {
      return new AppError('environment', 'your systemd user manager does not answer', {
        hint: 'log in as this user (`su` and `sudo` are not logins), or: export XDG_RUNTIME_DIR=/run/user/$(id -u)',
      });
    }
    return managerFailure(['systemctl', '--user', ...args], result);
  }
}

/** `Key=value` lines; a value may contain `=`. */
export function parseProperties(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line.includes('='));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

function activityOf(shown: ReadonlyMap<string, string>): ServiceState['activity'] {
  switch (shown.get('ActiveState')) {
    case 'active':
    case 'reloading':
    case 'deactivating':
      return 'running';
    case 'activating':
      return shown.get('SubState') === 'auto-restart' ? 'restarting' : 'starting';
    case 'failed':
      return 'failed';
    default:
      return 'stopped';
  }
}

/** Whether the user's services live on after logout and start at boot; null where that cannot be told. */
export async function lingers(user: string, run: RunManager): Promise<boolean | null> {
  const result = await run(['loginctl', 'show-user', user, '--property=Linger', '--value']);
  const answer = result.stdout.toString('utf8').trim();
  return result.exitCode === 0 && answer !== '' ? answer === 'yes' : null;
}

/** @throws AppError environment when it is not allowed. */
export async function enableLinger(user: string, run: RunManager): Promise<void> {
  const result = await run(['loginctl', 'enable-linger', user]);
  if (result.exitCode === 0) return;
  const { message } = managerFailure(['loginctl', 'enable-linger', user], result);
  throw new AppError('environment', `the service is installed, but it will end at logout: ${message}`, {
    hint: `sudo loginctl enable-linger ${user}`,
  });
}
