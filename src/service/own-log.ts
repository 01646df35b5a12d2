import { copyFileSync, fstatSync, statSync, truncateSync } from 'node:fs';
import type { RunEvent } from '../core/events.js';

/**
 * The file that a service prints to. The manager opens it for appending and holds it open, so it cannot be renamed away:
 * between two trials, once it is large, it is copied and begins anew.
 */
export interface OwnLogOptions {
  readonly path: string;
  /** What must be that file: standard output. */
  readonly descriptor?: number;
  readonly limitBytes?: number;
}

const LARGEST_BYTES = 10 * 1024 * 1024;
const STANDARD_OUTPUT = 1;

export class OwnLog {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #limitBytes: number;

  constructor({ path, descriptor = STANDARD_OUTPUT, limitBytes = LARGEST_BYTES }: OwnLogOptions) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#limitBytes = limitBytes;
  }

  event({ kind }: RunEvent): void {
    if (kind !== 'settled') return;
    const there = statSync(this.#path, { throwIfNoEntry: false });
    if (there === undefined || there.size <= this.#limitBytes) return;
    const own = fstatSync(this.#descriptor);
    // A unit of somebody's own may print elsewhere: then this file is not ours to cut.
    if (own.dev !== there.dev || own.ino !== there.ino) return;
    try {
      copyFileSync(this.#path, earlierLog(this.#path));
      truncateSync(this.#path);
    } catch {
      // A full disk: it goes on growing, and the next trial tries again.
    }
  }
}

/** Where the part before the present file lies. */
export function earlierLog(path: string): string {
  return `${path}.1`;
}
