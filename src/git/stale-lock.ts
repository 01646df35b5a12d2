/** Locks that a git left which died. People's gits hold theirs for moments only, so it is age that tells. */
import { rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { unlessAbsent } from './files.js';

const LIVING_LOCK_MS = 2_000;

/** Waits for a young lock to go, takes an old one away. `beneath`: files that only the holder of the lock may have. */
export async function removeAgedLock(lock: string, beneath: readonly string[] = []): Promise<void> {
  const deadline = performance.now() + LIVING_LOCK_MS;
  for (;;) {
    const found = await unlessAbsent(stat(lock));
    if (found === null) return;
    if (Date.now() - found.mtimeMs > LIVING_LOCK_MS || performance.now() > deadline) break;
    await delay(50);
  }
  // The lock goes last: until then no other git makes such files.
  for (const path of [...beneath, lock]) await rm(path, { force: true });
}
