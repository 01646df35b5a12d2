/**
 * What a service is, before it is a systemd unit or a launchd agent: one per repository and experiment, with absolute
 * paths and the environment as it was at installation. Pure.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AppError } from '../core/errors.js';

export interface ServiceDefinition {
  /** `autoresearch-1a2b3c4d`: names the unit, the log and the environment file. */
  readonly name: string;
  /** `domain/name`. */
  readonly experiment: string;
  readonly repository: string;
  /** Node, this program, and everything up to the manager's own `--service <manager>`. */
  readonly argv: readonly [string, ...string[]];
  /** Captured at installation and shown; never a secret. */
  readonly environment: Readonly<Record<string, string>>;
  readonly files: ServiceFiles;
}

export interface ServiceFiles {
  readonly log: string;
  /** Holds the values of `--env`, readable by their owner only. */
  readonly environment: string;
}

/** Where a user's own files go. */
export interface ServiceHomes {
  readonly home: string;
  /** `$XDG_CONFIG_HOME`, or `~/.config`. */
  readonly config: string;
  /** `$XDG_STATE_HOME`, or `~/.local/state`. */
  readonly state: string;
}

const PREFIX = 'autoresearch-';

/** Without these a service finds other programs, sorts differently or looks for its worktree in another place. */
const CAPTURED = ['PATH', 'LANG', 'LC_ALL', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME'];

export function homesOf(environment: NodeJS.ProcessEnv, home: string): ServiceHomes {
  return {
    home,
    config: environment['XDG_CONFIG_HOME'] || join(home, '.config'),
    state: environment['XDG_STATE_HOME'] || join(home, '.local', 'state'),
  };
}

/** The name that the same experiment of the same repository always gets. */
export function serviceName(commonDir: string, experiment: string): string {
  const hash = createHash('sha256').update(`${commonDir}\0${experiment}`).digest('hex');
  return `${PREFIX}${hash.slice(0, 8)}`;
}

/** `api` and `autoresearch-api` name the same service: no other program's unit can be meant. */
export function chosenName(text: string): string {
  const own = text.replace(/\.(service|plist)$/, '').replace(PREFIX, '');
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,47}$/.test(own)) return `${PREFIX}${own}`;
  throw new AppError('usage', `"${text.slice(0, 60)}" cannot name a service`, {
    hint: 'use 1-48 letters, digits, "-" and "_", for example --name api-speed',
  });
}

export function filesOf(name: string, { config, state }: ServiceHomes): ServiceFiles {
  return {
    log: join(state, 'autoresearch', 'services', `${name}.log`),
    environment: join(config, 'autoresearch', 'services', `${name}.env`),
  };
}

export interface DefinitionRequest {
  readonly name: string;
  /** Tells this experiment's files from those of another with the same chosen name. */
  readonly identity: string;
  readonly experiment: string;
  readonly repository: string;
  /** Absolute paths of node and of this program. */
  readonly program: readonly [string, string];
  readonly ambient: NodeJS.ProcessEnv;
  readonly homes: ServiceHomes;
}

/** @throws AppError usage when a path or a captured variable has control characters: no unit or list can carry them. */
export function defineService(request: DefinitionRequest): ServiceDefinition {
  const { name, identity, experiment, repository, program, ambient, homes } = request;
  const [node, cli] = program;
  const environment: Record<string, string> = { AUTORESEARCH_SERVICE: identity };
  for (const key of CAPTURED) {
    const value = ambient[key];
    if (value) environment[key] = value;
  }
  const definition: ServiceDefinition = {
    ...{ name, experiment, repository, environment },
    argv: [node, cli, 'run', '--loop', '--experiment', experiment, '--path', repository],
    files: filesOf(name, homes),
  };
  refuseControlCharacters([...definition.argv, ...Object.values(environment), ...Object.values(definition.files)]);
  return definition;
}

function refuseControlCharacters(texts: readonly string[]): void {
  const odd = texts.find((text) => /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]/.test(text));
  if (odd === undefined) return;
  throw new AppError('usage', `a service cannot carry the control character in ${JSON.stringify(odd.slice(0, 200))}`, {
    hint: 'rename the folder, or correct the variable, then install again',
  });
}
