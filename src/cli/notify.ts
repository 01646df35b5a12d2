import type { Command } from 'commander';
import type { AddCommands } from './main.js';
import { openExperiment } from './place.js';

/** `notify test`: whether the owner of a run would be told. */
export const addNotify: AddCommands = (program: Command) => {
  const notify = program.command('notify').description('tell the owner of a run: settings under [notify]');
  notify
    .command('test')
    .description('send a test message through every channel that is set up')
    .option('-e, --experiment <domain/name>', 'which experiment')
    .option('--path <folder>', 'the repository, when not the current folder')
    .action(async (options: { experiment?: string; path?: string }) => {
      const { experiment } = await openExperiment(options.experiment, options);
      const { sendTest } = await import('./run-notices.js');
      await sendTest(experiment);
    });
};
