/**
 * The one schema of config.cfg: every key with its type, default, range and help text. What is not here is not accepted,
 * and the product implements all that is here. Keys are spelled as in the file; `settings.ts` makes them the program's.
 */
import { z } from 'zod';
import { optional, required, withDefault } from './keys.js';
import { modelKeys } from './model-keys.js';
import {
  anyNumber,
  choice,
  choices,
  decimal,
  freeText,
  integer,
  interval,
  matching,
  minEffect,
  onOff,
  paths,
  pattern,
  places,
  text,
  variables,
} from './value-types.js';

const WEEK_MINUTES = 10_080;
const MANY = 1_000_000;

const minutes = (min: number, max = WEEK_MINUTES) => decimal({ min, max, unit: 'minutes' });
const money = () => decimal({ min: 0.0001, max: 1_000_000, unit: 'US dollars' });
const command = () => text('a shell command');
const metricName = () =>
  matching(/^[A-Za-z_][A-Za-z0-9_.-]{0,99}$/, 'a letter or "_", then up to 99 letters, digits, "_", "." and "-"');
const direction = () =>
  choice(['lower', 'higher'], { minimize: 'lower', min: 'lower', maximize: 'higher', max: 'higher' });

export const checkMinutes = () => minutes(0.001);

export const configSchema = z.strictObject({
  target: required(paths({ atLeast: 1 }), 'What may be changed: paths or globs, separated by commas.'),
  evaluate_cmd: required(command(), 'The command that measures: it exits 0 and prints a line "<metric>: <number>".'),
  metric: required(metricName(), 'The name of the number that matters.'),
  metric_direction: withDefault(direction(), 'lower', 'Which way is better.'),
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
      preset: optional(
        choice(['claude', 'codex', 'gemini', 'opencode', 'pi', 'aider', 'command']),
        'Which agent CLI makes the changes.',
      ),
      command: optional(command(), 'For preset = command: reads the prompt from stdin and edits the workspace.'),
      model: optional(
        text('a model name'),
        "The agent's model, for a command in $AUTORESEARCH_MODEL. Without it: the agent's own choice.",
      ),
      extra_args: optional(text('arguments as in a shell'), 'Arguments to add to those of the preset.'),
      env_allow: withDefault(
        variables(),
        '',
        'Variables that a preset gets although their names speak of secrets; what logs it in it gets anyway.',
      ),
      price: optional(
        matching(/^\d+(?:\.\d+)?(?:\s*\/\s*\d+(?:\.\d+)?){1,2}$/, 'in/out or in/out/cached, such as 3/15'),
        'US dollars per million tokens of the model, to estimate costs that the agent does not tell.',
      ),
      timeout_minutes: withDefault(minutes(0.01, 1440), '30', 'How long one proposal may take.'),
      idle_minutes: withDefault(minutes(0.01, 1440), '10', 'How long the agent may be silent.'),
    })
    .prefault({}),
  judge: z
    .strictObject({
      ...modelKeys('scores, for the evaluators llm_judge_...'),
      votes: withDefault(integer({ min: 1, max: 25 }), '3', 'How often the judge is asked; scores are the means.'),
    })
    .prefault({}),
  target_model: z
    .strictObject(modelKeys('answers the test cases of llm_judge_prompt; without it the judge does'))
    .prefault({}),
  gate: z
    .strictObject({
      kind: withDefault(
        choice(['auto', 'confirm', 'paired', 'single', 'min_delta', 'always']),
        'auto',
        'What counts as better: auto confirms in fresh pairs once the metric is noisy, confirm always, paired item by item.',
      ),
      level: withDefault(
        choice(['fast', 'default', 'strict']),
        'default',
        'How much proof a keep of a noisy metric needs: strict errs least, fast spends least.',
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
  checks: z
    .array(z.strictObject({ name: z.string(), command: command().type, minutes: checkMinutes().type.optional() }))
    .prefault([]),
  holdout: z
    .strictObject({
      metric: optional(
        metricName(),
        'Another number of the evaluator, or of command, that no proposer ever sees and no keep may make worse.',
      ),
      command: optional(command(), 'Measures the held-out number, where evaluate_cmd does not print it already.'),
      direction: optional(direction(), 'Which way the held-out number is better. Without it: metric_direction.'),
      max_regression: withDefault(
        minEffect(),
        '0',
        'How much worse than the incumbent it may be: a share (2%) or an amount. For a noisy number about its noise.',
      ),
      when: withDefault(
        choice(['keeps', 'end']),
        'keeps',
        'keeps: each candidate that is about to be kept must pass; end: only the final choice among the kept goes by it.',
      ),
    })
    .prefault({}),
  limits: z
    .strictObject({
      max_trials: optional(integer({ min: 1, max: MANY }), 'Trials in the life of the experiment.'),
      max_hours: optional(decimal({ min: 0.001, max: 87_600, unit: 'hours' }), 'Hours that one session may last.'),
      max_cost_usd: optional(money(), 'What all proposals of the experiment may cost.'),
      max_cost_per_trial_usd: optional(money(), 'What one proposal may cost; one that cost more is not kept.'),
      max_tokens: optional(
        integer({ min: 1, max: 1_000_000_000_000 }),
        'Tokens that all proposals of the experiment may take.',
      ),
      max_consecutive_crashes: withDefault(integer({ min: 1, max: 1000 }), '5', 'Crashes in a row that stop the loop.'),
      max_idle_proposals: withDefault(
        integer({ min: 1, max: 1000 }),
        '10',
        'Proposals in a row without a change, with an earlier one again, or failed, that stop the loop.',
      ),
      min_free_mb: withDefault(
        integer({ min: 0, max: 100_000_000 }),
        '200',
        'MiB that must be free on the disk before a trial begins.',
      ),
      max_trials_per_day: optional(
        integer({ min: 1, max: MANY }),
        'Trials that may begin on one day; the loop waits for midnight.',
      ),
      patience: optional(integer({ min: 1, max: MANY }), 'Trials in a row without a keep that stop the loop.'),
      target_value: optional(anyNumber(), 'The loop stops when the metric is this good.'),
      check_minutes: withDefault(minutes(0.001), '10', 'How long one check may take.'),
    })
    .prefault({}),
  loop: z
    .strictObject({
      inhibit_sleep: withDefault(onOff(), 'on', 'Keep the machine awake while the loop runs.'),
      interval: optional(
        interval(),
        'How often a trial may begin; a missed one is made up for once. Without it: one after the other.',
      ),
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
      exclusive: withDefault(
        choice(['auto', 'on', 'off']),
        'auto',
        'Measure while nothing else of autoresearch measures on this machine; auto: where the metric tells time.',
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
  sandbox: z
    .strictObject({
      kind: withDefault(
        choice(['none', 'bwrap']),
        'none',
        'bwrap: commands and agents see the system read-only and write only to the workspace (Linux, bubblewrap).',
      ),
      network: withDefault(onOff(), 'on', 'Whether the evaluator, checks and set-up have the network.'),
      agent_network: withDefault(
        onOff(),
        'on',
        'Whether the agent has the network; without it no hosted model answers.',
      ),
      write: withDefault(places(), '', 'Further folders or files that may be written to, such as caches.'),
      hide: withDefault(places(), '', 'Further folders or files that must not be seen, besides keys and logins.'),
      device: withDefault(places(), '', 'Devices that may be used, such as a GPU.'),
    })
    .prefault({}),
  notify: z
    .strictObject({
      command: optional(command(), 'Gets a JSON message on stdin when something happened that matters.'),
      webhook: optional(
        matching(/^https?:\/\/\S+$/, 'an http or https address'),
        'Gets the message by POST; `text` in it is what Slack and its likes show.',
      ),
      webhook_env: optional(
        matching(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable'),
        'The variable that holds the address, where that is a secret.',
      ),
      events: withDefault(
        choices(['new_best', 'target_reached', 'plateau', 'budget_spent', 'stopped', 'runner_restarted']),
        'new_best, target_reached, plateau, budget_spent, stopped, runner_restarted',
        'What is told; new bests of a minute are told together.',
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
      ref_trials: withDefault(
        integer({ min: 0, max: MANY }),
        '10000',
        'How many of the newest trials keep their commit reachable; kept trials always do.',
      ),
    })
    .prefault({}),
});

/** The values of a config.cfg as they are written: what `renderConfig` takes. */
export type ConfigValues = z.input<typeof configSchema>;
/** The values as they are meant, keys still spelled as in the file. */
export type ConfigOutput = z.output<typeof configSchema>;

/** The section whose keys are names of the user's choice; `<name>.minutes` belongs to the check `<name>`. */
export const CHECKS_SECTION = 'checks';
export const MINUTES_SUFFIX = '.minutes';
