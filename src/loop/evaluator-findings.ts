import type { ExperimentSettings } from '../config/settings.js';
import type { Finding } from '../core/finding.js';
import { median } from '../core/statistics.js';
import { firstStandsApart, lagOneCorrelation, trendOf, twoLevels } from '../core/trend.js';
import { formatMetric, formatPercent, formatSeconds, formatValue, unitOfMetric } from '../core/units.js';
import { estimateNoise } from '../gate/noise.js';
import { allPositive, scaleOf } from '../gate/scale.js';
import { signTestPower } from '../gate/sensitivity.js';
import type { RehearsalFacts } from './rehearsal.js';

/**
 * From what a rehearsal saw to what a person should know: one finding per property of the evaluator, each with its cure.
 * Pure: the same facts and settings give the same findings, today or a week later.
 */
type Level = Finding['level'];

/** The shortest evaluation that is more than the start of a process. */
const PROCESS_START_SECONDS = 0.02;
const NEAR_HARD_LIMIT = 0.6;
const SURE_TREND = 0.01;
const CLEAR_MEMORY = 0.65;
const BUSY_LOAD_PER_CORE = 0.75;
/** A sign test of fewer items proves next to nothing. */
const ENOUGH_ITEMS = 40;
/** With fewer the item-wise gate has nothing to go by. */
const FEWEST_ITEMS = 10;

export function evaluatorFindings(facts: RehearsalFacts, settings: ExperimentSettings): Finding[] {
  const values = facts.runs.map(({ value }) => value);
  const noisy = isNoisy(facts);
  return [
    noiseFinding(facts),
    ...(noisy ? [...shapeFindings(facts, values), ...coarseFindings(facts)] : []),
    durationFinding(facts, settings),
    ...twinFindings(facts, settings),
    itemsFinding(facts.items),
    machineFinding(facts),
  ];
}

/** Whether any two runs of the same code differed. */
function isNoisy({ runs }: RehearsalFacts): boolean {
  return runs.some(({ value }) => value !== runs[0]?.value);
}

/** Numbers that a clock decides: what else runs on the machine shows in them. */
function isTimed(metric: string): boolean {
  const timeUnit = ['ns', 'µs', 'ms', 's', 'min'].includes(unitOfMetric(metric));
  return timeUnit || /(?:^|_)(?:time|latency|duration|throughput|ops|rps|qps|speed)(?:_|$)/i.test(metric);
}

function finding(level: Level, text: string, cure?: string): Finding {
  return { area: 'evaluator', level, text, ...(cure === undefined ? {} : { cure }) };
}

function noiseFinding(facts: RehearsalFacts): Finding {
  const { metric, runs } = facts;
  const centre = median(runs.map(({ value }) => value));
  const typical = formatMetric(metric, centre);
  if (!isNoisy(facts) && facts.noisyBefore) {
    const text = `${typical} in all ${runs.length} runs, but earlier runs of the same code differed: gains are confirmed in pairs`;
    return finding('note', text, 'see more of it: autoresearch doctor --runs 40');
  }
  if (!isNoisy(facts)) {
    return finding('ok', `deterministic: ${typical} in all ${runs.length} runs; one run decides, three confirm a keep`);
  }
  const { sigma, relative } = noiseOf(facts);
  const size = relative
    ? `${formatPercent(100 * sigma).replace('+', '')} per run`
    : `${formatMetric(metric, sigma)} per run`;
  return finding(
    'ok',
    `noisy: ${typical}, noise ${size} (${runs.length} runs); smaller gains need several runs to show`,
  );
}

/** Standard deviation of one run, as the gate takes it: a share of the value where all are positive. */
function noiseOf({ metric, direction, runs }: RehearsalFacts): { sigma: number; relative: boolean } {
  const values = runs.map(({ value }) => value);
  const relative = allPositive([values]);
  const nothing = { minEffect: null, tie: 'discard', incumbentValues: [], noisy: true, netLinesRemoved: 0 } as const;
  const { sigma } = estimateNoise([values], scaleOf({ metric, direction, ...nothing }, relative));
  return { sigma, relative };
}

