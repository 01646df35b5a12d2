import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { DiscoveryPlace } from '../config/discovery.js';
import { AppError, EXIT_CODES } from '../core/errors.js';
import { formatExperimentName, parseExperimentName } from '../core/names.js';
import { startRepositoryHint } from '../git/failure.js';
import type { Repository } from '../git/repository.js';
import type { InitFlags } from './init-flags.js';
import type { Plan } from './init-plan.js';
import type { Created } from './init-report.js';
import type { AddCommands, Exit } from './main.js';
import { isTerminal, out, outJson, talk } from './output.js';
import { openPlace } from './place.js';

/** `init`: makes an experiment from flags or by asking, checks everything before it writes, and measures the baseline. */
const PROPOSERS = ['agent', 'manual', 'watch', 'search'] as const;

export const addInit: AddCommands = (program: Command, exit: Exit) => {
  const init = program
    .command('init')
    .description('make an experiment here and measure its baseline; asks for what is not given')
    .usage('[options] [-- options of the built-in evaluator]')
    .argument('[evaluator-options...]', 'after --evaluator <name> and --: its options')
    .option('-e, --experiment <domain/name>', 'its name')
    .option('--domain <domain>', 'first part of its name, such as engineering')
    .option('--name <name>', 'second part of its name, such as api-speed')
    .option('--target <paths>', 'what may be changed: paths or globs that git tracks, separated by commas')
    .option('--eval <command>', 'the command that measures: it prints a line "<metric>: <number>"')
    .option('--metric <name>', 'the name of the number that matters')
    .option('--direction <word>', 'which way is better: lower or higher')
    .option('--time-budget <minutes>', 'how long one measurement may take (5)')
    .option('--evaluator <name>', 'measure by a built-in evaluator; its command is --eval, its other options follow --')
    .addOption(
      new Option('--scope <scope>', 'where it is kept: .autoresearch or ~/.autoresearch')
        .choices(['project', 'user'])
        .default('project'),
    )
    .option('--goal <text>', 'what it is about, for program.md')
    .option('--constraints <text>', 'what changes must respect, for program.md')
    .addOption(new Option('--proposer <kind>', 'who makes the changes').choices(PROPOSERS))
    .option('--agent <name or command>', 'claude, codex, gemini, or a command that reads the prompt from stdin')
    .addOption(new Option('--workspace <kind>', 'where changes are made').choices(['worktree', 'checkout']))
    .option('--link <paths>', 'untracked folders to borrow in the worktree, such as node_modules')
    .option('--setup <command>', 'prepares a fresh worktree, such as npm ci')
    .option('--keep <paths>', 'ignored paths that survive cleaning, such as a build cache')
    .option('--skip-branch', 'make no branch autoresearch/<domain>/<name>')
    .option('--no-measure', 'only write the files')
    .option('--path <folder>', 'the repository, when not the current folder')
    .option('-y, --yes', 'ask nothing')
    .option('--list', 'list the experiments')
    .option('--list-evaluators', 'list the built-in evaluators')
    .option('--json', 'print one JSON document');
  init.action(async (evaluatorOptions: string[], flags: InitFlags) => {
    if (flags.listEvaluators) (await import('./init-lists.js')).printEvaluators(flags);
    else if (flags.list) await (await import('./init-lists.js')).printExperiments(flags);
    else exit.code = await createExperiment(flags, { evaluatorOptions, argv: argvAfter(init.name()) });
  });
};

/** What was typed after the command's name, for the example in an error. */
function argvAfter(command: string): string[] {
  const argv = process.argv.slice(2);
  return argv.slice(argv.indexOf(command) + 1);
}

interface Typed {
  readonly evaluatorOptions: readonly string[];
  readonly argv: readonly string[];
}

async function createExperiment(flags: InitFlags, typed: Typed): Promise<number> {
  const { repository, discovery } = await openPlace(flags);
  if (!repository) throw noRepository(flags);
  const notes: string[] = [];
  const plan = await makePlan({ flags, typed, repository, discovery, notes });
  if (plan === null) return EXIT_CODES.interrupted;
  const { writeExperiment } = await import('./init-write.js');
  const created = await writeExperiment(plan, { repository, discovery, notes });
  return finish(created, flags);
}

function noRepository({ path }: InitFlags): AppError {
  const folder = resolve(path ?? '.');
  return new AppError('repository', `${folder} is not inside a git repository: nothing could be undone`, {
    hint: startRepositoryHint(folder),
  });
}

