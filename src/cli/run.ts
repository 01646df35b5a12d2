import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Experiment } from '../config/experiment.js';
import { AppError } from '../core/errors.js';
import { formatExperimentName } from '../core/names.js';
import type { ControlCommand } from '../loop/control.js';
import type { AddCommands, Exit } from './main.js';
import { talk } from './output.js';
import { type OpenedExperiment, openExperiment, openPlace } from './place.js';
import type { Manager } from './service-run.js';

/** `run`, `retry`, `stop`, `pause` and `resume`: the commands that start, end and hold the loop. */
export interface RunOptions {
  readonly experiment?: string;
  readonly resume?: boolean;
  readonly loop?: boolean;
  readonly single?: boolean;
  readonly dryRun?: boolean;
  readonly maxExperiments?: number;
  readonly path?: string;
  readonly description?: string;
  readonly rebaseOnto?: string;
  readonly quiet?: boolean;
  readonly service?: Manager;
}

export const addRun: AddCommands = (program: Command, exit: Exit) => {
  program
    .command('run')
    .description('run an experiment: one trial, or with --loop until told to stop')
    .option('-e, --experiment <domain/name>', 'which experiment; not needed when there is only one')
    .option('--resume', 'the experiment with the newest trial')
    .option('--loop', 'go on until a limit, a stop or Ctrl-C')
    .addOption(new Option('--single', 'one trial (the default)').conflicts('loop'))
    .option('--max-experiments <count>', 'stop after so many trials of this session', positiveInteger)
    .option('--description <text>', 'what your change is about (manual and watch)')
    .option('--rebase-onto <revision>', 'first take in the commits of this branch below the incumbent')
    .option('--dry-run', 'say what would be run, and change nothing')
    .option('-q, --quiet', 'only warnings and the summary')
    .option('--path <folder>', 'the repository, when not the current folder')
    .addOption(new Option('--service <manager>').choices(['systemd', 'launchd']).hideHelp())
    .action(async (options: RunOptions) => {
      const open = () => openWanted(options);
      if (options.service) {
        const { runAsService } = await import('./service-run.js');
        exit.code = await runAsService(options.service, options, open);
      } else {
        exit.code = await start(await open(), { options, retry: null });
      }
    });

  program
    .command('retry')
    .description("measure an earlier trial's change once more, on top of today's incumbent")
    .argument('<number>', 'the trial', trialNumber)
    .option('-e, --experiment <domain/name>', 'which experiment')
    .option('--path <folder>', 'the repository, when not the current folder')
    .action(async (retry: number, options: RunOptions) => {
      exit.code = await start(await openExperiment(options.experiment, options), { options, retry });
    });

  program
    .command('stop')
    .description('end a running loop after its trial, or at once with --now; nothing is lost either way')
    .option('-e, --experiment <domain/name>', 'which experiment')
    .option('--now', 'do not wait for the trial; the next run resumes it')
    .option('--path <folder>', 'the repository, when not the current folder')
    .action((options: ControlOptions) => command(options, options.now ? 'stop_now' : 'stop'));

  program
    .command('pause')
    .description('let a running loop wait after its trial, until `resume`')
    .option('-e, --experiment <domain/name>', 'which experiment')
    .option('--path <folder>', 'the repository, when not the current folder')
    .action((options: ControlOptions) => command(options, 'pause'));

  program
    .command('resume')
    .description('let a paused loop go on')
    .option('-e, --experiment <domain/name>', 'which experiment')
    .option('--path <folder>', 'the repository, when not the current folder')
    .action((options: ControlOptions) => command(options, 'resume'));
};

interface ControlOptions {
  readonly experiment?: string;
  readonly now?: boolean;
  readonly path?: string;
}

/**
 * Tells the runner of an experiment what to do. Its store is not looked at: a runner of another version obeys too.
 * @throws AppError not_running when there is none; locked when it does not answer.
 */
async function command(options: ControlOptions, what: ControlCommand): Promise<void> {
  const { experiment, repository } = await openExperiment(options.experiment, options);
  const { isRunning, tellRunner } = await import('./tell-runner.js');
  const name = formatExperimentName(experiment.name);
  if (!isRunning(experiment, repository)) {
    throw new AppError('not_running', `${name} is not running`, {
      hint: `start it: autoresearch run --experiment ${name} --loop`,
    });
  }
  talk(await tellRunner(experiment, repository, what));
}

export function positiveInteger(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 up.');
  return Number(text);
}

export function trialNumber(text: string): number {
  const digits = text.replace(/^#/, '');
  if (!/^[0-9]{1,9}$/.test(digits)) throw new InvalidArgumentError('It must be the number of a trial.');
  return Number(digits);
}

/** The named experiment, or with `--resume` the one that ran last. */
export function openWanted(options: Pick<RunOptions, 'experiment' | 'resume' | 'path'>): Promise<OpenedExperiment> {
  return options.resume && !options.experiment
    ? newestExperiment(options)
    : openExperiment(options.experiment, options);
}

/** The experiment that settled a trial last, in this repository. */
async function newestExperiment(options: Pick<RunOptions, 'path'>): Promise<OpenedExperiment> {
  const { repository, discovery } = await openPlace(options);
  const { listExperiments } = await import('../config/discovery.js');
  const { readExperiment } = await import('../dashboard/read-view.js');
  if (!repository)
    throw new AppError('repository', 'there is no repository here', { hint: 'cd into it, or name it with --path' });
  let newest: { at: number; experiment: Experiment } | null = null;
  for (const listed of listExperiments(discovery)) {
    if (!listed.ok || listed.experiment.root !== repository.root) continue;
    const { view, store } = readExperiment(listed.experiment, repository, Date.now());
    store?.close();
    const at = view.lastResultAt ?? -1;
    if (at > (newest?.at ?? -1)) newest = { at, experiment: listed.experiment };
  }
  if (newest) return { experiment: newest.experiment, repository };
  throw new AppError('usage', 'nothing has run yet, so there is nothing to resume', {
    hint: 'name one: autoresearch run --experiment domain/name --loop',
  });
}

async function start(
  { experiment, repository }: OpenedExperiment,
  { options, retry }: { options: RunOptions; retry: number | null },
): Promise<number> {
  const [{ describeRun }, { runToEnd }] = await Promise.all([
    import('./run-announcement.js'),
    import('./run-session.js'),
  ]);
  if (options.dryRun) {
    await describeRun(experiment, repository, options);
    return 0;
  }
  return runToEnd({ experiment, repository, options, retry });
}
