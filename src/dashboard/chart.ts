/**
 * The metric over the trials as a small step chart: the line is the incumbent, marks are keeps, dots the tries that
 * were not kept, and crashes sit on the axis. One absurd value never flattens the rest: it is shown at the edge.
 */
import type { EpochRow, TrialRow } from '../store/rows.js';
import { flatRow, type Range, rowOf, valueRange } from './chart-range.js';
import { metricFormatter } from './metric-text.js';
import { type Paint, palette, type TerminalStyle } from './terminal.js';
import { displayWidth, padding } from './text-width.js';
import { isNewBaseline, trialNumber } from './trial-line.js';

const ROWS = 6;
const MARGIN = '  ';
const SMALLEST_PLOT = 16;
const LARGEST_STEP = 4;

interface Point {
  readonly column: number;
  readonly value: number | null;
  readonly kept: boolean;
  readonly crashed: boolean;
}

/** What a cell shows; the signs depend on the character set, the tone on the palette. */
type Mark =
  | 'blank'
  | 'epoch'
  | 'line'
  | 'upright'
  | 'down'
  | 'up'
  | 'keep'
  | 'dot'
  | 'above'
  | 'below'
  | 'axis'
  | 'crash';

type Signs = Readonly<Record<Mark, string>>;

const UNICODE_SIGNS: Signs = {
  blank: ' ',
  epoch: '┊',
  line: '─',
  upright: '│',
  down: '┐',
  up: '┘',
  keep: '●',
  dot: '·',
  above: '▴',
  below: '▾',
  axis: '─',
  crash: 'x',
};
const ASCII_SIGNS: Signs = {
  blank: ' ',
  epoch: ':',
  line: '-',
  upright: '|',
  down: '+',
  up: '+',
  keep: '*',
  dot: '.',
  above: '^',
  below: 'v',
  axis: '-',
  crash: 'x',
};

/**
 * At most eight lines, or none when fewer than two trials were measured or the terminal is too narrow. Only trials of
 * the newest revision are drawn: numbers of different definitions are never compared. Where the machine changed its
 * level stands an upright line: what is left of it is not comparable with what is right of it.
 */
export function metricChart(
  trials: readonly TrialRow[],
  metric: string,
  style: TerminalStyle,
  { epochs = [] }: { readonly epochs?: readonly Pick<EpochRow, 'trialId'>[] } = {},
): string[] {
  const shown = chartedTrials(trials);
  const measured = shown.flatMap((trial) => (trial.metric === null ? [] : [trial]));
  const start = shown[0]?.incumbentMetric ?? null;
  const range = valueRange(measured, start);
  if (measured.length < 2 || range === null) return [];
  const ends = [range.high, range.low];
  const labels = ends.map(metricFormatter(metric, ends, ends));
  const labelWidth = Math.max(...labels.map(displayWidth));
  const room = style.width - MARGIN.length - labelWidth - 2;
  if (room < SMALLEST_PLOT) return [];

  const { points, width } = placePoints(shown, room);
  const grid = Array.from({ length: ROWS }, () => Array<Mark>(width).fill('blank'));
  drawIncumbent(grid, points, { range, start });
  drawTries(grid, points, range);
  drawEpochs(grid, columnsFrom(shown, points, epochs));
  const axis = axisMarks(points, width);

  const paintMarks = markPainter(style);
  const plot = grid.map(
    (marks, row) => `${frame(rowLabel(row, labels, range), labelWidth, style)}${paintMarks(marks)}`,
  );
  const corner = style.unicode ? '└' : '+';
  const { faint } = palette(style.colour);
  const axisLine = `${MARGIN}${' '.repeat(labelWidth)} ${faint(corner)}${paintMarks(axis)}`;
  const footer = `${MARGIN}${' '.repeat(labelWidth)}  ${faint(legend(shown, [axis, ...grid].flat(), { width, room }, signsFor(style)))}`;
  return [...plot.map((line) => line.trimEnd()), axisLine, footer.trimEnd()];
}

function chartedTrials(trials: readonly TrialRow[]): TrialRow[] {
  const revision = trials.at(-1)?.revision;
  return trials.filter(
    (trial) =>
      trial.revision === revision && trial.verdict !== null && (trial.number !== null || trial.metric !== null),
  );
}

/** Few trials are spread out, many share a column. */
function placePoints(trials: readonly TrialRow[], room: number): { points: Point[]; width: number } {
  const intervals = Math.max(1, trials.length - 1);
  const width = Math.min(room, intervals * LARGEST_STEP + 1);
  const points = trials.map((trial, index) => ({
    column: Math.round((index * (width - 1)) / intervals),
    value: trial.metric,
    kept: trial.verdict === 'keep' && trial.metric !== null,
    crashed: trial.verdict === 'crash',
  }));
  return { points, width };
}

function drawIncumbent(
  grid: Mark[][],
  points: readonly Point[],
  { range, start }: { readonly range: Range; readonly start: number | null },
): void {
  const put = (row: number, column: number, mark: Mark) => {
    const line = grid[row];
    if (line) line[column] = mark;
  };
  const newestKeep = new Map<number, number>();
  for (const point of points) if (point.kept && point.value !== null) newestKeep.set(point.column, point.value);
  let current = start === null ? null : rowOf(start, range, ROWS);
  const width = grid[0]?.length ?? 0;
  for (let column = 0; column < width; column += 1) {
    const value = newestKeep.get(column);
    if (value === undefined) {
      if (current !== null) put(current, column, 'line');
      continue;
    }
    const next = rowOf(value, range, ROWS);
    if (current !== null && current !== next) {
      put(current, column, current < next ? 'down' : 'up');
      for (let row = Math.min(current, next) + 1; row < Math.max(current, next); row += 1) put(row, column, 'upright');
    }
    put(next, column, 'keep');
    current = next;
  }
}

