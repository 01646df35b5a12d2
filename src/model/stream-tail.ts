/** Follows the output of a running program line by line, with bounded memory, and hands the lines to its parser. */
import { type FileHandle, open } from 'node:fs/promises';
import { errnoOf } from '../core/errors.js';
import { cut } from '../core/text.js';
import type { StreamParser } from './adapters/types.js';
import { LineSplitter } from './lines.js';

const CHUNK_BYTES = 256 * 1024;
const OTHER_LINES = 40;
const OTHER_CHARS = 2_000;

export class StreamTail {
  readonly #path: string;
  readonly #parser: StreamParser;
  readonly #splitter = new LineSplitter();
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  #file: FileHandle | null = null;
  #position = 0;
  /** Lines that look like events. */
  events = 0;
  /** The newest of the other lines that hold text. */
  readonly otherLines: string[] = [];

  constructor(path: string, parser: StreamParser) {
    this.#path = path;
    this.#parser = parser;
  }

  /** Reads what is new. */
  async read(): Promise<void> {
    this.#file ??= await openIfPresent(this.#path);
    if (this.#file === null) return;
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#chunk, 0, CHUNK_BYTES, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      this.#take(this.#splitter.push(this.#chunk.subarray(0, bytesRead)));
    }
  }

  /** After the end: also the last line, which may have no end. */
  async finish(): Promise<void> {
    await this.read();
    this.#take(this.#splitter.finish());
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  #take(lines: readonly string[]): void {
    for (const line of lines) {
      this.#parser.push(line);
      if (/^\s*[[{]/.test(line)) this.events += 1;
      else if (line.trim() !== '') {
        this.otherLines.push(cut(line, OTHER_CHARS));
        if (this.otherLines.length > OTHER_LINES) this.otherLines.shift();
      }
    }
  }
}

async function openIfPresent(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
