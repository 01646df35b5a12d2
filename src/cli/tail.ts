import { type FileHandle, open } from 'node:fs/promises';
import { errnoOf } from '../core/errors.js';

/** The end of a file that may be huge and may grow: reads backwards, only as much as it needs. */
const BLOCK_BYTES = 64 * 1024;
const LINE_FEED = 10;

/** The last `lines` lines as bytes; all of it when infinite. Null when there is no such file. */
export async function readLastLines(path: string, lines: number): Promise<Buffer | null> {
  const file = await openIfPresent(path);
  if (file === null) return null;
  try {
    const { size } = await file.stat();
    const start = await startOfLastLines(file, size, lines);
    return await readRange(file, start, size);
  } finally {
    await file.close();
  }
}

/** Null when there is no such file. */
export async function openIfPresent(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** Where the last `lines` lines of the first `size` bytes begin; a last line without an end counts as one. */
export async function startOfLastLines(file: FileHandle, size: number, lines: number): Promise<number> {
  if (lines === Number.POSITIVE_INFINITY) return 0;
  if (lines === 0) return size;
  let missing = lines;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const block = await readRange(file, start, end);
    for (let index = block.length - 1; index >= 0; index -= 1) {
      if (block[index] !== LINE_FEED || start + index === size - 1) continue;
      missing -= 1;
      if (missing === 0) return start + index + 1;
    }
    end = start;
  }
  return 0;
}

/** The bytes of a range; fewer where the file has become shorter. */
export async function readRange(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.max(0, end - start));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, start + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
