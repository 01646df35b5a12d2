import { Command, Option } from 'commander';
import { EXIT_CODES } from '../core/errors.js';
import type { BuiltInEvaluator, EvaluatorIo, EvaluatorOption, EvaluatorOptions } from '../evaluators/types.js';
import type { AddCommands, Exit } from './main.js';
import { out, outJson, styleOf, talk } from './output.js';

/** `evaluate` runs a built-in evaluator, `evaluators` lists them; their options are data, the commands are built from it. */
export const addEvaluate: AddCommands = (program: Command, exit: Exit) => {
  // The evaluators are loaded, and their commands built, only when one is asked for: they parse what follows.
  program
    .command('evaluate')
    .description('run a built-in evaluator; made for evaluate_cmd (`evaluate <name> --help` explains its options)')
    .usage('<name> [options]')
    .argument('[arguments...]')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (given: readonly string[]) => {
      const evaluate = await evaluateCommand(exit);
      await evaluate.parseAsync(given.length === 0 ? ['--help'] : [...given], { from: 'user' });
    });

  program
    .command('evaluators')
    .description('the built-in evaluators: what each measures, and an example')
    .option('--json', 'one JSON document for programs')
    .action(async ({ json }: { json?: boolean }) => {
      const { BUILT_IN_EVALUATORS } = await import('../evaluators/index.js');
      if (json) {
        outJson({ schemaVersion: 1, evaluators: BUILT_IN_EVALUATORS.map(describe) });
        return;
      }
      const { renderEvaluators } = await import('../dashboard/evaluators.js');
      out(renderEvaluators(BUILT_IN_EVALUATORS, styleOf(process.stdout)));
    });
};

function describe({ name, summary, metric, direction, example, options }: BuiltInEvaluator) {
  return { name, summary, metric, direction, example, options };
}

async function evaluateCommand(exit: Exit): Promise<Command> {
  const { BUILT_IN_EVALUATORS } = await import('../evaluators/index.js');
  const evaluate = new Command('autoresearch evaluate')
    .description('Measures something and prints `name: value` lines; the exit code is 0 only when it was measured.')
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride();
  for (const evaluator of BUILT_IN_EVALUATORS) {
    const command = evaluate
      .command(evaluator.name)
      .description(evaluator.summary)
      .addHelpText('after', `\nExample:\n  ${evaluator.example}`)
      .showHelpAfterError(`(see: autoresearch evaluate ${evaluator.name} --help)`)
      .exitOverride();
    for (const option of evaluator.options) command.addOption(toOption(option));
    command.action(async () => {
      exit.code = await run(evaluator, givenOptions(command));
    });
  }
  return evaluate;
}

/** Required options and defaults are left to the evaluator: its errors come with a complete example. */
function toOption({ flag, value, help, default: fallback, required }: EvaluatorOption): Option {
  const note = required ? ' (required)' : fallback === undefined ? '' : ` (default: ${fallback})`;
  return new Option(value === undefined ? flag : `${flag} ${value}`, help + note);
}

/** Only what was typed, by the name that the evaluator knows. */
function givenOptions(command: Command): EvaluatorOptions {
  const given: Record<string, string | boolean> = {};
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    if (typeof value === 'string' || typeof value === 'boolean') given[option.long?.slice(2) ?? ''] = value;
  }
  return given;
}

async function run(evaluator: BuiltInEvaluator, options: EvaluatorOptions): Promise<number> {
  const stop = new AbortController();
  let ended: number | null = null;
  const onSignal = (signal: NodeJS.Signals) => {
    ended ??= signal === 'SIGINT' ? EXIT_CODES.interrupted : EXIT_CODES.terminated;
    stop.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  try {
    const code = await evaluator.run(options, { ...ioHere(), signal: stop.signal });
    return ended ?? code;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal).off('SIGHUP', onSignal);
  }
}

function ioHere(): EvaluatorIo {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value;
  return { cwd: process.cwd(), env, print: out, note: talk };
}
