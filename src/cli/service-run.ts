import { homedir } from 'node:os';
import type { Experiment } from '../config/experiment.js';
import { AppError, EXIT_CODES } from '../core/errors.js';
import type { RunEvent } from '../core/events.js';
import { formatExperimentName } from '../core/names.js';
import { MS_PER_MINUTE } from '../core/units.js';
import { proposerKind } from '../loop/proposers.js';
import { StateFolder } from '../loop/state-folder.js';
import { filesOf, homesOf, serviceName } from '../service/definition.js';
import { OwnLog } from '../service/own-log.js';
import { type HeldBack, heldBack, readRecord } from '../service/record.js';
import { takeNotifyAddress, Watchdog } from '../service/watchdog.js';
import { StoreReader } from '../store/reader.js';
import { report, talk } from './output.js';
import type { OpenedExperiment } from './place.js';
import type { RunOptions } from './run.js';
import { runToEnd } from './run-session.js';

/** `run --service`: a run that a service manager started, which is told how it is doing and when not to start again. */
export type Manager = 'systemd' | 'launchd';

export async function runAsService(
  manager: Manager,
  options: RunOptions,
  open: () => Promise<OpenedExperiment>,
): Promise<number> {
  const address = takeNotifyAddress(process.env, process.pid);
  let code: number;
  try {
    const opened = await open();
    const proposeLimitMs = proposeLimit(opened.experiment);
    const watchdog = new Watchdog({ address, proposeLimitMs, onProblem: (text) => talk(`warning: ${text}`) });
    const held = heldBackNow(opened);
    code = held ? await decline(held, opened, watchdog) : await runWatched(opened, options, watchdog);
  } catch (error) {
    code = report(error, { json: false });
  }
  // launchd starts again after every failure, so only what another start could mend may look like one.
  return manager === 'launchd' && code !== EXIT_CODES.bug ? EXIT_CODES.done : code;
}

async function runWatched(opened: OpenedExperiment, options: RunOptions, watchdog: Watchdog): Promise<number> {
  try {
    const log = ownLog(opened);
    const event = (each: RunEvent) => {
      watchdog.event(each);
      log.event(each);
    };
    return await runToEnd({ ...opened, options, retry: null, watcher: { ready: () => watchdog.ready(), event } });
  } finally {
    await watchdog.close();
  }
}

function ownLog({ experiment, repository }: OpenedExperiment): OwnLog {
  const { service } = new StateFolder(repository.commonDir, experiment.name);
  const name = readRecord(service)?.name ?? serviceName(repository.commonDir, formatExperimentName(experiment.name));
  return new OwnLog({ path: filesOf(name, homesOf(process.env, homedir())).log });
}

async function decline(held: HeldBack, { experiment }: OpenedExperiment, watchdog: Watchdog): Promise<number> {
  const name = formatExperimentName(experiment.name);
  const text = `${name} is not started: it ended (${held.reason}): ${held.detail}`;
  talk(`autoresearch: ${text}\n  go on: autoresearch service start --experiment ${name}`);
  await watchdog.declined(text);
  return held.exitCode;
}

/** Infinite where a person is waited for. */
function proposeLimit(experiment: Experiment): number {
  if (proposerKind(experiment, 'loop') === 'watch') return Number.POSITIVE_INFINITY;
  return experiment.settings.agent.timeoutMinutes * MS_PER_MINUTE;
}

function heldBackNow({ experiment, repository }: OpenedExperiment): HeldBack | null {
  const state = new StateFolder(repository.commonDir, experiment.name);
  return heldBack(newestSession(state), readRecord(state.service));
}

/** Null also for a store that only the runner can bring up to date. */
export function newestSession(state: StateFolder): ReturnType<StoreReader['newestSession']> {
  try {
    const store = StoreReader.open(state.store);
    const session = store?.newestSession() ?? null;
    store?.close();
    return session;
  } catch (error) {
    if (error instanceof AppError && error.code === 'store') return null;
    throw error;
  }
}
