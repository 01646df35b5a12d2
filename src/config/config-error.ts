import { AppError } from '../core/errors.js';

/** What a person has to mend in one configuration file, and where. */
export interface ConfigProblem {
  /** 1-based; null when the trouble is a line that is not there. */
  readonly line: number | null;
  readonly message: string;
  readonly hint: string;
}

const SHOWN_PROBLEMS = 8;

/** One error for all problems of a file, in the order of its lines; the hint is the cure of the first. */
export function configError(path: string, problems: readonly [ConfigProblem, ...ConfigProblem[]]): AppError {
  const ordered = [...problems].sort(
    (a, b) => (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER),
  );
  const lines = ordered
    .slice(0, SHOWN_PROBLEMS)
    .map(({ line, message }) => `${path}${line === null ? '' : `:${line}`}: ${message}`);
  if (ordered.length > SHOWN_PROBLEMS) lines.push(`${path}: and ${ordered.length - SHOWN_PROBLEMS} more`);
  return new AppError('config', lines.join('\n'), { hint: ordered[0]?.hint ?? problems[0].hint });
}
