import type { Json } from '../core/json.js';
import { isBetter } from '../core/metric.js';
import { median } from '../core/statistics.js';
import { formatPercent, formatValue } from '../core/units.js';
import { barOf, isAgeing, runsBefore } from './bar.js';
import { judgePair, pairSentence, verdict } from './compare.js';
import { offLevel } from './drift.js';
import { type CommonItems, commonItems } from './items.js';
import { levelOf } from './levels.js';
import { estimateNoise, type NoiseEstimate } from './noise.js';
import { finite, gainsOf, pairOrder, testPairs } from './pairs.js';
import { allPositive, type Scale, scaleOf } from './scale.js';
import { signFlip } from './sign-flip.js';
import type { Comparison, Evidence, Gate, GateStep, Level } from './types.js';

/**
 * For suites of tasks: the unit is the item. Both sides run the same items, each pair of runs with the same seed; a keep
 * needs items that agree (a sign-flip test on their means) and runs that agree (a test of the pairs' metric, for the items
 * of one run share the minute they ran in). Without items the pairs of equal seeds are all there is.
 */
const FEWEST_ITEMS = 5;
const LEAST_COMMON = 0.8;
/** With fewer not even unanimous items would be proof. */
const ENOUGH_ITEMS = 10;

interface Demands {
  /** After look n the largest p of the items that keeps (index n - 1), and of the pairs' metric beside it. */
  readonly items: readonly number[];
  readonly runs: readonly number[];
  /** After look n a p of the items above this ends the trial. */
  readonly futile: readonly number[];
  /** Without items: after pair n the largest p that keeps. */
  readonly pairs: readonly number[];
}

const DEFAULT: Demands = {
  items: [0, ...Array<number>(9).fill(0.01)],
  runs: [0, 0.0004, 0.0008, 0.0015, 0.0015, ...Array<number>(5).fill(0.0022)],
  futile: [0.5, 0.3, 0.25, 0.2, 0.2, 0.15, 0.12, 0.1, 0.1, 0],
  pairs: [0, 0, 0.0012, 0.0018, ...Array<number>(6).fill(0.002)],
};

/** The same proof from fewer looks. */
const FEWER_LOOKS = 5;
const FAST: Demands = {
  items: DEFAULT.items.slice(0, FEWER_LOOKS),
  runs: DEFAULT.runs.slice(0, FEWER_LOOKS),
  futile: [...DEFAULT.futile.slice(0, FEWER_LOOKS - 1), 0],
  pairs: DEFAULT.pairs.slice(0, FEWER_LOOKS),
};

const tenth = (limits: readonly number[]) => limits.map((limit) => limit / 10);
const STRICT: Demands = {
  items: tenth(DEFAULT.items),
  runs: tenth(DEFAULT.runs),
  futile: DEFAULT.futile,
  pairs: tenth(DEFAULT.pairs),
};

/**
 * Found by simulation (bench/gate): spent over all looks, at most one candidate in a hundred that changes nothing is kept
 * in any noise shape there, also right after the baseline, when little is known of the noise.
 */
const DEMANDS: Readonly<Record<Level, Demands>> = { fast: FAST, default: DEFAULT, strict: STRICT };
/** One-sided: from here on a loss is called one. */
const WORSE = 0.05;
const FUTILE_T = 0.4;
const UNKNOWN_NOISE: NoiseEstimate = { sigma: 0, squares: 0, cutoff: Number.POSITIVE_INFINITY };

export const paired: Gate = {
  name: 'paired',
  open: (comparison: Comparison) => ({ next: (evidence: Evidence): GateStep => nextStep(comparison, evidence) }),
};

interface Look {
  readonly comparison: Comparison;
  readonly evidence: Evidence;
  readonly scale: Scale;
  readonly noise: NoiseEstimate;
  readonly demands: Demands;
}

