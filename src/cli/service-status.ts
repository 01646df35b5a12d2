import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { EXIT_CODES } from '../core/errors.js';
import type { Json } from '../core/json.js';
import { oneLine } from '../core/text.js';
import { doingNow } from '../dashboard/doing.js';
import { jsonDocument } from '../dashboard/formats.js';
import type { StateFolder } from '../loop/state-folder.js';
import { runManager, type ServiceState } from '../service/manager.js';
import { goneSince, type HeldBack, heldBack } from '../service/record.js';
import { lingers } from '../service/systemd.js';
import { StoreReader } from '../store/reader.js';
import { out } from './output.js';
import { newestEvent } from './runner-event.js';
import { newestSession } from './service-run.js';
import { openTarget, type ServiceTarget, type TargetOptions } from './service-target.js';

/** `service status`: what the manager says about the service, and what of ours stands in its way. */
interface Found {
  readonly state: ServiceState;
  /** What the runner does, from its own records: the manager is told only now and then. */
  readonly doing: string;
  /** Null on macOS and where nobody can tell. */
  readonly lingering: boolean | null;
  readonly held: HeldBack | null;
  /** Node, the program that the service starts, or its repository, where it is gone. */
  readonly missing: readonly string[];
}

/** Returns the exit code: 0 while it runs, 3 when it does not, 4 when it is not installed. */
export async function serviceStatus(options: TargetOptions & { readonly json?: boolean }): Promise<number> {
  const target = await openTarget(options);
  if (!existsSync(target.manager.path)) {
    if (options.json) out(documentOf(target, null));
    else out(`${target.label}: no service. Install one: autoresearch service install --experiment ${target.label}`);
    return EXIT_CODES.not_installed;
  }
  const found = await look(target);
  out(options.json ? documentOf(target, found) : textOf(target, found));
  return isUp(found.state) ? EXIT_CODES.done : EXIT_CODES.not_running;
}

async function look({ manager, state: folder, record }: ServiceTarget): Promise<Found> {
  const state = await manager.state();
  return {
    state,
    doing: isUp(state) ? doing(folder) : '',
    lingering: manager.kind === 'systemd' ? await lingers(userInfo().username, runManager) : null,
    held: isUp(state) ? null : heldBack(newestSession(folder), record),
    missing: goneSince(record),
  };
}

function doing(folder: StateFolder): string {
  const store = StoreReader.open(folder.store);
  if (store === null) return 'starting';
  try {
    const measurement = store.runningMeasurements().at(-1) ?? null;
    const event = newestEvent(folder.daemonLog);
    return doingNow({ trial: store.openTrial(), measurement, event, now: Date.now() }).what;
  } finally {
    store.close();
  }
}

function isUp({ activity }: ServiceState): boolean {
  return activity === 'running' || activity === 'starting';
}

const ACTIVITIES: Readonly<Record<ServiceState['activity'], string>> = {
  running: 'running',
  starting: 'starting',
  restarting: 'waiting a moment before it starts again',
  stopped: 'not running',
  failed: 'failed, and not started again',
};

function textOf({ label, manager, files }: ServiceTarget, found: Found): string {
  const { state, lingering, held, missing } = found;
  const rows: [string, string][] = [];
  if (isUp(state)) {
    rows.push(['doing', found.doing], ['process', String(state.pid ?? 'none')]);
  } else if (held) {
    rows.push(['ended', `${held.reason}: ${oneLine(held.detail, 400)}`]);
  } else if (state.exitCode === EXIT_CODES.terminated) {
    rows.push(['ended', 'it was stopped; the open trial is resumed by the next start']);
  } else if (state.exitCode !== 0 && (state.exitCode !== null || state.activity === 'failed')) {
    const how = state.exitCode === null ? 'by a signal or its watchdog' : `exit code ${state.exitCode}`;
    rows.push(['ended', `${how}; see: autoresearch service logs -n 20 --experiment ${label}`]);
  }
  if (state.restarts) rows.push(['restarts', `${state.restarts} by itself`]);
  if (state.enabled === false)
    rows.push(['warning', `it does not start by itself; mend it: autoresearch service install --experiment ${label}`]);
  if (lingering === false) rows.push(['warning', 'lingering is off: it ends at logout; loginctl enable-linger']);
  for (const path of missing) {
    rows.push(['warning', `${path} is gone; mend it: autoresearch service install --experiment ${label}`]);
  }
  rows.push([manager.kind, manager.path], ['log', files.log]);
  if (!isUp(state)) rows.push(['go on', `autoresearch service start --experiment ${label}`]);
  const width = Math.max(...rows.map(([title]) => title.length));
  return [
    `${label}: ${ACTIVITIES[state.activity]} (${manager.title})`,
    ...rows.map(([title, text]) => `  ${title.padEnd(width)}  ${text}`),
  ].join('\n');
}

function documentOf({ label, name, manager, files }: ServiceTarget, found: Found | null): string {
  const seen: { readonly [key: string]: Json } =
    found === null
      ? { installed: false, running: false }
      : {
          installed: true,
          running: isUp(found.state),
          ...found.state,
          doing: found.doing,
          lingering: found.lingering,
          ended: found.held === null ? null : { reason: found.held.reason, detail: found.held.detail },
          missing: found.missing,
        };
  return jsonDocument({ experiment: label, manager: manager.kind, name, file: manager.path, log: files.log, ...seen });
}