function drawTries(grid: Mark[][], points: readonly Point[], range: Range): void {
  for (const { value, kept, column } of points) {
    if (value === null || kept) continue;
    const line = grid[rowOf(value, range, ROWS)];
    if (!line || line[column] === 'keep') continue;
    if (value > range.high) line[column] = 'above';
    else if (value < range.low) line[column] = 'below';
    else if (line[column] === 'blank') line[column] = 'dot';
  }
}

/** Where the first charted trial of each epoch stands; an epoch that began before them all is not drawn. */
function columnsFrom(
  trials: readonly TrialRow[],
  points: readonly Point[],
  epochs: readonly Pick<EpochRow, 'trialId'>[],
): number[] {
  const first = trials[0]?.id ?? 0;
  return epochs
    .filter(({ trialId }) => trialId > first)
    .map(({ trialId }) => trials.findIndex(({ id }) => id >= trialId))
    .flatMap((index) => points[index]?.column ?? []);
}

function drawEpochs(grid: Mark[][], columns: readonly number[]): void {
  for (const line of grid) {
    for (const column of columns) if (line[column] === 'blank') line[column] = 'epoch';
  }
}

/** A cross where a trial crashed; where a column stands for many trials, where at least a quarter of them did. */
function axisMarks(points: readonly Point[], width: number): Mark[] {
  const all = Array<number>(width).fill(0);
  const crashed = Array<number>(width).fill(0);
  for (const point of points) {
    all[point.column] = (all[point.column] ?? 0) + 1;
    if (point.crashed) crashed[point.column] = (crashed[point.column] ?? 0) + 1;
  }
  return crashed.map((count, column) => (count > 0 && count * 4 >= (all[column] ?? 0) ? 'crash' : 'axis'));
}

/** The range's ends at the top and bottom row, or its one value in the middle. */
function rowLabel(row: number, [high, low]: readonly string[], range: Range): string {
  if (range.high === range.low) return row === flatRow(ROWS) ? (high ?? '') : '';
  if (row === 0) return high ?? '';
  return row === ROWS - 1 ? (low ?? '') : '';
}

function frame(label: string, labelWidth: number, style: TerminalStyle): string {
  const { faint } = palette(style.colour);
  const edge = style.unicode ? (label === '' ? '│' : '┤') : '|';
  return `${MARGIN}${faint(padding(label, labelWidth) + label)} ${faint(edge)}`;
}

function signsFor(style: TerminalStyle): Signs {
  return style.unicode ? UNICODE_SIGNS : ASCII_SIGNS;
}

/** Turns marks into signs, painting runs of the same tone at once. */
function markPainter(style: TerminalStyle): (marks: readonly Mark[]) => string {
  const tones = palette(style.colour);
  const signs = signsFor(style);
  const plain: Paint = (text) => text;
  const toneOf = (mark: Mark): Paint => {
    if (mark === 'blank') return plain;
    if (mark === 'keep') return tones.good;
    if (mark === 'crash') return tones.bad;
    if (mark === 'line' || mark === 'upright' || mark === 'down' || mark === 'up') return tones.accent;
    return mark === 'above' || mark === 'below' || mark === 'epoch' ? tones.warn : tones.faint;
  };
  return (marks) => {
    let text = '';
    let run = '';
    let tone: Paint = plain;
    for (const mark of marks) {
      const next = toneOf(mark);
      if (next !== tone && run !== '') {
        text += tone(run);
        run = '';
      }
      tone = next;
      run += signs[mark];
    }
    return text + (run === '' ? '' : tone(run));
  };
}

function nameOf(trial: TrialRow): string {
  return isNewBaseline(trial) ? 'new baseline' : trialNumber(trial).trim();
}

/** First and last trial at the ends, and between them what the signs mean where there is room. */
function legend(
  trials: readonly TrialRow[],
  marks: readonly Mark[],
  { width, room }: { readonly width: number; readonly room: number },
  signs: Signs,
): string {
  const [first, last] = [trials[0], trials.at(-1)].map((trial) => (trial ? nameOf(trial) : ''));
  const meanings = [`${signs.keep} kept`, `${signs.dot} not kept`];
  if (marks.includes('epoch')) meanings.push(`${signs.epoch} machine changed`);
  if (marks.includes('crash')) meanings.push(`${signs.crash} crashed`);
  const offScale = (['above', 'below'] as const).filter((mark) => marks.includes(mark)).map((mark) => signs[mark]);
  if (offScale.length > 0) meanings.push(`${offScale.join('')} off the scale`);
  const key = meanings.join('  ');
  const ends = (first?.length ?? 0) + (last?.length ?? 0);
  if (width < ends + key.length + 6) {
    const line = `${first} to ${last}   ${key}`;
    return line.length <= room ? line : `${first} to ${last}`;
  }
  const gap = width - ends - key.length;
  const left = Math.floor(gap / 2);
  return `${first}${' '.repeat(left)}${key}${' '.repeat(gap - left)}${last}`;
}
