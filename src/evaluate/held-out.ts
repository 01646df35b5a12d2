/**
 * Keeps held-out values away from proposers: takes every line that could carry one out of text that they are given, and
 * says whether a value is worse than it may be. Pure.
 */
import type { Holdout } from '../config/keep-conditions.js';
import { improvement, minEffectAmount } from '../core/metric.js';

interface Excerpt {
  readonly text: string;
  /** The text is the end of a longer one: its first line goes too, for half of a line may be the half with the value. */
  readonly isCut: boolean;
}

/**
 * A line goes when the metric's name stands anywhere in it as a word before `:` or `=`, also in quotes as JSON writes it.
 * A held-out command may share its metric's name with the experiment: then the evaluator's lines are not its own.
 */
export function withoutHeldOut({ text, isCut }: Excerpt, holdout: Holdout | null, main: string): string {
  if (holdout === null || holdout.metric === main) return text;
  const name = holdout.metric.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const line = new RegExp(String.raw`(?<![\w.-])${name}["'\`]*\s*[:=]`);
  const rows = text.split(/\r\n|\r|\n/);
  return rows.filter((row, index) => !(isCut && index === 0) && !line.test(row)).join('\n');
}

/** How much worse than the incumbent a candidate's held-out value may be, and the worst value that passes. */
export function worstAllowed({ direction, maxRegression }: Holdout, incumbent: number): number {
  const amount = minEffectAmount(maxRegression, incumbent);
  return direction === 'lower' ? incumbent + amount : incumbent - amount;
}

export function passesHoldout(holdout: Holdout, values: { candidate: number; incumbent: number }): boolean {
  return improvement(holdout.direction, worstAllowed(holdout, values.incumbent), values.candidate) >= 0;
}