function shapeFindings({ metric, runs }: RehearsalFacts, values: readonly number[]): Finding[] {
  const findings: Finding[] = [];
  const show = (value: number) => formatMetric(metric, value);
  const cold = firstStandsApart(values);
  if (cold) {
    const rest = median(values.slice(1));
    const text = `the first run stands apart: ${show(values[0] ?? 0)}, the others around ${show(rest)}`;
    findings.push(finding('warning', text, 'throw away more runs at the start: see warmup_runs below'));
  }
  const steady = cold ? values.slice(1) : values;
  const { slope, p } = trendOf(steady);
  if (p < SURE_TREND) {
    const whole = slope * (steady.length - 1);
    const percent = formatPercent((100 * whole) / Math.abs(median(steady)));
    const text = `drifts: ${percent} over ${steady.length} runs (p = ${p.toFixed(4)}), although the code stayed the same`;
    const cure =
      'look for what grows or warms up (caches, files left behind, a hot processor); the gate measures both sides in turns, a lasting drift costs it power';
    findings.push(finding('warning', text, cure));
  }
  const levels = p < SURE_TREND ? null : twoLevels(steady);
  if (levels) {
    const text = `two levels: ${levels.lowCount} runs around ${show(levels.low)}, ${levels.highCount} around ${show(levels.high)}`;
    findings.push(
      finding(
        'warning',
        text,
        'find what switches (cache hit or miss, core, address layout), or report the median of several runs',
      ),
    );
  } else if (p >= SURE_TREND && runs.length >= 8 && Math.abs(lagOneCorrelation(steady)) > CLEAR_MEMORY) {
    const text = `each run resembles the one before it (correlation ${lagOneCorrelation(steady).toFixed(2)}): slow disturbances`;
    findings.push(finding('note', text, 'measure on a machine that does nothing else; let one evaluation last longer'));
  }
  return findings;
}

/** A metric that takes few values: what lies between two of them cannot be seen in one run. */
function coarseStep({ runs }: RehearsalFacts): number | null {
  const distinct = [...new Set(runs.map(({ value }) => value))].sort((a, b) => a - b);
  if (distinct.length < 2 || distinct.length > Math.max(2, runs.length / 3)) return null;
  return Math.min(...distinct.slice(1).map((value, i) => value - (distinct[i] ?? value)));
}

function coarseFindings(facts: RehearsalFacts): Finding[] {
  const step = coarseStep(facts);
  if (step === null) return [];
  const count = new Set(facts.runs.map(({ value }) => value)).size;
  const text = `coarse: only ${count} different values in ${facts.runs.length} runs, ${formatMetric(facts.metric, step)} apart`;
  return [finding('warning', text, 'print more digits or measure more work at once')];
}

function durationFinding({ metric, runs }: RehearsalFacts, settings: ExperimentSettings): Finding {
  const seconds = median(runs.map((run) => run.seconds));
  const longest = Math.max(...runs.map((run) => run.seconds));
  const budget = settings.timeBudgetMinutes * 60;
  const limit = settings.hardLimitMinutes * 60;
  const took = `an evaluation takes ${precise(seconds)}`;
  if (longest > NEAR_HARD_LIMIT * limit) {
    const text = `${took}, the longest ${precise(longest)}: near the hard limit of ${formatSeconds(limit)}, where it is ended by force`;
    return finding('warning', text, 'raise hard_limit_minutes, or measure less work');
  }
  if (seconds > budget) {
    const text = `${took}, more than the time budget of ${formatSeconds(budget)} that evaluator and agent are told`;
    return finding('warning', text, `raise time_budget_minutes to ${formatValue(Math.ceil(seconds / 6) / 10)}`);
  }
  if (seconds < PROCESS_START_SECONDS && isTimed(metric)) {
    const text = `${took}: most of that is the start of the process`;
    return finding('warning', text, 'let one evaluation do the work many times and print the median');
  }
  return finding('ok', `${took} (budget ${formatSeconds(budget)}, ended by force at ${formatSeconds(limit)})`);
}

/** Also durations that `formatSeconds` would call 0.0 s. */
function precise(seconds: number): string {
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : formatSeconds(seconds);
}

function twinFindings({ trials, gate, metric }: RehearsalFacts, settings: ExperimentSettings): Finding[] {
  if (gate === 'always') {
    const text = 'kind = always keeps every candidate, whatever it measures';
    return [finding('note', text, 'delete the line kind = always under [gate] when numbers are to decide')];
  }
  if (trials.length === 0) return [];
  const costs = trials.map(({ evaluations }) => evaluations).join(', ');
  const kept = trials.filter(({ verdict }) => verdict === 'keep');
  const spent = `${costs} evaluation${costs === '1' ? '' : 's'} spent`;
  if (kept.length === 0) {
    const text = `the same code as a candidate: ${trials.length} of ${trials.length} discarded, ${spent}`;
    return [finding('ok', text)];
  }
  const text = `the same code as a candidate was kept in ${kept.length} of ${trials.length} trials (${kept[0]?.reason ?? ''}), ${spent}`;
  const sequential = settings.gate.kind === 'single' || settings.gate.kind === 'min_delta';
  const cure = sequential
    ? `${settings.gate.kind} takes ${metric} at its word: let the gate confirm, see kind below`
    : 'repeat with --trials 20; when it happens again, ask for more proof: level = strict under [gate]';
  return [finding('warning', text, cure)];
}

