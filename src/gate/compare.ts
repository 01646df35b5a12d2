import type { Json } from '../core/json.js';
import { improvement, minEffectAmount, percentChange } from '../core/metric.js';
import { digitsApart, formatMetric, formatPercent } from '../core/units.js';
import type { Comparison, Evidence, GateStep } from './types.js';

/** The one comparison of two numbers that all gates share, and its sentence. */
export interface Judged {
  readonly better: boolean;
  readonly equal: boolean;
  readonly sentence: string;
}

export function judgePair(comparison: Comparison, incumbent: number, candidate: number): Judged {
  const gain = improvement(comparison.direction, incumbent, candidate);
  const needed = comparison.minEffect ? minEffectAmount(comparison.minEffect, incumbent) : 0;
  // A minimum of exactly 0 still demands a strict improvement.
  const better = gain > 0 && gain >= needed;
  const pair = pairSentence(comparison, incumbent, candidate);
  const show = (value: number) => formatMetric(comparison.metric, value);
  if (better) return { better, equal: false, sentence: pair };
  if (gain === 0) return { better, equal: true, sentence: `${show(candidate)}, equal to the incumbent` };
  const why = gain > 0 ? `better by less than the smallest effect that counts, ${show(needed)}` : 'not better';
  return { better, equal: false, sentence: `${pair}: ${why}` };
}

/** `11.2 ms against the incumbent's 12 ms (-6.7 %)`. */
export function pairSentence({ metric }: Comparison, incumbent: number, candidate: number): string {
  const digits = digitsApart([incumbent, candidate]);
  const show = (value: number) => formatMetric(metric, value, digits);
  const change = formatPercent(percentChange(incumbent, candidate));
  return `${show(candidate)} against the incumbent's ${show(incumbent)} (${change})`;
}

interface Decision {
  readonly verdict: 'keep' | 'discard';
  readonly reason: string;
  readonly metric: number;
  readonly incumbentMetric: number;
}

interface Decided extends Decision {
  readonly evidence: Evidence;
  /** What the gate computed on the way, for people; a replay computes it again. */
  readonly analysis?: Json;
}

/** Counts the versions of the rules: a verdict can be computed again only by the rules it was made by. */
export const GATE_RULES = 3;

export function verdict(gate: string, comparison: Comparison, decided: Decided): GateStep {
  const { evidence, analysis, ...decision } = decided;
  return {
    kind: 'verdict',
    ...decision,
    statistics: {
      gate,
      rules: GATE_RULES,
      comparison: plain(comparison),
      evidence: {
        candidate: evidence.candidate,
        incumbent: evidence.incumbent,
        ...(evidence.items ? { items: { ...evidence.items } } : {}),
      },
      ...(analysis === undefined ? {} : { analysis }),
    },
  };
}

function plain({ sampling, minEffect, ...rest }: Comparison): Json {
  return {
    ...rest,
    minEffect: minEffect ? { ...minEffect } : null,
    ...(sampling ? { sampling: { ...sampling } } : {}),
  };
}

/** An equal result: kept only where `tie = simpler` and the candidate removes more lines than it adds. */
export function tieVerdict(comparison: Comparison): { verdict: 'keep' | 'discard'; suffix: string } {
  if (comparison.tie !== 'simpler') return { verdict: 'discard', suffix: '' };
  const removed = comparison.netLinesRemoved;
  return removed > 0
    ? { verdict: 'keep', suffix: `, and simpler by ${removed} line${removed === 1 ? '' : 's'}` }
    : { verdict: 'discard', suffix: ', and not simpler' };
}
