/** What `doctor` found: findings with their cures, what the gate can see, and lines for config.cfg. Pure text and JSON. */
import type { Finding } from '../core/finding.js';
import { type ExperimentName, formatExperimentName } from '../core/names.js';
import { median } from '../core/statistics.js';
import { oneLine } from '../core/text.js';
import { formatMetric, formatSeconds } from '../core/units.js';
import type { Sensitivity } from '../gate/sensitivity.js';
import type { Recommendation } from '../loop/evaluator-findings.js';
import type { RehearsalFacts } from '../loop/rehearsal.js';
import { isoTime, jsonDocument } from './formats.js';
import type { TerminalStyle } from './terminal.js';
import { type Cell, type Column, type Paint, type Palette, palette, renderColumns, wrap } from './terminal.js';
import { agoText } from './when.js';

export interface DoctorReport {
  readonly experiment: ExperimentName;
  readonly configPath: string;
  readonly findings: readonly Finding[];
  /** Null where the evaluator was never rehearsed, or failed. */
  readonly rehearsal: {
    readonly facts: RehearsalFacts;
    readonly measuredAt: number | null;
    readonly recommendations: readonly Recommendation[];
  } | null;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const WORD_WIDTH = 'problem'.length;
const LONGEST_TEXT = 600;

export function renderDoctor(report: DoctorReport, format: 'terminal' | 'json', style: TerminalStyle): string {
  return format === 'json' ? doctorDocument(report) : doctorTerminal(report, style);
}

function doctorDocument({ experiment, findings, rehearsal }: DoctorReport): string {
  return jsonDocument({
    experiment: formatExperimentName(experiment),
    findings: findings.map((finding) => ({ ...finding })),
    measuredAt: isoTime(rehearsal?.measuredAt ?? null),
    evaluator: rehearsal?.facts ?? null,
    recommendations: (rehearsal?.recommendations ?? []).map((recommendation) => ({ ...recommendation })),
  });
}

function doctorTerminal({ experiment, configPath, findings, rehearsal, now }: DoctorReport, style: TerminalStyle) {
  const tones = palette(style.colour);
  const at = rehearsal?.measuredAt ?? null;
  const heading = `${tones.strong(formatExperimentName(experiment))}${at === null ? '' : `  rehearsed ${agoText(at, now)}`}`;
  const blocks = [heading, findings.map((finding) => findingLines(finding, style, tones).join('\n')).join('\n')];
  if (rehearsal) {
    blocks.push(
      ...sensitivityLines(rehearsal.facts, style, tones),
      ...adviceLines(rehearsal.recommendations, configPath),
    );
  }
  return `${blocks.join('\n\n')}\n`;
}

function findingLines({ level, text, cure }: Finding, style: TerminalStyle, tones: Palette): string[] {
  const tone: Readonly<Record<Finding['level'], Paint>> = {
    ok: tones.good,
    note: tones.faint,
    warning: tones.warn,
    problem: tones.bad,
  };
  const width = Math.max(20, style.width - WORD_WIDTH - 2);
  const lines = [text, ...(cure === undefined ? [] : [cure])].flatMap((part, index) =>
    wrap(oneLine(part, LONGEST_TEXT), index === 0 ? width : width - 2).map((line) =>
      index === 0 ? line : `  ${line}`,
    ),
  );
  const indent = ' '.repeat(WORD_WIDTH + 2);
  return lines.map((line, index) =>
    index === 0 ? `${tone[level](level.padEnd(WORD_WIDTH))}  ${line}` : indent + line,
  );
}

const COLUMNS: readonly Column[] = [
  { header: 'LEVEL', align: 'left' },
  { header: 'KEPT FROM', align: 'right' },
  { header: 'WHEN NOTHING CHANGED', align: 'right' },
  { header: 'AT THAT GAIN', align: 'right' },
  { header: 'KEPT BY CHANCE', align: 'right' },
];

function sensitivityLines(facts: RehearsalFacts, style: TerminalStyle, tones: Palette): string[] {
  if (facts.sensitivity.length === 0) return [];
  const seconds = median(facts.runs.map((run) => run.seconds));
  const rows = facts.sensitivity.map((row) => sensitivityCells(row, facts, seconds));
  const title = `${tones.strong('What the gate can see')}: a gain is kept with 80 % from the size in KEPT FROM on (simulated with the noise of these runs)`;
  return [[...wrap(title, style.width), ...renderColumns(COLUMNS, rows, style)].join('\n')];
}

function sensitivityCells(row: Sensitivity, facts: RehearsalFacts, seconds: number): Cell[] {
  const cost = (evaluations: number) => {
    const count = Number.isInteger(evaluations) ? String(evaluations) : evaluations.toFixed(1);
    return `${count} run${count === '1' ? '' : 's'}, ${formatSeconds(evaluations * seconds)}`;
  };
  const name = row.level === null ? facts.gate : row.level + (row.level === facts.level ? ' (now)' : '');
  return [
    { text: name },
    { text: gainText(row, facts.metric) },
    { text: cost(row.evaluationsOfNothing) },
    { text: row.smallestGain === null ? '-' : cost(row.evaluationsOfGain) },
    { text: `${row.falseKeepsPer100.toFixed(1)} of 100` },
  ];
}

function gainText({ smallestGain, unit }: Sensitivity, metric: string): string {
  if (smallestGain === null) return 'never';
  if (smallestGain === 0) return 'any gain';
  return unit === 'percent'
    ? `${smallestGain.toPrecision(2)} %`
    : formatMetric(metric, Number(smallestGain.toPrecision(2)));
}

function adviceLines(recommendations: readonly Recommendation[], configPath: string): string[] {
  if (recommendations.length === 0) return [];
  const sections = [...new Set(recommendations.map(({ section }) => section))];
  const lines = sections.flatMap((section) => [
    `[${section}]`,
    ...recommendations
      .filter((recommendation) => recommendation.section === section)
      .flatMap(({ key, value, why }) => [`# ${why}`, `${key} = ${value}`]),
  ]);
  return [[`Recommended in ${configPath}:`, ...lines.map((line) => `  ${line}`)].join('\n')];
}
