import { existsSync, mkdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { destination, pino } from 'pino';
import { errorMessage } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import { quoted } from '../core/text.js';

/** What a runner leaves in the state folder for others to see: its program, its heartbeat, its log. */
const HEARTBEAT_MS = 2_000;
const LARGEST_DAEMON_LOG_BYTES = 10 * 1024 * 1024;

/** `evaluate_cmd = autoresearch evaluate ...` means this installation. Absent when run from sources. */
export function installOwnProgram(folder: string): void {
  const cli = fileURLToPath(new URL('../cli.js', import.meta.url));
  if (!existsSync(cli)) return;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'autoresearch');
  const command = [process.execPath, cli].map(quoted).join(' ');
  writeFileSync(`${path}.new`, `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
  renameSync(`${path}.new`, path);
}

/** The last sign of life: readers look at the file's time. */
export function startHeartbeat(path: string): NodeJS.Timeout {
  writeFileSync(path, '');
  const timer = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // A heartbeat that cannot be written is itself the sign that readers will see.
    }
  }, HEARTBEAT_MS);
  timer.unref();
  return timer;
}

export interface DaemonLog {
  /** One line; after a settled trial a log that has grown large makes room for a new one. */
  write(entry: object): void;
}

/** JSON lines, written synchronously: the last line survives a kill. A record for people: its failure stops nothing. */
export function openDaemonLog(path: string, emit: EventSink): DaemonLog {
  if (isLarge(path)) renameSync(path, `${path}.1`);
  const file = destination({ dest: path, sync: true });
  let isBehind = false;
  file.on('error', (error: unknown) => {
    if (isBehind) return;
    isBehind = true;
    emit({ kind: 'notice', level: 'warning', text: `${path} cannot be written: ${errorMessage(error)}` });
  });
  const logger = pino({ base: { pid: process.pid } }, file);
  return {
    write: (entry) => {
      logger.info(entry);
      if (!('kind' in entry) || entry.kind !== 'settled' || !isLarge(path)) return;
      renameSync(path, `${path}.1`);
      file.reopen();
    },
  };
}

function isLarge(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LARGEST_DAEMON_LOG_BYTES;
}