function nextStep(comparison: Comparison, evidence: Evidence): GateStep {
  const groups = comparison.sampling?.neighbours ?? [comparison.incumbentValues.toReversed()];
  const { candidate, incumbent } = evidence;
  const scale = scaleOf(comparison, allPositive([...groups, comparison.incumbentValues, candidate, incumbent]));
  const level = { known: comparison.incumbentValues, noise: estimateNoise(groups, scale), scale };
  const bar = barOf(level, incumbent, Math.max(runsBefore(comparison), Math.min(1, incumbent.length)));
  if (bar.missing > 0) return { kind: 'measure', sides: Array.from({ length: bar.missing }, () => 'incumbent') };
  const [first] = candidate;
  if (first === undefined) return { kind: 'measure', sides: ['candidate'] };
  if (incumbent.length === 0) {
    const isDoubtful = isAgeing(comparison) && offLevel(level, first) < 0;
    if (isDoubtful || scale.gain(bar.reference, first) > 0) return { kind: 'measure', sides: ['incumbent'] };
    return verdict('paired', comparison, {
      ...{ evidence, verdict: 'discard', metric: first, incumbentMetric: bar.reference },
      reason: judgePair(comparison, bar.reference, first).sentence,
      analysis: { state: 'worse', unit: 'runs' },
    });
  }
  return look({ comparison, evidence, scale, noise: level.noise, demands: DEMANDS[levelOf(comparison)] });
}

/** What all runs so far say: the items where there are any, else the pairs. */
function look(at: Look): GateStep {
  const common = commonItems(at.evidence);
  if (common === null || common.total < FEWEST_ITEMS) return decide(at, lookAtPairs(at));
  const { length } = common.candidate;
  if (length >= FEWEST_ITEMS && length >= LEAST_COMMON * common.total) return decide(at, lookAtItems(at, common));
  return decide(at, {
    state: 'inconclusive',
    reason: `the items differ: ${length} of ${common.total} are in every run of both sides`,
    analysis: { unit: 'items', items: common.total, common: length },
  });
}

interface Finding {
  readonly state: 'open' | 'better' | 'worse' | 'inconclusive';
  readonly reason: string;
  readonly analysis: { readonly [key: string]: Json };
}

function decide({ comparison, evidence }: Look, { state, reason, analysis }: Finding): GateStep {
  const [candidates, incumbents] = [evidence.candidate.length, evidence.incumbent.length];
  if (state === 'open') {
    if (candidates < incumbents) return { kind: 'measure', sides: ['candidate'] };
    if (incumbents < candidates) return { kind: 'measure', sides: ['incumbent'] };
    return { kind: 'measure', sides: pairOrder(comparison.sampling?.seed ?? 0, candidates) };
  }
  return verdict('paired', comparison, {
    ...{ evidence, verdict: state === 'better' ? 'keep' : 'discard', reason },
    ...{ metric: median(evidence.candidate), incumbentMetric: median(evidence.incumbent) },
    analysis: { state, level: levelOf(comparison), ...analysis },
  });
}

/** Whether the metric itself shows a gain that is great enough: what is recorded for a keep must show it. */
function isShown({ comparison, evidence, scale }: Look): boolean {
  const [metric, reference] = [median(evidence.candidate), median(evidence.incumbent)];
  return (
    isBetter(comparison.direction, metric, reference) && scale.gain(reference, metric) > scale.minEffect(reference) / 2
  );
}

