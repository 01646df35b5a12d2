/** The answers as tables for people. */
import type { Bar } from './bars.js';
import { type Answers, LENGTHS, SCENES } from './questions.js';
import { RULES, SHAPE_NAMES } from './studies.js';
import { textTable } from './text-table.js';

const NAMES = RULES.map(({ name }) => name);
const percent = (share: number | null) => (share === null ? '-' : (100 * share).toFixed(0));

export function report(answers: Answers, bars: readonly Bar[]): string {
  return [
    'False keeps per 100 trials that change nothing (noise sd 3 %)',
    neutralTable(answers, ({ falseKeepsPer100 }) => falseKeepsPer100.toFixed(2)),
    'Evaluations per such trial',
    neutralTable(answers, ({ evaluationsPerTrial }) => evaluationsPerTrial.toFixed(1)),
    'After 200 such trials: claimed gain in %, true gain 0 %',
    neutralTable(answers, ({ claimed }) => (100 * (1 - Math.exp(claimed))).toFixed(1)),
    ...[0, 0.3].flatMap((worse) => [
      `10 % improvements, ${100 * worse} % regressions of the same size: precision / power in %, evaluations per trial`,
      mixTable(answers, worse),
    ]),
    ...answers.gains.flatMap(({ scene, cost, rows }) => [
      `True gain in %, ${scene}, 30 % regressions, a proposal costs ${cost}; length in trials of the record rule`,
      textTable(
        ['rule', ...LENGTHS.map(String)],
        rows.map(({ rule, gains }) => [rule, ...gains.map((gain) => gain.toFixed(1))]),
      ),
    ]),
    'Verified gain: share of runs whose 95 % interval holds the truth, in %',
    textTable(
      answers.coverage.map(({ shape }) => shape),
      [answers.coverage.map(({ share }) => (100 * share).toFixed(1))],
    ),
    'Suites of tasks, right after the baseline: candidates kept in %, evaluations per trial',
    itemTable(answers),
    'Level shifts found per 1000 trials that change nothing',
    neutralTable(answers, ({ epochsPer1000 }) => epochsPer1000.toFixed(1)),
    'Bars',
    bars.map(({ name, passed, worst }) => `${passed ? 'PASS' : 'MISS'}  ${name}: ${worst}\n`).join(''),
  ].join('\n');
}

function itemTable({ items }: Answers): string {
  const rules = [...new Set(items.map(({ rule }) => rule))];
  const scenes = [...new Set(items.map(({ scene }) => scene))];
  const cell = (scene: string, rule: string) => {
    const tally = items.find((answer) => answer.scene === scene && answer.rule === rule)?.tally;
    return tally ? `${tally.keepsPer100.toFixed(1)} ${tally.evaluationsPerTrial.toFixed(1)}` : '-';
  };
  return textTable(
    ['suite', ...rules],
    scenes.map((scene) => [scene, ...rules.map((rule) => cell(scene, rule))]),
  );
}

type NeutralTally = Answers['neutral'][number]['tally'];

function neutralTable({ neutral }: Answers, show: (tally: NeutralTally) => string): string {
  const cell = (rule: string, shape: string) => neutral.find((row) => row.rule === rule && row.shape === shape)?.tally;
  const rows = NAMES.map((rule) => [
    rule,
    ...SHAPE_NAMES.map((shape) => {
      const tally = cell(rule, shape);
      return tally ? show(tally) : '-';
    }),
  ]);
  return textTable(['rule', ...SHAPE_NAMES], rows);
}

function mixTable({ mixes }: Answers, worse: number): string {
  const rows = NAMES.map((rule) => [
    rule,
    ...SCENES.map(({ name }) => {
      const found = mixes.find((row) => row.rule === rule && row.scene === name && row.worse === worse)?.tally;
      if (!found) return '-';
      return `${percent(found.precision)}/${percent(found.power)} ${found.evaluationsPerTrial.toFixed(1)}`;
    }),
  ]);
  return textTable(['rule', ...SCENES.map(({ name }) => name)], rows);
}
