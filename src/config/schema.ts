/**
 * The one schema of config.cfg: every key with its type, default, range and help text. What is not here is not accepted,
 * and the product implements all that is here. Keys are spelled as in the file; `settings.ts` makes them the program's.
 */
import { z } from 'zod';
import {
  anyNumber,
  choice,
  decimal,
  freeText,
  integer,
  matching,
  minEffect,
  onOff,
  paths,
  pattern,
  text,
  type ValueType,
} from './value-types.js';

const WEEK_MINUTES = 10_080;
const MANY = 1_000_000;

interface KeyInfo {
  readonly help: string;
  /** As it would be written in the file; null where there is none. */
  readonly default: string | null;
  readonly range: string;
  readonly required: boolean;
}

const keyInfo = z.registry<KeyInfo>();

function required<T>({ type, range }: ValueType<T>, help: string) {
  return type.register(keyInfo, { help, range, default: null, required: true });
}

function withDefault<T>({ type, range }: ValueType<T>, value: string, help: string) {
  return type.prefault(value).register(keyInfo, { help, range, default: value, required: false });
}

function optional<T>({ type, range }: ValueType<T>, help: string) {
  return type.nullable().default(null).register(keyInfo, { help, range, default: null, required: false });
}

const minutes = (min: number, max = WEEK_MINUTES) => decimal({ min, max, unit: 'minutes' });
const command = () => text('a shell command');

export const configSchema = z.strictObject({
  target: required(paths({ atLeast: 1 }), 'What may be changed: paths or globs, separated by commas.'),
  evaluate_cmd: required(command(), 'The command that measures: it exits 0 and prints a line "<metric>: <number>".'),
  metric: required(
    matching(/^[A-Za-z_][A-Za-z0-9_.-]{0,99}$/, 'a letter or "_", then up to 99 letters, digits, "_", "." and "-"'),
    'The name of the number that matters.',
  ),
  metric_direction: withDefault(
    choice(['lower', 'higher'], { minimize: 'lower', min: 'lower', maximize: 'higher', max: 'higher' }),
    'lower',
    'Which way is better.',
  ),
  metric_grep: optional(
    pattern(),
    'Finds the line of the metric; its first group, else the rest of the line, is the value. Without it: ^<metric>:',
  ),
  metric_pick: withDefault(choice(['last', 'first', 'only']), 'last', 'Which line counts when several match.'),
  time_budget_minutes: withDefault(minutes(0.001), '5', 'How long one measurement may take; fractions are allowed.'),
  hard_limit_minutes: optional(
    minutes(0.001, 2.5 * WEEK_MINUTES),
    'When a measurement is ended by force. Without it: 2.5 x time_budget_minutes.',
  ),
  created: optional(freeText(), 'When the experiment was made; for people.'),
  repository: optional(
    matching(/^(?:\/|~\/)[^\u0000-\u001f]*$/, 'an absolute path, or ~/...'),
    'Only in ~/.autoresearch: the repository that the experiment works in. Written at its first run.',
  ),
  repository_root_commit: optional(
    matching(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'a full commit id'),
    'Only in ~/.autoresearch: the first commit of that repository, so that no other takes its place.',
  ),
  proposer: z
    .strictObject({
      kind: withDefault(
        choice(['agent', 'manual', 'watch', 'search']),
        'manual',
        'Who makes the changes: an agent, you by hand, you while the loop watches, or a search over parameters.',
      ),
      seed: withDefault(integer({ min: 0, max: 4_294_967_295 }), '42', 'Makes a search repeatable.'),
    })
    .prefault({}),
  agent: z
    .strictObject({
      preset: optional(choice(['claude', 'codex', 'gemini', 'command']), 'Which agent CLI makes the changes.'),
      command: optional(command(), 'For preset = command: reads the prompt from stdin and edits the workspace.'),
      model: optional(text('a model name'), "The agent's model. Without it: the agent's own choice."),
      timeout_minutes: withDefault(minutes(0.01, 1440), '30', 'How long one proposal may take.'),
      idle_minutes: withDefault(minutes(0.01, 1440), '10', 'How long the agent may be silent.'),
    })
    .prefault({}),
  gate: z
    .strictObject({
      kind: withDefault(
        choice(['auto', 'confirm', 'single', 'min_delta', 'always']),
        'auto',
        'What counts as better: auto confirms in fresh pairs once the metric is noisy, confirm always.',
      ),
      level: withDefault(
        choice(['auto', 'fast', 'default', 'strict']),
        'auto',
        'How much proof a keep needs under auto and confirm; auto goes by what a proposal costs.',
      ),
      min_effect: optional(minEffect(), 'The smallest improvement that matters.'),
      baseline_runs: withDefault(
        integer({ min: 1, max: 50 }),
        '2',
        'How often the baseline is measured; a noisy one six times.',
      ),
      verify_pairs: withDefault(
        integer({ min: 0, max: 1000 }),
        '20',
        'Fresh pairs of baseline and best code that verify the gain of a noisy metric after ten keeps and at the end; 0 = never.',
      ),
      tie: withDefault(choice(['discard', 'simpler']), 'discard', 'An equal result: discard, or keep if simpler.'),
      probe: withDefault(onOff(), 'on', 'Break the target once on purpose to see whether the metric notices.'),
    })
    .prefault({}),
  checks: z.array(z.strictObject({ name: z.string(), command: command().type })).prefault([]),
  limits: z
    .strictObject({
      max_trials: optional(integer({ min: 1, max: MANY }), 'Trials in the life of the experiment.'),
      max_hours: optional(decimal({ min: 0.001, max: 87_600, unit: 'hours' }), 'Hours that one session may last.'),
      max_consecutive_crashes: withDefault(integer({ min: 1, max: 1000 }), '5', 'Crashes in a row that stop the loop.'),
      max_idle_proposals: withDefault(
        integer({ min: 1, max: 1000 }),
        '10',
        'Proposals in a row without a change, or failed ones, that stop the loop.',
      ),
      patience: optional(integer({ min: 1, max: MANY }), 'Trials in a row without a keep that stop the loop.'),
      target_value: optional(anyNumber(), 'The loop stops when the metric is this good.'),
      check_minutes: withDefault(minutes(0.001), '10', 'How long one check may take.'),
    })
    .prefault({}),
  workspace: z
    .strictObject({
      kind: optional(
        choice(['worktree', 'checkout']),
        'Where changes are made: a worktree of our own, or your checkout. Without it: checkout for manual and watch.',
      ),
      link: withDefault(
        paths({ atLeast: 0 }),
        '',
        'Untracked folders to link into the worktree, such as node_modules.',
      ),
      setup_cmd: optional(command(), 'Runs in a fresh workspace and when its inputs change, such as npm ci.'),
      keep: withDefault(paths({ atLeast: 0 }), '', 'Ignored paths that survive cleaning, such as a build cache.'),
      warmup_runs: withDefault(
        integer({ min: 0, max: 20 }),
        '1',
        'Measurements thrown away before the first one in a workspace.',
      ),
      scope: withDefault(
        choice(['normal', 'strict']),
        'normal',
        'New files outside the target: left out and noted, or (strict) the trial is refused.',
      ),
      branch: withDefault(onOff(), 'on', 'Keep the branch autoresearch/<domain>/<name> at the best commit.'),
    })
    .prefault({}),
  protect: z
    .strictObject({
      paths: withDefault(
        paths({ atLeast: 0 }),
        '',
        'Files that no candidate may change, besides those named in evaluate_cmd.',
      ),
    })
    .prefault({}),
  retention: z
    .strictObject({
      log_trials: withDefault(
        integer({ min: 0, max: MANY }),
        '200',
        'How many of the newest trials keep their logs; kept trials always do.',
      ),
    })
    .prefault({}),
});

