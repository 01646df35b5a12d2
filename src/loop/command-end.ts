import { AppError } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import { formatSeconds } from '../core/units.js';
import type { CommandResult } from '../process/types.js';

/** How a command of the operator (set-up, check) ended, in words; null when it did what it should. */
export function failureOf(result: CommandResult, limitMs: number): string | null {
  switch (result.end) {
    case 'exited':
      if (result.signal !== null) return `ended by signal ${result.signal}`;
      return result.exitCode === 0 ? null : `exit code ${result.exitCode}`;
    case 'failed_to_start':
      return oneLine(result.problem);
    case 'timed_out':
    case 'idle':
    case 'aborted':
      return `ended after its limit of ${formatSeconds(limitMs / 1000)}`;
  }
}

/** @throws AppError conflict: what lives on would disturb every later measurement. */
export function refuseSurvivors({ survivors }: Pick<CommandResult, 'survivors'>): void {
  if (survivors.length === 0) return;
  const pids = survivors.map(({ pid }) => pid).join(' ');
  throw new AppError(
    'conflict',
    `processes of a measurement could not be ended (pid ${pids}): further numbers would be tainted`,
    {
      hint: `end them yourself (kill -9 ${pids}), then run again`,
    },
  );
}

/** An outage that does not pass is the operator's to mend; the trial stays open. */
export function alwaysLater(times: number): AppError {
  return new AppError('environment', `the evaluator asked ${times} times in a row to be tried later (exit 75)`, {
    hint: 'see what it says: autoresearch logs; mend it, then run again: the open trial is measured anew',
  });
}
