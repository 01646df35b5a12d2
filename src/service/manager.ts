/** What the two service managers have in common for us. */
import { AppError, type ErrorCode, EXIT_CODES } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import { runTool, type ToolResult } from '../process/tool.js';
import type { ServiceDefinition } from './definition.js';

export interface ServiceManager {
  readonly kind: 'systemd' | 'launchd';
  /** The file that makes the service known. */
  readonly path: string;
  /** What the manager itself calls it. */
  readonly title: string;
  render(definition: ServiceDefinition): string;
  /** Reads the file, and starts the service from now on at login or boot. */
  enable(): Promise<void>;
  /** Also after too many crashes. Does nothing to one that runs. @throws AppError when it does not stay up. */
  start(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
  /** Ends it and makes the manager forget it; `removeFile` is called when nobody needs the file any more. */
  remove(removeFile: () => void): Promise<void>;
  state(): Promise<ServiceState>;
}

export interface ServiceState {
  readonly activity: 'running' | 'starting' | 'restarting' | 'stopped' | 'failed';
  readonly pid: number | null;
  /** Of the last run that ended; null where unknown. */
  readonly exitCode: number | null;
  readonly restarts: number | null;
  /** What the runner said last. */
  readonly text: string;
  /** Whether it starts at login or boot; null where the manager does not tell. */
  readonly enabled: boolean | null;
}

export type RunManager = (argv: readonly string[]) => Promise<ToolResult>;

/** Ending a run takes up to the unit's TimeoutStopSec twice over. */
const TIMEOUT_MS = 150_000;

export const runManager: RunManager = (argv) => runTool(argv, { timeoutMs: TIMEOUT_MS });

/** A failure of the manager's own command, with what it said. */
export function managerFailure(argv: readonly string[], result: ToolResult): AppError {
  const command = argv.join(' ');
  const said = oneLine(result.problem || result.stderr || result.stdout.toString('utf8'), 400);
  const how = result.timedOut ? 'did not answer in time' : `failed${said === '' ? '' : `: ${said}`}`;
  return new AppError('environment', `\`${command}\` ${how}`, { hint: 'see `autoresearch service logs`' });
}

/** The service ended at once: its exit code says who has to mend what. */
export function endedAtOnce(exitCode: number | null): AppError | null {
  const found = Object.entries(EXIT_CODES).find(([, code]) => code === exitCode)?.[0];
  if (found === undefined || exitCode === null || exitCode < EXIT_CODES.usage || exitCode >= EXIT_CODES.interrupted) {
    return null;
  }
  return new AppError(found as ErrorCode, `the service ended at once with exit code ${exitCode} (${found})`, {
    hint: 'see why: autoresearch service logs -n 20',
  });
}