interface Planning {
  readonly flags: InitFlags;
  readonly typed: Typed;
  readonly repository: Repository;
  readonly discovery: DiscoveryPlace;
  readonly notes: string[];
}

/** A checked plan; null when the person gave up. Writes nothing. */
async function makePlan({ flags, typed, repository, discovery, notes }: Planning): Promise<Plan | null> {
  const { readFlags } = await import('./init-flags.js');
  const { completePlan, missingError, missingFlags } = await import('./init-plan.js');
  const { checkBranch, refuseTakenName, resolveTarget } = await import('./init-checks.js');
  const { lookAround } = await import('./detect/surroundings.js');
  const flagged = readFlags(flags, typed.evaluatorOptions);
  if (flagged.domain && flagged.name) {
    refuseTakenName({ domain: flagged.domain, name: flagged.name }, flags.scope, discovery);
  }
  const surroundings = await lookAround(repository, discovery.from);
  const missing = missingFlags(flagged, surroundings);
  if (missing.length > 0 && !mayAsk(flags)) throw missingError(missing, typed.argv);
  const given =
    missing.length === 0
      ? { ...flagged, target: await resolveTarget(flagged.target ?? [], surroundings) }
      : await askForMissing(flagged, surroundings, (name) =>
          problemOfName(name, flags.scope, { discovery, refuseTakenName }),
        );
  if (given === null) return null;
  const plan = await completePlan(given, surroundings, { flags, notes });
  await checkBranch(plan, surroundings, notes);
  return plan;
}

function mayAsk({ yes, json }: InitFlags): boolean {
  if (yes || json || process.env['AUTORESEARCH_NO_PROMPT']) return false;
  return process.stdin.isTTY === true && isTerminal(process.stderr);
}

type Wizard = typeof import('./init-wizard.js');

async function askForMissing(
  ...[given, surroundings, isFree]: Parameters<Wizard['ask']>
): Promise<Awaited<ReturnType<Wizard['ask']>> | null> {
  const { ask, Cancelled } = await import('./init-wizard.js');
  try {
    return await ask(given, surroundings, isFree);
  } catch (error) {
    if (error instanceof Cancelled) return null;
    throw error;
  }
}

interface NameCheck {
  readonly discovery: DiscoveryPlace;
  readonly refuseTakenName: (
    name: ReturnType<typeof parseExperimentName>,
    scope: Plan['scope'],
    place: DiscoveryPlace,
  ) => void;
}

function problemOfName(
  name: string,
  scope: Plan['scope'],
  { discovery, refuseTakenName }: NameCheck,
): string | undefined {
  try {
    refuseTakenName(parseExperimentName(name), scope, discovery);
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.message;
    throw error;
  }
}

async function finish(created: Created, flags: InitFlags): Promise<number> {
  const { createdJson, createdText, nextCommands, nextText } = await import('./init-report.js');
  const { measureAloud, measureQuietly, readBaseline } = await import('./init-measure.js');
  const { experiment, repository } = created;
  if (!flags.json) out(await createdText(created));
  if (!flags.measure) {
    const next = nextCommands(created, false);
    if (flags.json) outJson(createdJson(created, { baseline: null, next }));
    else out(nextText(created, next));
    return EXIT_CODES.done;
  }
  if (!flags.json) talk('');
  try {
    const code = await (flags.json ? measureQuietly : measureAloud)(experiment, repository);
    const next = nextCommands(created, code === EXIT_CODES.done);
    if (flags.json) outJson(createdJson(created, { baseline: await readBaseline(experiment, repository), next }));
    else if (code === EXIT_CODES.done) out(nextText(created, next));
    else talk(goOn(created, { next, wasInterrupted: code >= EXIT_CODES.interrupted }));
    return code;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const next = nextCommands(created, false);
    if (flags.json) outJson(createdJson(created, { baseline: null, next }));
    throw new AppError(error.code, error.message, {
      hint: `${error.hint}\n${goOn(created, { next, wasInterrupted: false })}`,
      cause: error,
    });
  }
}

function goOn(
  { experiment }: Created,
  { next, wasInterrupted }: { next: readonly string[]; wasInterrupted: boolean },
): string {
  const stay = `The files of ${formatExperimentName(experiment.name)} stay.`;
  const when = wasInterrupted ? 'Go on when you like' : 'Once that is mended, go on';
  return [`${stay} ${when}; the baseline is measured first:`, ...next].join('\n  ');
}
