/**
 * The text of a systemd unit. Pure. What it runs has the rights and the priority that a run by hand has, so that both
 * measure the same; only new privileges (sudo) are out of reach of something that works unattended.
 */
import { type ErrorCode, EXIT_CODES } from '../core/errors.js';
import type { ServiceDefinition } from './definition.js';

export interface UnitOptions {
  /** `systemd-notify` is there: systemd learns when the run is ready and restarts one that hangs. */
  readonly notify: boolean;
  /** Whom a unit of the system runs as; without it the unit is the user's own. */
  readonly user?: string;
}

/** What a person has to mend: starting again would only fail again. */
const NOT_RESTARTED: readonly ErrorCode[] = [
  'usage',
  'config',
  'repository',
  'locked',
  'baseline',
  'store',
  'proposer',
  'crash_streak',
  'environment',
  'conflict',
];

export function renderUnit(definition: ServiceDefinition, { notify, user }: UnitOptions): string {
  const { argv, environment, experiment, repository, files } = definition;
  const [program, ...args] = argv;
  return [
    '# Written by `autoresearch service install`; changes of your own belong into a drop-in (systemctl edit).',
    '[Unit]',
    `Description=autoresearch ${experiment} (${escapePercent(repository)})`,
    'StartLimitIntervalSec=300',
    'StartLimitBurst=5',
    '',
    '[Service]',
    ...(notify ? ['Type=notify', 'NotifyAccess=all', 'WatchdogSec=120'] : ['Type=exec']),
    ...(user === undefined ? [] : [`User=${user}`]),
    `ExecStart=${[quoteWord(program), ...[...args, '--service', 'systemd'].map(quoteArgument)].join(' ')}`,
    ...Object.entries(environment).map(([name, value]) => `Environment=${quoteWord(`${name}=${value}`)}`),
    `EnvironmentFile=-${escapePercent(files.environment)}`,
    'Restart=on-failure',
    'RestartSec=10',
    `RestartPreventExitStatus=${NOT_RESTARTED.map((name) => EXIT_CODES[name]).join(' ')}`,
    `SuccessExitStatus=${EXIT_CODES.interrupted} ${EXIT_CODES.terminated}`,
    'KillMode=mixed',
    'TimeoutStopSec=60',
    'OOMPolicy=continue',
    'NoNewPrivileges=yes',
    `StandardOutput=append:${escapePercent(files.log)}`,
    'StandardError=inherit',
    '',
    '[Install]',
    `WantedBy=${user === undefined ? 'default.target' : 'multi-user.target'}`,
    '',
  ].join('\n');
}

/** One word of a list; systemd expands `%` in it. */
function quoteWord(word: string): string {
  return `"${escapePercent(word).replace(/[\\"]/g, '\\$&')}"`;
}

/** After the program's own name, systemd also expands `$`. */
function quoteArgument(word: string): string {
  return quoteWord(word.replaceAll('$', '$$$$'));
}

function escapePercent(text: string): string {
  return text.replaceAll('%', '%%');
}
