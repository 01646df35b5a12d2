import { median } from '../core/statistics.js';
import { formatMetric, formatPercent, formatSeconds } from '../core/units.js';
import { verificationStatistics, verifiedChange } from '../gate/verification.js';
import type { TrialRow } from '../store/rows.js';
import { noiseKey, RunAborted, type RunContext, readNoise } from './context.js';
import { seedOfKnown } from './evidence.js';
import type { Lab } from './lab.js';
import type { StopReason } from './stop-rules.js';
import { measurePairs, study } from './study.js';

/**
 * What the whole run gained, measured afresh: baseline against best code in turns, after every ten keeps and when the run
 * ends by a rule. A metric that repeats exactly proves itself and costs nothing here.
 */
const KEEPS_BETWEEN = 10;
/** Where more are wanted than there is time for. */
const FEWEST_PAIRS = 5;
/** One pair has no interval. */
const FEWEST_OF_ALL = 2;
/** How long people wait after the end of a short run; of a long one a tenth. */
const SHORTEST_LIMIT_SECONDS = 600;
const SHARE_OF_RUN = 0.1;

export const ENDED_BY_RULE: readonly StopReason[] = [
  'max_experiments',
  'max_trials',
  'max_hours',
  'target_reached',
  'patience',
  'proposer_finished',
];

export async function verifyAfterKeeps(context: RunContext, lab: Lab): Promise<void> {
  const { store, revision } = context;
  const last = store.newestOfKind('verification', revision.number);
  if (store.keptSince(last?.id ?? 0, revision.number) >= KEEPS_BETWEEN) await verify(context, lab);
}

/** Does nothing where the best code is verified already; told to end, the run ends as it was about to. */
export async function verifyAtEnd(context: RunContext, lab: Lab, reason: StopReason): Promise<void> {
  const { store, revision } = context;
  if (!ENDED_BY_RULE.includes(reason)) return;
  const last = store.newestOfKind('verification', revision.number);
  if (store.keptSince(last?.id ?? 0, revision.number) === 0) return;
  try {
    await verify(context, lab);
  } catch (error) {
    if (!(error instanceof RunAborted)) throw error;
  }
}

async function verify(context: RunContext, lab: Lab): Promise<void> {
  const { store, revision, refs, experiment, emit, stopSoon } = context;
  const baseline = store.baseline(revision.number);
  const head = await refs.incumbent();
  const { verifyPairs } = experiment.settings.gate;
  if (
    baseline === null ||
    head === null ||
    verifyPairs === 0 ||
    !readNoise(store.fact(noiseKey(revision.number))).noisy
  ) {
    return;
  }
  const from = baseline.incumbentCommit;
  const wanted = Math.max(FEWEST_OF_ALL, verifyPairs);
  const fewest = Math.min(FEWEST_PAIRS, wanted);
  const { pairs, pairSeconds } = affordable(context, baseline, wanted);
  if (pairs < fewest) {
    const cost = formatSeconds(pairSeconds * wanted);
    const hint = `measure it when you have the time: autoresearch audit --experiment ${context.name}`;
    emit({ kind: 'notice', level: 'info', text: `the gain is not verified: ${wanted} pairs would take ${cost}`, hint });
    return;
  }
  const plan = { kind: 'verification', from, to: head, description: 'the whole gain, measured afresh' } as const;
  await study(context, plan, async (trial) => {
    const runSeed = (pair: number) => seedOfKnown(context, trial, pair);
    const limits = { fewest, ended: () => stopSoon.aborted };
    const values = await measurePairs(lab, trial, { from, to: head, pairs, seed: trial.id, runSeed, ...limits });
    const change = verifiedChange(values.from, values.to);
    const show = (value: number) =>
      change.unit === 'percent' ? formatPercent(value) : formatMetric(revision.metric, value);
    const interval = `95 % interval ${show(change.low)} to ${show(change.high)}`;
    const reason = `${revision.metric} ${show(change.estimate)} from the baseline to the best code, ${interval}, ${values.from.length} fresh pairs`;
    const word = change.low <= 0 && change.high >= 0 ? 'no gain shown' : 'verified';
    emit({ kind: 'notice', level: 'info', text: `${word}: ${reason}` });
    return { reason, statistics: verificationStatistics(values.from, values.to) };
  });
}

/** As many pairs as the run's length allows. */
function affordable({ store, session }: RunContext, baseline: TrialRow, wanted: number) {
  const seconds = store
    .measurementsOf(baseline.id)
    .flatMap(({ side, wallSeconds }) => (side === 'candidate' && wallSeconds !== null ? [wallSeconds] : []));
  const pairSeconds = 2 * (seconds.length > 0 ? median(seconds) : 0);
  const limit = Math.max(SHORTEST_LIMIT_SECONDS, (session.activeMs / 1000) * SHARE_OF_RUN);
  return { pairs: pairSeconds > 0 ? Math.min(wanted, Math.floor(limit / pairSeconds)) : wanted, pairSeconds };
}
