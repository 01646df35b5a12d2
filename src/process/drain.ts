/** Reading a pipe to its end after the process behind it has ended, without trusting that the end ever comes. */
import type { Readable } from 'node:stream';
import { setImmediate, setTimeout } from 'node:timers/promises';

/**
 * Resolves when every stream has ended, or when nothing more arrived for `quietMs` because a leaked process holds the
 * pipe open, or after ten times that. `received` counts the bytes read so far.
 */
export async function drain(streams: readonly Readable[], received: () => number, quietMs: number): Promise<void> {
  const timer = new AbortController();
  const allEnded = Promise.all(streams.map(ended)).then(() => true);
  for (let round = 0; round < 10; round += 1) {
    const before = received();
    const quiet = setTimeout(quietMs, false, { signal: timer.signal }).catch(() => false);
    if (await Promise.race([allEnded, quiet])) break;
    // After a blocked event loop the timer fires before the data that already waits has been read.
    await setImmediate();
    if (received() === before) break;
  }
  timer.abort();
}

function ended(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('end', resolve);
    stream.once('close', resolve);
  });
}
