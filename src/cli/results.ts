import { type Command, Option } from 'commander';
import type { Format } from '../dashboard/formats.js';
import { EXPERIMENT_HELP, PATH_HELP } from './inspect.js';
import type { AddCommands, Exit } from './main.js';
import type { OpenedExperiment } from './place.js';
import { positiveInteger } from './run.js';

/** `results` and `dashboard`: the trials of one experiment, or all experiments in one table, in four formats. */
export interface ResultsOptions {
  readonly experiment?: string;
  readonly domain?: string;
  readonly dashboard?: boolean;
  readonly all?: boolean;
  readonly allExperiments?: boolean;
  readonly lines?: number;
  readonly format?: Format;
  readonly json?: boolean;
  readonly output?: string;
  readonly path?: string;
}

/** By name only: the renderers are loaded when a document is asked for. */
const FORMATS: readonly Format[] = ['terminal', 'csv', 'markdown', 'json'];

export const addResults: AddCommands = (program: Command, _exit: Exit) => {
  const add = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .option('-e, --experiment <domain/name>', EXPERIMENT_HELP)
      .addOption(new Option('--domain <domain>', 'all experiments of a domain, one line each').conflicts('experiment'))
      .addOption(new Option('--format <format>', 'default: from the name of --output, else terminal').choices(FORMATS))
      .addOption(new Option('--json', 'the same as --format json').conflicts('format'))
      .option('-o, --output <file>', 'write it there instead of to standard output')
      .option('--path <folder>', PATH_HELP);

  add('results', "one experiment's numbers, course and trials; several experiments one line each")
    .option('--all', 'all trials, and the attempts that do not count (default on a terminal: the last 30)')
    .option('-n, --lines <count>', 'only the last trials', positiveInteger)
    .addOption(new Option('--dashboard', 'all experiments, one line each').conflicts('experiment'))
    .addOption(new Option('--all-experiments', 'the same as --dashboard').conflicts('experiment'))
    .action(async (options: ResultsOptions) => {
      const { results } = await import('./results-document.js');
      await results(options);
    });

  add('dashboard', 'all experiments, one line each')
    .option('--all', 'also those in ~/.autoresearch that belong to other repositories')
    .action(async (options: ResultsOptions) => {
      const { dashboard } = await import('./results-document.js');
      await dashboard(options);
    });
};

/** The results of one experiment on the terminal. */
export async function printResults(opened: OpenedExperiment): Promise<void> {
  const { printOne } = await import('./results-document.js');
  printOne(opened, {});
}
