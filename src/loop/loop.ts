import { loadExperiment } from '../config/experiment.js';
import { AppError, type ErrorCode, errorMessage } from '../core/errors.js';
import { GATES } from '../gate/index.js';
import { runBaseline } from './baseline.js';
import { waitAtBorder } from './border.js';
import { RunAborted, type RunContext } from './context.js';
import { requireFreeSpace } from './disk.js';
import { EnvironmentBroken } from './evidence.js';
import { chooseAtEnd } from './final-choice.js';
import { Lab } from './lab.js';
import { recover, restoreTrialRefs } from './recover.js';
import { openRevision } from './revision.js';
import { rebuildMirror } from './settle.js';
import { type Stop, type StopReason, stopBecause } from './stop-rules.js';
import { operatorsError } from './system-failure.js';
import { judgedIncumbent, runTrial } from './trial.js';
import { verifyAfterKeeps, verifyAtEnd } from './verify.js';

/** Trials until a rule, a person or a fault says stop. What has to be recovered is recovered first. */
export interface LoopOptions {
  /** Null: go on until a stop rule speaks. */
  readonly maxExperiments: number | null;
  /** One trial, then stop. */
  readonly single: boolean;
  /** Only the trial that the last run left open, and the baseline. */
  readonly baselineOnly: boolean;
  readonly retryOf: number | null;
  /** Looked at between trials: a person asked for a stop at the border. */
  readonly stopCause: () => StopReason | null;
}

/** Runs the loop. Faults that an operator must mend end it with a typed reason; a bug is thrown. */
export async function runLoop(context: RunContext, options: LoopOptions): Promise<Stop> {
  const lab = new Lab(context);
  try {
    await recover(context, lab);
    await restoreTrialRefs(context);
    if (context.guard.conflict) throw context.guard.conflict;
    mirrorAtStart(context);
    let retryAt: number | null = null;
    let configProblem = '';
    for (let round = 0; ; round += 1) {
      if (round > 0) configProblem = await refreshDefinitions(context, configProblem);
      const incumbent = await ensureBaseline(context, lab);
      const stop = stopNow(context, options, round);
      if (stop) {
        await verifyAtEnd(context, lab, stop.reason);
        await chooseAtEnd(context, lab, stop.reason);
        return stop;
      }
      if (context.signal.aborted) throw new RunAborted();
      requireFreeSpace(context);
      if (!options.single && (await waitAtBorder(context, retryAt))) continue;
      const { trial, exhausted, ...result } = await runTrial(context, lab, { incumbent, retryOf: options.retryOf });
      if (context.guard.conflict) throw context.guard.conflict;
      retryAt = result.retryAt;
      if (exhausted) {
        await verifyAtEnd(context, lab, 'proposer_finished');
        await chooseAtEnd(context, lab, 'proposer_finished');
        return { reason: 'proposer_finished', detail: trial.reason };
      }
      await verifyAfterKeeps(context, lab);
    }
  } catch (error) {
    await putBack(context);
    return stopFor(operatorsError(error), context, options);
  }
}

/** A run that ends in the middle leaves the operator's checkout as HEAD says, not as the last measurement needed it. */
async function putBack({ workspace, repository, emit }: RunContext): Promise<void> {
  if (workspace.kind !== 'checkout') return;
  try {
    const note = await workspace.settle((await repository.head()).commit, null);
    if (note) emit({ kind: 'notice', level: 'warning', text: note });
  } catch (error) {
    // What ended the run is told first; the next start puts the files back.
    emit({ kind: 'notice', level: 'warning', text: `the target was not put back: ${errorMessage(error)}` });
  }
}

function stopNow(context: RunContext, options: LoopOptions, round: number): Stop | null {
  if (options.baselineOnly) return { reason: 'trial_done', detail: 'the baseline is measured' };
  if (options.single && round > 0) return { reason: 'trial_done', detail: 'one trial was asked for and is done' };
  const cause = options.stopCause();
  if (cause) return { reason: cause, detail: 'it was asked to stop after the trial' };
  const totals = context.store.totals();
  const { limits } = context.experiment.settings;
  const { maxCostUsd, maxTokens, maxCostPerTrialUsd } = limits;
  const { maxTrials, maxHours, patience, targetValue, maxConsecutiveCrashes, maxIdleProposals } = limits;
  return stopBecause({
    counters: context.session.counters,
    activeMs: context.session.activeMs,
    totalTrials: totals.trials,
    sinceKeep: totals.sinceKeep,
    metric: context.revision.metric,
    direction: context.revision.direction,
    incumbentMetric: totals.incumbentMetric,
    spent: context.store.spent(),
    limits: {
      ...{ maxCostUsd, maxTokens, maxCostPerTrialUsd },
      maxExperiments: options.maxExperiments,
      ...{ maxTrials, maxHours, patience, targetValue, maxConsecutiveCrashes, maxIdleProposals },
    },
  });
}

