/**
 * What a candidate must also satisfy before it is kept: the checks (commands and limits for numbers) and the held-out
 * metric. From the values of the schema to the program's types, with what is allowed only singly.
 */
import type { Direction, MinEffect } from '../core/metric.js';
import { oneLine } from '../core/text.js';
import type { ConfigProblem } from './config-error.js';
import { CHECKS_SECTION, type ConfigOutput } from './schema.js';
import { readThreshold, type Threshold } from './thresholds.js';

export type Check = CommandCheck | ThresholdCheck;

interface CommandCheck {
  readonly kind: 'command';
  readonly name: string;
  readonly command: string;
  /** Null: `check_minutes` of [limits]. */
  readonly limitMinutes: number | null;
}

export interface ThresholdCheck {
  readonly kind: 'threshold';
  readonly name: string;
  readonly threshold: Threshold;
}

export interface Holdout {
  /** The name of its line: in the evaluator's output, or in that of `command`. */
  readonly metric: string;
  /** Null: the evaluator prints it beside the metric. */
  readonly command: string | null;
  readonly direction: Direction;
  readonly maxRegression: MinEffect;
  readonly when: ConfigOutput['holdout']['when'];
}

/** The commands that decide beside evaluate_cmd: the files that they name are definitions too. */
export function commandsOf({ checks, holdout }: { checks: readonly Check[]; holdout: Holdout | null }): string[] {
  const commands = checks.flatMap((check) => (check.kind === 'command' ? [check.command] : []));
  return holdout === null || holdout.command === null ? commands : [...commands, holdout.command];
}

/** The line that a value came from, by its path in the schema; null where there is none. */
type LineOf = (path: string) => number | null;

/** A check whose expression cannot be read is left out: `checkProblems` names it. */
export function checksOf({ checks }: ConfigOutput): readonly Check[] {
  return checks.flatMap(({ name, command, minutes }): Check[] => {
    const reading = readThreshold(command);
    if (reading === null) return [{ kind: 'command', name, command, limitMinutes: minutes ?? null }];
    return 'threshold' in reading ? [{ kind: 'threshold', name, threshold: reading.threshold }] : [];
  });
}

export function checkProblems({ checks }: ConfigOutput, lineOf: LineOf): ConfigProblem[] {
  return checks.flatMap(({ name, command, minutes }, index): ConfigProblem[] => {
    const reading = readThreshold(command);
    if (reading === null) return [];
    const path = `${CHECKS_SECTION}.${index}`;
    if ('problem' in reading) {
      const message = `${name} = "${oneLine(command, 80)}" ${reading.problem}`;
      return [{ line: lineOf(`${path}.command`), message, hint: reading.cure }];
    }
    if (minutes === undefined) return [];
    const message = `${name}.minutes has no meaning: ${name} is a limit for a number, which takes no time`;
    return [{ line: lineOf(`${path}.minutes`), message, hint: 'delete the line' }];
  });
}

export function holdoutOf({ holdout, metric, metric_direction: direction }: ConfigOutput): Holdout | null {
  if (holdout.metric === null && holdout.command === null) return null;
  return {
    metric: holdout.metric ?? metric,
    command: holdout.command,
    direction: holdout.direction ?? direction,
    maxRegression: holdout.max_regression,
    when: holdout.when,
  };
}

export function holdoutProblems(output: ConfigOutput, lineOf: LineOf): ConfigProblem[] {
  const { holdout, metric, metric_grep: grep } = output;
  if (holdout.command !== null) return [];
  if (holdout.metric === null) {
    const line = lineOf('holdout.direction') ?? lineOf('holdout.max_regression') ?? lineOf('holdout.when');
    const message = '[holdout] names no number to hold out';
    const hint = 'add to [holdout]: metric = <another number of the evaluator>, or command = <a command that measures>';
    return line === null ? [] : [{ line, message, hint }];
  }
  const line = lineOf('holdout.metric');
  const another = 'name another number, or give [holdout] a command of its own';
  if (holdout.metric === metric) {
    return [{ line, message: `${metric} is the metric that proposers improve: it cannot be held out`, hint: another }];
  }
  const telling = output.checks.findIndex(({ command }) => isLimitOf(command, holdout.metric));
  if (telling >= 0) {
    const message = `a check on the held-out ${holdout.metric} would tell it to proposers, who read why a check failed`;
    const hint = `delete the line: max_regression under [holdout] says how much worse ${holdout.metric} may become`;
    return [{ line: lineOf(`${CHECKS_SECTION}.${telling}.command`), message, hint }];
  }
  if (grep === null || !matchesLine(grep, `${holdout.metric}: 1`)) return [];
  const message = `metric_grep also finds the line of the held-out ${holdout.metric}`;
  return [{ line, message, hint: `let metric_grep find only one of the lines, for example ^${metric}:` }];
}

function isLimitOf(command: string, metric: string | null): boolean {
  const reading = readThreshold(command);
  return reading !== null && 'threshold' in reading && reading.threshold.metric === metric;
}

/** As the evaluator's output is searched: from the beginning of the line. The schema has compiled the pattern once. */
function matchesLine(grep: string, line: string): boolean {
  const source = grep.replace(/^\(\?i\)/, '');
  return new RegExp(`^(?:${source})`, source === grep ? '' : 'i').test(line);
}
