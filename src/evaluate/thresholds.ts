/**
 * Compares what a candidate measured with the limits that [checks] sets for it. Pure: medians of the candidate's runs in
 * this trial against medians of the baseline's or the incumbent's runs under the same definitions.
 */
import type { ThresholdCheck } from '../config/keep-conditions.js';
import { adjustmentText, type Threshold, type ThresholdOperator } from '../config/thresholds.js';
import { median } from '../core/statistics.js';
import { formatMetric } from '../core/units.js';

/** One run of some code: the metric's value and every other number it printed. */
export interface MeasuredRun {
  readonly metric: number | null;
  readonly secondary: Readonly<Record<string, number>>;
}

export interface ThresholdEvidence {
  /** The experiment's own metric: a limit may name it too. */
  readonly metric: string;
  readonly candidate: readonly MeasuredRun[];
  readonly baseline: readonly MeasuredRun[];
  readonly incumbent: readonly MeasuredRun[];
}

/** A sentence with numbers and units, or null where the candidate is within the limit. */
export function thresholdFailure({ name, threshold }: ThresholdCheck, evidence: ThresholdEvidence): string | null {
  const { candidate, metric: main } = evidence;
  const { metric, operator, base } = threshold;
  const value = medianOf(candidate, metric, main);
  if (value === null) return `${missingLine(name, metric)}, which the candidate's output does not have`;
  const start = base.kind === 'number' ? base.value : medianOf(evidence[base.kind], metric, main);
  if (start === null) {
    return `${missingLine(name, metric)}, which the output of the ${base.kind} did not have`;
  }
  const limit = limitOf(threshold, start);
  if (holds(operator, value, limit)) return null;
  return exceeded({ name, threshold }, { value, start, limit });
}

/** The median over all runs; null when there is none, or one of them did not print the number. */
export function medianOf(runs: readonly MeasuredRun[], metric: string, main: string): number | null {
  const values = runs.map(({ metric: own, secondary }) => (metric === main ? own : secondary[metric]));
  const known = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  return known.length === 0 || known.length < values.length ? null : median(known);
}

/** `the check "size" needs the line "size_bytes: <number>"`. */
export function missingLine(name: string, metric: string): string {
  return `the check "${name}" needs the line "${metric}: <number>"`;
}

export function limitOf({ adjustment }: Threshold, start: number): number {
  switch (adjustment?.kind) {
    case undefined:
      return start;
    case 'times':
      return start * adjustment.factor;
    case 'plus':
      return start + adjustment.amount;
    case 'percent':
      return start + (Math.abs(start) * adjustment.percent) / 100;
  }
}

function holds(operator: ThresholdOperator, value: number, limit: number): boolean {
  switch (operator) {
    case '<=':
      return value <= limit;
    case '<':
      return value < limit;
    case '>=':
      return value >= limit;
    case '>':
      return value > limit;
  }
}

const WORDS: Readonly<Record<ThresholdOperator, { readonly where: string; readonly allowed: string }>> = {
  '<=': { where: 'over', allowed: 'at most' },
  '<': { where: 'not under', allowed: 'less than' },
  '>=': { where: 'under', allowed: 'at least' },
  '>': { where: 'not over', allowed: 'more than' },
};

function exceeded(
  { name, threshold }: Pick<ThresholdCheck, 'name' | 'threshold'>,
  { value, start, limit }: { value: number; start: number; limit: number },
): string {
  const { metric, operator, base, adjustment } = threshold;
  const { where, allowed } = WORDS[operator];
  // Six digits are enough to read, unless they hide the very difference.
  const isClose = value !== limit && formatMetric(metric, value) === formatMetric(metric, limit);
  const show = (number: number) => (isClose ? String(number) : formatMetric(metric, number));
  const source =
    base.kind === 'number' && adjustment === null
      ? ''
      : ` (${base.kind === 'number' ? '' : `${base.kind} `}${show(start)}${adjustmentText(adjustment).replace('*', 'x')})`;
  return `${metric} ${show(value)} is ${where} the check "${name}": ${allowed} ${show(limit)}${source}`;
}
