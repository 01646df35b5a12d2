/** The content of a file as a hash, of files that foreign code may have replaced: by a pipe that nobody writes to, for one. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** No definition is larger. */
export const LARGEST_FILE_BYTES = 50 * 1024 * 1024;

/** Null where there is no file, none that can be read, or one larger than any definition. Links are followed. */
export async function hashOfFile(path: string): Promise<string | null> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a named pipe would hold the runner for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    if (!found.isFile() || found.size > LARGEST_FILE_BYTES) return null;
    return createHash('sha256')
      .update(await file.readFile())
      .digest('hex');
  } catch {
    return null; // gone, or made unreadable: it is not what it should be, whatever it is
  } finally {
    await file?.close();
  }
}
