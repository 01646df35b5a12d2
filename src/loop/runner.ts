import type { Server } from 'node:net';
import type { EventSink, RunEvent } from '../core/events.js';
import { RunnerLock } from '../store/lock.js';
import { Store } from '../store/store.js';
import type { RunContext } from './context.js';
import { listen, socketPath } from './control.js';
import { type ContextRequest, openContext } from './open-context.js';
import { outliveOrphans } from './orphans.js';
import { installOwnProgram, openDaemonLog, startHeartbeat } from './signs-of-life.js';
import { StateFolder } from './state-folder.js';
import { operatorsError } from './system-failure.js';

/**
 * The one runner of an experiment: takes the lock, opens everything, lets `work` use it, and closes everything however
 * that ended. Runs, audits and rehearsals all come through here.
 */
export interface RunnerRequest extends ContextRequest {
  /** Added to the daemon's log when the work is done. */
  readonly onEnd?: (log: (entry: object) => void) => void;
}

/** @throws AppError for what the operator must mend. */
export async function withRunner<T>(request: RunnerRequest, work: (context: RunContext) => Promise<T>): Promise<T> {
  try {
    return await workLocked(request, work);
  } catch (error) {
    throw operatorsError(error);
  }
}

async function workLocked<T>(request: RunnerRequest, work: (context: RunContext) => Promise<T>): Promise<T> {
  const { repository } = request;
  const state = new StateFolder(repository.commonDir, request.experiment.name);
  const lock = RunnerLock.acquire(state.path, Date.now());
  let store: Store | null = null;
  let server: Server | null = null;
  let heartbeat: NodeJS.Timeout | null = null;
  try {
    store = Store.create(state.store);
    const log = openDaemonLog(state.daemonLog, request.emit);
    const emit: EventSink = (event: RunEvent) => {
      log.info(event);
      request.emit(event);
    };
    heartbeat = startHeartbeat(state.heartbeat);
    installOwnProgram(state.programs);
    const path = socketPath(state.path);
    server = await listen(path, ({ command }) => stopOnDemand(request, command));
    lock.announceSocket(path);
    await outliveOrphans(state.path);
    const result = await work(await openContext({ ...request, emit }, { store, state }));
    request.onEnd?.((entry) => log.info(entry));
    return result;
  } finally {
    if (heartbeat) clearInterval(heartbeat);
    server?.close();
    store?.close();
    lock.release();
  }
}

function stopOnDemand({ stop, experiment }: RunnerRequest, command: 'stop' | 'stop_now') {
  if (command === 'stop_now') {
    stop.now('stopped');
    return { ok: true, text: 'ending now: the open trial is resumed by the next run' };
  }
  stop.afterTrial('stopped');
  const { timeoutMinutes } = experiment.settings.agent;
  const { hardLimitMinutes } = experiment.settings;
  return {
    ok: true,
    text: `stopping after the trial that is under way (a proposal may take ${timeoutMinutes} min, a measurement ${hardLimitMinutes} min; \`stop --now\` does not wait)`,
  };
}
