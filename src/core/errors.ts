/**
 * Errors the operator must mend, and the exit codes that scripts and service units rely on.
 * What happens to a *candidate* is never an error: it is an outcome (see outcome.ts).
 */
export const EXIT_CODES = {
  done: 0,
  bug: 1,
  usage: 2,
  not_running: 3,
  not_installed: 4,
  config: 10,
  repository: 11,
  locked: 12,
  baseline: 13,
  store: 14,
  proposer: 15,
  crash_streak: 16,
  environment: 17,
  conflict: 18,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitName = keyof typeof EXIT_CODES;

/** The exit names an `AppError` may carry: everything a person has to mend. */
export type ErrorCode = Exclude<ExitName, 'done' | 'bug' | 'interrupted' | 'terminated'>;

/**
 * Something the operator must mend. `message` says what happened and to which file, line or trial; `hint` is the next
 * command to type or the line to change.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: { hint: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `errno` name of a Node system error (`ENOENT`, `ENOSPC`), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
