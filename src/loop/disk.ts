import { existsSync, statfsSync } from 'node:fs';
import { AppError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import type { RunContext } from './context.js';

/** A disk that is nearly full fails in the middle of something: no trial begins below the floor. */
const MIB = 1024 * 1024;

/** @throws AppError environment, naming the place and what to do. */
export function requireFreeSpace({ experiment, state, workspace }: RunContext): void {
  const floor = experiment.settings.limits.minFreeMb * MIB;
  for (const path of [state.path, workspace.path]) {
    const free = freeBytes(path);
    if (free === null || free >= floor) continue;
    throw new AppError(
      'environment',
      `${formatBytes(free)} are free on the disk of ${path}, at least ${formatBytes(floor)} must be`,
      {
        hint: `free some space, fewer logs help (log_trials under [retention]), then run again; or lower min_free_mb under [limits] in ${experiment.configPath}`,
      },
    );
  }
}

/** For this user; null where the place does not exist yet. */
function freeBytes(path: string): number | null {
  if (!existsSync(path)) return null;
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
