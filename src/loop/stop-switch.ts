import type { AbortReason } from '../process/run-command.js';
import type { StopReason } from './stop-rules.js';

/** Who asked for the end: the `stop` command, Ctrl-C, or SIGTERM. */
export type StopCause = Extract<StopReason, 'stopped' | 'interrupted' | 'terminated'>;

/** A stop on demand has 15 s in all; the command gets a part of it to end by itself. */
const STOP_GRACE_MS = 5_000;

/** How people and the operating system end a run. */
export class StopSwitch {
  readonly #now = new AbortController();
  readonly #soon = new AbortController();
  #cause: StopCause | null = null;
  #isPaused = false;

  get signal(): AbortSignal {
    return this.#now.signal;
  }

  /** Aborted by every kind of request to stop. */
  get soon(): AbortSignal {
    return this.#soon.signal;
  }

  /** Not null when the run is to end, at the latest at the border of the trial. */
  get cause(): StopCause | null {
    return this.#cause;
  }

  /** Between two trials nothing begins while this holds. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  afterTrial(cause: StopCause): void {
    this.#cause ??= cause;
    this.#soon.abort();
  }

  now(cause: StopCause): void {
    this.#cause = cause;
    this.#soon.abort();
    const reason: AbortReason = { graceMs: STOP_GRACE_MS };
    this.#now.abort(reason);
  }
}