/**
 * The operator may edit while the loop runs: limits and program.md apply at the next trial, a change that affects
 * measuring opens a new revision, and a broken edit changes nothing until it is mended. In a checkout the operator's
 * files are the proposer's too, so there a change counts only from the next start. Returns what is wrong with them now,
 * which is told once and not at each trial of a night; empty where nothing is.
 */
async function refreshDefinitions(context: RunContext, told: string): Promise<string> {
  if (context.workspace.kind === 'checkout') return '';
  const { experiment, store, state } = context;
  try {
    const place = {
      name: experiment.name,
      scope: experiment.scope,
      folder: experiment.folder,
      repository: experiment.root,
    };
    const edited = loadExperiment({ ...place, home: process.env['HOME'] ?? null });
    const revision = await openRevision(edited, {
      store,
      state,
      workspaceKind: context.workspace.kind,
      now: context.now(),
    });
    if (revision.number !== context.revision.number) {
      context.emit({ kind: 'notice', level: 'info', text: 'the definitions were edited: a new baseline is measured' });
    }
    context.experiment = edited;
    context.revision = revision;
    context.gate = GATES[edited.settings.gate.kind];
    return '';
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const text = `the edited configuration is not used: ${error.message}`;
    if (text !== told) context.emit({ kind: 'notice', level: 'warning', text, hint: error.hint });
    return text;
  }
}

/**
 * Measures the baseline of the current revision where there is none: of the start commit, or of the incumbent. Returns
 * the incumbent.
 */
async function ensureBaseline(context: RunContext, lab: Lab): Promise<string> {
  const { store, refs, revision, repository, experiment } = context;
  const incumbent = await refs.incumbent();
  if (incumbent !== null || store.incumbentTrial()) {
    const judged = await judgedIncumbent(context, incumbent);
    if (!store.baseline(revision.number)) await runBaseline(context, lab, judged);
    return judged;
  }
  const head = (await repository.head()).commit;
  const blocked = experiment.settings.workspace.branch ? await refs.blockingBranch() : null;
  if (blocked) throw blocked;
  await runBaseline(context, lab, experiment.settings.workspace.branch ? await refs.startPoint(head) : head);
  return judgedIncumbent(context, await refs.incumbent());
}

function mirrorAtStart(context: RunContext): void {
  try {
    rebuildMirror(context);
  } catch (error) {
    const text = `results.tsv cannot be written: ${errorMessage(error)}`;
    context.emit({ kind: 'notice', level: 'warning', text });
  }
}

const STOP_OF_ERROR: Readonly<Record<ErrorCode, StopReason>> = {
  usage: 'config',
  config: 'config',
  not_running: 'failed',
  not_installed: 'failed',
  repository: 'repository',
  locked: 'conflict',
  baseline: 'baseline_failed',
  store: 'store',
  proposer: 'proposer_gave_up',
  crash_streak: 'crash_streak',
  environment: 'environment_broken',
  conflict: 'conflict',
};

function stopFor(error: unknown, { store }: RunContext, options: LoopOptions): Stop {
  if (error instanceof RunAborted) {
    const later = store.openTrial() === null ? '' : '; the open trial is resumed by the next run';
    const detail = `it was told to end now${later}`;
    return { reason: options.stopCause() ?? 'terminated', detail };
  }
  if (error instanceof EnvironmentBroken) {
    return {
      reason: 'environment_broken',
      detail: error.message,
      hint: 'mend the environment (disk, services, programs), then run again: the open trial is measured anew',
    };
  }
  if (error instanceof AppError) return { reason: STOP_OF_ERROR[error.code], detail: error.message, hint: error.hint };
  throw error;
}
