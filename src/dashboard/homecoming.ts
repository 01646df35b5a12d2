/** What bringing the best code home would change: the files, the kept trials behind it, and the message of a commit. */
import { percentChange } from '../core/metric.js';
import { type ExperimentName, formatExperimentName } from '../core/names.js';
import { oneLine } from '../core/text.js';
import type { FileStat } from '../git/history.js';
import type { TrialRow } from '../store/rows.js';
import { metricFormatter, metricTexts, percentText } from './metric-text.js';
import { type Proof, proofText } from './proof.js';
import { type Cell, type Column, palette, renderColumns, type TerminalStyle } from './terminal.js';
import { trialChangeText, trialDescription, trialNumber } from './trial-line.js';

export interface KeptChanges {
  readonly experiment: ExperimentName;
  readonly metric: string;
  /** The value before the first and after the last of them. */
  readonly from: number | null;
  readonly to: number | null;
  /** Of the whole gain; a part of it is not proved. */
  readonly proof: Proof;
  /** The kept trials that are brought home, oldest first. */
  readonly kept: readonly TrialRow[];
  readonly stats: readonly FileStat[];
}

const COLUMNS: readonly Column[] = [
  { header: 'TRIAL', align: 'left' },
  { header: 'VALUE', align: 'right' },
  { header: 'CHANGE', align: 'right' },
  { header: 'DESCRIPTION', align: 'left', shrinkTo: 20 },
];
const MAX_FILES = 30;
const MAX_TRIALS = 50;

export function renderKeptChanges(changes: KeptChanges, style: TerminalStyle): string {
  const blocks = [trialLines(changes, style), fileLines(changes.stats, style)].filter((lines) => lines.length > 0);
  return blocks.map((lines) => `${lines.join('\n')}\n`).join('\n');
}

function trialLines({ kept, metric }: KeptChanges, style: TerminalStyle): string[] {
  if (kept.length === 0) return [];
  const tones = palette(style.colour);
  const shown = kept.slice(-MAX_TRIALS);
  const format = metricFormatter(
    metric,
    shown.flatMap((trial) => trial.metric ?? []),
  );
  const rows = shown.map((trial): Cell[] => [
    { text: trialNumber(trial) },
    { text: trial.metric === null ? '' : format(trial.metric) },
    { text: trialChangeText(trial), paint: tones.good },
    { text: trialDescription(trial) },
  ]);
  const earlier = kept.length - shown.length;
  const note = earlier > 0 ? [tones.faint(`${earlier} earlier kept trials are not shown`)] : [];
  return [...renderColumns(COLUMNS, rows, style), ...note];
}

const FILE_COLUMNS: readonly Column[] = [
  { header: 'FILE', align: 'left', shrinkTo: 20 },
  { header: 'ADDED', align: 'right' },
  { header: 'REMOVED', align: 'right' },
];

function fileLines(stats: readonly FileStat[], style: TerminalStyle): string[] {
  const tones = palette(style.colour);
  const rows = stats
    .slice(0, MAX_FILES)
    .map(({ path, insertions, deletions }): Cell[] => [
      { text: oneLine(path, 500) },
      { text: insertions === null ? 'binary' : `+${insertions}`, paint: tones.good },
      { text: deletions === null ? '' : `-${deletions}`, paint: tones.bad },
    ]);
  const more = stats.length - MAX_FILES;
  const table = rows.length === 0 ? [] : renderColumns(FILE_COLUMNS, rows, style);
  return more > 0 ? [...table, tones.faint(`and ${more} more files`)] : table;
}

/** A commit message of one line: `p50_ms -12.2 %: 6 kept trials of engineering/api-speed`. */
export function squashSubject({ experiment, metric, kept, ...values }: KeptChanges): string {
  const change = isCompared(values) ? ` ${percentText(percentChange(values.from, values.to))}` : '';
  const trials = kept.length === 1 ? '1 kept trial' : `${kept.length} kept trials`;
  return `${oneLine(metric, 60)}${change}: ${trials} of ${formatExperimentName(experiment)}`;
}

/** `14.02 ms -> 12.31 ms (-12.2 %, unverified)`; null where it was not measured. */
export function courseOf({ metric, proof, ...values }: KeptChanges): string | null {
  if (!isCompared(values)) return null;
  const change = percentText(percentChange(values.from, values.to));
  const [from, to] = metricTexts(metric, [values.from, values.to] as const);
  return `${from} -> ${to} (${change}, ${proofText(metric, proof)})`;
}

function isCompared(values: Pick<KeptChanges, 'from' | 'to'>): values is { from: number; to: number } {
  return values.from !== null && values.to !== null;
}
