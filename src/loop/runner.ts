import { existsSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import type { EventSink, RunEvent } from '../core/events.js';
import { RunnerLock } from '../store/lock.js';
import { Store } from '../store/store.js';
import type { RunContext } from './context.js';
import { type ControlCommand, type ControlReply, listen, socketPath } from './control.js';
import { type ContextRequest, openContext } from './open-context.js';
import { outliveOrphans } from './orphans.js';
import { removeSandboxes } from './sandbox.js';
import { installOwnProgram, openDaemonLog, startHeartbeat } from './signs-of-life.js';
import { StateFolder } from './state-folder.js';
import { operatorsError } from './system-failure.js';

/**
 * The one runner of an experiment: takes the lock, opens everything, lets `work` use it, and closes everything however
 * that ended. Runs, audits and rehearsals all come through here.
 */
export interface RunnerRequest extends ContextRequest {
  /** The lock is held and everything is open: the work begins. */
  readonly onReady?: (() => Promise<void>) | undefined;
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
    takeOverPause(request, { store, pauseMark: state.pauseMark });
    const log = openDaemonLog(state.daemonLog, request.emit);
    const emit: EventSink = (event: RunEvent) => {
      log.write(event);
      request.emit(event);
    };
    heartbeat = startHeartbeat(state.heartbeat);
    installOwnProgram(state.programs);
    const path = socketPath(state.path);
    server = await listen(path, ({ command }) => obey(request, command, state.pauseMark));
    lock.announceSocket(path);
    await outliveOrphans(state.path);
    const context = await openContext({ ...request, emit }, { store, state });
    await request.onReady?.();
    const result = await work(context);
    request.onEnd?.((entry) => log.write(entry));
    return result;
  } finally {
    if (heartbeat) clearInterval(heartbeat);
    server?.close();
    store?.close();
    await removeSandboxes(state);
    lock.release();
  }
}

function obey({ stop, experiment }: RunnerRequest, command: ControlCommand, pauseMark: string): ControlReply {
  const { timeoutMinutes } = experiment.settings.agent;
  const wait = `a proposal may take ${timeoutMinutes} min, a measurement ${experiment.settings.hardLimitMinutes} min`;
  switch (command) {
    case 'stop_now':
      stop.now('stopped');
      return { ok: true, text: 'ending now: the open trial is resumed by the next run' };
    case 'stop':
      stop.afterTrial('stopped');
      if (stop.isPaused) return { ok: true, text: 'stopping: it was paused, nothing is under way' };
      return { ok: true, text: `stopping after the trial that is under way (${wait}; \`stop --now\` does not wait)` };
    case 'pause':
      stop.pause();
      writeFileSync(pauseMark, '');
      return { ok: true, text: `pausing after the trial that is under way (${wait}); \`resume\` goes on` };
    case 'resume':
      stop.resume();
      rmSync(pauseMark, { force: true });
      return { ok: true, text: 'going on' };
  }
}

/** A pause outlives a crash and a restart of the service; whoever starts a new run wants it to run. */
function takeOverPause({ stop }: RunnerRequest, { store, pauseMark }: { store: Store; pauseMark: string }): void {
  const last = store.newestSession();
  const isContinued = last !== null && (last.stopReason === null || last.stopReason === 'terminated');
  if (!existsSync(pauseMark)) return;
  if (isContinued) stop.pause();
  else rmSync(pauseMark, { force: true });
}
