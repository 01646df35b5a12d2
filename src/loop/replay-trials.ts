import { GATE_RULES } from '../gate/compare.js';
import { replay } from '../gate/replay.js';
import type { StoreReader } from '../store/reader.js';
import type { TrialRow } from '../store/rows.js';

/** Every recorded verdict computed again from the recorded values: what the gate decided must follow from them alone. */
export interface ReplayReport {
  readonly replayed: number;
  /** Verdicts of an earlier version, whose rules were others: they stand as recorded. */
  readonly earlier: number;
  /** One sentence per verdict that does not follow. */
  readonly differing: readonly string[];
}

export function replayTrials(store: StoreReader): ReplayReport {
  let replayed = 0;
  let earlier = 0;
  const differing: string[] = [];
  for (const trial of store.eachTrial()) {
    if (!wasJudgedByGate(trial)) continue;
    if (isOfEarlierRules(trial)) {
      earlier += 1;
      continue;
    }
    replayed += 1;
    const difference = replayTrial(trial);
    if (difference !== null) differing.push(`trial ${trial.number}: ${difference}`);
  }
  return { replayed, earlier, differing };
}

function isOfEarlierRules({ statistics }: TrialRow): boolean {
  if (typeof statistics !== 'object' || statistics === null || !('gate' in statistics)) return false;
  return !('rules' in statistics) || Number(statistics.rules) < GATE_RULES;
}

/** What a check refuses, the gate had let pass. */
function wasJudgedByGate({ kind, outcome, statistics }: TrialRow): boolean {
  return kind === 'trial' && (outcome === 'measured' || (outcome === 'check_failed' && statistics !== null));
}

/** Null when the same verdict follows, with the same reason and numbers; else what differs. */
function replayTrial(trial: TrialRow): string | null {
  let again: ReturnType<typeof replay>;
  try {
    again = replay(trial.statistics);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
  if (trial.outcome === 'check_failed') {
    return again.verdict === 'keep' ? null : 'a check refused what the gate would have discarded';
  }
  const recorded = { verdict: trial.verdict, reason: trial.reason };
  if (again.verdict !== recorded.verdict) return `recorded ${recorded.verdict}, computed ${again.verdict}`;
  if (again.reason !== recorded.reason) return `recorded "${recorded.reason}", computed "${again.reason}"`;
  if (again.metric !== trial.metric || again.incumbentMetric !== trial.incumbentMetric) {
    const numbers = `${trial.metric} against ${trial.incumbentMetric}`;
    return `recorded ${numbers}, computed ${again.metric} against ${again.incumbentMetric}`;
  }
  return null;
}
