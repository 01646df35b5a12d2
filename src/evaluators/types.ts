/** What a built-in evaluator is: options as data (the command line is built from them) and one function. */
import type { Direction } from '../core/metric.js';

export interface EvaluatorOption {
  /** `--runs`; the key in the options record is the same without the dashes. */
  readonly flag: `--${string}`;
  /** Placeholder of its value, such as `<count>`; a switch has none. */
  readonly value?: string;
  readonly help: string;
  readonly default?: string;
  readonly required: boolean;
}

export type EvaluatorOptions = Readonly<Record<string, string | boolean>>;

export interface EvaluatorIo {
  /** Where commands run and relative paths begin. */
  readonly cwd: string;
  /** The whole environment of the commands. */
  readonly env: Readonly<Record<string, string>>;
  /** One result line `name: value`, without its line feed. */
  print(line: string): void;
  /** One line for people, meant for stderr. */
  note(line: string): void;
  /** Ends the command that is running, and with it the evaluation. */
  readonly signal?: AbortSignal;
}

export interface BuiltInEvaluator {
  readonly name: string;
  readonly summary: string;
  /** The main metric it prints, and which way is better. */
  readonly metric: string;
  readonly direction: Direction;
  /** A complete command line, for help and error texts. */
  readonly example: string;
  readonly options: readonly EvaluatorOption[];
  /**
   * Resolves to the exit code: 0 measured; 75 and 125 handed through from the command (try later, cannot be tested);
   * 1 anything else that failed.
   * @throws AppError usage for options that make no sense, environment for a missing program.
   */
  run(options: EvaluatorOptions, io: EvaluatorIo): Promise<number>;
}
