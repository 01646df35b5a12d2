/**
 * The four formats of every table: how a cell, a time and a document look in CSV, Markdown and JSON. All documents end
 * with exactly one line feed.
 */
import { stringify } from 'csv-stringify/sync';
import type { Json } from '../core/json.js';
import { oneLine } from '../core/text.js';

export type Format = 'terminal' | 'csv' | 'markdown' | 'json';

/** Text is guarded and quoted, numbers stay numbers at full precision, null is an empty cell. */
type CsvCell = string | number | null;

/** Longer than any sensible description, short enough for a spreadsheet cell (32,767 characters). */
const CSV_TEXT_LIMIT = 8000;

/**
 * CSV with the quoting of RFC 4180 and lines ended by LF. Text that a spreadsheet would run as a formula gets a leading
 * apostrophe.
 */
export function csvDocument(header: readonly string[], rows: readonly (readonly CsvCell[])[]): string {
  const printable = rows.map((row) => row.map(csvCell));
  return stringify([header, ...printable], { escape_formulas: true, record_delimiter: 'unix' });
}

function csvCell(cell: CsvCell): CsvCell {
  if (typeof cell === 'string') return oneLine(cell, CSV_TEXT_LIMIT);
  return cell !== null && Number.isFinite(cell) ? cell : null;
}

interface MarkdownColumn {
  readonly header: string;
  readonly align: 'left' | 'right';
}

/** A table of GitHub-flavoured Markdown; cells are escaped here, so pass plain text. */
export function markdownTable(columns: readonly MarkdownColumn[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map((column) => column.header)),
    line(columns.map((column) => (column.align === 'right' ? '---:' : ':---'))),
    ...rows.map((row) => line(row.map(markdownText))),
    '',
  ].join('\n');
}

/** Foreign text as one line of literal Markdown: no code, no HTML, no links, no table cells of its own. */
export function markdownText(text: string): string {
  return oneLine(text, CSV_TEXT_LIMIT)
    .replace(/[\\`|*[\]~]/g, '\\$&')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;');
}

/** A versioned JSON document. */
export function jsonDocument(body: { readonly [key: string]: Json }): string {
  return `${JSON.stringify({ schemaVersion: 1, ...body }, null, 2)}\n`;
}

/** ISO 8601 in UTC with milliseconds, null for no time or one that no calendar has. */
export function isoTime(epochMs: number | null): string | null {
  if (epochMs === null) return null;
  const time = new Date(epochMs);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

/** A number that JSON can carry. */
export function finiteOrNull(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
