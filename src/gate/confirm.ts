import { isBetter } from '../core/metric.js';
import { median } from '../core/statistics.js';
import { type Bar, barOf, isAgeing, runsBefore } from './bar.js';
import { judgePair, pairSentence, verdict } from './compare.js';
import { offLevel } from './drift.js';
import { levelOf, PRESETS, type Preset } from './levels.js';
import { estimateNoise, type NoiseEstimate } from './noise.js';
import { finite, gainsOf, type PairTest, pairOrder, testPairs } from './pairs.js';
import { allPositive, type Scale, scaleOf } from './scale.js';
import type { Comparison, Evidence, Gate, GateStep, Side } from './types.js';

/**
 * For metrics with noise. One or two runs of the candidate screen out what shows no promise; what passes must win in
 * fresh pairs (candidate and incumbent next to each other, order by lot) until a sequential test is sure. The runs that
 * promised do not count as proof: they were selected for being good.
 */
/** Differences that the noise must be known from before a lead may be called clear. */
const WELL_KNOWN = 10;

export const confirm: Gate = {
  name: 'confirm',
  open: (comparison: Comparison) => {
    const confirmation = new Confirmation('confirm', comparison);
    return { next: (evidence: Evidence): GateStep => confirmation.next(evidence) };
  },
};

/** The confirmation of one candidate. What follows from the comparison alone is worked out once. */
export class Confirmation {
  readonly #gate: string;
  readonly #comparison: Comparison;
  readonly #groups: readonly (readonly number[])[];
  readonly #positive: boolean;
  readonly #noise: NoiseEstimate;

  constructor(gate: string, comparison: Comparison) {
    this.#gate = gate;
    this.#comparison = comparison;
    this.#groups = comparison.sampling?.neighbours ?? [[...comparison.incumbentValues].reverse()];
    this.#positive = allPositive(this.#groups) && allPositive([comparison.incumbentValues]);
    this.#noise = estimateNoise(this.#groups, scaleOf(comparison, this.#positive));
  }

  /** @param probes how many of the first incumbent runs of the evidence were asked for to learn the noise. */
  next(evidence: Evidence, probes = 0): GateStep {
    const comparison = this.#comparison;
    const screening = this.#screening(evidence, probes);
    if (screening.state === 'ask') return { kind: 'measure', sides: screening.sides };
    const { screened, preset, scale, noise, reference, before, shift } = screening;
    const facts = {
      ...{ level: levelOf(comparison), scale: scale.name, sigma: finite(noise.sigma), squares: noise.squares },
      ...{ z: screened.z, ...(shift ? { shift: { ...shift } } : {}) },
    };
    if (screened.state === 'failed') {
      const metric = median(evidence.candidate.slice(0, screened.runs));
      return verdict(this.#gate, comparison, {
        ...{ evidence, verdict: 'discard', metric, incumbentMetric: reference },
        reason: explainScreened(comparison, { reference, metric, runs: screened.runs }),
        analysis: { ...facts, conclusion: 'screened' },
      });
    }
    const candidates = evidence.candidate.slice(screened.runs);
    const incumbents = evidence.incumbent.slice(before);
    const missing = missingSides(comparison, candidates.length, incumbents.length);
    if (missing.length > 0) return { kind: 'measure', sides: missing };
    const test = testPairs(gainsOf(scale, candidates, incumbents), noise);
    const values = { metric: median(candidates), incumbentMetric: median(incumbents) };
    const conclusion = conclude(test, {
      preset,
      keepBelow: screened.z >= preset.clear && noise.squares >= WELL_KNOWN ? preset.keepClearBelow : preset.keepBelow,
      minEffect: scale.minEffect(reference),
      // What is recorded for the keep must show it.
      shown: isBetter(comparison.direction, values.metric, values.incumbentMetric),
    });
    if (conclusion === 'open') return { kind: 'measure', sides: pairOrder(comparison.sampling?.seed ?? 0, test.pairs) };
    return verdict(this.#gate, comparison, {
      ...{ evidence, verdict: conclusion === 'kept' ? 'keep' : 'discard', ...values },
      reason: explain(comparison, { conclusion, test, ...values }),
      analysis: { ...facts, conclusion, ...test },
    });
  }

  /** The bar, and whether the candidate's first runs come over it. */
  #screening(evidence: Evidence, probes: number): Screening {
    const comparison = this.#comparison;
    const positive = this.#positive && allPositive([evidence.candidate, evidence.incumbent]);
    const scale = scaleOf(comparison, positive);
    const noise = this.#noiseWith(evidence.incumbent.slice(0, probes), scale);
    const level = { known: comparison.incumbentValues, noise, scale };
    const preset = PRESETS[levelOf(comparison)];
    const against = (atLeast: number): Screening => {
      const bar = barOf(level, evidence.incumbent, atLeast);
      if (bar.missing > 0) return ask(Array.from({ length: bar.missing }, () => 'incumbent'));
      const screened = screen({ preset, noise, scale, reference: bar.reference, candidate: evidence.candidate });
      if (screened.state === 'more') return ask(['candidate']);
      return { state: 'screened', screened, preset, scale, noise, ...bar };
    };
    const first = against(probes > 0 ? probes : runsBefore(comparison));
    if (first.state === 'ask' || first.screened.state === 'passed') return first;
    // A slower machine makes every candidate look like this one.
    const isDoubtful = isAgeing(comparison) && offLevel(level, evidence.candidate[0] ?? 0) < 0;
    return first.before === 0 && isDoubtful ? against(1) : first;
  }

  #noiseWith(probes: readonly number[], scale: Scale): NoiseEstimate {
    const isKnown = probes.length === 0 && (scale.name === 'log') === this.#positive;
    return isKnown ? this.#noise : estimateNoise([...this.#groups, probes], scale);
  }
}