function lookAtItems(at: Look, { total, candidate, incumbent }: CommonItems): Finding {
  const { comparison, evidence, demands } = at;
  const runs = Math.min(evidence.candidate.length, evidence.incumbent.length);
  const scale = scaleOf(comparison, allPositive([...candidate, ...incumbent]));
  const gains = candidate.map((values, i) => scale.gain(mean(incumbent[i] ?? values), mean(values)));
  const units = gains.length >= ENOUGH_ITEMS ? gains : gainsInPairs(candidate, incumbent, { scale, runs });
  const seed = (comparison.sampling?.seed ?? 0) + runs;
  const p = signFlip(units, seed);
  const pairs = testPairs(gainsOf(at.scale, evidence.candidate.slice(0, runs), evidence.incumbent), at.noise);
  const counts = {
    better: gains.filter((gain) => gain > 0).length,
    worse: gains.filter((gain) => gain < 0).length,
  };
  const gain = finite(mean(gains));
  const isKeep = p <= (demands.items[runs - 1] ?? 0) && pairs.p <= (demands.runs[runs - 1] ?? 0) && isShown(at);
  const isOver = p > (demands.futile[runs - 1] ?? 0);
  const said = `${counts.better} of ${gains.length} items better, ${counts.worse} worse: ${movement(comparison, scale, gain)} mean`;
  const often = `${runs} run${runs === 1 ? '' : 's'} each`;
  const analysis = {
    ...{ unit: 'items', items: total, common: gains.length, ...counts, scale: scale.name, gain, p },
    ...{ pairs: { ...pairs } },
  };
  if (isKeep) return { state: 'better', reason: `${said}, ${pText(p)}, ${often}`, analysis };
  if (!isOver) return { state: 'open', reason: '', analysis };
  const isWorse =
    signFlip(
      units.map((gain) => -gain),
      seed,
    ) <= WORSE;
  const reason = isWorse ? `${said}, ${often}` : `no certain gain: ${said}, ${pText(p)}, ${often}`;
  return { state: isWorse ? 'worse' : 'inconclusive', reason, analysis };
}

function lookAtPairs(at: Look): Finding {
  const { comparison, evidence, demands } = at;
  const runs = Math.min(evidence.candidate.length, evidence.incumbent.length);
  const gains = gainsOf(at.scale, evidence.candidate.slice(0, runs), evidence.incumbent);
  // Runs of equal seeds may differ much less than runs of others: only their own differences tell how much.
  const test = testPairs(gains, UNKNOWN_NOISE);
  const p = isConstant(gains) && test.gain > 0 ? chanceOfEqual(at, runs) : test.p;
  const pair = pairSentence(comparison, median(evidence.incumbent), median(evidence.candidate));
  const said = `${pair}, medians of ${runs} pair${runs === 1 ? '' : 's'} of equal seeds, ${pText(p)}`;
  const analysis = { unit: 'runs', pairs: { ...test, p } };
  if (p <= (demands.pairs[runs - 1] ?? 0) && isShown(at)) return { state: 'better', reason: said, analysis };
  const isOver = runs >= demands.pairs.length || (runs === 1 ? test.gain <= 0 : test.t <= FUTILE_T);
  if (!isOver) return { state: 'open', reason: '', analysis };
  const isWorse = test.t < 0 && 1 - test.p <= WORSE;
  return { state: isWorse ? 'worse' : 'inconclusive', reason: `no certain gain: ${said}`, analysis };
}

/** Equal gains in every pair: the sign of a coin as often, unless no two runs of the same code ever differed. */
function chanceOfEqual({ comparison, evidence }: Look, runs: number): number {
  const isExact = !comparison.noisy && [evidence.candidate, evidence.incumbent].every(isConstant);
  return isExact && runs > 1 ? 0 : 0.5 ** runs;
}

function isConstant(values: readonly number[]): boolean {
  return values.every((value) => value === values[0]);
}

/** Of few items each pair of runs counts by itself: there are too few for a proof that holds for others like them. */
function gainsInPairs(
  candidate: readonly (readonly number[])[],
  incumbent: readonly (readonly number[])[],
  { scale, runs }: { readonly scale: Scale; readonly runs: number },
): number[] {
  return candidate.flatMap((values, i) =>
    values.slice(0, runs).map((value, run) => scale.gain(incumbent[i]?.[run] ?? value, value)),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value / values.length, 0);
}

/** The movement of the number itself: negative where it fell. */
function movement({ direction }: Comparison, scale: Scale, meanGain: number): string {
  const moved = direction === 'lower' ? -meanGain : meanGain;
  if (scale.name === 'log') return formatPercent(Math.expm1(moved) * 100);
  return `${moved > 0 ? '+' : ''}${formatValue(Number(moved.toPrecision(3)))}`;
}

function pText(p: number): string {
  return p < 0.0001 ? 'p < 0.0001' : `p = ${p.toFixed(4)}`;
}
