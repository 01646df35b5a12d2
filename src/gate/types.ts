import type { Json } from '../core/json.js';
import type { Direction, MinEffect } from '../core/metric.js';
import type { Verdict } from '../core/outcome.js';

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
}

/** What was measured for this trial so far, in order. */
export interface Evidence {
  readonly candidate: readonly number[];
  readonly incumbent: readonly number[];
}

export type GateStep =
  | { readonly kind: 'measure'; readonly sides: readonly ('candidate' | 'incumbent')[] }
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
export interface GateRun {
  next(evidence: Evidence): GateStep;
}

export interface Gate {
  readonly name: string;
  open(comparison: Comparison): GateRun;
}
