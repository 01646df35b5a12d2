/** Reads the options of an evaluator into typed values, or says what is wrong together with a complete example. */
import { AppError } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import type { BuiltInEvaluator, EvaluatorOptions } from './types.js';

type Described = Pick<BuiltInEvaluator, 'name' | 'example' | 'options'>;

export class OptionReader {
  readonly #evaluator: Described;
  readonly #options: EvaluatorOptions;

  constructor(evaluator: Described, options: EvaluatorOptions) {
    this.#evaluator = evaluator;
    this.#options = options;
  }

  /** The text given, else the option's default, else null. */
  text(key: string): string | null {
    const given = this.#options[key] ?? this.#evaluator.options.find(({ flag }) => flag === `--${key}`)?.default;
    if (given === undefined || given === false) return null;
    if (given === true) throw this.error(`--${key} needs a value`);
    if (given.trim() === '') throw this.error(`--${key} is empty`);
    return given;
  }

  requiredText(key: string): string {
    const text = this.text(key);
    if (text === null) throw this.error(`--${key} is missing`);
    return text;
  }

  count(key: string, range: { min: number; max: number }): number {
    const text = this.requiredText(key);
    const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (count >= range.min && count <= range.max) return count;
    throw this.error(`--${key} must be a whole number from ${range.min} to ${range.max}, not "${oneLine(text, 40)}"`);
  }

  isSet(key: string): boolean {
    return this.#options[key] === true;
  }

  choice<T extends string>(key: string, choices: readonly T[]): T {
    const text = this.requiredText(key);
    const choice = choices.find((candidate) => candidate === text);
    if (choice !== undefined) return choice;
    throw this.error(`--${key} must be one of ${choices.join(', ')}, not "${oneLine(text, 40)}"`);
  }

  error(message: string): AppError {
    return new AppError('usage', `${this.#evaluator.name}: ${message}`, { hint: this.#evaluator.example });
  }
}
