/**
 * Plain aligned columns for terminals: no borders, two spaces between columns, colour only as an addition to words.
 * Knows nothing of trials; whoever calls makes foreign text printable first.
 */
import picocolors from 'picocolors';
import { stripAnsi } from '../core/text.js';
import { displayWidth, padding, truncate } from './text-width.js';

/** What the terminal can show; the command line finds it out, nothing here asks the environment. */
export interface TerminalStyle {
  /** Columns of the terminal. */
  readonly width: number;
  readonly colour: boolean;
  /** False where only ASCII is safe: charts then use `-`, `|`, `*`. */
  readonly unicode: boolean;
}

export type Paint = (text: string) => string;

export interface Column {
  readonly header: string;
  readonly align: 'left' | 'right';
  /** The column may be cut down to so many cells when the line gets too long; without it nothing is ever cut. */
  readonly shrinkTo?: number;
}

export interface Cell {
  readonly text: string;
  readonly paint?: Paint | undefined;
}

const GAP = '  ';

/** The palette by meaning; every tone only repeats what a word or sign already says. */
export interface Palette {
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly faint: Paint;
  readonly strong: Paint;
  readonly accent: Paint;
}

export function palette(colour: boolean): Palette {
  const colours = picocolors.createColors(colour);
  return {
    good: colours.green,
    bad: colours.red,
    warn: colours.yellow,
    faint: colours.dim,
    strong: colours.bold,
    accent: colours.cyan,
  };
}

/** One line; cells wider than their column are cut. No spaces at the end. */
export function renderRow(cells: readonly Cell[], columns: readonly Column[], widths: readonly number[]): string {
  const parts = columns.map((column, index) => {
    const cell = cells[index] ?? { text: '' };
    const width = widths[index] ?? 0;
    const text = truncate(cell.text, width);
    const pad = padding(text, width);
    const painted = cell.paint && text !== '' ? cell.paint(text) : text;
    return column.align === 'right' ? pad + painted : painted + pad;
  });
  return parts.join(GAP).trimEnd();
}

/** A header line and one line per row, within `width` columns as far as the shrinkable columns allow. */
export function renderColumns(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  style: TerminalStyle,
): string[] {
  const widths = fitWidths(columns, rows, style.width);
  const { faint } = palette(style.colour);
  const header = columns.map((column) => ({ text: column.header, paint: faint }));
  return [renderRow(header, columns, widths), ...rows.map((row) => renderRow(row, columns, widths))];
}

/** Left over for the last column when the others take `used`. */
export function remainingWidth(used: readonly number[], width: number): number {
  return Math.max(0, width - used.reduce((sum, each) => sum + each + GAP.length, 0));
}

function fitWidths(columns: readonly Column[], rows: readonly (readonly Cell[])[], width: number): number[] {
  const widths = columns.map((column) => displayWidth(column.header));
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, displayWidth(cell.text));
    });
  }
  let excess = widths.reduce((sum, each) => sum + each + GAP.length, -GAP.length) - width;
  while (excess > 0) {
    const widest = widestShrinkable(columns, widths);
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}

function widestShrinkable(columns: readonly Column[], widths: readonly number[]): number {
  let found = -1;
  columns.forEach((column, index) => {
    const width = widths[index] ?? 0;
    if (column.shrinkTo !== undefined && width > column.shrinkTo && width > (widths[found] ?? 0)) found = index;
  });
  return found;
}

/** Breaks `text`, colours and all, at spaces into lines of at most `width` cells; a longer word stays whole to be copied. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && displayWidth(stripAnsi(longer)) > width) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
