/**
 * Waits for a command's end while sampling it, and says which limit was reached first. All times are milliseconds of
 * the monotonic clock, so that neither a changed clock nor a time zone ends a command.
 */
import { setImmediate } from 'node:timers/promises';

export type WatchedEnd = 'exited' | 'aborted' | 'timed_out' | 'idle';

export interface Watched {
  readonly deadlineMs: number;
  /** The longest time without output; infinite when there is no such limit. */
  readonly idleLimitMs: number;
  /** Rings when the command has ended or was aborted. */
  readonly alarm: Alarm;
  exited(): boolean;
  aborted(): boolean;
  sample(): void;
  /** Also the moment to trim the output. */
  outputBytes(): number;
}

/** A command of 100 ms must be seen too. */
const FIRST_PAUSES_MS = [10, 20, 50, 80];
const PAUSE_MS = 250;
/** So much output since the last look must be trimmed sooner, or it fills the disk. */
const FLOOD_BYTES = 4 * 1024 * 1024;
const FLOOD_PAUSE_MS = 20;

export async function watch(watched: Watched): Promise<WatchedEnd> {
  let lastOutputMs = performance.now();
  let lastBytes = 0;
  let isFlood = false;
  for (let round = 0; ; round += 1) {
    let now = performance.now();
    const end = reached(watched, now, lastOutputMs + watched.idleLimitMs);
    if (end !== null) {
      // After a blocked event loop the end of the command may be waiting to be told.
      await setImmediate();
      return watched.exited() ? 'exited' : end;
    }

    const nextMs = Math.min(watched.deadlineMs, lastOutputMs + watched.idleLimitMs);
    const pauseMs = isFlood ? FLOOD_PAUSE_MS : (FIRST_PAUSES_MS[round] ?? PAUSE_MS);
    await watched.alarm.wait(Math.min(pauseMs, Math.max(0, nextMs - now)));
    if (watched.exited()) return 'exited';

    const bytes = watched.outputBytes();
    now = performance.now();
    if (bytes !== lastBytes) lastOutputMs = now;
    isFlood = bytes - lastBytes > FLOOD_BYTES;
    lastBytes = bytes;
    watched.sample();
  }
}

function reached(watched: Watched, now: number, idleAtMs: number): WatchedEnd | null {
  if (watched.exited()) return 'exited';
  if (watched.aborted()) return 'aborted';
  if (now >= watched.deadlineMs) return 'timed_out';
  return now >= idleAtMs ? 'idle' : null;
}

/** Sleep that something else can end early. */
export class Alarm {
  #wake: (() => void) | null = null;
  #rung = false;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves after `ms` or at the next ring; at once when it has rung since the last wait. */
  async wait(ms: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#rung = false;
    this.#wake = null;
  }
}
