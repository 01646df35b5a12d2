import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { AppError } from '../core/errors.js';
import { followLogs } from './follow.js';
import { EXPERIMENT_HELP, lineCount, PATH_HELP } from './inspect.js';
import { LogWriter } from './log-writer.js';
import type { AddCommands, Exit } from './main.js';
import { out, talk } from './output.js';
import type { InstallOptions } from './service-install.js';
import { forgive, openInstalled, openTarget, soundExperiment, type TargetOptions } from './service-target.js';
import { readLastLines } from './tail.js';

/** `service ...`: the loop as a systemd unit or a launchd agent that outlives logout, reboot, crash and kill. */
interface LogsOptions extends TargetOptions {
  readonly follow?: boolean;
  readonly lines: number;
}

interface StatusOptions extends TargetOptions {
  readonly json?: boolean;
}

const DEFAULT_LINES = 50;

export const addService: AddCommands = (program: Command, exit: Exit) => {
  const service = program
    .command('service')
    .description('the loop as a service of your account: systemd on Linux, launchd on macOS');
  const add = (name: string, description: string) =>
    service
      .command(name)
      .description(description)
      .option('-e, --experiment <domain/name>', EXPERIMENT_HELP)
      .option('--resume', 'the experiment with the newest trial')
      .option('--name <name>', 'the name of the service, when it has one of its own')
      .option('--path <folder>', PATH_HELP);

  add('install', 'install and start it; does no harm when it is there already')
    .option('--env <variable>', "copy this variable's present value into a file that only you can read", collect, [])
    .option('--linger', 'also switch on lingering, so that it starts at boot and outlives logout')
    .addOption(new Option('--print', 'print the unit or the property list, and do nothing'))
    .addOption(new Option('--dry-run', 'say what would be done, and do nothing').conflicts('print'))
    .addOption(new Option('--system', 'print how to make it a service of the whole machine').conflicts('print'))
    .action(async (options: InstallOptions) => {
      const { install } = await import('./service-install.js');
      await install(options);
    });

  add('uninstall', 'stop it and remove everything that `install` wrote').action(async (options: TargetOptions) => {
    const { uninstall } = await import('./service-install.js');
    await uninstall(options);
  });

  add('start', 'start it, also after too many crashes or after it came to an end').action(start);
  add('stop', 'end it now; the open trial is resumed by the next start').action(stop);
  add('restart', 'stop and start it').action(restart);

  add('status', 'how it is doing; exit code 0 running, 3 not running, 4 not installed')
    .option('--json', 'one JSON document for programs')
    .action(async (options: StatusOptions) => {
      const { serviceStatus } = await import('./service-status.js');
      exit.code = await serviceStatus(options);
    });

  add('logs', 'what it printed')
    .option('-f, --follow', 'go on printing until Ctrl-C')
    .option('-n, --lines <count>', 'how many lines of the end, or "all"', lineCount, DEFAULT_LINES)
    .action(logs);
};

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

async function start(options: TargetOptions): Promise<void> {
  const target = await openInstalled(options);
  soundExperiment(target);
  forgive(target);
  await target.manager.start();
  out(`${target.manager.title} is started. Watch it: autoresearch service logs -f --experiment ${target.label}`);
}

async function restart(options: TargetOptions): Promise<void> {
  const target = await openInstalled(options);
  soundExperiment(target);
  forgive(target);
  await target.manager.restart();
  out(`${target.manager.title} is started anew.`);
}

async function stop(options: TargetOptions): Promise<void> {
  const { manager, label } = await openInstalled(options);
  await manager.stop();
  out(
    `${manager.title} is stopped until the next login or boot. Go on: autoresearch service start --experiment ${label}`,
  );
}

async function logs(options: LogsOptions): Promise<void> {
  const { manager, files } = await openTarget(options);
  if (!existsSync(files.log) && !existsSync(manager.path)) {
    throw new AppError('not_installed', `${manager.title} is not installed`, { hint: 'autoresearch service install' });
  }
  if (options.follow) {
    await followLogs(() => [{ title: manager.title, path: files.log }], options.lines);
    return;
  }
  const end = await readLastLines(files.log, options.lines);
  if (end === null) talk('The service has printed nothing yet.');
  else {
    const writer = new LogWriter();
    writer.write(end);
    writer.end();
  }
}
