/**
 * The results of one experiment: the numbers that matter, the metric's course, and one line per trial, in the four
 * formats. Returns text; prints and writes nothing.
 */
import type { Json } from '../core/json.js';
import { formatExperimentName } from '../core/names.js';
import { oneLine } from '../core/text.js';
import { digitsApart, formatSeconds } from '../core/units.js';
import type { TrialRow } from '../store/rows.js';
import { metricChart } from './chart.js';
import { epochFacts, epochJson, epochOf, type ShownEpoch, withEpochLines } from './epochs.js';
import type { ExperimentView } from './experiment-view.js';
import { csvDocument, type Format, finiteOrNull, jsonDocument, markdownTable, markdownText } from './formats.js';
import { finalPickCommand, finalPickText } from './held-out.js';
import { metricFormatter, metricText, metricTexts } from './metric-text.js';
import { changePaint, changeText, incumbentText, statePaint, viewJson } from './overview.js';
import { proofText } from './proof.js';
import { type Cell, type Column, palette, renderColumns, type TerminalStyle } from './terminal.js';
import { trialJson } from './trial-json.js';
import {
  type TrialCellOptions,
  trialCells,
  trialChangePercent,
  trialChangeText,
  trialDescription,
  trialResult,
} from './trial-line.js';
import { agoText } from './when.js';

export interface Results {
  readonly view: ExperimentView;
  /** In the order they happened; maybe only the last ones. */
  readonly trials: readonly TrialRow[];
  /** The trials that the chart shows, in order, when they are others than `trials`. */
  readonly charted?: readonly TrialRow[];
  /** Trials before the first of `trials`. */
  readonly earlierTrials: number;
  /** Level shifts of the machine under the revisions of these trials, in order. */
  readonly epochs?: readonly ShownEpoch[];
  /** Names the held-out number, where there is one. */
  readonly heldOut?: string | null;
  /** What measuring took per trial id, in seconds. */
  readonly secondsByTrial: ReadonlyMap<number, number>;
}

/** The results as a document in `format`; `style` matters to the terminal only. */
export function renderResults(results: Results, format: Format, style: TerminalStyle): string {
  switch (format) {
    case 'terminal':
      return resultsTerminal(results, style);
    case 'csv':
      return resultsCsv(results);
    case 'markdown':
      return resultsMarkdown(results);
    case 'json':
      return resultsJson(results);
  }
}

const COLUMNS: readonly Column[] = [
  { header: 'TRIAL', align: 'left' },
  { header: 'RESULT', align: 'left' },
  { header: 'VALUE', align: 'right' },
  { header: 'CHANGE', align: 'right' },
  { header: 'TIME', align: 'right' },
  { header: 'COMMIT', align: 'left' },
  { header: 'DESCRIPTION', align: 'left', shrinkTo: 8 },
];

