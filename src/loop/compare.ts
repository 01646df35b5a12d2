import { median } from '../core/statistics.js';
import { type VerifiedChange, verifiedChange } from '../gate/verification.js';
import type { StoreReader } from '../store/reader.js';
import type { TrialRow } from '../store/rows.js';
import { markNoisy } from './comparison.js';
import { noiseKey, RunAborted, type RunContext, readNoise } from './context.js';
import { seedOfKnown } from './evidence.js';
import type { Lab } from './lab.js';
import { measurePairs } from './study.js';

/**
 * Comparisons that a person asked for, one after the other: two commits each, measured in turns, with word of how far it
 * is. A metric that repeats exactly is done after two pairs.
 */
const EXACT_PAIRS = 2;

export interface Compared {
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** No two runs of the same code ever differed: then the change is no estimate. */
  readonly exact: boolean;
  readonly change: VerifiedChange;
}

export interface Progress {
  /** Such as `change 3 of 7`. */
  readonly what: string;
  readonly pair: number;
  readonly pairs: number;
  /** Null while nothing is known about it. */
  readonly secondsLeft: number | null;
}

export interface Expectation {
  readonly comparisons: number;
  /** Pairs of each comparison. */
  readonly pairs: number;
  readonly evaluations: number;
  /** Null where no evaluation's duration is on record. */
  readonly seconds: number | null;
}

/** What so many comparisons will cost. */
export function expectation(
  store: StoreReader,
  revision: number,
  asked: { comparisons: number; pairs: number },
): Expectation {
  const pairs = isNoisy(store, revision) ? asked.pairs : Math.min(EXACT_PAIRS, asked.pairs);
  const evaluations = asked.comparisons * pairs * 2;
  const baseline = store.baseline(revision);
  const known = (baseline ? store.measurementsOf(baseline.id) : []).flatMap(({ side, wallSeconds }) =>
    side === 'candidate' && wallSeconds !== null ? [wallSeconds] : [],
  );
  return {
    comparisons: asked.comparisons,
    pairs,
    evaluations,
    seconds: known.length > 0 ? evaluations * median(known) : null,
  };
}

function isNoisy(store: StoreReader, revision: number): boolean {
  return readNoise(store.fact(noiseKey(revision))).noisy;
}

interface Question {
  readonly trial: TrialRow;
  readonly from: string;
  readonly to: string;
  readonly what: string;
}

export class Comparisons {
  readonly #context: RunContext;
  readonly #lab: Lab;
  readonly #pairs: number;
  readonly #tell: (progress: Progress) => void;
  readonly #startedAt: number;
  #comparisons: number;
  #seconds: number | null;
  #done = 0;

  constructor(
    context: RunContext,
    lab: Lab,
    asked: { comparisons: number; pairs: number; tell: (progress: Progress) => void },
  ) {
    const { evaluations, seconds } = expectation(context.store, context.revision.number, asked);
    this.#context = context;
    this.#lab = lab;
    this.#pairs = asked.pairs;
    this.#tell = asked.tell;
    this.#startedAt = context.now();
    this.#comparisons = asked.comparisons;
    this.#seconds = seconds === null || evaluations === 0 ? null : seconds / evaluations;
  }

  /** @throws StudyFailed when one of them cannot be measured; RunAborted when it was told to end. */
  async compare({ trial, from, to, what }: Question): Promise<Compared> {
    const { store, revision, stopSoon, now } = this.#context;
    const values = { from: [] as number[], to: [] as number[] };
    const pairs = () => (isNoisy(store, revision.number) ? this.#pairs : Math.min(EXACT_PAIRS, this.#pairs));
    for (let pair = 0; pair < pairs(); pair += 1) {
      if (stopSoon.aborted) throw new RunAborted();
      const pairsLeft = this.#comparisons * pairs() - pair;
      this.#tell({ what, pair: pair + 1, pairs: pairs(), secondsLeft: this.#secondsFor(pairsLeft * 2, now()) });
      const seed = Math.imul(trial.id, 7919) + this.#done;
      const runSeed = () => seedOfKnown(this.#context, trial, pair);
      const measured = await measurePairs(this.#lab, trial, { from, to, pairs: 1, seed, runSeed });
      values.from.push(...measured.from);
      values.to.push(...measured.to);
      this.#done += 2;
      if (differ(values.from) || differ(values.to)) markNoisy(this.#context);
    }
    this.#comparisons -= 1;
    return { ...values, exact: !isNoisy(store, revision.number), change: verifiedChange(values.from, values.to) };
  }

  #secondsFor(evaluations: number, now: number): number | null {
    if (this.#done > 0) this.#seconds = (now - this.#startedAt) / 1000 / this.#done;
    return this.#seconds === null ? null : this.#seconds * Math.max(0, evaluations);
  }
}

function differ(values: readonly number[]): boolean {
  return values.some((value) => value !== values[0]);
}
