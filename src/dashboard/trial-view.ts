/**
 * Everything that is known about one trial: what was tried, what became of it and why, each measurement, and the diff.
 * Returns text for the terminal or JSON; reads no file, the diff is passed in.
 */
import type { Json } from '../core/json.js';
import type { Direction } from '../core/metric.js';
import { type ExperimentName, formatExperimentName } from '../core/names.js';
import { cut, oneLine, plainLines } from '../core/text.js';
import { formatBytes, formatSeconds, formatUsd, formatValue } from '../core/units.js';
import { type CheckRecord, readChecks } from '../loop/check-records.js';
import type { MeasurementRow, SpendingRow, TrialRow } from '../store/rows.js';
import { diffLines } from './diff.js';
import { isoTime, jsonDocument } from './formats.js';
import { metricFormatter, metricText, metricTexts } from './metric-text.js';
import { type Cell, type Column, type Palette, palette, renderColumns, type TerminalStyle, wrap } from './terminal.js';
import { displayWidth, padding, truncate } from './text-width.js';
import { measurementJson, trialJson } from './trial-json.js';
import { trialCells, trialChangeText, trialDescription } from './trial-line.js';

export interface TrialDetails {
  readonly experiment: ExperimentName;
  readonly metric: string;
  readonly direction: Direction;
  readonly trial: TrialRow;
  readonly measurements: readonly MeasurementRow[];
  /** The candidate's patch against its incumbent, or null when there is none to show. */
  readonly diff: string | null;
}

const LABEL_WIDTH = 9;
const MAX_PATHS = 20;
const MAX_STATISTICS = 40;
const MAX_QUOTED = 30;

export function renderTrial(details: TrialDetails, format: 'terminal' | 'json', style: TerminalStyle): string {
  return format === 'json' ? trialDocument(details) : trialTerminal(details, style);
}

function trialDocument({ experiment, metric, direction, trial, measurements, diff }: TrialDetails): string {
  return jsonDocument({
    experiment: { name: formatExperimentName(experiment), metric: oneLine(metric), direction },
    trial: { ...trialJson(trial), statistics: trial.statistics },
    measurements: measurements.map(measurementJson),
    diff: diff === null ? null : plainLines(diff),
  });
}

