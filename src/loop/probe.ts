import { AppError } from '../core/errors.js';
import { formatMetric } from '../core/units.js';
import { type MetricRule, MetricScanner } from '../evaluate/metric.js';
import { globPathspec } from '../git/staging.js';
import { readLines } from '../process/capture.js';
import type { TrialRow } from '../store/rows.js';
import type { RunContext } from './context.js';
import type { Lab } from './lab.js';
import { SetupFailed } from './setup.js';

/** The sabotage probe: an evaluator that does not read the target measures something else. */
const SABOTAGE = '\u0001}])>;"\'`autoresearch broke this file on purpose, for one measurement\n';
const MOST_SABOTAGED_FILES = 2000;
/** How far, in spreads of the baseline, a broken target must move a noisy metric. */
const SABOTAGE_SPREADS = 5;

/**
 * Breaks every file of the target and measures: a metric that does not notice measures something else. The broken tree
 * is a commit like any other, so that it is put in place, measured and taken away the usual way.
 */
export async function probeTarget(
  context: RunContext,
  lab: Lab,
  { trial, values }: { trial: TrialRow; values: readonly number[] },
): Promise<void> {
  let sameLog = '';
  for (const content of [Buffer.from(SABOTAGE), null]) {
    const broken = await sabotagedCommit(context, trial.incumbentCommit, content);
    if (broken === null) return;
    try {
      const measurement = await lab.measure({ trial, side: 'sabotage', commit: broken });
      if (measurement.metric === null || notices(values, measurement.metric)) return;
      sameLog = measurement.logPath;
    } catch (error) {
      if (error instanceof SetupFailed) return;
      throw error;
    }
  }
  const target = context.experiment.settings.target.join(', ');
  const wrongLine = await lineThatNotices(context, { trial, values, sameLog });
  if (wrongLine !== null) throw wrongLine;
  throw new AppError(
    'baseline',
    `the evaluator does not read the target: with ${target} broken on purpose, then deleted, it still measured the same`,
    {
      hint: `make evaluate_cmd measure the files in the workspace (rebuild them, no installed copy), or set probe = off under [gate] in ${context.experiment.configPath}`,
    },
  );
}

interface Unnoticed {
  readonly trial: TrialRow;
  readonly values: readonly number[];
  /** Of a measurement of the broken target that came out the same. */
  readonly sameLog: string;
}

/**
 * An evaluator that prints the metric several times reads the target after all, where the line at the other end changes
 * with it: then the pick is wrong. Null where no other line notices.
 */
async function lineThatNotices(context: RunContext, { trial, values, sameLog }: Unnoticed): Promise<AppError | null> {
  const { experiment, revision, store } = context;
  const { pattern, pick, metric } = revision.evaluator.rule;
  const other = pick === 'first' ? 'last' : 'first';
  const rule = { metric, pattern, pick: other } as const;
  const whole: number[] = [];
  for (const { side, state, logPath } of store.measurementsOf(trial.id)) {
    const value = side === 'candidate' && state === 'done' ? await valueIn(logPath, rule) : null;
    if (value !== null) whole.push(value);
  }
  const broken = await valueIn(sameLog, rule);
  const [seen] = whole;
  if (seen === undefined || (broken !== null && !notices(whole, broken))) return null;
  const [ours, counted] = [seen, values[0] ?? seen].map((value) => formatMetric(metric, value));
  return new AppError(
    'baseline',
    `several lines of the output give ${metric}: with the target broken on purpose the ${other} one (${ours}) changes, but the ${pick} one, which counts, stays ${counted}`,
    {
      hint: `let evaluate_cmd print ${metric} once, or take the ${other} line: metric_pick = ${other} in ${experiment.configPath}`,
    },
  );
}

async function valueIn(logPath: string, rule: MetricRule): Promise<number | null> {
  const scanner = new MetricScanner(rule);
  for await (const line of readLines(logPath)) scanner.push(line);
  const result = scanner.result();
  return 'metric' in result ? result.metric : null;
}

function notices(values: readonly number[], broken: number): boolean {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const margin = (high - low) * SABOTAGE_SPREADS;
  return broken < low - margin || broken > high + margin;
}

async function sabotagedCommit(
  { repository, experiment, revision }: RunContext,
  commit: string,
  content: Buffer | null,
): Promise<string | null> {
  const definitions = new Set(revision.files.map(({ path }) => path));
  const tracked = await repository.trackedPaths(commit, experiment.settings.target.map(globPathspec));
  const files = tracked
    .filter(({ path, mode }) => !definitions.has(path) && mode.startsWith('100'))
    .slice(0, MOST_SABOTAGED_FILES);
  if (files.length === 0) return null;
  const tree = await repository.treeWith(commit, new Map(files.map(({ path }) => [path, content])));
  return repository.commitTree({
    tree,
    parent: commit,
    message: 'autoresearch: the target broken on purpose\n',
    epochSeconds: 0,
  });
}
