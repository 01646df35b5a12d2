/**
 * The questions of `init`, on a terminal only: each flag that is missing, with what was found as the default. It writes
 * nothing; giving up at any question gives up the whole.
 */
import * as clack from '@clack/prompts';
import { configSchema } from '../config/schema.js';
import { AppError } from '../core/errors.js';
import type { Direction } from '../core/metric.js';
import { parseExperimentName } from '../core/names.js';
import { oneLine } from '../core/text.js';
import { directionOfName } from './detect/metric.js';
import { countParameters, guessName, guessTarget, type Surroundings } from './detect/surroundings.js';
import { resolveTarget } from './init-checks.js';
import { type Agent, type Given, type ProposerKind, parseAgent, problemOf } from './init-flags.js';
import { guessMetric, pathsMatching } from './init-plan.js';

/** Thrown when the person gives up. */
export class Cancelled extends Error {}

const OUTPUT = { output: process.stderr } as const;

function answered<T>(answer: T | typeof clack.CANCEL_SYMBOL): T {
  if (answer !== clack.CANCEL_SYMBOL) return answer as T;
  clack.cancel('Nothing was written.', OUTPUT);
  throw new Cancelled();
}

/** @throws Cancelled when a question is not answered. */
export async function ask(
  given: Given,
  surroundings: Surroundings,
  isFree: (name: string) => string | undefined,
): Promise<Given> {
  clack.intro(`New experiment in ${oneLine(surroundings.repository.root, 300)}`, OUTPUT);
  const evaluateCmd = given.evaluateCmd ?? (await askEvaluation(surroundings));
  const metric = given.metric ?? (await askMetric({ evaluateCmd }, surroundings));
  const direction = given.direction ?? (await askDirection(metric, { evaluateCmd }, surroundings));
  const target = await askTarget(given, surroundings);
  const proposer = given.proposer ?? (await askProposer(target, surroundings));
  const agent = given.agent ?? (proposer === 'agent' ? await askAgent(surroundings) : null);
  const workspace = await askWorkspace(given, proposer, surroundings);
  const name = await askName(given, isFree, guessName(target[0] ?? null, metric, surroundings.repository.root));
  clack.outro('Thank you.', OUTPUT);
  return { ...given, ...name, ...workspace, evaluateCmd, metric, direction, target, proposer, agent };
}

const OWN_COMMAND = '';

async function askEvaluation({ evaluations, prefix }: Surroundings): Promise<string> {
  if (evaluations.length > 0) {
    const chosen = answered(
      await clack.select({
        message: 'How is it measured? A command that exits 0 and prints a line "<metric>: <number>".',
        options: [
          ...evaluations.slice(0, 8).map(({ command, source, metric }) => ({
            value: command,
            label: oneLine(command, 90),
            hint: metric ? `${oneLine(source, 40)}, prints ${metric}` : oneLine(source, 60),
          })),
          { value: OWN_COMMAND, label: 'another command' },
        ],
        ...OUTPUT,
      }),
    );
    if (chosen !== OWN_COMMAND) return chosen;
  }
  const where = prefix === '' ? '' : ', run in the top folder of the repository';
  return answered(
    await clack.text({
      message: `The command that measures${where}: it exits 0 and prints a line "<metric>: <number>".`,
      placeholder: 'node bench.js',
      validate: (text) => problemOf('the command', text ?? '', configSchema.shape.evaluate_cmd),
      ...OUTPUT,
    }),
  );
}

async function askMetric(given: Pick<Given, 'evaluateCmd'>, surroundings: Surroundings): Promise<string> {
  const guess = guessMetric(given, surroundings);
  return answered(
    await clack.text({
      message: 'The name of the number that matters.',
      placeholder: 'p50_ms',
      ...(guess === null ? {} : { initialValue: guess }),
      validate: (text) => problemOf('the name', text ?? '', configSchema.shape.metric),
      ...OUTPUT,
    }),
  ).trim();
}

async function askDirection(
  metric: string,
  given: Pick<Given, 'evaluateCmd'>,
  { evaluations }: Surroundings,
): Promise<Direction> {
  const idea = evaluations.find(({ command }) => command === given.evaluateCmd && given.evaluateCmd !== null);
  const known = idea?.metric === metric ? idea.direction : null;
  return answered(
    await clack.select<Direction>({
      message: `Which ${metric} is better?`,
      options: [
        { value: 'lower', label: 'lower', hint: 'a time, a size, an error' },
        { value: 'higher', label: 'higher', hint: 'a score, a rate, a throughput' },
      ],
      initialValue: known ?? directionOfName(metric) ?? 'lower',
      ...OUTPUT,
    }),
  );
}

