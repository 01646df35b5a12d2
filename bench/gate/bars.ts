/** The five promises that the keep rule is held to, each with what was measured. */
import { LEVELS, type Level } from '../../src/gate/types.js';
import { type Answers, LENGTHS } from './questions.js';
import type { GainRow } from './studies.js';

export interface Bar {
  readonly name: string;
  readonly passed: boolean;
  readonly worst: string;
}

const OWN: ReadonlySet<string> = new Set(LEVELS);
/** The level of whoever chooses none. */
const DEFAULT: Level = 'default';
const RECORD = 'record';

export function bars(answers: Answers): Bar[] {
  return [
    neutralBar(answers),
    precisionBar(answers),
    ...gainBars(answers),
    coverageBar(answers),
    costBar(answers),
    itemBar(answers),
  ];
}

function neutralBar({ neutral }: Answers): Bar {
  const own = neutral.filter(({ rule }) => OWN.has(rule));
  const worst = own.reduce((a, b) => (b.tally.falseKeepsPer100 > a.tally.falseKeepsPer100 ? b : a));
  return {
    name: '1 at most 1 false keep per 100 neutral trials, every noise shape and level',
    passed: worst.tally.falseKeepsPer100 <= 1,
    worst: `${worst.tally.falseKeepsPer100.toFixed(2)} (${worst.rule}, ${worst.shape})`,
  };
}

/** Only where keeps were made at all; recorded noise has no one standard deviation that effects could be held against. */
function precisionBar({ mixes }: Answers): Bar {
  const own = mixes.filter(({ rule, sigmas, scene }) => OWN.has(rule) && sigmas >= 1 && !scene.includes('recorded'));
  const worst = own.reduce((a, b) => ((b.tally.precision ?? 1) < (a.tally.precision ?? 1) ? b : a));
  return {
    name: '2 precision at least 90 % where effects are one sigma or more',
    passed: (worst.tally.precision ?? 0) >= 0.9,
    worst: `${(100 * (worst.tally.precision ?? 0)).toFixed(1)} % (${worst.rule}, ${worst.scene}, ${100 * worst.worse} % regressions)`,
  };
}

interface Cell {
  readonly where: string;
  readonly ratio: number;
}

/** Gains of the default against those of other rules, as ratios, at the judged costs. */
function ratios(
  answers: Answers,
  lengths: readonly (typeof LENGTHS)[number][],
  other: (rows: readonly GainRow[], at: number) => number,
) {
  return answers.gains
    .filter(({ cost }) => cost <= 5)
    .flatMap(({ scene, cost, rows }) => {
      const own = rows.find(({ rule }) => rule === DEFAULT)?.gains ?? [];
      return lengths.map((length): Cell => {
        const at = LENGTHS.indexOf(length);
        const rival = other(rows, at);
        return { where: `${scene}, cost ${cost}, ${length}`, ratio: rival <= 0 ? 2 : (own[at] ?? 0) / rival };
      });
    });
}

function describe(cells: readonly Cell[], atLeast: number): string {
  const missed = cells.filter(({ ratio }) => ratio < atLeast).sort((a, b) => a.ratio - b.ratio);
  if (missed.length === 0) return `all ${cells.length} cells`;
  const worst = missed.slice(0, 4).map(({ where, ratio }) => `${ratio.toFixed(2)} (${where})`);
  return `${missed.length} of ${cells.length} cells miss: ${worst.join('; ')}`;
}

function gainBars(answers: Answers): Bar[] {
  const best = ratios(answers, [300, 1500], (rows, at) =>
    Math.max(...rows.filter(({ rule }) => rule !== DEFAULT).map(({ gains }) => gains[at] ?? 0)),
  );
  // Where the record rule has found more than half of all there is, nobody can find twice as much.
  const record = ratios(answers, [500, 1500], (rows, at) =>
    Math.min(50, rows.find(({ rule }) => rule === RECORD)?.gains[at] ?? 0),
  );
  return [
    {
      name: '3a true gain at 300 and 1500, cost 0, 1, 5: at least 0.9 of the best rule',
      passed: best.every(({ ratio }) => ratio >= 0.9),
      worst: describe(best, 0.9),
    },
    {
      name: '3b true gain from 500 on: at least twice the record rule',
      passed: record.every(({ ratio }) => ratio >= 2),
      worst: describe(record, 2),
    },
  ];
}

function coverageBar({ coverage }: Answers): Bar {
  const worst = coverage.reduce((a, b) => (b.share < a.share ? b : a));
  // Two standard errors of the simulation itself.
  const slack = 2 * Math.sqrt((0.95 * 0.05) / worst.runs);
  return {
    name: '4 verified gain inside its interval in 95 % of runs',
    passed: worst.share >= 0.95 - slack,
    worst: `${(100 * worst.share).toFixed(1)} % (${worst.shape})`,
  };
}

/** Right after the baseline, when the noise is known from six runs only. */
function itemBar({ items }: Answers): Bar {
  const worst = items
    .filter(({ rule, gains }) => rule === 'paired' && !gains)
    .reduce((a, b) => (b.tally.keepsPer100 > a.tally.keepsPer100 ? b : a));
  return {
    name: '6 paired: at most 1 false keep per 100 neutral candidates of a suite',
    passed: worst.tally.keepsPer100 <= 1,
    worst: `${worst.tally.keepsPer100.toFixed(2)} (${worst.scene})`,
  };
}

function costBar({ deterministic }: Answers): Bar {
  return {
    name: '5 metrics without noise: one evaluation per discard, and one more in a hundred',
    passed: deterministic.discard <= 1.01,
    worst: `${deterministic.discard.toFixed(3)} per discard, ${deterministic.keep.toFixed(3)} per keep`,
  };
}
