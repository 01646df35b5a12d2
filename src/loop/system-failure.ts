import { AppError, errnoOf, errorMessage } from '../core/errors.js';

/**
 * A call of the operating system that failed (disk full, input/output error, too many open files) is nobody's bug and no
 * candidate's fault: the operator has to mend the machine. Other errors pass through unchanged.
 */
export function operatorsError(error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const hint = HINTS[errnoOf(error) ?? ''] ?? 'mend what the operating system refused';
  return new AppError('environment', `the operating system refused: ${errorMessage(error)}`, {
    hint: `${hint}, then run the same command again: it resumes where it stopped`,
    cause: error,
  });
}

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'free some disk space',
  EDQUOT: 'free some disk space',
  EIO: 'see what is wrong with the disk (dmesg)',
  EROFS: 'make the file system writable',
  EACCES: 'give yourself the right to write there',
  EPERM: 'give yourself the right to write there',
  EMFILE: 'allow more open files (ulimit -n)',
  ENFILE: 'end programs that hold many files open',
};

/** Node's errors of system calls carry the call and the kernel's number; errors of its own have no number. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'errno' in error && typeof error.errno === 'number';
}
