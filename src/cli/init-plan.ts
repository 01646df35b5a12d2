/**
 * From what was given to a whole experiment: defaults that are safe to take are taken and noted, everything else that is
 * missing is one error that lists all of it, with a command that would do.
 */
import type { ConfigValues } from '../config/schema.js';
import { AppError } from '../core/errors.js';
import type { Direction } from '../core/metric.js';
import type { ExperimentName } from '../core/names.js';
import { oneLine, quoted } from '../core/text.js';
import type { Repository } from '../git/repository.js';
import { globPathspec } from '../git/staging.js';
import { filesBehind, metricsBehind } from './detect/evaluation.js';
import { directionOfName, preferredMetric } from './detect/metric.js';
import { guessName, guessTarget, type Surroundings } from './detect/surroundings.js';
import type { Agent, Given, InitFlags, ProposerKind } from './init-flags.js';

export interface Plan {
  readonly name: ExperimentName;
  readonly scope: 'project' | 'user';
  readonly target: readonly string[];
  readonly evaluateCmd: string;
  readonly metric: string;
  readonly direction: Direction;
  readonly timeBudget: string | null;
  /** Null: not written down; by hand, until the configuration says otherwise. */
  readonly proposer: ProposerKind | null;
  readonly agent: Agent | null;
  readonly workspace: 'worktree' | 'checkout' | null;
  readonly link: readonly string[];
  readonly setup: string | null;
  readonly keep: readonly string[];
  /** Files of the target that the evaluation runs without naming them. */
  readonly protect: readonly string[];
  readonly branch: boolean;
  readonly goal: string | null;
  readonly constraints: readonly string[];
}

interface MissingFlag {
  readonly flag: string;
  /** A value that would do here. */
  readonly example: string;
}

/** What only a person can say, with a guess for each. */
export function missingFlags(given: Given, surroundings: Surroundings): MissingFlag[] {
  const idea = surroundings.evaluations[0] ?? null;
  const evaluateCmd = given.evaluateCmd ?? idea?.command ?? 'node bench.js';
  const metric = given.metric ?? guessMetric(given, surroundings) ?? 'p50_ms';
  const target = given.target?.[0] ?? guessTarget(surroundings) ?? 'src/**';
  const agent = surroundings.agents[0] ?? 'claude';
  const rows: (MissingFlag & { readonly isMissing: boolean })[] = [
    { flag: '--domain', example: 'engineering', isMissing: given.domain === null },
    {
      flag: '--name',
      example: guessName(target, metric, surroundings.repository.root),
      isMissing: given.name === null,
    },
    { flag: '--target', example: target, isMissing: given.target === null },
    { flag: '--eval', example: evaluateCmd, isMissing: given.evaluateCmd === null },
    { flag: '--metric', example: metric, isMissing: given.metric === null },
    {
      flag: '--direction',
      example: directionOfName(metric) ?? 'lower',
      isMissing: directionOf(metric, given.direction) === null,
    },
    {
      flag: '--agent',
      example: agent,
      isMissing: given.proposer === 'agent' && given.agent === null && surroundings.agents.length === 0,
    },
  ];
  return rows.filter(({ isMissing }) => isMissing);
}

export function missingError(missing: readonly MissingFlag[], argv: readonly string[]): AppError {
  const flags = missing.map(({ flag }) => flag).join(', ');
  const added = missing.flatMap(({ flag, example }) => [flag, quoted(example)]);
  const separator = argv.indexOf('--');
  const before = separator < 0 ? argv : argv.slice(0, separator);
  const after = separator < 0 ? [] : argv.slice(separator);
  const words = [...before.map(quoted), ...added, ...after.map(quoted)];
  const verb = missing.length === 1 ? 'is' : 'are';
  return new AppError('usage', `${flags} ${verb} missing`, {
    hint: `for example: autoresearch init ${oneLine(words.join(' '), 1000)}\non a terminal, autoresearch init alone asks for them`,
  });
}

/** The metric that the given or the proposed command seems to print. */
export function guessMetric(given: Pick<Given, 'evaluateCmd'>, surroundings: Surroundings): string | null {
  if (given.evaluateCmd === null) return surroundings.evaluations[0]?.metric ?? null;
  const idea = surroundings.evaluations.find(({ command }) => command === given.evaluateCmd);
  return idea?.metric ?? preferredMetric(metricsBehind(given.evaluateCmd, surroundings.project));
}

/** Lower, as in the configuration, unless the metric's name says the opposite: then a person has to say it. */
function directionOf(metric: string, given: Direction | null): Direction | null {
  if (given !== null) return given;
  return directionOfName(metric) === 'higher' ? null : 'lower';
}

