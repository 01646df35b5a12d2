/** The property list of a launchd agent. Pure. */
import { build } from 'plist';
import type { ServiceDefinition } from './definition.js';

/** Reads the environment file, which launchd itself cannot, and becomes the runner: no shell stays behind. */
const WITH_ENVIRONMENT_FILE = 'set -a; [ ! -r "$0" ] || . "$0"; set +a; exec "$@"';

export interface AgentOptions {
  readonly label: string;
  readonly home: string;
  /** Whether `--env` left values in the environment file. */
  readonly hasEnvironmentFile: boolean;
}

export function renderAgent(definition: ServiceDefinition, options: AgentOptions): string {
  const { argv, environment, files } = definition;
  const command = [...argv, '--service', 'launchd'];
  return `${build({
    Label: options.label,
    ProgramArguments: options.hasEnvironmentFile
      ? ['/bin/sh', '-c', WITH_ENVIRONMENT_FILE, files.environment, ...command]
      : command,
    EnvironmentVariables: { ...environment, HOME: options.home },
    RunAtLoad: true,
    KeepAlive: { SuccessfulExit: false },
    ThrottleInterval: 10,
    ExitTimeOut: 60,
    // `Background` would slow the processor down, and with it every measurement.
    ProcessType: 'Standard',
    StandardOutPath: files.log,
    StandardErrorPath: files.log,
  })}\n`;
}

/** `autoresearch-1a2b` is `dev.autoresearch.1a2b`. */
export function agentLabel(name: string): string {
  return name.replace(/^autoresearch-/, 'dev.autoresearch.');
}