function itemsFinding(items: number): Finding {
  const seen = (count: number) => `${Math.round(100 * signTestPower(count, { before: 0.6, after: 0.8 }))} %`;
  if (items === 0) {
    const text = 'no items.jsonl: only the total is compared';
    return finding(
      'note',
      text,
      'where a total is made of items (tests, tasks, files), write one row for each, for kind = paired under [gate]: they show far more',
    );
  }
  const power = `of ${items} items passed or failed once, a rise from 60 % to 80 % is proven in ${seen(items)} of runs`;
  if (items >= ENOUGH_ITEMS) return finding('ok', power);
  return finding('warning', power, `use more items: with 40 it is ${seen(40)}, with 80 ${seen(80)}`);
}

function machineFinding({ machine, metric }: RehearsalFacts): Finding {
  const { load, cores } = machine;
  const text = `load ${load.toFixed(1)} on ${cores} core${cores === 1 ? '' : 's'} before measuring`;
  const busy = load > BUSY_LOAD_PER_CORE * cores;
  if (!busy) return { area: 'machine', level: 'ok', text };
  if (!isTimed(metric)) return { area: 'machine', level: 'note', text: `${text}: busy, evaluations take longer` };
  const cure = 'end what else runs, or expect more noise than there has to be';
  return { area: 'machine', level: 'warning', text: `${text}: busy, and ${metric} is taken by the clock`, cure };
}

/** A line of config.cfg that would serve this evaluator better than what is set. */
export interface Recommendation {
  readonly section: 'gate' | 'workspace';
  readonly key: string;
  readonly value: string;
  readonly why: string;
}

const MOST_WARMUP_RUNS = 20;
const LARGEST_MISS = 0.01;
const MOST_BASELINE_RUNS = 50;

export function recommendations(facts: RehearsalFacts, settings: ExperimentSettings): Recommendation[] {
  const { gate, workspace } = settings;
  const advice: Recommendation[] = [];
  const values = facts.runs.map(({ value }) => value);
  const noisy = isNoisy(facts);
  const compares = gate.kind === 'single' || gate.kind === 'min_delta';
  const hasItems = facts.items >= FEWEST_ITEMS && gate.kind !== 'paired' && gate.kind !== 'always';
  const row = facts.sensitivity[0];
  if (noisy && hasItems) {
    const why = `it compares the ${facts.items} items one by one: far more shows there than in the total`;
    advice.push({ section: 'gate', key: 'kind', value: 'paired', why });
  } else if (noisy && compares && row && row.falseKeepsPer100 > 1) {
    const why = `${gate.kind} would keep ${Math.round(row.falseKeepsPer100)} of 100 candidates that change nothing`;
    advice.push({ section: 'gate', key: 'kind', value: 'auto', why });
  }
  const kept = facts.trials.some(({ verdict }) => verdict === 'keep');
  if (kept && (gate.kind === 'auto' || gate.kind === 'confirm') && gate.level !== 'strict') {
    const why = 'the same code was kept as a candidate';
    advice.push({ section: 'gate', key: 'level', value: 'strict', why });
  }
  const runs = runsUntilNoiseShows(values);
  if (noisy && runs > gate.baselineRuns) {
    const why = `so many runs miss its noise less than once in a hundred baselines`;
    advice.push({ section: 'gate', key: 'baseline_runs', value: String(runs), why });
  }
  if (noisy && firstStandsApart(values) && workspace.warmupRuns < MOST_WARMUP_RUNS) {
    const why = 'the first run stands apart; a new baseline is measured with it';
    advice.push({ section: 'workspace', key: 'warmup_runs', value: String(workspace.warmupRuns + 1), why });
  }
  return advice;
}

/** How many runs of this metric are all equal by chance less than once in a hundred times. */
function runsUntilNoiseShows(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  // Distinct values are what a fine metric has: two runs differ there.
  if (counts.size === values.length) return 2;
  const allEqual = (runs: number) =>
    [...counts.values()].reduce((sum, count) => sum + (count / values.length) ** runs, 0);
  let runs = 2;
  while (runs < MOST_BASELINE_RUNS && allEqual(runs) > LARGEST_MISS) runs += 1;
  return runs;
}
