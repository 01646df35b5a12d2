/**
 * Reads what a command printed, of any size and encoding, with bounded memory. A file that does not exist holds no
 * lines.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { errnoOf } from '../core/errors.js';

const CHUNK_BYTES = 256 * 1024;
const MAX_LINE_BYTES = 64 * 1024;
const NEWLINE = 10;
const RETURN = 13;

/**
 * The lines of a file as UTF-8 (what is not UTF-8 becomes U+FFFD), without their line ends (LF or CRLF), each cut after
 * `maxLineBytes`. NUL ends a line too: no text holds one, and it keeps the two sides of a hole in a log apart.
 */
export async function* readLines(path: string, maxLineBytes = MAX_LINE_BYTES): AsyncIterable<string> {
  const file = await openIfPresent(path);
  if (file === null) return;
  try {
    const line = new LineBuffer(maxLineBytes);
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) break;
      yield* linesOf(chunk.subarray(0, bytesRead), line);
    }
    if (line.size > 0) yield line.take();
  } finally {
    await file.close();
  }
}

/** The last `maxBytes` bytes of a file as UTF-8; text that is cut off begins with a whole character. */
export async function readTail(path: string, maxBytes: number): Promise<string> {
  const file = await openIfPresent(path);
  if (file === null) return '';
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, maxBytes));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, size - bytes.length);
    let start = 0;
    if (size > maxBytes) while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
    return bytes.toString('utf8', start, bytesRead);
  } finally {
    await file.close();
  }
}

/** A line that is still growing; keeps no more than its first `limit` bytes. */
class LineBuffer {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(piece: Buffer): void {
    const kept = piece.subarray(0, this.#limit - this.size);
    // A copy: the chunk it points into is about to be overwritten.
    if (kept.length > 0) this.#pieces.push(Buffer.from(kept));
    this.size += kept.length;
  }

  take(): string {
    const bytes = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.size = 0;
    return bytes === undefined ? '' : decodeLine(bytes);
  }
}

function* linesOf(chunk: Buffer, line: LineBuffer): Generator<string> {
  let start = 0;
  let newline = chunk.indexOf(NEWLINE);
  let nul = chunk.indexOf(0);
  while (start < chunk.length) {
    const end = nul >= 0 && (newline < 0 || nul < newline) ? nul : newline;
    line.add(chunk.subarray(start, end < 0 ? chunk.length : end));
    if (end < 0) return;
    if (end === newline || line.size > 0) yield line.take();
    start = end + 1;
    if (end === nul) {
      start = endOfNuls(chunk, start);
      nul = chunk.indexOf(0, start);
    } else {
      newline = chunk.indexOf(NEWLINE, start);
    }
  }
}

const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** Holes come in whole blocks: compares big pieces first, then byte by byte. */
function endOfNuls(chunk: Buffer, from: number): number {
  let at = from;
  for (let step = CHUNK_BYTES; step >= 1; step = Math.floor(step / 4)) {
    while (at + step <= chunk.length && chunk.compare(ZEROS, 0, step, at, at + step) === 0) at += step;
  }
  return at;
}

function decodeLine(bytes: Buffer): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === RETURN) end -= 1;
  return bytes.toString('utf8', 0, end);
}

async function openIfPresent(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
