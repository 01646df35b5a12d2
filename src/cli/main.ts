import { Command, CommanderError } from 'commander';
import { EXIT_CODES } from '../core/errors.js';
import { out, report } from './output.js';

/**
 * The command line: strict options, suggestions for typing errors, and heavy modules loaded only by the command that
 * needs them, so that `--help` is quick.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const exit = { code: EXIT_CODES.done as number };
  if (argv[0] === '--version' || argv[0] === '-V') {
    const { versionText } = await import('./version.js');
    out(await versionText());
    return EXIT_CODES.done;
  }
  const program = await buildProgram(exit);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exit.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.usage;
    return report(error, { json: argv.includes('--json') });
  }
}

/** A command sets `exit.code` when it ends well with another code than 0. */
export interface Exit {
  code: number;
}

export type AddCommands = (program: Command, exit: Exit) => void;

async function buildProgram(exit: Exit): Promise<Command> {
  const program = new Command('autoresearch')
    .description('Changes a target, measures it, keeps what is better, and loses nothing.')
    .option('-V, --version', 'the version, and what a report of a bug needs')
    .showHelpAfterError('(see --help)')
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({ sortSubcommands: false });
  const families = await Promise.all([
    import('./init.js').then((module) => module.addInit),
    import('./run.js').then((module) => module.addRun),
    import('./inspect.js').then((module) => module.addInspect),
    import('./results.js').then((module) => module.addResults),
    import('./apply.js').then((module) => module.addApply),
    import('./audit.js').then((module) => module.addAudit),
    import('./finish.js').then((module) => module.addFinish),
    import('./evaluate.js').then((module) => module.addEvaluate),
    import('./doctor.js').then((module) => module.addDoctor),
    import('./service.js').then((module) => module.addService),
    import('./notify.js').then((module) => module.addNotify),
    import('./complete.js').then((module) => module.addCompletion),
    import('./skill.js').then((module) => module.addSkill),
    import('./demo.js').then((module) => module.addDemo),
  ]);
  for (const add of families) add(program, exit);
  for (const command of program.commands) adopt(command);
  return program;
}

/** What holds for the program holds for the commands below it. */
function adopt(command: Command): void {
  command.exitOverride().showHelpAfterError('(see --help)');
  for (const each of command.commands) adopt(each);
}
