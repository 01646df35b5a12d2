import type { Measurement } from '../core/measurement.js';
import { OUTCOME_RULES, type Outcome } from '../core/outcome.js';
import { ItemTable } from '../gate/items.js';
import type { Comparison, Evidence, ItemRow, Side } from '../gate/types.js';
import type { TrialRow } from '../store/rows.js';
import type { Judgement } from '../store/steps.js';
import { rememberNoise } from './comparison.js';
import type { RunContext } from './context.js';
import type { Lab } from './lab.js';
import { countOutcome } from './session.js';
import { SetupFailed } from './setup.js';

/**
 * The measurements that a gate asks for, and whose fault a failed one is: a candidate is blamed only where the incumbent
 * can still be measured.
 */

/** The environment, not the candidate, is broken: even the incumbent cannot be measured. The trial stays open. */
export class EnvironmentBroken extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'EnvironmentBroken';
  }
}

/** Runs of one side in one trial are at most a few dozen: the seeds of two trials never meet. */
const SEEDS_PER_TRIAL = 1000;
const FIRST_OF_KNOWN_CODE = 500;

/**
 * The seed of the n-th run (from 0) of code that is known, in a baseline or a study. Under `paired` each has one that no
 * candidate was judged by: else the baseline would not show what the seed does. null = the experiment's.
 */
export function seedOfKnown({ gate, experiment }: RunContext, trial: TrialRow, run: number): number | null {
  if (gate.name !== 'paired') return null;
  const first = (experiment.settings.proposer.seed + (trial.number ?? trial.id)) * SEEDS_PER_TRIAL;
  return (first + FIRST_OF_KNOWN_CODE + run) % 2 ** 32;
}

/** What was measured for a trial so far, as the gate is shown it. */
export class GatheredEvidence {
  readonly #isPaired: boolean;
  readonly #firstSeed: number;
  readonly #table = new ItemTable();
  readonly #values = { candidate: [] as number[], incumbent: [] as number[] };
  readonly #rows = { candidate: [] as ItemRow[], incumbent: [] as ItemRow[] };

  constructor(gate: string, comparison: Comparison) {
    this.#isPaired = gate === 'paired';
    this.#firstSeed = (comparison.sampling?.seed ?? 0) * SEEDS_PER_TRIAL;
  }

  /** Values, and under `paired` the items. */
  get soFar(): Evidence {
    return this.#isPaired ? { ...this.#values, items: this.#rows } : this.#values;
  }

  /** Under `paired` the n-th runs of both sides have the same seed; null = the experiment's. */
  nextSeed(side: Side): number | null {
    return this.#isPaired ? (this.#firstSeed + this.#values[side].length) % 2 ** 32 : null;
  }

  add(side: Side, measurement: Measurement): void {
    this.#values[side].push(metricOf(measurement));
    if (this.#isPaired) this.#rows[side].push(this.#table.row(measurement.items));
  }
}

export type CandidateMeasurement = Measurement & { readonly setupTail?: string };

/** A set-up that fails on the candidate is the candidate's crash, unless the canary says otherwise. */
export async function measureCandidate(
  lab: Lab,
  trial: TrialRow,
  { commit: candidate, seed }: { readonly commit: string; readonly seed: number | null },
): Promise<CandidateMeasurement> {
  try {
    return await lab.measure({ trial, side: 'candidate', commit: candidate, seed });
  } catch (error) {
    if (!(error instanceof SetupFailed)) throw error;
    return {
      ...{ id: 0, side: 'candidate', commit: candidate, outcome: 'not_started', metric: null, secondary: {} },
      ...{ reason: error.message, feedback: null, items: [], wallSeconds: 0, cpuSeconds: null, peakMemoryBytes: null },
      ...{ exitCode: null, signal: null, logPath: '', setupTail: error.tail },
    };
  }
}

export async function measureIncumbent(
  context: RunContext,
  lab: Lab,
  run: { readonly trial: TrialRow; readonly seed: number | null },
): Promise<Measurement> {
  const health = await canary(context, lab, run);
  if ('broken' in health) throw new EnvironmentBroken(health.broken);
  return health;
}

/** Measures the incumbent, once more when it fails: code that was measured before tells whether the machine is well. */
async function canary(
  context: RunContext,
  lab: Lab,
  { trial, seed }: { readonly trial: TrialRow; readonly seed: number | null },
): Promise<Measurement | { broken: string }> {
  let failure = '';
  for (let tries = 0; tries < 2; tries += 1) {
    try {
      const commit = trial.incumbentCommit;
      const measurement = await lab.measure({ trial, side: 'incumbent', commit, seed });
      if (measurement.outcome === 'measured') {
        rememberNoise(context, trial, metricOf(measurement));
        return measurement;
      }
      failure = `${measurement.outcome.replaceAll('_', ' ')}: ${measurement.reason}`;
    } catch (error) {
      if (!(error instanceof SetupFailed)) throw error;
      failure = error.message;
    }
  }
  return { broken: `the incumbent, which was measured before, cannot be measured any more (${failure})` };
}

/** A candidate whose failure may be the machine's is blamed only after the incumbent was measured on the same machine. */
export async function failedJudgement(
  context: RunContext,
  lab: Lab,
  { trial, measurement }: { trial: TrialRow; measurement: CandidateMeasurement },
): Promise<Judgement> {
  const found = measurement.outcome;
  if (found === 'measured' || found === 'try_later') throw new Error(`${found} is no failure`);
  const outcome = found === 'not_started' ? 'crashed' : found;
  const streak = countOutcome(context.session.counters, outcome, 'trial').crashStreak;
  const isSuspicious = found === 'not_started' || streak >= context.experiment.settings.limits.maxConsecutiveCrashes;
  if (OUTCOME_RULES[outcome].verdict === 'crash' && isSuspicious) {
    const health = await canary(context, lab, { trial, seed: null });
    if ('broken' in health) throw new EnvironmentBroken(health.broken);
  }
  const tail =
    measurement.setupTail ??
    (outcome === 'skipped' || outcome === 'tampered' ? null : await lab.tail(measurement.logPath));
  return { ...unmeasured(outcome, measurement.reason), feedback: measurement.feedback, crashTail: tail };
}

export function unmeasured(outcome: Outcome, reason: string): Judgement {
  const { verdict } = OUTCOME_RULES[outcome];
  if (verdict === 'gate' || verdict === null) throw new Error(`${outcome} has no verdict of its own`);
  return {
    outcome,
    verdict,
    reason,
    statistics: null,
    metric: null,
    incumbentMetric: null,
    feedback: null,
    crashTail: null,
  };
}

export function metricOf({ metric, id }: Measurement): number {
  if (metric === null) throw new Error(`measurement ${id} has no value`);
  return metric;
}
