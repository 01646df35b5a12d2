import { existsSync, rmSync } from 'node:fs';
import type { EventSink, RunEvent } from '../core/events.js';
import { RunnerLock } from '../store/lock.js';
import { Store } from '../store/store.js';
import type { RunContext } from './context.js';
import { ControlSocket } from './control.js';
import { obey } from './obey.js';
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
  let control: ControlSocket | null = null;
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
    const { experiment, stop } = request;
    const answering = { experiment, stop, emit, pauseMark: state.pauseMark };
    control = await ControlSocket.open(state.path, {
      handle: ({ command }) =>
        store === null ? { ok: false, text: 'the runner is ending' } : obey({ ...answering, store }, command),
      announce: (path) => lock.announceSocket(path),
    });
    await outliveOrphans(state.path);
    const context = await openContext({ ...request, emit }, { store, state });
    await request.onReady?.();
    const result = await work(context);
    request.onEnd?.((entry) => log.write(entry));
    return result;
  } finally {
    if (heartbeat) clearInterval(heartbeat);
    control?.close();
    store?.close();
    store = null;
    await removeSandboxes(state);
    lock.release();
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
