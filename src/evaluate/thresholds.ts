/**
 * Compares what a candidate measured with the limits that [checks] sets for it. Pure: medians of the candidate's runs in
 * this trial against medians of the baseline's or the incumbent's runs under the same definitions.
 */
import type { ThresholdCheck } from '../config/keep-conditions.js';
import { adjustmentText, type Threshold, type ThresholdOperator } from '../config/thresholds.js';
import { median } from '../core/statistics.js';
import { digitsApart, formatMetric } from '../core/units.js';

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

/** `found`: what is there beside what is allowed, with numbers and units; a whole sentence where it failed. */
export interface ThresholdResult {
  readonly passed: boolean;
  readonly found: string;
}

export function judgeThreshold({ name, threshold }: ThresholdCheck, evidence: ThresholdEvidence): ThresholdResult {
  const failed = (found: string) => ({ passed: false, found });
  const { candidate, metric: main } = evidence;
  const { metric, operator, base } = threshold;
  const value = medianOf(candidate, metric, main);
  if (value === null) return failed(`${missingLine(name, metric)}, which the candidate's output does not have`);
  const start = base.kind === 'number' ? base.value : medianOf(evidence[base.kind], metric, main);
  if (start === null) {
    return failed(`${missingLine(name, metric)}, which the output of the ${base.kind} did not have`);
  }
  const limit = limitOf(threshold, start);
  const { own, allowed } = sidesOf(threshold, { value, start, limit });
  if (holds(operator, value, limit)) return { passed: true, found: `${own}, ${allowed}` };
  return failed(`${own} is ${WORDS[operator].where} the check "${name}": ${allowed}`);
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

/** `size_bytes 950 bytes` and `at most 1050 bytes (baseline 1000 bytes x 1.05)`. */
function sidesOf(
  { metric, operator, base, adjustment }: Threshold,
  { value, start, limit }: { value: number; start: number; limit: number },
): { own: string; allowed: string } {
  const digits = digitsApart([value, limit]);
  const show = (number: number) => formatMetric(metric, number, digits);
  const source =
    base.kind === 'number' && adjustment === null
      ? ''
      : ` (${base.kind === 'number' ? '' : `${base.kind} `}${show(start)}${adjustmentText(adjustment).replace('*', 'x')})`;
  return { own: `${metric} ${show(value)}`, allowed: `${WORDS[operator].allowed} ${show(limit)}${source}` };
}
