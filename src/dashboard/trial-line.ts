/**
 * One trial on one line: `#0042  keep   12.31 ms   -3.2 %   41 s  cache the compiled route regex`. The same words are
 * used live by a run and in the table of results.
 */
import type { Direction } from '../core/metric.js';
import { isBetter, percentChange } from '../core/metric.js';
import { oneLine } from '../core/text.js';
import { formatSeconds } from '../core/units.js';
import type { TrialRow } from '../store/rows.js';
import { metricFormatter, percentText } from './metric-text.js';
import {
  type Cell,
  type Column,
  type Palette,
  palette,
  remainingWidth,
  renderRow,
  type TerminalStyle,
} from './terminal.js';
import { displayWidth } from './text-width.js';

export interface TrialLineOptions {
  readonly metric: string;
  readonly direction: Direction;
  readonly style: TerminalStyle;
  /** A trial of the same experiment (the baseline): lines are laid out for numbers of its length. */
  readonly like?: { readonly value: number; readonly seconds: number } | undefined;
}

export interface TrialCellOptions {
  readonly direction: Direction;
  /** How a value of the metric is written. */
  readonly format: (value: number) => string;
  readonly style: TerminalStyle;
}

const COLUMNS: readonly Column[] = [
  { header: 'TRIAL', align: 'left' },
  { header: 'RESULT', align: 'left' },
  { header: 'VALUE', align: 'right' },
  { header: 'CHANGE', align: 'right' },
  { header: 'TIME', align: 'right' },
  { header: 'DESCRIPTION', align: 'left' },
];
const RESULT_WIDTH = 12;
const CHANGE_WIDTH = 8;

/** The line without a line feed; at most `style.width` cells. `seconds` is what measuring the trial took. */
export function trialLine(trial: TrialRow, seconds: number | null, options: TrialLineOptions): string {
  const { metric, direction, style, like } = options;
  const course = [trial.incumbentMetric, trial.metric].filter((value) => value !== null);
  const format = metricFormatter(metric, like === undefined ? [] : [like.value], course);
  const cells = trialCells(trial, seconds, { direction, format, style });
  const numbers = cells.slice(0, -1);
  const planned = plannedWidths(like, format);
  // A number longer than planned pushes the rest of its line aside: a cut number would be a wrong number.
  const widths = numbers.map((cell, index) => Math.max(planned[index] ?? 0, displayWidth(cell.text)));
  return renderRow(cells, COLUMNS, [...widths, remainingWidth(widths, style.width)]);
}

/** The cells of a trial in the order number, result, value, change, seconds, description. */
export function trialCells(trial: TrialRow, seconds: number | null, options: TrialCellOptions): Cell[] {
  const tones = palette(options.style.colour);
  const result = trialResult(trial);
  const faint = trial.verdict === 'keep' || trial.settledAt === null ? undefined : tones.faint;
  return [
    { text: trialNumber(trial), paint: faint },
    { text: result, paint: resultPaint(trial, tones) },
    { text: trial.metric === null ? '' : options.format(trial.metric) },
    { text: trialChangeText(trial), paint: trialChangePaint(trial, options.direction, tones) },
    { text: seconds === null ? '' : formatSeconds(seconds), paint: tones.faint },
    { text: trialDescription(trial), paint: faint },
  ];
}

/** `#0042`; `  ---` for an attempt that does not count. */
export function trialNumber(trial: TrialRow): string {
  return trial.number === null ? '  ---' : `#${String(trial.number).padStart(4, '0')}`;
}

/** What became of it in a word or two: the verdict of a measured trial, else the outcome, else the phase it is in. */
export function trialResult(trial: TrialRow): string {
  if (trial.outcome === null) return trial.phase === 'settled' ? '' : trial.phase;
  if (trial.outcome !== 'measured') return trial.outcome.replaceAll('_', ' ');
  if (isNewBaseline(trial)) return 'new baseline';
  return trial.kind === 'trial' ? (trial.verdict ?? 'measured') : trial.kind;
}

/** The best code measured anew: numbers before and after it are not compared. It takes no trial's number. */
export function isNewBaseline({ kind, number, verdict }: TrialRow): boolean {
  return kind === 'baseline' && number === null && verdict === 'keep';
}

/** Change in percent against the incumbent's value it was compared with; null where one of them is absent or zero. */
export function trialChangePercent(trial: TrialRow): number | null {
  if (trial.metric === null || trial.incumbentMetric === null) return null;
  return percentChange(trial.incumbentMetric, trial.metric);
}

/** The change as text, empty where nothing was compared. */
export function trialChangeText(trial: TrialRow): string {
  if (trial.metric === null || trial.incumbentMetric === null) return '';
  return percentText(trialChangePercent(trial));
}

/** One printable line: the description, or what stands in for a missing one. */
export function trialDescription(trial: TrialRow): string {
  const described = oneLine(trial.description, 1000);
  if (described !== '') return described;
  return trial.kind === 'baseline' && trial.outcome === 'measured'
    ? 'the unmodified code'
    : oneLine(trial.reason, 1000);
}

function plannedWidths(like: TrialLineOptions['like'], format: (value: number) => string): number[] {
  const value = like === undefined ? 0 : displayWidth(format(like.value)) + 1;
  const seconds = like === undefined ? 0 : displayWidth(formatSeconds(like.seconds));
  return [5, RESULT_WIDTH, Math.max(10, value), CHANGE_WIDTH, Math.max(6, seconds)];
}

function resultPaint(trial: TrialRow, tones: Palette): Cell['paint'] {
  if (trial.verdict === 'crash' || trial.outcome === 'tampered') return tones.bad;
  if (trial.verdict === 'keep') return (text) => tones.strong(tones.good(text));
  return trial.outcome === 'agent_error' || trial.outcome === 'not_started' ? tones.warn : tones.faint;
}

function trialChangePaint(trial: TrialRow, direction: Direction, tones: Palette): Cell['paint'] {
  if (trial.metric === null || trial.incumbentMetric === null) return undefined;
  const better = isBetter(direction, trial.metric, trial.incumbentMetric);
  return trial.verdict === 'keep' && better ? tones.good : tones.faint;
}