/** Asks until git knows the answer. A target given by a flag that git does not know is an error, as without questions. */
async function askTarget(given: Given, surroundings: Surroundings): Promise<readonly string[]> {
  if (given.target !== null) return resolveTarget(given.target, surroundings);
  let initialValue = guessTarget(surroundings) ?? '';
  for (;;) {
    const text = answered(
      await clack.text({
        message: 'What may be changed? Files or globs that git tracks, separated by commas.',
        placeholder: 'src/**',
        initialValue,
        validate: (answer) => problemOf('the target', answer ?? '', configSchema.shape.target),
        ...OUTPUT,
      }),
    );
    try {
      const target = await resolveTarget(configSchema.shape.target.parse(text), surroundings);
      const count = (await pathsMatching(surroundings.repository, surroundings.commit, target)).length;
      clack.log.info(`${count} file${count === 1 ? '' : 's'} match ${oneLine(target.join(', '))}`, OUTPUT);
      return target;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      clack.log.error(`${error.message}\n${error.hint}`, OUTPUT);
      initialValue = text;
    }
  }
}

async function askProposer(
  target: readonly string[],
  { repository, commit, agents }: Surroundings,
): Promise<ProposerKind> {
  const files = await pathsMatching(repository, commit, target);
  const { count } = await countParameters(repository.root, files);
  const found = agents.length > 0 ? `${agents.join(', ')} found on PATH` : 'none found on PATH';
  return answered(
    await clack.select<ProposerKind>({
      message: 'Who makes the changes?',
      options: [
        ...(count > 0
          ? [
              {
                value: 'search' as const,
                label: 'a search',
                hint: `over ${count} marked value${count === 1 ? '' : 's'} of the target; needs no model`,
              },
            ]
          : []),
        { value: 'agent', label: 'an agent', hint: found },
        { value: 'watch', label: 'I do, and the loop watches', hint: 'every saved edit or commit is a trial' },
        { value: 'manual', label: 'I do, one trial at a time', hint: 'autoresearch run after each change' },
      ],
      initialValue: count > 0 ? 'search' : agents.length > 0 ? 'agent' : 'watch',
      ...OUTPUT,
    }),
  );
}

async function askAgent({ agents }: Surroundings): Promise<Agent> {
  const text = answered(
    await clack.text({
      message: 'Which agent? claude, codex, gemini, or a command that reads the prompt from stdin and edits the files.',
      initialValue: agents[0] ?? 'claude',
      validate: (answer) => (answer?.trim() ? undefined : 'name an agent or a command'),
      ...OUTPUT,
    }),
  );
  return parseAgent(text);
}

type WorkspaceAnswers = Pick<Given, 'link' | 'setup' | 'keep'>;

async function askWorkspace(
  given: Given,
  proposer: ProposerKind,
  { workspace }: Surroundings,
): Promise<WorkspaceAnswers> {
  const { link, setup, keep } = given;
  const isCheckout = given.workspace === 'checkout';
  if (isCheckout || link !== null || setup !== null || keep !== null) return { link, setup, keep };
  const where = proposer === 'manual' || proposer === 'watch' ? 'The baseline is measured' : 'It runs';
  if (workspace.link.length > 0) {
    const message = `${where} in a clean worktree. Borrow your ${workspace.link.join(', ')} there?`;
    const borrow = answered(await clack.confirm({ message, ...OUTPUT }));
    return { link: borrow ? workspace.link : [], setup, keep: workspace.keep };
  }
  if (workspace.setup) {
    const { command, keep: kept, reason } = workspace.setup;
    const message = `${where} in a clean worktree (${oneLine(reason, 300)}). Run "${command}" there first?`;
    const install = answered(await clack.confirm({ message, ...OUTPUT }));
    return install
      ? { link: [], setup: command, keep: [kept, ...workspace.keep] }
      : { link: [], setup, keep: workspace.keep };
  }
  return { link, setup, keep };
}

async function askName(
  given: Given,
  isFree: (name: string) => string | undefined,
  guess: string,
): Promise<Pick<Given, 'domain' | 'name'>> {
  if (given.domain !== null && given.name !== null) return { domain: given.domain, name: given.name };
  const complete = (text: string) => nameOf(text.trim(), given);
  const text = answered(
    await clack.text({
      message: 'Its name, as domain/name.',
      initialValue: `${given.domain ?? 'engineering'}/${given.name ?? guess}`,
      validate: (answer) => {
        try {
          const { domain, name } = complete(answer ?? '');
          return isFree(`${domain}/${name}`);
        } catch (error) {
          if (error instanceof AppError) return `${error.message}; ${error.hint}`;
          throw error;
        }
      },
      ...OUTPUT,
    }),
  );
  return complete(text);
}

function nameOf(text: string, given: Given) {
  return parseExperimentName(text.includes('/') ? text : `${given.domain ?? 'engineering'}/${text}`);
}
