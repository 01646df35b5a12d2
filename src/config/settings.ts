/**
 * From the lines of a config.cfg to the settings that the program uses: unknown keys and values that are not allowed
 * become one error that names file, line, key and what is allowed. Pure.
 */
import type { Direction } from '../core/metric.js';
import { type ConfigProblem, configError } from './config-error.js';
import { explainInvalid, explainMissing, explainUnknown } from './explain.js';
import { type Check, checkProblems, checksOf, type Holdout, holdoutOf, holdoutProblems } from './keep-conditions.js';
import { modelProblems } from './model-keys.js';
import type { ConfigLine } from './read-lines.js';
import { CHECKS_SECTION, type ConfigOutput, configSchema, MINUTES_SUFFIX } from './schema.js';

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;
type CamelKeys<T> = { readonly [K in keyof T as CamelCase<K & string>]: T[K] };
type Section<K extends keyof ConfigOutput> = CamelKeys<ConfigOutput[K]>;

/** Everything that an experiment's config.cfg says, with defaults filled in. Null = not given, and there is none. */
export interface ExperimentSettings {
  readonly target: readonly string[];
  readonly evaluateCmd: string;
  readonly metric: string;
  readonly metricDirection: Direction;
  /** As written; it compiles, perhaps after a `(?i)`. How it is matched is the evaluator's business. */
  readonly metricGrep: string | null;
  readonly metricPick: ConfigOutput['metric_pick'];
  readonly timeBudgetMinutes: number;
  readonly hardLimitMinutes: number;
  readonly created: string | null;
  readonly repository: string | null;
  readonly repositoryRootCommit: string | null;
  /** `explicit`: the file names the kind, it is not merely the default. */
  readonly proposer: Section<'proposer'> & { readonly explicit: boolean };
  readonly agent: Section<'agent'>;
  /** For evaluators that ask a model; `adapter` is null where none is named. */
  readonly judge: Section<'judge'>;
  readonly targetModel: Section<'target_model'>;
  readonly gate: Section<'gate'>;
  readonly checks: readonly Check[];
  /** Null: nothing is held out. */
  readonly holdout: Holdout | null;
  readonly limits: Section<'limits'>;
  readonly loop: Section<'loop'>;
  readonly workspace: Section<'workspace'>;
  readonly protect: Section<'protect'>;
  readonly sandbox: Section<'sandbox'>;
  readonly notify: Section<'notify'>;
  readonly retention: Section<'retention'>;
}

/** The kill comes at this multiple of the budget where no limit is given, as with the original. */
const HARD_LIMIT_FACTOR = 2.5;

/**
 * @param path names the file in errors; nothing is read from it.
 * @throws AppError config that lists all problems of the file.
 */
export function parseSettings(lines: readonly ConfigLine[], path: string): ExperimentSettings {
  const problems: ConfigProblem[] = [];
  const known = lines.filter((line) => {
    const problem = explainUnknown(line);
    if (problem) problems.push(problem);
    return problem === null;
  });
  const { input, sources, strays } = toInput(known);
  problems.push(...strays);
  const parsed = configSchema.safeParse(input);
  if (parsed.success) {
    problems.push(...contradictions(parsed.data, sources));
  } else {
    for (const issue of parsed.error.issues) {
      const line = sources.get(issue.path.join('.'));
      problems.push(line ? explainInvalid(line, issue.message) : explainMissing(String(issue.path.at(-1))));
    }
  }
  const [problem, ...others] = problems;
  if (problem) throw configError(path, [problem, ...others]);
  if (!parsed.success) throw parsed.error;
  return toSettings(parsed.data, sources);
}

/** Which line a value came from, by its path in the schema: `metric`, `gate.kind`, `checks.0.command`. */
type Sources = ReadonlyMap<string, ConfigLine>;

interface Input {
  readonly input: Record<string, unknown>;
  readonly sources: Sources;
  /** Limits of checks that are not there. */
  readonly strays: readonly ConfigProblem[];
}

/** What the schema takes, from lines that it knows. */
function toInput(lines: readonly ConfigLine[]): Input {
  const top: Record<string, string> = {};
  const sections: Record<string, Record<string, string>> = {};
  const sources = new Map<string, ConfigLine>();
  for (const line of lines) {
    const { section, key, value } = line;
    if (section === CHECKS_SECTION) continue;
    sources.set(section === '' ? key : `${section}.${key}`, line);
    if (section === '') top[key] = value;
    else sections[section] = { ...sections[section], [key]: value };
  }
  const { checks, strays } = checksInput(lines, sources);
  return { input: { ...top, ...sections, [CHECKS_SECTION]: checks }, sources, strays };
}

interface CheckInput {
  readonly name: string;
  readonly command: string;
  minutes?: string;
}

