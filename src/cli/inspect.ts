import { type Command, InvalidArgumentError } from 'commander';
import type { AddCommands, Exit } from './main.js';
import { trialNumber } from './run.js';

/** The commands that only look: `list`, `status`, `logs`, `show` and `diff`. None of them changes anything. */
export interface ExperimentOptions {
  readonly experiment?: string;
  readonly path?: string;
  readonly json?: boolean;
}

export interface ListOptions extends Omit<ExperimentOptions, 'experiment'> {
  readonly all?: boolean;
}

export interface LogsOptions extends ExperimentOptions {
  readonly follow?: boolean;
  /** Lines of each log's end; infinite for whole logs. */
  readonly lines: number;
  readonly trial?: number;
  readonly agent?: boolean;
  readonly daemon?: boolean;
}

const DEFAULT_LINES = 50;

export const addInspect: AddCommands = (program: Command, exit: Exit) => {
  const add = (name: string, description: string) =>
    program.command(name).description(description).option('--path <folder>', PATH_HELP);

  add('list', 'the experiments of this repository and of ~/.autoresearch')
    .option('--all', 'also those in ~/.autoresearch that belong to other repositories')
    .option('--json', JSON_HELP)
    .action(async (options: ListOptions) => {
      const { list } = await import('./list.js');
      await list(options);
    });

  add('status', 'what an experiment is doing right now; exit code 0 while it runs, 3 when it does not')
    .option('-e, --experiment <domain/name>', EXPERIMENT_HELP)
    .option('-w, --watch', 'show it anew every two seconds until Ctrl-C; with --json one document per line')
    .option('--json', JSON_HELP)
    .action(async (options: ExperimentOptions & { watch?: boolean }) => {
      const { status, watchStatus } = await import('./status.js');
      exit.code = await (options.watch ? watchStatus(options) : status(options));
    });

  add('logs', 'the output of the newest measurement')
    .option('-e, --experiment <domain/name>', EXPERIMENT_HELP)
    .option('-f, --follow', 'go on printing, also the measurements that come, until Ctrl-C')
    .option('-n, --lines <count>', 'how many lines of the end of each log, or "all"', lineCount, DEFAULT_LINES)
    .option('--trial <number>', 'the measurements of this trial', trialNumber)
    .option('--agent', "what the agent said, instead of the measurement's output")
    .option('--daemon', "the runner's own log: one JSON document per line")
    .option('--json', `where the logs are, and the end of each, as one document for programs`)
    .action(async (options: LogsOptions) => {
      const { logs } = await import('./logs.js');
      await logs(options);
    });

  add('show', 'everything about one trial: what was tried, the numbers, why it was kept or not, the diff')
    .argument('<number>', 'the trial, such as 7', trialNumber)
    .option('-e, --experiment <domain/name>', EXPERIMENT_HELP)
    .option('--json', JSON_HELP)
    .action(async (number: number, options: ExperimentOptions) => {
      const { show } = await import('./show.js');
      await show(number, options);
    });

  add('diff', 'a patch: all that was kept, or one trial against its incumbent, or between two trials')
    .argument('[number]', 'the trial, such as 7', trialNumber)
    .argument('[other]', 'compare with this trial instead of the incumbent it was built on', trialNumber)
    .option('-e, --experiment <domain/name>', EXPERIMENT_HELP)
    .option('--json', JSON_HELP)
    .action(async (number: number | undefined, other: number | undefined, options: ExperimentOptions) => {
      const { diff } = await import('./show.js');
      await diff({ number: number ?? null, other: other ?? null }, options);
    });
};

export const EXPERIMENT_HELP = 'which experiment; not needed when there is only one';
export const PATH_HELP = 'the repository, when not the current folder';
const JSON_HELP = 'one JSON document for programs';

export function lineCount(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, or "all".');
  return Number(text);
}
