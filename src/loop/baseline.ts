import { AppError, errorMessage } from '../core/errors.js';
import type { Measurement } from '../core/measurement.js';
import type { Outcome } from '../core/outcome.js';
import { median, noisePercent } from '../core/statistics.js';
import { oneLine } from '../core/text.js';
import { formatMetric, formatPercent } from '../core/units.js';
import { globPathspec } from '../git/staging.js';
import type { TrialRow } from '../store/rows.js';
import { missingNumber, warnOfLimits } from './checks.js';
import { noiseKey, RunAborted, type RunContext, scopeOf } from './context.js';
import { seedOfKnown } from './evidence.js';
import { heldOutValue, warnOfNoise } from './holdout.js';
import type { Lab } from './lab.js';
import { probeTarget } from './probe.js';
import { REBASED_ONTO } from './revision.js';
import { endUncounted } from './settle.js';
import { SetupFailed } from './setup.js';
import { finishTrial } from './trial.js';

/**
 * Trial 0, and the baseline of every later revision: the unmodified code, measured several times, and once with the
 * target broken on purpose, to prove that the evaluator reads it.
 */
const NOISY_RUNS = 6;
const NOISY_RUNS_IF_LONG = 3;
const LONG_BASELINE_SECONDS = 30 * 60;
const FEWER_RUNS = ' (three runs: the usual six would take over 30 minutes)';

/** Measures the baseline of the current revision on `commit`. @throws AppError baseline with what to mend. */
export async function runBaseline(context: RunContext, lab: Lab, commit: string): Promise<TrialRow> {
  const { store, refs, experiment, revision, session, now } = context;
  await commitOpenEdit(context, commit);
  const begun = store.beginTrial({
    kind: 'baseline',
    sessionId: session.counters.id,
    revision: revision.number,
    proposer: 'baseline',
    incumbentCommit: commit,
    mark: context.newMark(),
    retryOf: null,
    now: now(),
  });
  await requireTarget(context, begun, commit);
  await context.workspace.prepare(commit);
  const isFirst = (await refs.incumbent()) === null;
  const number = isFirst && store.nextTrialNumber() === 0 ? 0 : null;
  const intended = store.intendCommit(begun.id, {
    number,
    tree: await context.repository.treeOf(commit),
    parent: commit,
    epochSeconds: 0,
    message: '',
    existingCommit: commit,
    ruling: null,
    description: number === 0 ? 'baseline' : whyAnew(context, commit),
    changedPaths: [],
    insertions: null,
    deletions: null,
    notes: [],
    proposeMs: null,
    proposerState: undefined,
  });
  const trial = store.beginAttempt(store.recordCommit(intended.id, commit).id);
  try {
    await measureBaseline(context, lab, trial);
  } catch (error) {
    store.dropMeasurements(trial.id);
    const aborted = error instanceof RunAborted;
    const outcome = error instanceof BaselineFailed ? error.outcome : 'interrupted';
    const failure = error instanceof BaselineFailed ? error.recorded : errorMessage(error);
    const reason = aborted ? 'the run was stopped during the baseline' : failure;
    endUncounted(context, trial, { outcome, reason });
    throw error;
  }
  await refs.initialise(await firstCommit(context, commit), { branch: experiment.settings.workspace.branch });
  return finishBaseline(context, lab, trial.id);
}

function whyAnew({ store, revision }: RunContext, commit: string): string {
  const isMerged = store.fact(REBASED_ONTO) === commit && store.keptTrialOf(commit) === null;
  return isMerged
    ? 'the best code with the commits that were taken in'
    : `the best code by the changed definitions (revision ${revision.number})`;
}

/**
 * In a checkout the target may hold an uncommitted edit, the first proposal: it becomes a commit of the proposal line, so
 * that the unmodified files can take its place for the baseline and it can come back.
 */
