// Reads a log piece by piece, so that it may be larger than memory, and hands out its lines.
import { closeSync, openSync, readSync } from 'node:fs';

const CHUNK_BYTES = 256; // autoresearch: int 128..1048576 log name=chunk_bytes

const NEWLINE = 10;

/** Calls `onLine` for every line of the file. A piece ends inside a line: its rest waits for the next piece. */
export function readLines(path, onLine) {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const file = openSync(path, 'r');
  let rest = Buffer.alloc(0);
  try {
    for (let size = readSync(file, chunk); size > 0; size = readSync(file, chunk)) {
      const bytes = Buffer.concat([rest, chunk.subarray(0, size)]);
      const end = bytes.lastIndexOf(NEWLINE);
      for (const line of bytes.toString('utf8', 0, Math.max(end, 0)).split('\n')) if (line) onLine(line);
      rest = bytes.subarray(end + 1);
    }
    if (rest.length > 0) onLine(rest.toString('utf8'));
  } finally {
    closeSync(file);
  }
}
