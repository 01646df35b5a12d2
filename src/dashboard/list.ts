/** All experiments as a list, one line each; a broken one with what is wrong with it. Returns text or JSON. */
import type { Json } from '../core/json.js';
import { oneLine } from '../core/text.js';
import type { ExperimentView } from './experiment-view.js';
import { jsonDocument } from './formats.js';
import { metricText } from './metric-text.js';
import { changePaint, changeText, statePaint, viewJson } from './overview.js';
import { type Cell, type Column, type Palette, palette, renderColumns, type TerminalStyle, wrap } from './terminal.js';

interface Row {
  /** `domain/name`, or the folder where that cannot be read. */
  readonly label: string;
  readonly scope: 'project' | 'user';
  readonly folder: string;
}

export type ListedRow = Row &
  (
    | {
        readonly ok: true;
        readonly view: ExperimentView;
        readonly root: string;
        /** It works in another repository than the one the list was asked in. */
        readonly elsewhere: boolean;
      }
    | {
        readonly ok: false;
        readonly error: { readonly code: string; readonly message: string; readonly hint: string };
      }
  );

type Working = Extract<ListedRow, { ok: true }>;

interface ListColumn extends Column {
  readonly cell: (row: Working, tones: Palette) => Cell;
}

const COLUMNS: readonly ListColumn[] = [
  {
    ...{ header: 'EXPERIMENT', align: 'left', shrinkTo: 16 },
    cell: ({ label }, tones) => ({ text: oneLine(label, 140), paint: tones.strong }),
  },
  {
    ...{ header: 'STATE', align: 'left' },
    cell: ({ view }, tones) => ({ text: view.state, paint: statePaint(view.state, tones) }),
  },
  { header: 'TRIALS', align: 'right', cell: ({ view }) => ({ text: String(view.trials) }) },
  { header: 'KEPT', align: 'right', cell: ({ view }) => ({ text: String(view.kept) }) },
  { header: 'BEST', align: 'right', cell: ({ view }) => ({ text: metricText(view.metric, view.best) }) },
  {
    ...{ header: 'CHANGE', align: 'right' },
    cell: ({ view }, tones) => ({ text: changeText(view), paint: changePaint(view.improved, tones) }),
  },
];
const SCOPE: ListColumn = {
  ...{ header: 'SCOPE', align: 'left' },
  cell: ({ scope }, tones) => ({ text: scope, paint: tones.faint }),
};
const WHERE: ListColumn = {
  ...{ header: 'REPOSITORY', align: 'left', shrinkTo: 12 },
  cell: ({ root }, tones) => ({ text: oneLine(root, 500), paint: tones.faint }),
};

export function renderList(rows: readonly ListedRow[], format: 'terminal' | 'json', style: TerminalStyle): string {
  if (format === 'json') return jsonDocument({ experiments: rows.map(rowJson) });
  if (rows.length === 0) return 'There is no experiment here yet. Make one:\n  autoresearch init\n';
  const blocks = [
    workingLines(
      rows.flatMap((row) => (row.ok ? [row] : [])),
      style,
    ),
    rows.flatMap((row) => (row.ok ? [] : brokenLines(row, style))),
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

function workingLines(rows: readonly Working[], style: TerminalStyle): string[] {
  if (rows.length === 0) return [];
  const tones = palette(style.colour);
  const columns = [
    ...COLUMNS,
    ...(rows.some(({ scope }) => scope === 'user') ? [SCOPE] : []),
    ...(rows.some(({ elsewhere }) => elsewhere) ? [WHERE] : []),
  ];
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row, tones)));
  return renderColumns(columns, cells, style);
}

function brokenLines({ label, folder, error }: Extract<ListedRow, { ok: false }>, style: TerminalStyle): string[] {
  const tones = palette(style.colour);
  // The folder stands for itself in the label; the file's name is left to say where to look.
  const message = oneLine(error.message.replaceAll(`${folder}/`, ''), 500);
  const text = `${oneLine(label, 300)}   ${tones.bad('broken')}   ${message}`;
  return [
    ...wrap(text, style.width),
    ...wrap(oneLine(error.hint, 500), style.width - 2).map((line) => `  ${tones.faint(line)}`),
  ];
}

function rowJson(row: ListedRow): Json {
  const { label, scope, folder } = row;
  if (!row.ok) {
    const { code, message, hint } = row.error;
    return { name: oneLine(label, 500), scope, folder, error: { code, message, hint } };
  }
  return { ...viewJson(row.view), scope, folder, repository: row.root, error: null };
}