async function commitOpenEdit({ workspace, repository, experiment, now }: RunContext, start: string): Promise<void> {
  if (workspace.kind !== 'checkout') return;
  const staged = await workspace.inspect(start, scopeOf(experiment));
  if (staged === null || staged.existingCommit !== null || staged.changed.length === 0) return;
  const { tree, parent } = staged;
  const message = `experiment: edit of ${staged.changed.map(({ path }) => path).join(', ')}\n`;
  const edit = await repository.commitTree({ tree, parent, message, epochSeconds: Math.floor(now() / 1000) });
  await workspace.adopt(edit, staged);
}

/** The incumbent exists already for a later revision's baseline; then nothing is created. */
async function firstCommit({ refs }: RunContext, commit: string): Promise<string> {
  return (await refs.incumbent()) ?? commit;
}

/** From a measured baseline to the settled row. */
export async function finishBaseline(context: RunContext, lab: Lab, trialId: number): Promise<TrialRow> {
  const trial = context.store.trialById(trialId);
  if (!trial) throw new Error(`trial row ${trialId} is gone`);
  return finishTrial(context, lab, trial);
}

/** @throws AppError config when there is nothing that a candidate may change. */
async function requireTarget(context: RunContext, trial: TrialRow, commit: string): Promise<void> {
  const { repository, experiment, revision } = context;
  const { target } = experiment.settings;
  const tracked = await repository.trackedPaths(commit, target.map(globPathspec));
  const definitions = new Set(revision.files.map(({ path }) => path));
  if (tracked.some(({ path }) => !definitions.has(path))) return;
  const [first] = tracked;
  const reason = first
    ? `every file of the target ${target.join(', ')} also decides the measurement, so none may change`
    : `the target ${target.join(', ')} matches no file that git tracks in ${commit.slice(0, 7)}`;
  const hint = first
    ? `a file that the target names literally may change although evaluate_cmd names it: target = ${first.path} in ${experiment.configPath}`
    : `add it: git add ${target[0] ?? '<path>'} && git commit, or mend "target" in ${experiment.configPath}`;
  endUncounted(context, trial, { outcome: 'not_started', reason });
  throw new AppError('config', reason, { hint });
}

async function measureBaseline(context: RunContext, lab: Lab, trial: TrialRow): Promise<void> {
  const { store, revision, experiment } = context;
  const runs: Measurement[] = [];
  const values: number[] = [];
  let last: Measurement | null = null;
  const { baselineRuns, kind } = experiment.settings.gate;
  let wanted = baselineRuns;
  while (values.length < wanted) {
    last = await measureUnmodified(context, lab, { trial, seed: seedOfKnown(context, trial, values.length) });
    if (runs.length === 0) requireNumbers(context, last);
    runs.push(last);
    values.push(last.metric ?? Number.NaN);
    const differ = values.some((value) => value !== values[0]);
    if (differ && (kind === 'auto' || kind === 'confirm' || kind === 'paired'))
      wanted = Math.max(baselineRuns, noisyRuns(last));
  }
  const noisy = values.some((value) => value !== values[0]);
  store.setFact(noiseKey(revision.number), { values, noisy });
  const metric = median(values);
  warnOfLimits(context, trial);
  const holdout = await baselineHoldout(context, lab, { trial, runs });
  if (experiment.settings.gate.probe) await probeTarget(context, lab, { trial, values });
  store.judge(trial.id, {
    outcome: 'measured',
    verdict: 'keep',
    reason:
      describeBaseline(revision.metric, values) + (wanted > baselineRuns && wanted < NOISY_RUNS ? FEWER_RUNS : ''),
    statistics: { values },
    metric,
    incumbentMetric: null,
    holdout,
    feedback: last?.feedback ?? null,
    crashTail: null,
  });
}

/** A number that a check needs and the evaluator does not print is a slip of the operator's: found now, not at the first keep. */
function requireNumbers(context: RunContext, run: Measurement): void {
  const missing = missingNumber(context, run);
  if (missing === null) return;
  const others = Object.keys(run.secondary).join(', ');
  const found =
    others === '' ? 'it prints no number beside the metric' : `its other numbers are ${oneLine(others, 300)}`;
  throw new BaselineFailed(
    'metric_error',
    `${missing}, which the output of the unmodified code does not have: ${found}`,
    `let evaluate_cmd print that line, or mend the name in ${context.experiment.configPath}`,
  );
}