function trialTerminal(details: TrialDetails, style: TerminalStyle): string {
  const { trial, measurements, diff } = details;
  const tones = palette(style.colour);
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [[tones.strong(title), ...lines].join('\n')];
  const blocks = [
    head(details, style).join('\n'),
    ...section('Measurements', measurementLines(details, style)),
    ...section('Checks', checkLines(readChecks(trial.statistics), style)),
    ...section('Statistics', statisticsLines(withoutChecks(trial.statistics), style.width)),
    ...section(
      'Notes',
      trial.notes.flatMap((note) => wrap(oneLine(note, 1000), style.width - 2).map((line) => `  ${line}`)),
    ),
    ...section('Last output', quotedLines(trial.crashTail)),
    ...section('Feedback', quotedLines(trial.feedback)),
    ...section('Logs', uniqueLogs(measurements)),
    ...section('Diff', diff === null || diff.trim() === '' ? [] : diffLines(diff, style)),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function head(details: TrialDetails, style: TerminalStyle): string[] {
  const { trial, experiment } = details;
  const tones = palette(style.colour);
  const [number, result] = trialCells(trial, null, { ...details, format: String, style });
  const heading = [
    `${tones.strong(`Trial ${number?.text.trim() ?? ''}`)}`,
    result?.paint?.(result.text) ?? result?.text ?? '',
    tones.faint(formatExperimentName(experiment)),
  ].filter((part) => part !== '');
  const lines = facts(details).flatMap(([label, text]) =>
    wrap(text, Math.max(20, style.width - LABEL_WIDTH - 4)).map((line, index) => {
      return `  ${tones.faint((index === 0 ? label : '').padEnd(LABEL_WIDTH))}  ${line}`;
    }),
  );
  return [
    heading.join('   '),
    '',
    ...wrap(trialDescription(trial), style.width - 2).map((line) => `  ${line}`),
    '',
    ...lines,
  ];
}

function facts({ trial, metric }: TrialDetails): [string, string][] {
  const rows: [string, string | null][] = [
    ['value', valueText(trial, metric)],
    ['held out', heldOutText(trial)],
    ['outcome', outcomeText(trial)],
    ['reason', oneLine(trial.reason, 2000)],
    ['phase', trial.phase === 'settled' ? null : `${trial.phase}, not settled yet`],
    ['proposer', proposerText(trial)],
    ['cost', trial.spending === null ? null : costText(trial.spending)],
    ['denied', trial.spending?.denials.map((denial) => oneLine(denial, 200)).join('; ') || null],
    ['commit', trial.candidateCommit === null ? null : oneLine(trial.candidateCommit, 64)],
    ['incumbent', oneLine(trial.incumbentCommit, 64)],
    ...changedFacts(trial),
    ['started', timeText(trial.startedAt)],
    ['settled', settledText(trial)],
    ['attempt', trial.attempt > 1 ? `${trial.attempt} (measuring was begun ${trial.attempt} times)` : null],
    ['retry of', trial.retryOf === null ? null : `trial ${trial.retryOf}`],
    ['revision', String(trial.revision)],
  ];
  return rows.flatMap(([label, text]): [string, string][] => (text ? [[label, text]] : []));
}

function valueText(trial: TrialRow, metric: string): string | null {
  if (trial.metric === null) return null;
  const [value, against] = metricTexts(metric, [trial.metric, trial.incumbentMetric] as const);
  if (trial.incumbentMetric === null) return value;
  return `${value}   ${trialChangeText(trial)} against ${against}`;
}

/** With what it was compared with; for people, proposers are given none of it. */
function heldOutText({ holdout, statistics }: TrialRow): string | null {
  const details = isObject(statistics) && isObject(statistics['holdout']) ? statistics['holdout'] : {};
  const { metric, incumbent, allowed, problem } = details;
  const name = typeof metric === 'string' ? oneLine(metric, 60) : '';
  const show = (value: unknown) => (typeof value === 'number' ? metricText(name, value) : '-');
  if (holdout === null) return typeof problem === 'string' ? oneLine(problem, 300) : null;
  if (allowed === undefined) return show(holdout);
  return `${name} ${show(holdout)}   the incumbent has ${show(incumbent)}, the worst that passes is ${show(allowed)}`;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !isList(value);
}

function costText({ costUsd, costSource, tokens }: SpendingRow): string {
  const money = costUsd === null ? 'price unknown' : `${formatUsd(costUsd)} (${costSource})`;
  return tokens === null ? money : `${money}, ${tokens} tokens`;
}

function proposerText(trial: TrialRow): string {
  const took = trial.proposeSeconds === null ? '' : `, took ${formatSeconds(trial.proposeSeconds)}`;
  return oneLine(trial.proposer, 60) + took;
}

function outcomeText({ outcome, verdict }: TrialRow): string | null {
  if (outcome === null) return null;
  return [outcome.replaceAll('_', ' '), ...(verdict === null ? [] : [`verdict ${verdict}`])].join(', ');
}

/** How much changed, then one path per line. */
function changedFacts({ changedPaths, insertions, deletions }: TrialRow): [string, string][] {
  if (changedPaths.length === 0) return [];
  const files = `${changedPaths.length} ${changedPaths.length === 1 ? 'file' : 'files'}`;
  const lines = insertions === null || deletions === null ? '' : `, +${insertions} -${deletions} lines`;
  const more = changedPaths.length - MAX_PATHS;
  return [
    ['changed', files + lines],
    ...changedPaths.slice(0, MAX_PATHS).map((path): [string, string] => ['', oneLine(path, 200)]),
    ...(more > 0 ? [['', `and ${more} more`] satisfies [string, string]] : []),
  ];
}

function timeText(epochMs: number): string | null {
  return (
    isoTime(epochMs)
      ?.replace('T', ' ')
      .replace(/\.\d+Z$/, ' UTC') ?? null
  );
}

function settledText(trial: TrialRow): string | null {
  if (trial.settledAt === null) return null;
  const after = formatSeconds(Math.max(0, (trial.settledAt - trial.startedAt) / 1000));
  return `${timeText(trial.settledAt) ?? ''}, after ${after}`;
}

const MEASUREMENT_COLUMNS: readonly Column[] = [
  { header: '  SIDE', align: 'left' },
  { header: 'VALUE', align: 'right' },
  { header: 'WALL', align: 'right' },
  { header: 'CPU', align: 'right' },
  { header: 'MEMORY', align: 'right' },
  { header: 'END', align: 'left' },
];

function measurementLines({ measurements, metric }: TrialDetails, style: TerminalStyle): string[] {
  if (measurements.length === 0) return [];
  const tones = palette(style.colour);
  const values = measurements.flatMap((measurement) => measurement.metric ?? []);
  const format = metricFormatter(metric, values, values);
  const rows = measurements.map((measurement): Cell[] => [
    { text: `  ${measurement.side}` },
    { text: measurement.metric === null ? '' : format(measurement.metric) },
    { text: secondsText(measurement.wallSeconds), paint: tones.faint },
    { text: secondsText(measurement.cpuSeconds), paint: tones.faint },
    { text: measurement.peakMemoryBytes === null ? '' : formatBytes(measurement.peakMemoryBytes), paint: tones.faint },
    endCell(measurement, tones),
  ]);
  const [header, ...lines] = renderColumns(MEASUREMENT_COLUMNS, rows, style);
  const explained = lines.flatMap((line, index) => [line, ...remarkLines(measurements[index], style)]);
  return [header ?? '', ...explained];
}

function secondsText(seconds: number | null): string {
  return seconds === null ? '' : formatSeconds(seconds);
}

function endCell(measurement: MeasurementRow, tones: Palette): Cell {
  if (measurement.state !== 'done') return { text: measurement.state, paint: tones.warn };
  const code = measurement.signal ?? (measurement.exitCode === null ? '' : `exit ${measurement.exitCode}`);
  if (measurement.outcome === 'measured' || measurement.outcome === null) return { text: code };
  const outcome = measurement.outcome.replaceAll('_', ' ');
  return { text: code === '' ? outcome : `${outcome}, ${code}`, paint: tones.bad };
}

/** Under a measurement: why it failed, what else it measured, what it left running. */
function remarkLines(measurement: MeasurementRow | undefined, style: TerminalStyle): string[] {
  if (measurement === undefined) return [];
  const secondary = Object.entries(measurement.secondary).map(([name, value]) => `${name} ${formatValue(value)}`);
  const swept = measurement.swept ? [`processes left over and ended: ${measurement.swept}`] : [];
  const remarks = [measurement.reason, secondary.join(', '), ...swept].filter((part) => part !== '');
  const { faint } = palette(style.colour);
  return remarks.flatMap((remark) =>
    wrap(oneLine(remark, 1000), Math.max(20, style.width - 4)).map((line) => `    ${faint(line)}`),
  );
}

/** One check per line; what was found may be long and wraps under itself. */
function checkLines(checks: readonly CheckRecord[], style: TerminalStyle): string[] {
  const tones = palette(style.colour);
  const names = checks.map(({ name }) => truncate(oneLine(name), 30));
  const nameWidth = Math.max(0, ...names.map(displayWidth));
  const indent = ' '.repeat(nameWidth + 12);
  return checks.flatMap(({ passed, found, seconds }, index) => {
    const state = passed ? tones.good('passed') : tones.bad('failed');
    const name = names[index] ?? '';
    const text = oneLine(found, 500) + (seconds === null ? '' : `, ${formatSeconds(seconds)}`);
    const [first = '', ...more] = wrap(text, Math.max(20, style.width - indent.length));
    const head = `  ${state}  ${name}${padding(name, nameWidth)}  ${first}`;
    return [head.trimEnd(), ...more.map((line) => indent + line)];
  });
}

/** Untrusted text of several lines, indented and capped at its end, where a crash tells most. */
function quotedLines(text: string | null): string[] {
  const lines = text === null ? [] : plainLines(text).trimEnd().replaceAll('\t', '    ').split('\n');
  return lines
    .slice(-MAX_QUOTED)
    .filter((line, index) => index > 0 || line !== '')
    .map((line) => `  ${cut(line, 500)}`.trimEnd());
}

function uniqueLogs(measurements: readonly MeasurementRow[]): string[] {
  return [...new Set(measurements.map((measurement) => `  ${oneLine(measurement.logPath, 1000)}`))];
}

/** They have a section of their own. */
function withoutChecks(statistics: Json): Json {
  if (readChecks(statistics).length === 0 || !isObject(statistics)) return statistics;
  const { checks: _, ...rest } = statistics;
  return rest;
}

/** The gate's statistics as `a.b  value` lines. */
function statisticsLines(statistics: Json, width: number): string[] {
  const entries = flatten(statistics, '');
  const labelWidth = Math.min(30, Math.max(0, ...entries.map(([label]) => label.length)));
  const lines = entries.slice(0, MAX_STATISTICS).flatMap(([label, value]) =>
    wrap(value, Math.max(20, width - labelWidth - 4)).map((line, index) => {
      return `  ${(index === 0 ? label : '').padEnd(labelWidth)}  ${line}`;
    }),
  );
  const more = entries.length - MAX_STATISTICS;
  return more > 0 ? [...lines, `  ${more} more; --json shows all`] : lines;
}

function flatten(value: Json, label: string): [string, string][] {
  if (value === null) return label === '' ? [] : [[label, '-']];
  if (typeof value !== 'object') return [[oneLine(label, 60), oneLine(String(value), 300)]];
  if (isList(value)) return value.length === 0 ? [] : [[oneLine(label, 60), oneLine(JSON.stringify(value), 300)]];
  return Object.entries(value).flatMap(([key, inner]) => flatten(inner, label === '' ? key : `${label}.${key}`));
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