/** The values of a config.cfg as they are written: what `renderConfig` takes. */
export type ConfigValues = z.input<typeof configSchema>;
/** The values as they are meant, keys still spelled as in the file. */
export type ConfigOutput = z.output<typeof configSchema>;

/** The section whose keys are names of the user's choice. */
export const CHECKS_SECTION = 'checks';

export interface SettingHelp {
  /** Empty for the keys above the first section. */
  readonly section: string;
  readonly key: string;
  readonly help: string;
  readonly default: string | null;
  readonly range: string;
  readonly required: boolean;
}

/** Every key of config.cfg in the order of the template; `[checks]` is one row with the key `<name>`. */
export function settingsHelp(): SettingHelp[] {
  const rows: SettingHelp[] = [];
  for (const [name, type] of Object.entries(configSchema.shape)) {
    const info = keyInfo.get(type);
    if (info) rows.push({ section: '', key: name, ...info });
  }
  for (const [section, type] of Object.entries(configSchema.shape)) {
    if (keyInfo.has(type)) continue;
    const inner = type instanceof z.ZodPrefault ? type.unwrap() : type;
    if (!(inner instanceof z.ZodObject)) {
      rows.push({ section, key: '<name>', help: CHECK_HELP, default: null, range: command().range, required: false });
      continue;
    }
    for (const [key, value] of Object.entries(inner.shape)) {
      const info = value instanceof z.ZodType ? keyInfo.get(value) : undefined;
      if (info) rows.push({ section, key, ...info });
    }
  }
  return rows;
}

const CHECK_HELP = 'A command that must exit 0 before a candidate is kept, such as tests or types.';
