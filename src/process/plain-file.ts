/**
 * Reads a file that foreign code may have put there, or replaced: by a pipe that nobody writes to, a folder, a device.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

export interface PlainFileOptions {
  /** So much is read at most, however the file grows meanwhile. */
  readonly maxBytes: number;
  /** Without it a symlink at the path itself is ELOOP. */
  readonly follow?: boolean;
}

const CHUNK_BYTES = 64 * 1024;

/** Null where something else than a regular file is. @throws what opening and reading throw, with its `code`. */
export function readPlainFile(path: string, { maxBytes, follow = true }: PlainFileOptions): Buffer | null {
  // Without O_NONBLOCK a named pipe would hold the caller for ever.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (follow ? 0 : constants.O_NOFOLLOW);
  const descriptor = openSync(path, flags);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) return null;
    const chunks: Buffer[] = [];
    for (let length = 0; length < maxBytes; ) {
      // One byte more than there should be, so that the end is met at once.
      const wanted = Math.min(maxBytes - length, Math.max(found.size - length + 1, CHUNK_BYTES));
      const chunk = Buffer.allocUnsafe(wanted);
      const got = readSync(descriptor, chunk, 0, wanted, null);
      if (got === 0) break;
      chunks.push(chunk.subarray(0, got));
      length += got;
    }
    return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  } finally {
    closeSync(descriptor);
  }
}
