import { type Command, InvalidArgumentError, Option } from 'commander';
import { pairCount } from './audit.js';
import { EXPERIMENT_HELP, PATH_HELP } from './inspect.js';
import type { AddCommands, Exit } from './main.js';

/** `finish`: one clean branch of what was kept, in the operator's own name, with the proved gain in its message. */
export interface FinishCommandOptions {
  readonly experiment?: string;
  readonly branch?: string;
  readonly split?: boolean;
  readonly without?: readonly number[];
  readonly measure: boolean;
  readonly pairs: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly path?: string;
}

export const addFinish: AddCommands = (program: Command, exit: Exit) => {
  program
    .command('finish')
    .description('make one clean branch of what was kept, with the measured gain in its message; nothing is pushed')
    .option('-e, --experiment <domain/name>', EXPERIMENT_HELP)
    .option('--branch <name>', 'name of the new branch (default: finish/<domain>/<name>)')
    .option('--split', 'one commit per group of changes that share files, each with its own gain')
    .option('--without <trials>', 'leave these kept trials out, such as 3,7', trialNumbers)
    .addOption(new Option('--no-measure', 'write the branch without measuring anything'))
    .option('--pairs <count>', 'pairs per comparison where the metric is noisy', pairCount, 10)
    .option('--dry-run', 'say what the branch would be and what would be measured')
    .option('--json', 'one JSON document for programs')
    .option('--path <folder>', PATH_HELP)
    .action(async (options: FinishCommandOptions) => {
      const { finish } = await import('./finish-session.js');
      exit.code = await finish(options);
    });
};

function trialNumbers(text: string): number[] {
  const parts = text.split(',').map((part) => part.trim().replace(/^#/, ''));
  if (parts.some((part) => !/^[0-9]{1,9}$/.test(part))) {
    throw new InvalidArgumentError('It must be numbers of trials, such as 3,7.');
  }
  return [...new Set(parts.map(Number))];
}
