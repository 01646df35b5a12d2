import { createHash } from 'node:crypto';
import { readPlainFile } from '../process/plain-file.js';

/** No definition is larger. */
export const LARGEST_FILE_BYTES = 50 * 1024 * 1024;

/** Null where there is no file, none that can be read, or one larger than any definition. Links are followed. */
export function hashOfFile(path: string): string | null {
  try {
    const content = readPlainFile(path, { maxBytes: LARGEST_FILE_BYTES + 1 });
    if (content === null || content.length > LARGEST_FILE_BYTES) return null;
    return createHash('sha256').update(content).digest('hex');
  } catch {
    return null; // gone, or made unreadable: it is not what it should be, whatever it is
  }
}
