/**
 * Reads a check of the form `size_bytes <= baseline * 1.05`: a limit for a number that the evaluator prints, which costs
 * no run of its own. Pure; what is not of that form is a shell command and none of this file's business.
 */
import { suggest } from '../core/suggest.js';
import { oneLine } from '../core/text.js';

export type ThresholdOperator = '<=' | '<' | '>=' | '>';

/** What a limit starts from: what the unchanged code measured, what the best code measured, or a number. */
type Base = { readonly kind: 'baseline' } | { readonly kind: 'incumbent' } | { readonly kind: 'number'; value: number };

/** A share is one of the base's size, so that `+ 5%` is always more and `- 5%` always less. */
type Adjustment =
  | { readonly kind: 'times'; readonly factor: number }
  | { readonly kind: 'plus'; readonly amount: number }
  | { readonly kind: 'percent'; readonly percent: number };

export interface Threshold {
  readonly metric: string;
  readonly operator: ThresholdOperator;
  readonly base: Base;
  readonly adjustment: Adjustment | null;
}

/** Null: a shell command. The problem is a sentence about the text, the cure is what to write instead. */
export type ThresholdReading =
  | { readonly threshold: Threshold }
  | { readonly problem: string; readonly cure: string }
  | null;

const COMPARISON = /^([A-Za-z_][A-Za-z0-9_.-]*)\s*(<=|>=|<|>)\s*(.*)$/s;
const NUMBER = String.raw`(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;
const EXPRESSION = new RegExp(
  String.raw`^(?:(baseline|incumbent)|([+-]?${NUMBER}))(?:\s*([*+-])\s*([+-]?${NUMBER})\s*(%?))?$`,
);
const BASES = ['baseline', 'incumbent'];

/**
 * `<=` and `>=` mean nothing to a shell, so after them only an expression is allowed. `<` and `>` redirect in a shell:
 * there a text is a limit when it is an expression, or so nearly one that it must be a slip.
 */
export function readThreshold(text: string): ThresholdReading {
  const [, metric, operator, right] = COMPARISON.exec(text.trim()) ?? [];
  if (metric === undefined || right === undefined || !isOperator(operator)) return null;
  const expression = readExpression(right.trim());
  if ('base' in expression) return { threshold: { metric, operator, ...expression } };
  return operator.length === 2 || isNearly(right) ? { problem: expression.problem, cure: cureOf(metric, right) } : null;
}

function isOperator(text: string | undefined): text is ThresholdOperator {
  return text === '<=' || text === '<' || text === '>=' || text === '>';
}

function readExpression(text: string): Pick<Threshold, 'base' | 'adjustment'> | { readonly problem: string } {
  const [whole, word, literal, sign, second, percent] = EXPRESSION.exec(text) ?? [];
  if (whole === undefined) {
    return {
      problem: `is no limit: "${oneLine(text, 60)}" is not baseline, incumbent or a number, then * + - a number`,
    };
  }
  // Adding 0 makes 0 of -0.
  const value = Number(literal) + 0;
  const amount = Number(second) + 0;
  if ((literal !== undefined && !Number.isFinite(value)) || (second !== undefined && !Number.isFinite(amount))) {
    return { problem: `is no limit: a number in "${oneLine(text, 60)}" is too large` };
  }
  if (sign === '*' && percent === '%') return { problem: 'is no limit: write * 1.05 or + 5%, not both' };
  const base: Base = word === 'baseline' || word === 'incumbent' ? { kind: word } : { kind: 'number', value };
  return { base, adjustment: adjustmentOf(sign, amount, percent === '%') };
}

function adjustmentOf(sign: string | undefined, number: number, isPercent: boolean): Adjustment | null {
  if (sign === undefined) return null;
  if (sign === '*') return { kind: 'times', factor: number };
  const amount = sign === '-' ? 0 - number : number;
  return isPercent ? { kind: 'percent', percent: amount } : { kind: 'plus', amount };
}

/** It begins like an expression, or with a word that is one letter away from one. */
function isNearly(right: string): boolean {
  const [word] = /^[A-Za-z]+(?![\w./-])/.exec(right.trim()) ?? [];
  if (word !== undefined) return BASES.includes(word) || suggest(word, BASES) !== null;
  return new RegExp(String.raw`^[+-]?${NUMBER}(?![\w./])`).test(right.trim());
}

function cureOf(metric: string, right: string): string {
  const [word = ''] = /^[A-Za-z]+/.exec(right.trim()) ?? [];
  const near = BASES.includes(word) ? word : suggest(word, BASES);
  return `write ${metric} <= ${near ?? 'baseline'} * 1.05, or + 5%, or a plain number; a command with such a beginning goes into sh -c '...'`;
}

/** As it is written in the file. */
export function thresholdText({ metric, operator, base, adjustment }: Threshold): string {
  return `${metric} ${operator} ${base.kind === 'number' ? base.value : base.kind}${adjustmentText(adjustment)}`;
}

/** ` * 1.05`, ` + 5%`, ` - 3`, or nothing. */
export function adjustmentText(adjustment: Adjustment | null): string {
  if (adjustment === null) return '';
  if (adjustment.kind === 'times') return ` * ${adjustment.factor}`;
  const amount = adjustment.kind === 'plus' ? adjustment.amount : adjustment.percent;
  const unit = adjustment.kind === 'percent' ? '%' : '';
  return ` ${amount < 0 ? '-' : '+'} ${Math.abs(amount)}${unit}`;
}
