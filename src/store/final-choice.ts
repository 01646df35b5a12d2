import type { Json } from '../core/json.js';
import { type Direction, isBetter } from '../core/metric.js';

/**
 * The choice among the kept commits of a revision by a number that no proposer has seen: the fact that the loop writes at
 * the end of a run, and how it is read.
 */
export interface HeldOutCommit {
  /** Null for the baseline of a later revision. */
  readonly trial: number | null;
  readonly commit: string;
  /** Null where it could not be measured. */
  readonly value: number | null;
}

export interface FinalChoice {
  readonly metric: string;
  readonly direction: Direction;
  /** The kept commits, the baseline first; the last is the incumbent of that time. */
  readonly commits: readonly HeldOutCommit[];
}

export function finalChoiceKey(revision: number): string {
  return `final_choice:${revision}`;
}

export function finalChoiceJson({ metric, direction, commits }: FinalChoice): Json {
  return { metric, direction, commits: commits.map((each) => ({ ...each })) };
}

/** Null when there is none. */
export function readFinalChoice(fact: Json | undefined): FinalChoice | null {
  if (typeof fact !== 'object' || fact === null || !('commits' in fact) || !Array.isArray(fact['commits'])) return null;
  return fact as unknown as FinalChoice;
}

/** The kept commit with the best held-out value; of equals the newest, which the metric likes best. Null without values. */
export function finalCommit({ direction, commits }: FinalChoice): HeldOutCommit | null {
  let best: HeldOutCommit | null = null;
  for (const each of commits) {
    if (each.value === null) continue;
    if (best === null || best.value === null || !isBetter(direction, best.value, each.value)) best = each;
  }
  return best;
}
