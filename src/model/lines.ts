/**
 * Splits bytes into lines: at `\n` only, because U+2028 is content; also at NUL, which marks a hole in a capped log.
 * Memory is one line; a longer one than the limit is dropped and counted.
 */
const NEWLINE = 10;
const RETURN = 13;
const NUL = 0;

const MAX_LINE_BYTES = 8 * 1024 * 1024;

export class LineSplitter {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #size = 0;
  /** Lines that were too long. */
  dropped = 0;

  constructor(limitBytes = MAX_LINE_BYTES) {
    this.#limit = limitBytes;
  }

  /** The lines that this chunk completes, as UTF-8 (what is not becomes U+FFFD), without their ends. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let at = endFrom(chunk, 0); at < chunk.length; at = endFrom(chunk, start)) {
      this.#add(chunk.subarray(start, at));
      if (chunk[at] === NEWLINE || this.#size > 0) this.#take(lines);
      start = at + 1;
      // A hole is made of millions of them.
      while (chunk[start] === NUL) start += 1;
    }
    this.#add(chunk.subarray(start));
    return lines;
  }

  /** The last line, which has no end. */
  finish(): string[] {
    const lines: string[] = [];
    if (this.#size > 0) this.#take(lines);
    return lines;
  }

  #add(piece: Buffer): void {
    this.#size += piece.length;
    if (this.#size > this.#limit) this.#pieces = [];
    // A copy: the caller's buffer is used again.
    else if (piece.length > 0) this.#pieces.push(Buffer.from(piece));
  }

  #take(lines: string[]): void {
    const bytes = Buffer.concat(this.#pieces);
    const isTooLong = this.#size > this.#limit;
    this.#pieces = [];
    this.#size = 0;
    if (isTooLong) {
      this.dropped += 1;
      return;
    }
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === RETURN) end -= 1;
    lines.push(bytes.toString('utf8', 0, end));
  }
}

function endFrom(chunk: Buffer, start: number): number {
  const newline = chunk.indexOf(NEWLINE, start);
  const limit = newline < 0 ? chunk.length : newline;
  const nul = chunk.subarray(start, limit).indexOf(NUL);
  return nul < 0 ? limit : start + nul;
}