type Screening =
  | { readonly state: 'ask'; readonly sides: readonly Side[] }
  | (Bar & {
      readonly state: 'screened';
      readonly screened: Exclude<Screened, { readonly state: 'more' }>;
      readonly preset: Preset;
      readonly scale: Scale;
      readonly noise: NoiseEstimate;
    });

function ask(sides: readonly Side[]): Screening {
  return { state: 'ask', sides };
}

/** What completes the open pair, or opens the first. */
function missingSides({ sampling }: Comparison, candidates: number, incumbents: number): readonly Side[] {
  if (candidates > incumbents) return ['incumbent'];
  if (incumbents > candidates) return ['candidate'];
  return candidates === 0 ? pairOrder(sampling?.seed ?? 0, 0) : [];
}

interface Screen {
  readonly preset: Preset;
  readonly noise: NoiseEstimate;
  readonly scale: Scale;
  readonly reference: number;
  readonly candidate: readonly number[];
}

type Screened = { readonly state: 'more' } | { readonly state: 'passed' | 'failed'; readonly runs: number; z: number };

function screen({ preset, noise, scale, reference, candidate }: Screen): Screened {
  const [first, second] = candidate;
  if (first === undefined) return { state: 'more' };
  const minEffect = scale.minEffect(reference);
  const test = (gain: number, runs: 1 | 2) => {
    const root = Math.sqrt(runs);
    if (noise.sigma === 0) return { z: gain > 0 ? preset.clear : 0, demanded: preset.screen[runs - 1] ?? 0 };
    const demanded = preset.screen[runs - 1] ?? 0;
    const z = finite((gain / noise.sigma) * root);
    return { z, demanded: minEffect > 0 ? Math.max(demanded, (minEffect / noise.sigma - 1) * root) : demanded };
  };
  const one = test(scale.gain(reference, first), 1);
  if (one.z < one.demanded) return { state: 'failed', runs: 1, z: one.z };
  if (one.z >= preset.clear) return { state: 'passed', runs: 1, z: one.z };
  if (second === undefined) return { state: 'more' };
  const both = test((scale.gain(reference, first) + scale.gain(reference, second)) / 2, 2);
  return { state: both.z < both.demanded ? 'failed' : 'passed', runs: 2, z: both.z };
}

interface Demands {
  readonly preset: Preset;
  readonly keepBelow: readonly number[];
  readonly minEffect: number;
  readonly shown: boolean;
}

type Conclusion = 'open' | 'kept' | 'futile' | 'inconclusive';

function conclude(test: PairTest, { preset, keepBelow, minEffect, shown }: Demands): Conclusion {
  const at = test.pairs - 1;
  if (shown && test.gain > minEffect / 2 && test.p <= (keepBelow[at] ?? 0)) return 'kept';
  if (test.t <= (preset.futileBelow[at] ?? 0)) return 'futile';
  return test.pairs >= preset.mostPairs ? 'inconclusive' : 'open';
}

interface ScreenedOut {
  readonly reference: number;
  readonly metric: number;
  readonly runs: number;
}

function explainScreened(comparison: Comparison, { reference, metric, runs }: ScreenedOut): string {
  const { better, sentence } = judgePair(comparison, reference, metric);
  if (!better) return sentence;
  const pair = pairSentence(comparison, reference, metric);
  return `${pair} in ${runs === 1 ? 'one run' : 'two runs'}: no more than noise makes of equal code`;
}

interface Explained {
  readonly conclusion: Conclusion;
  readonly test: PairTest;
  readonly metric: number;
  readonly incumbentMetric: number;
}

function explain(comparison: Comparison, { conclusion, test, metric, incumbentMetric }: Explained): string {
  const pair = pairSentence(comparison, incumbentMetric, metric);
  const count = `${test.pairs} fresh pair${test.pairs === 1 ? '' : 's'}`;
  const p = test.p < 0.0001 ? 'p < 0.0001' : `p = ${test.p.toFixed(4)}`;
  if (conclusion === 'kept') return `${pair}, medians of ${count}, ${p}`;
  if (conclusion === 'futile') return `the first win did not repeat: ${pair}, medians of ${count}`;
  return `no certain gain in ${count}: ${pair}, ${p}`;
}
