import { lstat, rename, rm, symlink } from 'node:fs/promises';
import { errnoOf, errorMessage } from '../core/errors.js';
import type { RunContext } from './context.js';

/** run.log beside the config always shows the newest measurement. A mirror for people: its failure stops nothing. */
export async function linkRunLog({ experiment, emit }: RunContext, logPath: string): Promise<void> {
  const { runLogPath } = experiment;
  try {
    const found = await lstat(runLogPath).catch(() => null);
    if (found && !found.isSymbolicLink()) await rename(runLogPath, `${runLogPath}.${found.mtime.getTime()}.bak`);
    const temporary = `${runLogPath}.new`;
    await rm(temporary, { force: true });
    await symlink(logPath, temporary);
    await rename(temporary, runLogPath);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    emit({ kind: 'notice', level: 'warning', text: `run.log cannot be linked: ${errorMessage(error)}` });
  }
}
