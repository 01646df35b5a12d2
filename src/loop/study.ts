import { AppError } from '../core/errors.js';
import type { Json } from '../core/json.js';
import { pairOrder } from '../gate/pairs.js';
import type { TrialKind, TrialRow } from '../store/rows.js';
import { RunAborted, type RunContext } from './context.js';
import type { Lab } from './lab.js';
import { endUncounted } from './settle.js';
import { SetupFailed } from './setup.js';

/**
 * Measurements that nothing is decided by, made for people: what the whole run gained, which kept changes still pay, what
 * the gate can see. A study is a row like a trial's, without number and verdict; one that was cut short is started anew.
 */
export interface StudyPlan {
  readonly kind: Exclude<TrialKind, 'trial' | 'baseline'>;
  /** The code that the other is compared with, and the other. */
  readonly from: string;
  readonly to: string;
  readonly description: string;
}

export interface Finding {
  /** One sentence with numbers. */
  readonly reason: string;
  readonly statistics: Json;
}

/** Opens the row, lets `work` measure, and settles it with what was found; null with a reason where it failed. */
export async function study(
  context: RunContext,
  { kind, from, to, description }: StudyPlan,
  work: (trial: TrialRow) => Promise<Finding>,
): Promise<TrialRow> {
  const { store, session, revision, workspace, now } = context;
  const trial = store.beginStudy({
    ...{ kind, sessionId: session.counters.id, revision: revision.number, incumbentCommit: from, candidateCommit: to },
    ...{ description, mark: context.newMark(), now: now() },
  });
  try {
    const { reason, statistics } = await work(trial);
    store.judge(trial.id, {
      ...{ outcome: 'measured', verdict: null, reason, statistics, metric: null, incumbentMetric: null },
      ...{ feedback: null, crashTail: null },
    });
    const settlement = { notes: [], session: session.settlement(), proposerState: undefined, now: now() };
    const settled = store.settle(trial.id, settlement);
    context.emit({ kind: 'settled', trialId: trial.id });
    return settled;
  } catch (error) {
    store.dropMeasurements(trial.id);
    if (error instanceof StudyFailed)
      return endUncounted(context, trial, { outcome: 'crashed', reason: error.message });
    endUncounted(context, trial, { outcome: 'interrupted', reason: `the ${kind} was not finished` });
    throw error;
  } finally {
    const isCheckout = workspace.kind === 'checkout';
    const home = isCheckout ? (await context.repository.head()).commit : await context.refs.incumbent();
    await workspace.settle(home ?? from, null);
  }
}

/** A study of a runner that died: its half is worth nothing. */
export function abandonStudy(context: RunContext, open: TrialRow): void {
  context.store.dropMeasurements(open.id);
  endUncounted(context, open, { outcome: 'interrupted', reason: `the runner ended during the ${open.kind}` });
}

/** One of the commits cannot be measured (any more): the study says so, the run goes on. */
export class StudyFailed extends Error {}

export interface Pairs {
  /** Values of the one and of the other code, in the order of the pairs. */
  readonly from: readonly number[];
  readonly to: readonly number[];
}

interface PairPlan {
  readonly from: string;
  readonly to: string;
  readonly pairs: number;
  /** Of the lot that orders each pair. */
  readonly seed: number;
  /** AUTORESEARCH_SEED of both runs of a pair; null = the experiment's. */
  readonly runSeed: (pair: number) => number | null;
  /** With so many pairs it may be `ended` early, with fewer it is given up. */
  readonly fewest?: number;
  readonly ended?: () => boolean;
}

/**
 * Measures both commits in turns, the order inside each pair by lot, so that what drifts favours neither.
 * @throws StudyFailed when one of them fails twice; RunAborted when the run was told to end.
 */
export async function measurePairs(
  lab: Lab,
  trial: TrialRow,
  { from, to, pairs, seed, runSeed, fewest = pairs, ended = () => false }: PairPlan,
): Promise<Pairs> {
  const values = { incumbent: [] as number[], candidate: [] as number[] };
  for (let pair = 0; pair < pairs; pair += 1) {
    if (ended() && pair >= fewest) break;
    if (ended() && fewest < pairs) throw new RunAborted();
    for (const side of pairOrder(seed, pair)) {
      const commit = side === 'incumbent' ? from : to;
      values[side].push(await measureOrFail(lab, trial, { commit, seed: runSeed(pair) }));
    }
  }
  return { from: values.incumbent, to: values.candidate };
}

/** One value of kept code, with one more try. */
async function measureOrFail(
  lab: Lab,
  trial: TrialRow,
  { commit, seed }: { readonly commit: string; readonly seed: number | null },
): Promise<number> {
  let failure = '';
  for (let tries = 0; tries < 2; tries += 1) {
    try {
      const measurement = await lab.measure({ trial, side: 'incumbent', commit, seed });
      if (measurement.metric !== null) return measurement.metric;
      failure = `${measurement.outcome.replaceAll('_', ' ')}: ${measurement.reason}`;
    } catch (error) {
      if (!(error instanceof SetupFailed)) throw error;
      failure = error.message;
    }
  }
  throw new StudyFailed(`${commit.slice(0, 7)} cannot be measured (${failure})`);
}

/** @throws AppError conflict when a trial is under way: only a run can finish it. */
export function refuseOpenTrial({ store, name }: RunContext): void {
  const open = store.openTrial();
  if (open === null || open.kind !== 'trial') return;
  throw new AppError(
    'conflict',
    `a trial of the last run is not finished${open.number === null ? '' : ` (${open.number})`}`,
    {
      hint: `finish it first: autoresearch run --experiment ${name}`,
    },
  );
}
