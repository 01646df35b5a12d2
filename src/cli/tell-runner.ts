import { statSync } from 'node:fs';
import type { Experiment } from '../config/experiment.js';
import { AppError } from '../core/errors.js';
import { formatExperimentName } from '../core/names.js';
import { agoText, clockText } from '../dashboard/when.js';
import type { Repository } from '../git/repository.js';
import { type ControlCommand, send } from '../loop/control.js';
import { StateFolder } from '../loop/state-folder.js';
import { isLocked, readOwner } from '../store/lock.js';

/** Talks to the runner of an experiment by its lock and its socket alone. */
export function isRunning(experiment: Experiment, repository: Repository): boolean {
  return isLocked(new StateFolder(repository.commonDir, experiment.name).path);
}

/** What it answers. @throws AppError locked when it is there and does not answer. */
export async function tellRunner(
  experiment: Experiment,
  repository: Repository,
  command: ControlCommand,
): Promise<string> {
  const state = new StateFolder(repository.commonDir, experiment.name);
  const owner = readOwner(state.path);
  try {
    return (await send(owner?.socket ?? '', { command })).text;
  } catch (cause) {
    // Whoever ended meanwhile does not answer either.
    if (!isLocked(state.path)) throw cause;
    const heartbeatAt = statSync(state.heartbeat, { throwIfNoEntry: false })?.mtimeMs ?? null;
    const name = formatExperimentName(experiment.name);
    const { pid, since } = readOwner(state.path) ?? { pid: 0, since: Date.now() };
    throw silentRunner({ name, pid, since, heartbeatAt, now: Date.now(), cause });
  }
}

/** A runner that holds the lock and does not answer: suspended, stuck, or so busy starting that it does not listen yet. */
export interface SilentRunner {
  readonly name: string;
  readonly pid: number;
  /** Ms since 1970, as are the others. */
  readonly since: number;
  readonly heartbeatAt: number | null;
  readonly now: number;
  readonly cause: unknown;
}

/** A runner touches its heartbeat every two seconds. */
const TWO_HEARTBEATS_MS = 4_000;

export function silentRunner({ name, pid, since, heartbeatAt, now, cause }: SilentRunner): AppError {
  const sign = Math.max(heartbeatAt ?? 0, since);
  const message = `the runner of ${name}, process ${pid}, does not answer`;
  if (now - sign < TWO_HEARTBEATS_MS) {
    return new AppError('locked', `${message} yet: it is starting or ending`, { hint: 'try again in a moment', cause });
  }
  const silent = `its last sign of life was at ${clockText(sign, now)}, ${agoText(sign, now)}`;
  return new AppError('locked', `${message}; ${silent}`, {
    hint: `if it is suspended, wake it: kill -CONT ${pid}\nif it is stuck, end it: kill -KILL ${pid}; nothing is lost, the next run goes on where it was`,
    cause,
  });
}