/** The held-out value of the unmodified code; what is wrong with it stands in the error, and not in the row. */
async function baselineHoldout(
  context: RunContext,
  lab: Lab,
  { trial, runs }: { trial: TrialRow; runs: readonly Measurement[] },
): Promise<number | null> {
  const { holdout } = context.experiment.settings;
  if (holdout === null) return null;
  const found = await heldOutValue(context, lab, holdout, { trial, commit: trial.incumbentCommit, runs });
  if (found.value !== null) {
    warnOfNoise(context, runs);
    return found.value;
  }
  throw new BaselineFailed(
    'metric_error',
    `the held-out number of the unmodified code could not be measured (${found.problem})`,
    `mend [holdout] in ${context.experiment.configPath}; the output is in the newest log below ${context.state.trial(trial.id)}`,
    { recorded: 'the held-out number of the unmodified code could not be measured' },
  );
}

/** How many runs a noisy baseline takes: the gate's first estimate of the noise. */
function noisyRuns({ wallSeconds }: Measurement): number {
  return wallSeconds * NOISY_RUNS > LONG_BASELINE_SECONDS ? NOISY_RUNS_IF_LONG : NOISY_RUNS;
}

/** `p50_ms 12.3 ms in 2 runs, noise about 4 %: smaller gains are coin flips`. */
function describeBaseline(metric: string, values: readonly number[]): string {
  const text = `${metric} ${formatMetric(metric, median(values))} in ${values.length} run${values.length === 1 ? '' : 's'}`;
  if (values.length < 2) return text;
  if (values.every((value) => value === values[0])) return `${text}, all equal`;
  const noise = noisePercent(values);
  if (noise === null) return `${text}, which differ`;
  return `${text}, noise about ${formatPercent(noise).replace('+', '')}: smaller gains are coin flips`;
}

async function measureUnmodified(
  context: RunContext,
  lab: Lab,
  { trial, seed }: { readonly trial: TrialRow; readonly seed: number | null },
): Promise<Measurement> {
  const commit = trial.incumbentCommit;
  try {
    const measurement = await lab.measure({ trial, side: 'candidate', commit, seed });
    if (measurement.outcome === 'measured') return measurement;
    const { outcome, logPath } = measurement;
    if (outcome === 'try_later') throw new Error('the lab waits out "try later"');
    const reason = `${outcome.replaceAll('_', ' ')}: ${measurement.reason}`;
    throw baselineError(context, { outcome, reason, tail: await lab.tail(logPath), logPath });
  } catch (error) {
    if (error instanceof SetupFailed) {
      const { message: reason, tail } = error;
      throw baselineError(context, { outcome: 'not_started', reason, tail, logPath: null });
    }
    throw error;
  }
}

/** The unmodified code itself failed; the outcome goes into the row. */
class BaselineFailed extends AppError {
  readonly outcome: Outcome;
  /** The reason in the row, which proposers read. */
  readonly recorded: string;

  constructor(outcome: Outcome, message: string, hint: string, { recorded = message } = {}) {
    super('baseline', message, { hint });
    this.outcome = outcome;
    this.recorded = recorded;
  }
}

interface BaselineFailure {
  readonly outcome: Outcome;
  readonly reason: string;
  /** The end of the output; untrusted text. */
  readonly tail: string;
  readonly logPath: string | null;
}

function baselineError(
  { experiment, workspace }: RunContext,
  { outcome, reason, tail, logPath }: BaselineFailure,
): AppError {
  const output =
    tail === ''
      ? ''
      : `\nIts output ended with:\n${tail
          .split('\n')
          .slice(-12)
          .map((line) => `  | ${line}`)
          .join('\n')}`;
  const untracked =
    workspace.kind === 'worktree'
      ? ' It runs in a clean worktree: untracked folders such as node_modules need `link` or `setup_cmd` under [workspace].'
      : '';
  return new BaselineFailed(
    outcome,
    `the unmodified code could not be measured (${reason}).${output}`,
    `mend evaluate_cmd in ${experiment.configPath}.${untracked}${logPath ? ` Whole log: ${logPath}` : ''}`,
  );
}
