import { accessSync, chmodSync, constants, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 4 * 1024 ** 3;

/**
 * Temporary folders of the quick tests lie in memory where there is plenty: they make and remove thousands of small
 * repositories. Nothing there is durable; the tests that are about disks bring their own.
 */
export default function useMemory(): (() => void) | undefined {
  if (!isRoomy()) return undefined;
  const folder = mkdtempSync(join(MEMORY, 'ar-'));
  chmodSync(folder, 0o755); // Like the system's: some tests look in as another user.
  process.env['TESTS_TMPDIR'] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}

function isRoomy(): boolean {
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize > ENOUGH_BYTES;
  } catch {
    return false;
  }
}