function resultsTerminal(results: Results, style: TerminalStyle): string {
  const { view, trials, charted = trials, epochs = [] } = results;
  const tones = palette(style.colour);
  const blocks = [headLines(results, style), metricChart(charted, view.metric, style, { epochs })];
  if (trials.length === 0) {
    blocks.push([tones.faint('No trials yet.')]);
  } else {
    const values = trials.flatMap((trial) => trial.metric ?? []);
    const format = metricFormatter(view.metric, values, keptValues(trials));
    const options = { direction: view.direction, format, style };
    const rows = trials.map((trial) => tableCells(trial, results.secondsByTrial.get(trial.id) ?? null, options));
    const held = heldOutTexts(results);
    const table = held === null ? rows : rows.map((row, index) => withHeldOut(row, { text: held[index] ?? '' }));
    const columns = held === null ? COLUMNS : withHeldOut(COLUMNS, HELD_OUT_COLUMN);
    const shown = { metric: view.metric, trials, epochs };
    const lines = withEpochLines(renderColumns(columns, table, style), shown, style);
    blocks.push([...earlierNote(results).map(tones.faint), ...lines]);
  }
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** The values that the best code had one after the other: each must look different from the one before. */
function keptValues(trials: readonly TrialRow[]): number[] {
  return trials.flatMap((trial) => (trial.verdict === 'keep' ? (trial.metric ?? []) : []));
}

const HELD_OUT_COLUMN: Column = { header: 'HOLDOUT', align: 'right' };
const HELD_OUT_PLACE = COLUMNS.findIndex(({ header }) => header === 'TIME');

/** Behind the metric and its change. */
function withHeldOut<T>(row: readonly T[], cell: T): T[] {
  return row.toSpliced(HELD_OUT_PLACE, 0, cell);
}

/** What the column says for each trial; null where no trial has a held-out value, and so there is no column. */
function heldOutTexts({ trials, heldOut }: Results): string[] | null {
  const values = trials.flatMap(({ holdout }) => holdout ?? []);
  if (values.length === 0) return null;
  const format = metricFormatter(heldOut ?? '', values);
  return trials.map(({ holdout }) => (holdout === null ? '' : format(holdout)));
}

function tableCells(trial: TrialRow, seconds: number | null, options: TrialCellOptions): Cell[] {
  const cells = trialCells(trial, seconds, options);
  const commit = { text: shortCommit(trial.candidateCommit), paint: palette(options.style.colour).faint };
  return [...cells.slice(0, -1), commit, ...cells.slice(-1)];
}

function earlierNote({ earlierTrials }: Results): string[] {
  if (earlierTrials <= 0) return [];
  const trials = earlierTrials === 1 ? '1 earlier trial' : `${earlierTrials} earlier trials`;
  return [`${trials} not shown, --all shows ${earlierTrials === 1 ? 'it' : 'them'}`];
}

/** Seven characters, as git abbreviates. */
export function shortCommit(commit: string | null): string {
  return commit === null ? '' : oneLine(commit).slice(0, 7);
}

/** The experiment in a few lines: name and state, best against baseline, counts, time. */
function headLines({ view, epochs = [] }: Results, style: TerminalStyle): string[] {
  const tones = palette(style.colour);
  const name = formatExperimentName(view.name);
  const measure = `${oneLine(view.metric, 60)}, ${view.direction} is better`;
  const change = view.improved === null ? '' : (changePaint(view.improved, tones) ?? same)(changeText(view));
  const [baseline, best] = metricTexts(view.metric, [view.baseline, view.best] as const);
  const verified = view.improved ? tones.faint(proofText(view.metric, view.proof)) : '';
  const facts: [string, string][] = [
    ['metric', measure],
    ['baseline', baseline],
    ['best', [tones.strong(best), change, verified, tones.faint(incumbentText(view))].filter(Boolean).join('   ')],
    ['trials', `${view.trials}: ${countsText(view)}`],
    ...finalFacts(view),
    ...epochFacts(view.metric, epochs.slice(-1)).map((text): [string, string] => ['level', tones.warn(text)]),
    ...timeFact(view),
    ...stopFact(view),
  ];
  const width = Math.max(...facts.map(([label]) => label.length));
  return [
    `${tones.strong(name)}   ${statePaint(view.state, tones)(view.state)}`,
    '',
    ...facts.map(([label, fact]) => `  ${tones.faint(label.padEnd(width))}  ${fact}`),
    ...(view.runnerDied
      ? ['', tones.warn('  The last runner ended without a word; the next run recovers and goes on.')]
      : []),
  ];
}

function finalFacts({ final, name }: ExperimentView): [string, string][] {
  if (final === null) return [];
  const command = finalPickCommand(name, final);
  return [['held out', finalPickText(final)], ...(command === null ? [] : [['', command] satisfies [string, string]])];
}

function same(text: string): string {
  return text;
}

/** `9 kept, 96 discarded, 13 crashed`, and what is not among them. */
export function countsText(view: ExperimentView): string {
  const counts = `${view.kept} kept, ${view.discarded} discarded, ${view.crashed} crashed`;
  const uncounted = view.uncounted > 0 ? `; ${view.uncounted} uncounted` : '';
  const imported = view.imported > 0 ? `; ${view.imported} imported` : '';
  return counts + uncounted + imported;
}

function timeFact(view: ExperimentView): [string, string][] {
  const parts: string[] = [];
  if (view.elapsedSeconds !== null) parts.push(formatSeconds(view.elapsedSeconds));
  if (view.lastSignAt !== null) parts.push(`last sign of life ${agoText(view.lastSignAt, view.now)}`);
  return parts.length === 0 ? [] : [['time', parts.join(', ')]];
}

function stopFact(view: ExperimentView): [string, string][] {
  if (view.state === 'running' || view.stopReason === null) return [];
  return [['stopped', stopText(view.stopReason, view.stopDetail)]];
}

/** The stop reason in words: its detail where there is one, else its name. */
export function stopText(reason: string, detail: string): string {
  const words = oneLine(detail, 300);
  return words === '' ? oneLine(reason.replaceAll('_', ' '), 100) : words;
}

const TRIAL_CSV_HEADER: readonly string[] = [
  'Trial',
  'Verdict',
  'Outcome',
  'Value',
  'Change (%)',
  'Incumbent value',
  'Seconds',
  'Commit',
  'Description',
];

/** Behind the incumbent's value. */
const HELD_OUT_CSV_PLACE = 6;

function resultsCsv(results: Results): string {
  const { trials, secondsByTrial, epochs = [] } = results;
  const hasEpochs = epochs.length > 0;
  const header = hasEpochs ? [...TRIAL_CSV_HEADER, 'Epoch'] : TRIAL_CSV_HEADER;
  const rows = trials.map((trial) => [
    trial.number,
    trial.verdict,
    trial.outcome,
    trial.metric,
    trialChangePercent(trial),
    trial.incumbentMetric,
    secondsByTrial.get(trial.id) ?? null,
    trial.candidateCommit,
    trialDescription(trial),
    ...(hasEpochs ? [epochOf(trial, epochs)] : []),
  ]);
  if (heldOutTexts(results) === null) return csvDocument(header, rows);
  const wider = rows.map((row, index) => row.toSpliced(HELD_OUT_CSV_PLACE, 0, trials[index]?.holdout ?? null));
  return csvDocument(header.toSpliced(HELD_OUT_CSV_PLACE, 0, 'Held-out value'), wider);
}

function resultsMarkdown(results: Results): string {
  const { view, trials, secondsByTrial, epochs = [] } = results;
  const proof = view.improved ? `, ${proofText(view.metric, view.proof)}` : '';
  const change = view.improved === null ? '' : ` (${changeText(view)}${proof})`;
  const [baseline, best] = metricTexts(view.metric, [view.baseline, view.best] as const);
  const facts = [
    `- metric: ${markdownText(view.metric)}, ${view.direction} is better`,
    `- baseline: ${markdownText(baseline)}`,
    `- best: ${markdownText(best)}${change}`,
    `- trials: ${view.trials}: ${countsText(view)}`,
    ...(view.final === null ? [] : [`- held out: ${markdownText(finalPickText(view.final))}`]),
    ...epochFacts(view.metric, epochs).map((text) => `- level: ${markdownText(text)}`),
    `- status: ${view.state}`,
  ];
  const digits = digitsApart(keptValues(trials));
  const rows = trials.map((trial) => {
    const seconds = secondsByTrial.get(trial.id);
    return [
      trial.number === null ? '-' : String(trial.number),
      trialResult(trial),
      metricText(view.metric, trial.metric, digits),
      trialChangeText(trial),
      seconds === undefined ? '' : formatSeconds(seconds),
      shortCommit(trial.candidateCommit),
      trialDescription(trial),
    ];
  });
  const held = heldOutTexts(results);
  const columns = held === null ? COLUMNS : withHeldOut(COLUMNS, HELD_OUT_COLUMN);
  const table = held === null ? rows : rows.map((row, index) => withHeldOut(row, held[index] ?? ''));
  const heads = columns.map(({ header, align }) => ({
    header: header.charAt(0) + header.slice(1).toLowerCase(),
    align,
  }));
  const note = earlierNote(results).map((line) => `${line}\n\n`);
  return `# ${formatExperimentName(view.name)}\n\n${facts.join('\n')}\n\n${note.join('')}${markdownTable(heads, table)}`;
}

function resultsJson({ view, trials, earlierTrials, secondsByTrial, epochs = [] }: Results): string {
  const rows: Json[] = trials.map((trial) => ({
    ...trialJson(trial),
    seconds: finiteOrNull(secondsByTrial.get(trial.id) ?? null),
  }));
  return jsonDocument({ experiment: viewJson(view), earlierTrials, epochs: epochs.map(epochJson), trials: rows });
}
