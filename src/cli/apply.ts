import { type Command, Option } from 'commander';
import { EXPERIMENT_HELP, PATH_HELP } from './inspect.js';
import type { AddCommands, Exit } from './main.js';

/** `apply`: brings the best code home into the branch that is checked out. */
export interface ApplyOptions {
  readonly experiment?: string;
  readonly ff?: boolean;
  readonly squash?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly path?: string;
}

export const addApply: AddCommands = (program: Command, _exit: Exit) => {
  program
    .command('apply')
    .description('bring the best code home: show what was kept, then fast-forward the branch you are on')
    .option('-e, --experiment <domain/name>', EXPERIMENT_HELP)
    .addOption(new Option('--ff', 'fast-forward: every kept trial as its own commit (the default)').conflicts('squash'))
    .option('--squash', 'stage the sum of the kept trials for one commit of your own')
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'only show what would happen')
    .option('--path <folder>', PATH_HELP)
    .action(async (options: ApplyOptions) => {
      const { apply } = await import('./apply-home.js');
      await apply(options);
    });
};
