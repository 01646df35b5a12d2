import { existsSync, renameSync, writeFileSync } from 'node:fs';

/**
 * A wall clock for a whole tree of processes that can be set while they run, by libfaketime. How time passes, and the
 * dates of files, stay those of the machine.
 */
export const HOUR_MS = 3_600_000;

const LIBRARIES = ['lib', 'lib/x86_64-linux-gnu', 'lib/aarch64-linux-gnu', 'lib64'].map(
  (lib) => `/usr/${lib}/faketime/libfaketimeMT.so.1`,
);

export class SetClock {
  readonly environment: Readonly<Record<string, string>>;
  readonly #file: string;
  #aheadSeconds = 0;

  /** `file` tells the processes what time it is. Null where there is no library; `LIBFAKETIME` names one elsewhere. */
  static find(file: string): SetClock | null {
    const library = [process.env['LIBFAKETIME'] ?? '', ...LIBRARIES].find((path) => existsSync(path));
    return library === undefined ? null : new SetClock(library, file);
  }

  private constructor(library: string, file: string) {
    this.#file = file;
    this.environment = {
      ...{ LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_CACHE_DURATION: '1', TZ: 'UTC' },
      ...{ FAKETIME_DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1', FAKETIME_DISABLE_SHM: '1' },
    };
    this.turn(0);
  }

  /** What the processes take for the time; they follow within a second. */
  now(): number {
    return Date.now() + this.#aheadSeconds * 1000;
  }

  /** Forward, or back where it is negative. */
  turn(ms: number): void {
    this.#aheadSeconds += Math.round(ms / 1000);
    const sign = this.#aheadSeconds < 0 ? '' : '+';
    writeFileSync(`${this.#file}.new`, `${sign}${this.#aheadSeconds}`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}
