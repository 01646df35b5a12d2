import type { Json } from '../core/json.js';
import type { Direction, MinEffect } from '../core/metric.js';
import type { Verdict } from '../core/outcome.js';

/** How much proof a keep needs: `strict` errs least, `fast` spends least. */
export const LEVELS = ['fast', 'default', 'strict'] as const;
export type Level = (typeof LEVELS)[number];

/** What a gate that measures again needs to know; without it nothing is known about the metric's noise. */
export interface Sampling {
  /**
   * Values of the same kept code measured shortly after each other, oldest first within a group; the differences of
   * neighbours are the metric's short-term noise, whatever code they belong to. See `neighbours`.
   */
  readonly neighbours: readonly (readonly number[])[];
  /** Evaluations of anything since the incumbent was last measured. */
  readonly evaluationsSinceIncumbent: number;
  /** Decides the order inside the pairs. */
  readonly seed: number;
  readonly level: Level;
}

/** What is known before the candidate is measured. Everything a gate may use is here or in the evidence. */
export interface Comparison {
  readonly metric: string;
  readonly direction: Direction;
  readonly minEffect: MinEffect | null;
  readonly tie: 'discard' | 'simpler';
  /** Values of the incumbent's own code under the same definitions, newest first; at least one. */
  readonly incumbentValues: readonly number[];
  /** Whether two measurements of the same code ever differed. */
  readonly noisy: boolean;
  /** Lines removed minus lines added by the candidate. */
  readonly netLinesRemoved: number;
  readonly sampling?: Sampling;
}

export type Side = 'candidate' | 'incumbent';

/** The items of one run, each at its place in the trial's table of items; null or missing where the run lacks it. */
export type ItemRow = readonly (number | null)[];

/** What was measured for this trial so far, in order. */
export interface Evidence extends Readonly<Record<Side, readonly number[]>> {
  /** One row per run of either side, beside its value; empty for a run without items. Only `paired` asks for it. */
  readonly items?: Readonly<Record<Side, readonly ItemRow[]>>;
}

export type GateStep =
  | { readonly kind: 'measure'; readonly sides: readonly Side[] }
  | {
      readonly kind: 'verdict';
      readonly verdict: Extract<Verdict, 'keep' | 'discard'>;
      /** One sentence with numbers. */
      readonly reason: string;
      /** Enough to compute the verdict again. */
      readonly statistics: Json;
      /** The candidate's value, and the incumbent's that it was compared with. */
      readonly metric: number;
      readonly incumbentMetric: number;
    };

/** A pure step machine: the same comparison and evidence always give the same step, so every verdict can be replayed. */
interface GateRun {
  next(evidence: Evidence): GateStep;
}

export interface Gate {
  readonly name: string;
  open(comparison: Comparison): GateRun;
}
