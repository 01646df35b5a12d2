import { once } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { heading, type LogTitle, LogWriter } from './log-writer.js';
import { talk } from './output.js';
import { openIfPresent, readRange, startOfLastLines } from './tail.js';

/**
 * Prints what is added to the newest log, and moves on to the next one when that begins. Polls: a log can be replaced,
 * cut or removed at any time, and a measurement is never woken up by being looked at. Ends at Ctrl-C or SIGTERM.
 */
const POLL_MS = 200;
const CHUNK_BYTES = 1024 * 1024;

export async function followLogs(find: () => readonly LogTitle[], lines: number): Promise<void> {
  const stop = new AbortController();
  const end = () => stop.abort();
  process.on('SIGINT', end).on('SIGTERM', end);
  try {
    await follow(find, { lines, signal: stop.signal });
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
  }
}

async function follow(
  find: () => readonly LogTitle[],
  { lines, signal }: { readonly lines: number; readonly signal: AbortSignal },
): Promise<void> {
  const followed = new Map<string, Followed>();
  const printer = new Printer();
  let wanted = lines;
  try {
    while (!signal.aborted) {
      const sources = find();
      for (const [path, log] of followed) {
        if (sources.some((source) => source.path === path)) continue;
        await log.printNew(printer);
        await log.close();
        followed.delete(path);
      }
      for (const source of sources) {
        const log = followed.get(source.path) ?? (await Followed.open(source, wanted));
        if (log === null) continue;
        followed.set(source.path, log);
        await log.printNew(printer);
      }
      if (followed.size === 0) printer.sayWaiting();
      // The end of what was there at the start; whole logs of whatever comes afterwards.
      if (sources.length > 0) wanted = Number.POSITIVE_INFINITY;
      await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
    for (const log of followed.values()) await log.printNew(printer);
  } finally {
    printer.end();
    for (const log of followed.values()) await log.close();
  }
}

/** Says which log the lines that follow are from, whenever that changes. */
class Printer {
  #writer = new LogWriter();
  #path: string | null = null;

  sayWaiting(): void {
    if (this.#path === null) talk('Nothing to show yet; waiting for it. Ctrl-C ends.');
    this.#path ??= '';
  }

  async print(source: LogTitle, bytes: Buffer): Promise<void> {
    this.#enter(source);
    if (!this.#writer.write(bytes)) await once(process.stdout, 'drain');
  }

  /** A log that has nothing yet is announced too: something has begun. */
  announce(source: LogTitle): void {
    this.#enter(source);
  }

  /** Nothing new of this log: what is held back of its last line is shown. */
  pause({ path }: LogTitle): void {
    if (path === this.#path) this.#writer.flush();
  }

  end(): void {
    this.#writer.end();
  }

  #enter(source: LogTitle): void {
    if (source.path === this.#path) return;
    this.#writer.end();
    this.#writer = new LogWriter();
    this.#path = source.path;
    talk(heading(source));
  }
}

/** One log that is being printed while it grows. */
class Followed {
  readonly #source: LogTitle;
  readonly #file: FileHandle;
  #position: number;
  #isAnnounced = false;

  private constructor(source: LogTitle, file: FileHandle, position: number) {
    this.#source = source;
    this.#file = file;
    this.#position = position;
  }

  /** Null while the file is not there yet. */
  static async open(source: LogTitle, lines: number): Promise<Followed | null> {
    const file = await openIfPresent(source.path);
    if (file === null) return null;
    const { size } = await file.stat();
    return new Followed(source, file, await startOfLastLines(file, size, lines));
  }

  async printNew(printer: Printer): Promise<void> {
    if (!this.#isAnnounced) printer.announce(this.#source);
    this.#isAnnounced = true;
    const { size } = await this.#file.stat();
    if (this.#position >= size) printer.pause(this.#source);
    // Cut by its owner: what is there now was printed before it was cut.
    this.#position = Math.min(this.#position, size);
    while (this.#position < size) {
      const bytes = await readRange(this.#file, this.#position, Math.min(size, this.#position + CHUNK_BYTES));
      if (bytes.length === 0) break;
      this.#position += bytes.length;
      await printer.print(this.#source, bytes);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
