/**
 * The flags of `init`, read one by one into typed values. What is given is checked here; what is missing stays missing,
 * for the questions or for one error that lists all of it. Pure but for the search of agents on PATH by its caller.
 */
import type { z } from 'zod';
import { configSchema } from '../config/schema.js';
import type { ExperimentSettings } from '../config/settings.js';
import { settingsHelp } from '../config/settings-help.js';
import { AppError } from '../core/errors.js';
import type { Direction } from '../core/metric.js';
import { parseExperimentName } from '../core/names.js';
import { suggest } from '../core/suggest.js';
import { oneLine, quoted } from '../core/text.js';
import { BUILT_IN_EVALUATORS } from '../evaluators/index.js';
import type { BuiltInEvaluator } from '../evaluators/types.js';
import { AGENT_PRESETS, type AgentPreset } from './detect/surroundings.js';

export interface InitFlags {
  readonly domain?: string;
  readonly name?: string;
  readonly experiment?: string;
  readonly target?: string;
  readonly eval?: string;
  readonly metric?: string;
  readonly direction?: string;
  readonly timeBudget?: string;
  readonly evaluator?: string;
  readonly scope: 'project' | 'user';
  readonly goal?: string;
  readonly constraints?: string;
  readonly proposer?: ProposerKind;
  readonly agent?: string;
  readonly workspace?: 'worktree' | 'checkout';
  readonly link?: string;
  readonly setup?: string;
  readonly keep?: string;
  readonly skipBranch?: boolean;
  readonly measure: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
  readonly path?: string;
  readonly list?: boolean;
  readonly listEvaluators?: boolean;
}

export type ProposerKind = ExperimentSettings['proposer']['kind'];

export interface Agent {
  readonly preset: AgentPreset | 'command';
  /** Only for `command`. */
  readonly command: string | null;
}

/** What the flags say; null where they say nothing. */
export interface Given {
  readonly domain: string | null;
  readonly name: string | null;
  readonly target: readonly string[] | null;
  readonly evaluateCmd: string | null;
  readonly metric: string | null;
  readonly direction: Direction | null;
  readonly timeBudget: string | null;
  readonly proposer: ProposerKind | null;
  readonly agent: Agent | null;
  readonly workspace: 'worktree' | 'checkout' | null;
  readonly link: readonly string[] | null;
  readonly setup: string | null;
  readonly keep: readonly string[] | null;
  readonly branch: boolean;
}

/** @throws AppError usage for the first flag whose value is not allowed. */
export function readFlags(flags: InitFlags, evaluatorOptions: readonly string[]): Given {
  const { shape } = configSchema;
  const workspace = shape.workspace.unwrap().shape;
  const evaluator = readEvaluator(flags, evaluatorOptions);
  const agent = readAgent(flags);
  const metric = flags.metric === undefined ? null : value('--metric', flags.metric, shape.metric);
  const direction =
    flags.direction === undefined ? null : value('--direction', flags.direction, shape.metric_direction);
  const isOwnMetric = evaluator !== null && (metric === null || metric === evaluator.metric);
  return {
    ...readName(flags),
    target: flags.target === undefined ? null : value('--target', flags.target, shape.target),
    evaluateCmd:
      evaluator?.command ?? (flags.eval === undefined ? null : value('--eval', flags.eval, shape.evaluate_cmd)),
    metric: metric ?? evaluator?.metric ?? null,
    direction: direction ?? (isOwnMetric ? evaluator.direction : null),
    timeBudget:
      flags.timeBudget === undefined
        ? null
        : String(value('--time-budget', flags.timeBudget, shape.time_budget_minutes)),
    proposer: flags.proposer ?? (agent ? 'agent' : null),
    agent,
    workspace: flags.workspace ?? null,
    link: flags.link === undefined ? null : value('--link', flags.link, workspace.link),
    setup: flags.setup === undefined ? null : value('--setup', flags.setup, workspace.setup_cmd),
    keep: flags.keep === undefined ? null : value('--keep', flags.keep, workspace.keep),
    branch: flags.skipBranch !== true,
  };
}

/** The keys of config.cfg behind flags, where their names differ. */
const KEYS: Readonly<Record<string, string>> = {
  '--eval': 'evaluate_cmd',
  '--direction': 'metric_direction',
  '--time-budget': 'time_budget_minutes',
  '--setup': 'setup_cmd',
};

function value<T>(flag: string, text: string, type: z.ZodType<T>): T {
  const parsed = type.safeParse(text);
  if (parsed.success) return parsed.data;
  const key = KEYS[flag] ?? flag.slice(2);
  const help = settingsHelp().find((row) => row.key === key && (row.section === '' || row.section === 'workspace'));
  const problem = oneLine(parsed.error.issues[0]?.message ?? 'is not allowed');
  throw new AppError('usage', `${flag} "${oneLine(text, 80)}" ${problem}`, {
    hint: `allowed: ${help?.range ?? 'see --help'}`,
  });
}

/** The same check for the answer to a question: what is wrong with it, or undefined. */
export function problemOf(flag: string, text: string, type: z.ZodType<unknown>): string | undefined {
  try {
    value(flag, text, type);
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return `${error.message}; ${error.hint}`;
    throw error;
  }
}

