/**
 * Several experiments in one table, one line each, in the four formats. Returns text; prints and writes nothing.
 */
import type { Json } from '../core/json.js';
import { formatExperimentName } from '../core/names.js';
import { oneLine } from '../core/text.js';
import type { ExperimentState, ExperimentView } from './experiment-view.js';
import { csvDocument, type Format, finiteOrNull, isoTime, jsonDocument, markdownTable } from './formats.js';
import { finalPickJson } from './held-out.js';
import { metricText, percentText } from './metric-text.js';
import { proofJson } from './proof.js';
import {
  type Cell,
  type Column,
  type Paint,
  type Palette,
  palette,
  renderColumns,
  type TerminalStyle,
} from './terminal.js';

/** The overview as a document in `format`; `style` matters to the terminal only. */
export function renderOverview(views: readonly ExperimentView[], format: Format, style: TerminalStyle): string {
  switch (format) {
    case 'terminal':
      return overviewTerminal(views, style);
    case 'csv':
      return overviewCsv(views);
    case 'markdown':
      return overviewMarkdown(views);
    case 'json':
      return jsonDocument({ experiments: views.map(viewJson) });
  }
}

/** `-9.9 %`, `n/a` from a zero baseline, `-` where nothing was measured. */
export function changeText(view: ExperimentView): string {
  if (view.improved === null) return '-';
  return view.machineChanged ? 'machine changed' : percentText(view.changePercent);
}

/** `12 trials`. */
export function trialsText(count: number): string {
  return `${count} ${count === 1 ? 'trial' : 'trials'}`;
}

/** `trial 3, 5 trials ago`: where the best code comes from; empty where nothing was measured. */
export function incumbentText({ incumbentTrial, sinceKeep }: ExperimentView): string {
  if (incumbentTrial === null) return '';
  return `trial ${incumbentTrial}${sinceKeep > 0 ? `, ${trialsText(sinceKeep)} ago` : ''}`;
}

export function statePaint(state: ExperimentState, tones: Palette): Paint {
  if (state === 'running') return tones.good;
  return state === 'active' ? tones.accent : tones.faint;
}

export function changePaint(improved: boolean | null, tones: Palette): Paint | undefined {
  if (improved === null) return undefined;
  return improved ? tones.good : undefined;
}

/** A view as it stands in JSON documents: ISO times, full precision, null for what is not known. */
export function viewJson(view: ExperimentView): { readonly [key: string]: Json } {
  return {
    name: formatExperimentName(view.name),
    metric: oneLine(view.metric),
    direction: view.direction,
    status: view.state,
    trials: view.trials,
    kept: view.kept,
    discarded: view.discarded,
    crashed: view.crashed,
    uncounted: view.uncounted,
    imported: view.imported,
    baseline: finiteOrNull(view.baseline),
    best: finiteOrNull(view.best),
    changePercent: finiteOrNull(view.changePercent),
    machineChanged: view.machineChanged,
    improved: view.improved,
    proof: proofJson(view.proof),
    final: finalPickJson(view.final),
    incumbentTrial: view.incumbentTrial,
    sinceKeep: view.sinceKeep,
    lastResultAt: isoTime(view.lastResultAt),
    lastSignAt: isoTime(view.lastSignAt),
    elapsedSeconds: finiteOrNull(view.elapsedSeconds),
    stopReason: view.stopReason,
    stopDetail: oneLine(view.stopDetail, 1000),
    runnerDied: view.runnerDied,
  };
}

const COLUMNS: readonly Column[] = [
  { header: 'DOMAIN', align: 'left', shrinkTo: 6 },
  { header: 'EXPERIMENT', align: 'left', shrinkTo: 10 },
  { header: 'RUNS', align: 'right' },
  { header: 'KEPT', align: 'right' },
  { header: 'BEST', align: 'right' },
  { header: 'CHANGE', align: 'right' },
  { header: 'STATUS', align: 'left' },
];

function overviewTerminal(views: readonly ExperimentView[], style: TerminalStyle): string {
  if (views.length === 0) return 'No experiments yet. `autoresearch init` makes one.\n';
  const tones = palette(style.colour);
  const rows = views.map((view): Cell[] => [
    { text: view.name.domain },
    { text: view.name.name, paint: tones.strong },
    { text: String(view.trials) },
    { text: String(view.kept) },
    { text: metricText(view.metric, view.best) },
    { text: changeText(view), paint: changePaint(view.improved, tones) },
    { text: view.state, paint: statePaint(view.state, tones) },
  ]);
  return `${renderColumns(COLUMNS, rows, style).join('\n')}\n`;
}

const CSV_HEADER = [
  'Domain',
  'Experiment',
  'Metric',
  'Runs',
  'Kept',
  'Discarded',
  'Crashed',
  'Best',
  'Change (%)',
  'Status',
] as const;

function overviewCsv(views: readonly ExperimentView[]): string {
  const rows = views.map((view) => [
    view.name.domain,
    view.name.name,
    view.metric,
    view.trials,
    view.kept,
    view.discarded,
    view.crashed,
    view.best,
    view.changePercent,
    view.state,
  ]);
  return csvDocument(CSV_HEADER, rows);
}

function overviewMarkdown(views: readonly ExperimentView[]): string {
  const rows = views.map((view) => [
    view.name.domain,
    view.name.name,
    String(view.trials),
    String(view.kept),
    metricText(view.metric, view.best),
    changeText(view),
    view.state,
  ]);
  return markdownTable(
    COLUMNS.map(({ header, align }) => ({ header: header.charAt(0) + header.slice(1).toLowerCase(), align })),
    rows,
  );
}
