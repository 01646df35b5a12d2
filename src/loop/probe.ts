import { AppError } from '../core/errors.js';
import { globPathspec } from '../git/staging.js';
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
  for (const content of [Buffer.from(SABOTAGE), null]) {
    const broken = await sabotagedCommit(context, trial.incumbentCommit, content);
    if (broken === null) return;
    try {
      const measurement = await lab.measure({ trial, side: 'sabotage', commit: broken });
      if (measurement.metric === null || notices(values, measurement.metric)) return;
    } catch (error) {
      if (error instanceof SetupFailed) return;
      throw error;
    }
  }
  const target = context.experiment.settings.target.join(', ');
  throw new AppError(
    'baseline',
    `the evaluator does not read the target: with ${target} broken on purpose, then deleted, it still measured the same`,
    {
      hint: `make evaluate_cmd measure the files in the workspace (rebuild them, no installed copy), or set probe = off under [gate] in ${context.experiment.configPath}`,
    },
  );
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