function readName({ experiment, domain, name }: InitFlags): Pick<Given, 'domain' | 'name'> {
  if (experiment !== undefined) {
    if (domain !== undefined || name !== undefined) {
      throw new AppError('usage', '--experiment names both parts: it goes without --domain and --name', {
        hint: `use --experiment ${quoted(experiment)} alone`,
      });
    }
    return parseExperimentName(experiment);
  }
  // Each part is checked as if the other were fine.
  if (domain !== undefined) parseExperimentName(`${domain}/x`);
  if (name !== undefined) parseExperimentName(`x/${name}`);
  return { domain: domain ?? null, name: name ?? null };
}

function readAgent({ agent, proposer }: InitFlags): Agent | null {
  if (agent === undefined) return null;
  if (proposer !== undefined && proposer !== 'agent') {
    throw new AppError('usage', `--agent goes with --proposer agent, not with ${proposer}`, {
      hint: 'leave one of the two out',
    });
  }
  return parseAgent(agent);
}

/** `claude`, `codex`, `gemini`, or a command line of one's own. */
export function parseAgent(text: string): Agent {
  const trimmed = text.trim();
  if (trimmed === '')
    throw new AppError('usage', '--agent is empty', { hint: `allowed: ${AGENT_PRESETS.join(', ')}, or a command` });
  const preset = AGENT_PRESETS.find((name) => name === trimmed);
  return preset ? { preset, command: null } : { preset: 'command', command: trimmed };
}

interface EvaluatorCommand {
  readonly command: string;
  readonly metric: string;
  readonly direction: Direction;
}

/** `--evaluator <name>`, its command in `--eval`, any other option of it after `--`. */
function readEvaluator(flags: InitFlags, given: readonly string[]): EvaluatorCommand | null {
  if (flags.evaluator === undefined) {
    if (given.length === 0) return null;
    throw new AppError('usage', `"${oneLine(given[0] ?? '', 60)}" is not expected here`, {
      hint: 'options of a built-in evaluator follow --evaluator <name> and --; see autoresearch init --help',
    });
  }
  const evaluator = BUILT_IN_EVALUATORS.find(({ name }) => name === flags.evaluator);
  if (!evaluator) throw unknownEvaluator(flags.evaluator);
  const options = evaluatorWords(evaluator, flags, given);
  const { name, metric, direction } = evaluator;
  return { command: ['autoresearch evaluate', name, ...options.map(quoted)].join(' '), metric, direction };
}

function evaluatorWords(evaluator: BuiltInEvaluator, flags: InitFlags, given: readonly string[]): string[] {
  const words = [...given];
  if (flags.eval !== undefined) {
    if (!evaluator.options.some(({ flag }) => flag === '--command')) {
      throw evaluatorError(evaluator, `${evaluator.name} takes no command in --eval; its options follow after --`);
    }
    words.unshift('--command', flags.eval);
  }
  const present = new Set<string>();
  for (let index = 0; index < words.length; index += 1) {
    const [flag = '', inline] = splitOnce(words[index] ?? '');
    const option = evaluator.options.find((each) => each.flag === flag);
    if (!option) {
      const near = suggest(
        flag,
        evaluator.options.map((each) => each.flag),
      );
      const wrong = `${evaluator.name} has no option "${oneLine(flag, 60)}"${near ? `; did you mean ${near}?` : ''}`;
      throw evaluatorError(evaluator, wrong);
    }
    if (present.has(flag)) throw evaluatorError(evaluator, `${flag} of ${evaluator.name} is given twice`);
    present.add(flag);
    if (option.value === undefined || inline !== undefined) continue;
    index += 1;
    if (words[index] === undefined) throw evaluatorError(evaluator, `${flag} of ${evaluator.name} needs a value`);
  }
  const missing = evaluator.options.find(({ flag, required }) => required && !present.has(flag));
  if (missing) throw evaluatorError(evaluator, `${evaluator.name} needs ${missing.flag} ${missing.value ?? ''}`.trim());
  if (present.size === 0) throw evaluatorError(evaluator, `${evaluator.name} needs to be told what to measure`);
  return words;
}

function splitOnce(word: string): [string, string | undefined] {
  const at = word.indexOf('=');
  return word.startsWith('--') && at > 0 ? [word.slice(0, at), word.slice(at + 1)] : [word, undefined];
}

/** The evaluator's own example, as options of `init`. */
function evaluatorError(evaluator: BuiltInEvaluator, message: string): AppError {
  const options = evaluator.example.replace(/^autoresearch evaluate \S+ /, '');
  const hint = `for example: autoresearch init --experiment engineering/my-experiment --target src/main.js --evaluator ${evaluator.name} -- ${options}`;
  return new AppError('usage', message, { hint });
}

function unknownEvaluator(name: string): AppError {
  const names = BUILT_IN_EVALUATORS.map((evaluator) => evaluator.name);
  const near = suggest(name, names);
  const message = `there is no built-in evaluator "${oneLine(name, 60)}"${near ? `; did you mean ${near}?` : ''}`;
  return new AppError('usage', message, { hint: `there are ${names.join(', ')}: autoresearch init --list-evaluators` });
}
