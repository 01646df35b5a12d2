/**
 * Guesses from text what a program prints and which way is better. A guess is only ever a proposal: it is shown before
 * it is used. Pure.
 */
import type { Direction } from '../../core/metric.js';

const NAME = '[A-Za-z_][A-Za-z0-9_.-]{0,60}';

/** `"p50_ms: ${x}"`, `f"p50_ms: {x}"`, `"p50_ms: %f"`, `"p50_ms:", x`, `echo "p50_ms: $x"`. */
const PRINTED = new RegExp(`["'\`](${NAME}): ?(?:["'\`]|\\$|%|\\{|\\\\\\()`, 'g');

/** Words that are printed in this form and are no numbers. */
const NO_METRICS = new Set(['error', 'warning', 'usage', 'http', 'https', 'file', 'note', 'name', 'type', 'message']);

/** Names of the numbers that a source text seems to print, in the order of their appearance, each once. */
export function printedMetrics(text: string): string[] {
  const names = [...text.matchAll(PRINTED)].map((match) => match[1] ?? '');
  return [...new Set(names)].filter((name) => name !== '' && !NO_METRICS.has(name.toLowerCase()));
}

/** `p50_ms` before `fastest_ms`: of several printed numbers, a typical value is a better goal than an extreme one. */
export function preferredMetric(names: readonly string[]): string | null {
  return names.find((name) => /(?:^|[_.-])(?:p50|median|mean|avg|score|rate)/i.test(name)) ?? names[0] ?? null;
}

const HIGHER =
  /(?:^|[_.-])(?:accuracy|acc|auc|f1|score|reward|throughput|rps|qps|ops|fps|rate|passed|coverage|precision|recall|bleu|map|ndcg|success|hits?|speedup)(?:[_.-]|$)/i;
const LOWER =
  /(?:^|[_.-])(?:loss|error|errors|err|latency|time|ns|us|ms|s|sec|seconds|minutes|bytes|kb|mb|gb|size|bpb|perplexity|ppl|rmse|mse|mae|misses|failed|failures|cost|memory|count)(?:[_.-]|$)/i;

/** Which way is better, going by the metric's own name; null when the name does not say. `error_rate` is lower. */
export function directionOfName(metric: string): Direction | null {
  if (LOWER.test(metric)) return 'lower';
  return HIGHER.test(metric) ? 'higher' : null;
}