/** `given` must have nothing missing. @param notes takes what was decided without being asked. */
export async function completePlan(
  given: Given,
  surroundings: Surroundings,
  { flags, notes }: { flags: InitFlags; notes: string[] },
): Promise<Plan> {
  const { domain, name, target, evaluateCmd, metric } = given;
  const direction = metric === null ? null : directionOf(metric, given.direction);
  if (!domain || !name || !target || !evaluateCmd || !metric || !direction) throw new Error('the plan is not complete');
  if (given.direction === null && directionOfName(metric) === null) {
    notes.push(`lower ${metric} is better, as nothing else was said; otherwise change metric_direction in config.cfg`);
  }
  return {
    name: { domain, name },
    scope: flags.scope,
    ...{ target, evaluateCmd, metric, direction },
    timeBudget: given.timeBudget,
    proposer: given.proposer,
    agent: given.proposer === 'agent' ? chooseAgent(given.agent, surroundings, notes) : null,
    workspace: given.workspace,
    ...chooseWorkspace(given, surroundings, notes),
    protect: await hiddenEvaluatorFiles(evaluateCmd, target, surroundings),
    branch: given.branch,
    goal: flags.goal?.trim() || null,
    constraints: (flags.constraints ?? '').split('\n').filter((line) => line.trim() !== ''),
  };
}

function chooseAgent(given: Agent | null, { agents }: Surroundings, notes: string[]): Agent | null {
  if (given !== null) return given;
  const [preset] = agents;
  if (preset === undefined) return null;
  notes.push(`agent: ${preset}, found on PATH; to change that: [agent] in config.cfg`);
  return { preset, command: null };
}

type WorkspaceChoice = Pick<Plan, 'link' | 'setup' | 'keep'>;

/** What was found is taken only where nothing was said about the workspace, and never installs anything unasked. */
function chooseWorkspace(given: Given, { workspace }: Surroundings, notes: string[]): WorkspaceChoice {
  const keep = given.keep ?? [];
  if (given.workspace === 'checkout') return { link: given.link ?? [], setup: given.setup, keep };
  if (given.link !== null || given.setup !== null) return { link: given.link ?? [], setup: given.setup, keep };
  if (workspace.link.length > 0) {
    notes.push(
      `link: the clean worktree borrows your ${workspace.link.join(', ')}; to change that: link in config.cfg`,
    );
  } else if (workspace.setup) {
    const { command, keep: kept, reason } = workspace.setup;
    notes.push(
      `nothing is installed in the worktree (${reason}); if it is needed, in config.cfg: setup_cmd = ${command} and keep = ${kept}`,
    );
  }
  if (given.keep === null && workspace.keep.length > 0) {
    notes.push(
      `keep: ${workspace.keep.join(', ')} survives cleaning, so that builds stay quick; to change that: keep in config.cfg`,
    );
    return { link: workspace.link, setup: null, keep: workspace.keep };
  }
  return { link: workspace.link, setup: null, keep };
}

/** A target such as `**` also matches the script behind `npm run bench`, which the command does not name. */
async function hiddenEvaluatorFiles(
  evaluateCmd: string,
  target: readonly string[],
  { repository, commit, prefix, project }: Surroundings,
): Promise<string[]> {
  const behind = filesBehind(evaluateCmd, project).map((file) => (prefix === '' ? file : `${prefix}/${file}`));
  const globs = target.filter((pattern) => /[*?[\]]/.test(pattern));
  if (globs.length === 0 || behind.length === 0) return [];
  const matched = new Set(await pathsMatching(repository, commit, globs));
  return behind.filter(
    (path) => matched.has(path) && !target.includes(path) && !evaluateCmd.split(/[\s'"]+/).includes(path),
  );
}

/** Tracked files that a target's patterns match. */
export async function pathsMatching(
  repository: Repository,
  commit: string,
  patterns: readonly string[],
): Promise<string[]> {
  return (await repository.trackedPaths(commit, patterns.map(globPathspec))).map(({ path }) => path);
}

/** Keys and values as they are written into config.cfg. */
export function configValues(plan: Plan, repositoryRoot: string, created: string): ConfigValues {
  const { agent, proposer, scope, timeBudget } = plan;
  const workspace = {
    ...(plan.workspace ? { kind: plan.workspace } : {}),
    ...(plan.link.length > 0 ? { link: plan.link.join(', ') } : {}),
    ...(plan.setup ? { setup_cmd: plan.setup } : {}),
    ...(plan.keep.length > 0 ? { keep: plan.keep.join(', ') } : {}),
    ...(plan.branch ? {} : { branch: 'off' }),
  };
  return {
    target: plan.target.join(', '),
    evaluate_cmd: plan.evaluateCmd,
    metric: plan.metric,
    metric_direction: plan.direction,
    ...(timeBudget ? { time_budget_minutes: timeBudget } : {}),
    created,
    ...(scope === 'user' ? { repository: repositoryRoot } : {}),
    ...(proposer ? { proposer: { kind: proposer } } : {}),
    ...(agent ? { agent: { preset: agent.preset, ...(agent.command ? { command: agent.command } : {}) } } : {}),
    workspace,
    ...(plan.protect.length > 0 ? { protect: { paths: plan.protect.join(', ') } } : {}),
  };
}
