/** What an audit found, or will cost, as text for people and as a document for programs. */
import type { Json } from '../core/json.js';
import { oneLine } from '../core/text.js';
import { formatMetric, formatPercent, formatSeconds } from '../core/units.js';
import type { AuditedChange, AuditPlan, AuditReport } from '../loop/audit.js';
import type { Compared } from '../loop/compare.js';
import { jsonDocument } from './formats.js';
import { type Cell, type Column, type Palette, palette, renderColumns, type TerminalStyle, wrap } from './terminal.js';

export interface AuditSubject {
  /** `domain/name`. */
  readonly name: string;
  readonly metric: string;
}

const COLUMNS: readonly Column[] = [
  { header: 'TRIAL', align: 'left' },
  { header: 'EFFECT', align: 'right' },
  { header: '95 % INTERVAL', align: 'left' },
  { header: 'FINDING', align: 'left', shrinkTo: 24 },
  { header: 'DESCRIPTION', align: 'left', shrinkTo: 20 },
];

export function renderAudit(report: AuditReport, { name, metric }: AuditSubject, style: TerminalStyle): string {
  const { whole, changes, start, end } = report;
  const subject = { name, metric };
  const blocks: string[][] = [];
  if (whole !== null) {
    const line = `${oneLine(metric, 60)}: ${comparedText(metric, whole)} of ${short(start)} (start) and ${short(end)} (end)`;
    blocks.push(wrap(line, style.width));
  }
  if (changes !== null && changes.length === 0) blocks.push(['No kept trial lies between them.']);
  if (changes !== null && changes.length > 0) {
    blocks.push(
      renderColumns(
        COLUMNS,
        changes.map((change) => cells(change, metric, palette(style.colour))),
        style,
      ),
    );
    blocks.push(...caveats(changes, style), ...idle(changes, subject, style));
  }
  blocks.push(['Only what is verified here is a gain.']);
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** `verified -23.1 % [-25.0 %, -21.2 %], 20 pairs`, or `-23.1 %, exactly, both measured 2 times`. */
function comparedText(metric: string, { change, exact }: Compared): string {
  const show = shower(metric, change.unit);
  if (exact) return `verified ${show(change.estimate)}, exactly: ${change.pairs} pairs, all alike`;
  return `verified ${show(change.estimate)} [${show(change.low)}, ${show(change.high)}], ${change.pairs} pairs`;
}

function shower(metric: string, unit: Compared['change']['unit']): (value: number) => string {
  return (value) =>
    unit === 'percent' ? formatPercent(value) : oneLine(`${value > 0 ? '+' : ''}${formatMetric(metric, value)}`, 60);
}

function cells(change: AuditedChange, metric: string, tones: Palette): Cell[] {
  const number = { text: `#${String(change.number).padStart(4, '0')}` };
  const description = { text: oneLine(change.description, 500) };
  if (change.kind !== 'measured') {
    return [number, { text: '' }, { text: '' }, { text: otherFinding(change), paint: tones.faint }, description];
  }
  const { estimate, low, high, unit } = change.compared.change;
  const show = shower(metric, unit);
  const interval = change.compared.exact ? 'exactly' : `[${show(low)}, ${show(high)}]`;
  return [number, { text: show(estimate) }, { text: interval }, finding(change, tones), description];
}

function finding({ effect, sure }: Extract<AuditedChange, { kind: 'measured' }>, tones: Palette): Cell {
  const likely = sure ? '' : 'probably ';
  if (effect === 'none_seen') return { text: 'no effect seen', paint: tones.warn };
  return effect === 'pays'
    ? { text: `${likely}pays`, paint: tones.good }
    : { text: `${likely}harms`, paint: tones.bad };
}

function otherFinding(change: Exclude<AuditedChange, { kind: 'measured' }>): string {
  switch (change.kind) {
    case 'gone':
      return 'nothing of it is left';
    case 'needed':
      return 'without it nothing can be measured';
    case 'entangled': {
      const by = change.trials.map((trial) => `#${trial}`).join(', ');
      const builds = change.trials.length === 1 ? 'builds' : 'build';
      return by === '' ? 'does not come off cleanly' : `does not come off: ${by} ${builds} on it`;
    }
  }
}

function caveats(changes: readonly AuditedChange[], style: TerminalStyle): string[][] {
  const measured = changes.filter((change) => change.kind === 'measured');
  if (measured.length === 0) return [];
  const looks = measured.length === 1 ? '1 change was looked at' : `${measured.length} changes were looked at`;
  const chance =
    measured.length > 1 && measured.some(({ compared }) => !compared.exact)
      ? ', each with an interval of its own; "probably" marks what so many looks may show by chance'
      : '';
  return [wrap(`${looks}${chance}. EFFECT is what the change does today, with all the others in place.`, style.width)];
}

/** The kept changes for which nothing speaks, and the command that drops them. */
function idle(changes: readonly AuditedChange[], { name, metric }: AuditSubject, style: TerminalStyle): string[][] {
  const unpaid = doNotPay(changes);
  if (unpaid.length === 0) return [];
  const blind = unpaid.flatMap((change) => {
    if (change.effect !== 'none_seen' || change.compared.exact) return [];
    const { low, high, unit } = change.compared.change;
    const show = shower(metric, unit);
    return [`#${change.number} may still do something between ${show(low)} and ${show(high)}`];
  });
  const numbers = unpaid.map(({ number }) => number).join(',');
  return [
    [
      ...wrap(`These kept changes do not pay: ${unpaid.map(({ number }) => `#${number}`).join(', ')}`, style.width),
      ...(blind.length > 0 ? wrap(`(${blind.join('; ')}: more --pairs would tell)`, style.width) : []),
      `  autoresearch finish --experiment ${name} --without ${numbers}`,
    ],
  ];
}

export function doNotPay(changes: readonly AuditedChange[]): Extract<AuditedChange, { kind: 'measured' }>[] {
  return changes.filter((change) => change.kind === 'measured').filter(({ effect }) => effect !== 'pays');
}

export function auditJson(report: AuditReport, { name, metric }: AuditSubject): string {
  const { version: _, ...found } = report;
  const unpaid = doNotPay(report.changes ?? []).map(({ number }) => number);
  return jsonDocument({ experiment: name, metric, ...(found as unknown as { [key: string]: Json }), doNotPay: unpaid });
}

export function renderAuditPlan(plan: AuditPlan, { metric }: AuditSubject, style: TerminalStyle): string {
  const { start, end, changes, only, expected } = plan;
  const clean = changes.filter(({ removal }) => removal.kind === 'clean');
  const lines = [
    ...(only === 'changes' ? [] : [`the whole: ${short(start)} (start) against ${short(end)} (end)`]),
    ...clean.map(
      ({ number, description }) => `change ${number}: the end without it against the end  ${oneLine(description, 80)}`,
    ),
    ...changes.flatMap(({ number, removal }) => {
      if (removal.kind === 'clean') return [];
      return [`change ${number}: not measured, ${otherFinding({ number, description: '', ...removal })}`];
    }),
    costText(oneLine(metric, 60), expected),
    'Nothing was measured (--dry-run).',
  ];
  return `${lines.flatMap((line) => wrap(line, style.width)).join('\n')}\n`;
}

/** `280 evaluations of p50_ms in 20 pairs each: about 14 min`. */
export function costText(metric: string, { evaluations, pairs, seconds }: AuditPlan['expected']): string {
  const time = seconds === null ? 'how long is not known' : `about ${formatSeconds(seconds)}`;
  return `${evaluations} evaluations of ${metric}, ${pairs} pairs each: ${time}`;
}

function short(commit: string): string {
  return commit.slice(0, 7);
}
