import { type Command, Option } from 'commander';
import { EXPERIMENT_HELP, lineCount, PATH_HELP } from './inspect.js';
import type { AddCommands, Exit } from './main.js';
import type { LogsOptions } from './service-control.js';
import type { InstallOptions } from './service-install.js';
import type { TargetOptions } from './service-target.js';

/** `service ...`: the loop as a systemd unit or a launchd agent that outlives logout, reboot, crash and kill. */
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

  add('start', 'start it, also after too many crashes or after it came to an end').action(
    async (options: TargetOptions) => (await control()).start(options),
  );
  add('stop', 'end it now; the open trial is resumed by the next start').action(async (options: TargetOptions) =>
    (await control()).stop(options),
  );
  add('restart', 'stop and start it').action(async (options: TargetOptions) => (await control()).restart(options));

  add('status', 'how it is doing; exit code 0 running, 3 not running, 4 not installed')
    .option('--json', 'one JSON document for programs')
    .action(async (options: StatusOptions) => {
      const { serviceStatus } = await import('./service-status.js');
      exit.code = await serviceStatus(options);
    });

  add('logs', 'what it printed: the file that `service status` names')
    .addHelpText(
      'after',
      '\nIt is ~/.local/state/autoresearch/services/<name>.log (or below $XDG_STATE_HOME). Beyond 10 MiB it\nbegins anew between two trials; what stood in it before is then in <name>.log.1.',
    )
    .option('-f, --follow', 'go on printing until Ctrl-C')
    .option('-n, --lines <count>', 'how many lines of the end, or "all"', lineCount, DEFAULT_LINES)
    .action(async (options: LogsOptions) => (await control()).logs(options));
};

const control = () => import('./service-control.js');

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
