/**
 * Turns a failed git command into words a person can act on: what failed, what git said, and what to type next.
 */
import { AppError } from '../core/errors.js';
import { oneLine, quoted } from '../core/text.js';

export interface FailedGit {
  readonly args: readonly string[];
  readonly directory: string;
  readonly exitCode: number | null;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly timeoutMs: number;
  readonly problem: string;
}

const LOCK_FILE = /Unable to create '([^']+\.lock)': File exists/;

/** Another git holds a lock right now; a moment later it may be gone. */
export function isLockHeld(stderr: string): boolean {
  return LOCK_FILE.test(stderr) || /could not lock config file .*: File exists/.test(stderr);
}

export function gitFailure(failed: FailedGit): AppError {
  const command = `git ${failed.args.find((argument) => !argument.startsWith('-')) ?? ''}`.trim();
  return new AppError('repository', `${command} failed in ${failed.directory}: ${gitWords(failed)}`, {
    hint: cure(failed, command),
  });
}

function gitWords(failed: FailedGit): string {
  if (failed.timedOut) return `no end after ${Math.round(failed.timeoutMs / 1000)} s`;
  if (failed.problem) return oneLine(failed.problem, 300);
  const lines = failed.stderr.split('\n').filter((line) => line.trim() !== '' && !/^(?:warning|hint):/.test(line));
  return oneLine(lines.slice(0, 4).join(' '), 300) || `exit code ${failed.exitCode}`;
}

/** Each line: what git says (LC_ALL=C), and the next command to type. */
const CURES: readonly (readonly [RegExp, (match: RegExpMatchArray, directory: string) => string])[] = [
  [LOCK_FILE, ([, file]) => `wait for the other git to end; if no git is running: rm ${quoted(file ?? '')}`],
  [
    /detected dubious ownership in repository at '([^']+)'/,
    ([, path]) => `git config --global --add safe.directory ${quoted(path ?? '')}`,
  ],
  [/No space left on device|disk quota exceeded/i, () => 'make room on the disk, then start again'],
  [/not a git repository/, (_match, directory) => startRepositoryHint(directory)],
  [/Permission denied/, (_match, directory) => `see who owns the files: ls -la ${quoted(directory)}`],
  [/index file (?:corrupt|smaller)|bad index file/, (_match, directory) => `cd ${quoted(directory)} && git status`],
  [
    /bad object|loose object .* is corrupt|missing (?:blob|tree|commit)|unable to read tree|object file .* is empty/,
    (_match, directory) => `cd ${quoted(directory)} && git fsck`,
  ],
];

function cure(failed: FailedGit, command: string): string {
  if (failed.timedOut) {
    return `run "${command}" by hand there: a filter (LFS), a prompt or a network file system may hang`;
  }
  if (/^the folder /.test(failed.problem)) return 'put it back, or name where it is now with --path';
  if (failed.problem) return 'install git 2.30 or newer and put it on PATH';
  for (const [pattern, hint] of CURES) {
    const match = failed.stderr.match(pattern);
    if (match) return hint(match, failed.directory);
  }
  return `cd ${quoted(failed.directory)} && git status`;
}

export function startRepositoryHint(directory: string): string {
  return `cd ${quoted(directory)} && git init && git add -A && git commit -m start`;
}
