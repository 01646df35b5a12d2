import type { MeasurementOutcome } from './outcome.js';

/**
 * Whose code a measurement ran: the commit being tried, code that was kept, a deliberately broken target, a run whose
 * numbers are thrown away, or the held-out command on the commit being tried.
 */
export type MeasuredSide = 'candidate' | 'incumbent' | 'sabotage' | 'warmup' | 'holdout';

/** One row of `items.jsonl`: a per-item value for paired statistics. */
export interface MeasuredItem {
  readonly id: string;
  readonly value: number;
  readonly soft?: number;
  readonly group?: string;
}

/** What the evaluator reported: the metric only when the outcome is `measured`, always finite. */
export interface EvaluatorReading {
  readonly outcome: MeasurementOutcome;
  readonly metric: number | null;
  /** Every other `name: number` line of the output. */
  readonly secondary: Readonly<Record<string, number>>;
  /** Why the outcome is not `measured`: one sentence that quotes the line, exit code or limit. Empty when measured. */
  readonly reason: string;
  readonly feedback: string | null;
  readonly items: readonly MeasuredItem[];
}

/** One execution of the evaluator, with its cost. */
export interface Measurement extends EvaluatorReading {
  readonly id: number;
  readonly side: MeasuredSide;
  readonly commit: string;
  readonly wallSeconds: number;
  /** User + system time of the whole tree in seconds; null where the platform does not tell. */
  readonly cpuSeconds: number | null;
  /** Largest resident size seen of one process of the tree, in bytes; null when the command was too short to sample. */
  readonly peakMemoryBytes: number | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly logPath: string;
}
