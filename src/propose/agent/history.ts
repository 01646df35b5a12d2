/**
 * Earlier trials as text for the next proposal: the same trials always give the same text, the newest first, kept ones
 * always, and never more than the limit. The text is untrusted as a whole.
 */
import { percentChange } from '../../core/metric.js';
import { cut, oneLine, plainLines } from '../../core/text.js';
import { formatMetric, formatPercent } from '../../core/units.js';
import type { ProposeContext, SettledTrial } from '../types.js';
import { escapeMentions } from './fence.js';

type Measured = Pick<ProposeContext, 'metric' | 'baselineMetric' | 'history'>;

interface HistoryText {
  readonly text: string;
  readonly leftOut: number;
}

const DESCRIPTION_CHARS = 200;
const SHORT_DESCRIPTION_CHARS = 80;
const REASON_CHARS = 250;

/** What did not get as far as a change tells nothing about the target. */
const UNTELLING: ReadonlySet<SettledTrial['outcome']> = new Set(['agent_error', 'interrupted', 'not_started']);

/** Room is given to the kept trials first (shortened), then to all, the newest first and in full. */
export function historyText(context: Measured, limitChars: number): HistoryText {
  const trials = context.history.filter(({ outcome }) => !UNTELLING.has(outcome)).reverse();
  const chosen = new Map<SettledTrial, string>();
  let left = limitChars;
  const choose = (trial: SettledTrial, text: string) => {
    const cost = text.length + 1 - (chosen.has(trial) ? (chosen.get(trial)?.length ?? 0) + 1 : 0);
    if (cost > left) return;
    chosen.set(trial, text);
    left -= cost;
  };
  for (const trial of trials) if (trial.verdict === 'keep') choose(trial, shortEntry(trial, context));
  for (const trial of trials) choose(trial, fullEntry(trial, context));
  const texts = trials.flatMap((trial) => chosen.get(trial) ?? []);
  return { text: texts.join('\n'), leftOut: trials.length - texts.length };
}

function shortEntry(trial: SettledTrial, context: Measured): string {
  return `${factsOf(trial, context)}\n    change: ${oneLine(escapeMentions(trial.description), SHORT_DESCRIPTION_CHARS)}`;
}

function fullEntry(trial: SettledTrial, context: Measured): string {
  const lines = [factsOf(trial, context)];
  if (trial.description) lines.push(`    change: ${oneLine(escapeMentions(trial.description), DESCRIPTION_CHARS)}`);
  if (trial.reason) lines.push(`    reason: ${oneLine(escapeMentions(trial.reason), REASON_CHARS)}`);
  return lines.join('\n');
}

function factsOf(trial: SettledTrial, { metric, baselineMetric }: Measured): string {
  const name =
    trial.number === null ? 'not counted' : trial.number === 0 ? 'trial 0 (baseline)' : `trial ${trial.number}`;
  const outcome = trial.outcome === 'measured' && trial.verdict !== null ? '' : trial.outcome;
  const facts = [name, [trial.verdict, outcome].filter(Boolean).join(', ')];
  if (trial.metric !== null) {
    const change = baselineMetric === null || trial.number === 0 ? '' : changeFrom(baselineMetric, trial.metric);
    facts.push(`${metric} ${formatMetric(metric, trial.metric)}${change}`);
  }
  if (trial.insertions !== null && trial.deletions !== null)
    facts.push(`+${trial.insertions} -${trial.deletions} lines`);
  return facts.join(' | ');
}

function changeFrom(baseline: number, value: number): string {
  return ` (${formatPercent(percentChange(baseline, value))} from the baseline)`;
}

interface Excerpt {
  readonly title: string;
  readonly text: string;
}

/** At most so many excerpts of each kind. */
const EXCERPTS = 2;
/** A crash that lies further back was answered by later trials. */
const RECENT_TRIALS = 10;

/**
 * What the evaluator said: about the newest trials and about the code as it is now, and the end of the newest crashes.
 * `limitChars` is per excerpt.
 */
export function excerptsOf(
  { history, incumbent }: Pick<ProposeContext, 'history' | 'incumbent'>,
  limitChars: number,
): readonly Excerpt[] {
  const newest = [...history].reverse();
  const withFeedback = newest.filter(({ feedback }) => feedback?.trim());
  const current = withFeedback.find(({ number }) => number !== null && number === incumbent.trial);
  const feedback = new Set([...withFeedback.slice(0, EXCERPTS), ...(current ? [current] : [])]);
  const crashes = newest.slice(0, RECENT_TRIALS).filter(({ crashTail }) => crashTail?.trim());
  return [
    ...[...feedback].map((trial) => ({
      title: `Feedback of the evaluator on ${nameOf(trial)}${trial === current ? ' (the code as it is now)' : ''}`,
      text: cut(plainLines(escapeMentions(trial.feedback ?? '')).trim(), limitChars),
    })),
    ...crashes.slice(0, EXCERPTS).map((trial) => ({
      title: `End of the output of ${nameOf(trial)}, which failed`,
      text: endOf(plainLines(escapeMentions(trial.crashTail ?? '')).trim(), limitChars),
    })),
  ];
}

function nameOf({ number }: SettledTrial): string {
  return number === null ? 'an attempt that does not count' : `trial ${number}`;
}

/** The last characters, beginning with a whole one. */
function endOf(text: string, limitChars: number): string {
  if (text.length <= limitChars) return text;
  return `…${text.slice(1 - limitChars).replace(/^[\udc00-\udfff]/, '')}`;
}
