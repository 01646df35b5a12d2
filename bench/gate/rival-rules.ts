/** The keep rules in use elsewhere, each as its users run it. Logarithms of a metric that is better when lower. */
import { median, standardDeviation, studentTail } from '../../src/core/statistics.js';
import type { Rule, RuleRun, World } from './world.js';

const logOf = (world: World, side: 'candidate' | 'incumbent') => Math.log(world.measure(side));

interface History {
  readonly baseline: number;
  /** The best number that counts as the record. */
  record: number;
  /** What was measured, the newest last. */
  readonly values: number[];
}

/** A rule that compares new numbers with the best number ever seen. */
function againstRecord(name: string, judge: (world: World, history: History) => number | null): Rule {
  return {
    name,
    start: (world): RuleRun => {
      const baseline = logOf(world, 'incumbent');
      const history: History = { baseline, record: baseline, values: [baseline] };
      return {
        judge: () => {
          const better = judge(world, history);
          if (better !== null) history.record = better;
          return better !== null;
        },
        claimed: () => history.record - baseline,
      };
    },
  };
}

const record = againstRecord('record', (world, { record }) => {
  const value = logOf(world, 'candidate');
  return value < record ? value : null;
});

/** Better than the record, and away from the baseline by one median absolute deviation of the last 60 numbers. */
const madAdvisory = againstRecord('MAD advisory', (world, { baseline, record, values }) => {
  const value = logOf(world, 'candidate');
  values.push(value);
  if (values.length > 60) values.shift();
  if (value >= record) return null;
  const centre = median(values);
  return Math.abs(value - baseline) >= median(values.map((other) => Math.abs(other - centre))) ? value : null;
});

const rerunOnce = againstRecord('re-run once', (world, { record }) => {
  const first = logOf(world, 'candidate');
  if (first >= record) return null;
  const second = logOf(world, 'candidate');
  return second < record ? Math.min(first, second) : null;
});

/** k runs of both sides, one after the other, and a test without further looks. */
function fixedSample(name: string, k: number, isBetter: (candidates: number[], incumbents: number[]) => boolean): Rule {
  return {
    name,
    start: (world): RuleRun => {
      let claimed = 0;
      return {
        judge: () => {
          const candidates: number[] = [];
          const incumbents: number[] = [];
          for (let run = 0; run < k; run += 1) {
            incumbents.push(logOf(world, 'incumbent'));
            candidates.push(logOf(world, 'candidate'));
          }
          const better = isBetter(candidates, incumbents);
          if (better) claimed += median(candidates) - median(incumbents);
          return better;
        },
        claimed: () => claimed,
      };
    },
  };
}

const ALPHA = 0.05;

/** Method: Welch's t test, one-sided. */
function welch(candidates: number[], incumbents: number[]): boolean {
  const [a, b] = [candidates, incumbents].map((values) => standardDeviation(values) ** 2 / values.length);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const gain = mean(incumbents) - mean(candidates);
  if (a === undefined || b === undefined || a + b === 0) return gain > 0;
  const df = (a + b) ** 2 / (a ** 2 / (candidates.length - 1) + b ** 2 / (incumbents.length - 1));
  return studentTail(gain / Math.sqrt(a + b), df) <= ALPHA;
}

/** Method: Mann and Whitney's exact test, one-sided; U of 4 is the largest with p at most .05 for five against five. */
function mannWhitneyFive(candidates: number[], incumbents: number[]): boolean {
  const wins = (a: number, b: number) => (a > b ? 1 : a === b ? 0.5 : 0);
  const u = candidates.reduce((sum, a) => sum + incumbents.reduce((won, b) => won + wins(a, b), 0), 0);
  return u <= 4;
}

export const RIVALS: readonly Rule[] = [
  record,
  madAdvisory,
  rerunOnce,
  fixedSample('3v3 median', 3, (candidates, incumbents) => median(candidates) < median(incumbents)),
  fixedSample('Welch 5v5', 5, welch),
  fixedSample('Mann-Whitney 5v5', 5, mannWhitneyFive),
];
