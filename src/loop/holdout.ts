import type { Holdout } from '../config/keep-conditions.js';
import type { Json } from '../core/json.js';
import { minEffectAmount } from '../core/metric.js';
import { noisePercent } from '../core/statistics.js';
import { passesHoldout, worstAllowed } from '../evaluate/held-out.js';
import { type MeasuredRun, medianOf } from '../evaluate/thresholds.js';
import type { TrialRow } from '../store/rows.js';
import { incumbentRuns } from './checks.js';
import type { RunContext } from './context.js';
import { isBeforeEpoch } from './epochs.js';
import { EnvironmentBroken } from './evidence.js';
import { Tampered } from './guard.js';
import type { Lab } from './lab.js';
import { SetupFailed } from './setup.js';

/**
 * The held-out metric: a number that no proposer ever sees. What is found here goes into the column and the statistics of
 * a trial, which people read; the reason that proposers read says passed or failed and nothing more.
 */
export type HeldOut =
  | { readonly value: number }
  | { readonly value: null; readonly problem: string; readonly tampered: boolean };

interface Measured {
  readonly trial: TrialRow;
  readonly commit: string;
  /** Runs of the evaluator on this commit. */
  readonly runs: readonly MeasuredRun[];
}

export const HOLDOUT_FAILED = 'it failed the held-out check';

/** The held-out value of a commit: what its runs printed beside the metric, or what the held-out command says. */
export async function heldOutValue(
  context: RunContext,
  lab: Lab,
  holdout: Holdout,
  { trial, commit, runs }: Measured,
): Promise<HeldOut> {
  if (holdout.command === null) {
    const value = printedValue(context, runs);
    if (value !== null) return { value };
    return { value, tampered: false, problem: `its output has no line "${holdout.metric}: <number>"` };
  }
  try {
    const { metric, outcome, reason } = await lab.measure({ trial, side: 'holdout', commit });
    if (metric !== null) return { value: metric };
    const tampered = outcome === 'tampered';
    return { value: null, tampered, problem: `the held-out command: ${outcome.replaceAll('_', ' ')}: ${reason}` };
  } catch (error) {
    if (error instanceof SetupFailed) return { value: null, tampered: false, problem: error.message };
    throw error;
  }
}

/** The value where it costs nothing; null where nothing is held out, a command would have to measure it, or none is there. */
export function printedValue({ experiment, revision }: RunContext, runs: readonly MeasuredRun[]): number | null {
  const { holdout } = experiment.settings;
  return holdout === null || holdout.command !== null ? null : medianOf(runs, holdout.metric, revision.metric);
}

/** A number that differs from run to run and no tolerance: then good candidates fall by chance. */
export function warnOfNoise({ experiment, emit }: RunContext, runs: readonly MeasuredRun[]): void {
  const { holdout } = experiment.settings;
  if (holdout === null || holdout.command !== null || holdout.when !== 'keeps') return;
  const values = runs.map(({ secondary }) => secondary[holdout.metric] ?? Number.NaN);
  if (minEffectAmount(holdout.maxRegression, 1) > 0 || values.every((value) => value === values[0])) return;
  const noise = noisePercent(values);
  emit({
    kind: 'notice',
    level: 'warning',
    text: `the held-out ${holdout.metric} differs between runs of the same code, and max_regression allows no difference: good candidates will be discarded by chance`,
    hint: `set max_regression under [holdout]${noise === null ? '' : ` to about ${Math.ceil(noise * 2)}%`} in ${experiment.configPath}`,
  });
}

export interface HoldoutFinding {
  readonly passed: boolean;
  readonly value: number | null;
  /** For people only. */
  readonly statistics: Json;
}

/** The no-regression rule for a candidate that passed gate and checks; null where none is set. @throws Tampered */
export async function judgeHoldout(context: RunContext, lab: Lab, candidate: Measured): Promise<HoldoutFinding | null> {
  const { holdout } = context.experiment.settings;
  if (holdout === null || holdout.when !== 'keeps') return null;
  const known = recordedIncumbent(context, candidate.trial);
  const found = await heldOutValue(context, lab, holdout, candidate);
  if (found.value === null && found.tampered) throw new Tampered(found.problem);
  // Whose fault a failed command is, the incumbent tells: what it cannot do either is the machine's.
  const incumbent = known !== null && found.value !== null ? known : await again(context, lab, candidate.trial);
  if (found.value === null) {
    return { passed: false, value: null, statistics: { metric: holdout.metric, incumbent, problem: found.problem } };
  }
  const passed = passesHoldout(holdout, { candidate: found.value, incumbent });
  const allowed = worstAllowed(holdout, incumbent);
  const statistics = { metric: holdout.metric, candidate: found.value, incumbent, allowed };
  return { passed, value: found.value, statistics };
}

/** Null where it was kept without a held-out value, or before the machine changed. */
function recordedIncumbent(context: RunContext, { incumbentCommit }: TrialRow): number | null {
  const kept = context.store.keptTrialOf(incumbentCommit);
  const isOfToday = kept?.revision === context.revision.number && !isBeforeEpoch(context, kept);
  return isOfToday ? kept.holdout : null;
}

async function again(context: RunContext, lab: Lab, trial: TrialRow): Promise<number> {
  const { holdout } = context.experiment.settings;
  if (holdout === null) throw new Error('nothing is held out');
  const runs = incumbentRuns(context, trial);
  const found = await heldOutValue(context, lab, holdout, { trial, commit: trial.incumbentCommit, runs });
  if (found.value !== null) return found.value;
  throw new EnvironmentBroken(`the held-out number of the incumbent cannot be measured (any more): ${found.problem}`);
}