/** The checks in their order, each with its own limit from wherever in the section that stands. */
function checksInput(lines: readonly ConfigLine[], sources: Map<string, ConfigLine>) {
  const own = lines.filter(({ section }) => section === CHECKS_SECTION);
  const checks: CheckInput[] = [];
  for (const line of own.filter(({ key }) => !key.endsWith(MINUTES_SUFFIX))) {
    sources.set(`${CHECKS_SECTION}.${checks.length}.command`, line);
    checks.push({ name: line.key, command: line.value });
  }
  const strays: ConfigProblem[] = [];
  for (const line of own.filter(({ key }) => key.endsWith(MINUTES_SUFFIX))) {
    const name = line.key.slice(0, -MINUTES_SUFFIX.length);
    const index = checks.findIndex((check) => check.name === name);
    const check = checks[index];
    if (check === undefined) {
      const message = `${line.key} in [${CHECKS_SECTION}] is the limit of a check ${name}, which does not exist`;
      strays.push({ line: line.line, message, hint: `add ${name} = <a command>, or delete the line` });
    } else {
      sources.set(`${CHECKS_SECTION}.${index}.minutes`, line);
      check.minutes = line.value;
    }
  }
  return { checks, strays };
}

/** Values that are allowed each for itself but not together. */
function contradictions(output: ConfigOutput, sources: Sources): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const line = (path: string): number | null => sources.get(path)?.line ?? null;
  const { hard_limit_minutes: hardLimit, time_budget_minutes: budget, agent } = output;
  if (hardLimit !== null && hardLimit < budget) {
    problems.push({
      line: line('hard_limit_minutes'),
      message: `hard_limit_minutes = ${hardLimit} is less than time_budget_minutes = ${budget}`,
      hint: `allow at least the budget, or delete the line: ${HARD_LIMIT_FACTOR} x the budget is the default`,
    });
  }
  if (agent.preset === 'command' && agent.command === null) {
    problems.push({
      line: line('agent.preset'),
      message: 'preset = command in [agent] needs the key command',
      hint: 'add to [agent]: command = <a command that reads the prompt from stdin>',
    });
  }
  if (agent.command !== null && agent.preset !== null && agent.preset !== 'command') {
    problems.push({
      line: line('agent.command'),
      message: `command in [agent] is never run with preset = ${agent.preset}`,
      hint: 'set preset = command, or delete the command',
    });
  }
  if (output.gate.kind === 'min_delta' && output.gate.min_effect === null) {
    problems.push({
      line: line('gate.kind'),
      message: 'kind = min_delta in [gate] asks for a smallest improvement, and min_effect does not say which',
      hint: 'add to [gate]: min_effect = 2% (of the value) or 0.5 (in its unit), or set kind = single',
    });
  }
  for (const key of ['network', 'agent_network', 'hide'] as const) {
    const value = output.sandbox[key];
    if (output.sandbox.kind !== 'none' || value === true || (Array.isArray(value) && value.length === 0)) continue;
    problems.push({
      line: line(`sandbox.${key}`),
      message: `${key} in [sandbox] protects nothing without a sandbox`,
      hint: 'add to [sandbox]: kind = bwrap, or delete the line',
    });
  }
  const models = (['judge', 'target_model'] as const).flatMap((name) => modelProblems(name, output[name], line));
  return [...problems, ...models, ...checkProblems(output, line), ...holdoutProblems(output, line)];
}

function toSettings(output: ConfigOutput, sources: Sources): ExperimentSettings {
  const { agent, hard_limit_minutes: hardLimit, time_budget_minutes: budget } = output;
  return {
    target: output.target,
    evaluateCmd: output.evaluate_cmd,
    metric: output.metric,
    metricDirection: output.metric_direction,
    metricGrep: output.metric_grep,
    metricPick: output.metric_pick,
    timeBudgetMinutes: budget,
    hardLimitMinutes: hardLimit ?? budget * HARD_LIMIT_FACTOR,
    created: output.created,
    repository: output.repository,
    repositoryRootCommit: output.repository_root_commit,
    proposer: { ...camelKeys(output.proposer), explicit: sources.has('proposer.kind') },
    agent: camelKeys({ ...agent, preset: agent.preset ?? (agent.command === null ? null : 'command') }),
    judge: camelKeys(output.judge),
    targetModel: camelKeys(output.target_model),
    gate: camelKeys(output.gate),
    checks: checksOf(output),
    holdout: holdoutOf(output),
    limits: camelKeys(output.limits),
    loop: camelKeys(output.loop),
    workspace: camelKeys(output.workspace),
    protect: camelKeys(output.protect),
    sandbox: camelKeys(output.sandbox),
    notify: camelKeys(output.notify),
    retention: camelKeys(output.retention),
  };
}

function camelKeys<T extends object>(section: T): CamelKeys<T> {
  const entries = Object.entries(section).map(([key, value]) => [toCamelCase(key), value]);
  return Object.fromEntries(entries) as CamelKeys<T>;
}

function toCamelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
