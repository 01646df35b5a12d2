import { percentChange } from '../core/metric.js';
import { oneLine } from '../core/text.js';
import { formatMetric, formatPercent } from '../core/units.js';
import type { Compared } from './compare.js';
import type { FinishProofs } from './finish.js';
import type { FinishPlan, FinishStep } from './finish-plan.js';
import type { KeptChange } from './kept-changes.js';

/** The messages of a finished branch: what was kept, and what of it is proved. Trials' words are data: one line each. */
const SUBJECT_LIMIT = 72;

/** One per step. */
export function commitMessages(plan: FinishPlan, proofs: FinishProofs): string[] {
  const { steps } = plan;
  if (steps.length === 1) return [wholeMessage(plan, proofs)];
  return steps.map((step, index) => {
    const isLast = index === steps.length - 1;
    const paragraphs = [
      stepSubject(plan, step, index),
      keptLines(plan, step.changes),
      stepProof(plan, proofs.steps[index]),
      ...(isLast ? [leftOutLine(plan), proofLine(plan, proofs)] : []),
    ];
    return paragraphs.filter((text) => text !== '').join('\n\n');
  });
}

function wholeMessage(plan: FinishPlan, proofs: FinishProofs): string {
  const { left, name, revision } = plan;
  const trials = left.length === 1 ? '1 kept trial' : `${left.length} kept trials`;
  const gain = proofs.whole ? `${oneLine(revision.metric, 40)} ${amount(plan, proofs.whole.compared.change)}: ` : '';
  const subject = `${gain}${trials} of ${name}`;
  return [subject, keptLines(plan, left), leftOutLine(plan), proofLine(plan, proofs)]
    .filter((text) => text !== '')
    .join('\n\n');
}

function stepSubject({ name, left }: FinishPlan, { changes }: FinishStep, index: number): string {
  const [only] = changes;
  if (changes.length === 1 && only) {
    const description = oneLine(only.description, SUBJECT_LIMIT);
    return description === '' ? `trial ${only.number} of ${name}` : description;
  }
  return `${changes.length} of ${left.length} kept trials of ${name} (${index + 1})`;
}

function keptLines({ revision }: FinishPlan, changes: readonly KeptChange[]): string {
  const lines = changes.map((change) => {
    const { number, description, metric, incumbentMetric } = change;
    const percent = metric !== null && incumbentMetric !== null ? percentChange(incumbentMetric, metric) : null;
    const judged =
      percent === null ? '' : ` (${oneLine(revision.metric, 40)} ${formatPercent(percent)} when it was kept)`;
    return `- trial ${number}: ${oneLine(description, 200)}${judged}`;
  });
  return lines.join('\n');
}

function leftOutLine({ without }: FinishPlan): string {
  if (without.length === 0) return '';
  return `Left out: ${without.map(({ number }) => `trial ${number}`).join(', ')}.`;
}

function stepProof(plan: FinishPlan, found: Compared | string | undefined): string {
  if (found === undefined) return '';
  if (typeof found === 'string') return `Not measurable by itself: ${oneLine(found, 200)}.`;
  return `Measured against the commit before this one: ${comparedWords(plan, found)}.`;
}

/** `Verified: p50_ms -23.1 % [-25.0 %, -21.2 %] in 20 interleaved pairs of abc1234 and def5678`. */
export function proofLine(plan: FinishPlan, { whole }: FinishProofs): string {
  if (whole === null) return 'Not verified: the sum was not measured again.';
  const { start, end, result, tree } = plan;
  const there = result === end ? end.slice(0, 7) : `this code (tree ${tree.slice(0, 7)})`;
  return `Verified: ${comparedWords(plan, whole.compared)} of ${start.slice(0, 7)} and ${there}.`;
}

/** `p50_ms -23.1 % [-25.0 %, -21.2 %] in 20 interleaved pairs`. */
export function comparedWords(plan: FinishPlan, { change, exact }: Compared): string {
  const show = (value: number) => amount(plan, { ...change, estimate: value });
  const range = exact ? 'exactly, the same' : `[${show(change.low)}, ${show(change.high)}]`;
  return `${oneLine(plan.revision.metric, 40)} ${show(change.estimate)} ${range} in ${change.pairs} interleaved pairs`;
}

function amount({ revision }: FinishPlan, { unit, estimate }: Pick<Compared['change'], 'unit' | 'estimate'>): string {
  if (unit === 'percent') return formatPercent(estimate);
  return oneLine(`${estimate > 0 ? '+' : ''}${formatMetric(revision.metric, estimate)}`, 60);
}
