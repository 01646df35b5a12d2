import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import { BUILT_IN_EVALUATORS } from '../../src/evaluators/index.js';
import { quantile } from '../../src/evaluators/summary.js';
import type { EvaluatorOptions } from '../../src/evaluators/types.js';

const io = { cwd: '/', env: {}, print: () => undefined, note: () => undefined };

function evaluator(name: string) {
  const found = BUILT_IN_EVALUATORS.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no evaluator ${name}`);
  return found;
}

describe('the built-in evaluators', () => {
  it('have unique names and a metric, and describe every option', () => {
    const names = BUILT_IN_EVALUATORS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, summary, metric, example, options } of BUILT_IN_EVALUATORS) {
      expect(summary, name).toContain(metric);
      expect(example).toMatch(new RegExp(`^autoresearch evaluate ${name} --`));
      for (const option of options) {
        expect(option.flag).toMatch(/^--[a-z]+$/);
        expect(option.help.length, option.flag).toBeGreaterThan(10);
        if (option.default !== undefined) expect(option.value, option.flag).toBeDefined();
      }
      for (const [, flag = ''] of example.replace(/'[^']*'/g, '').matchAll(/ (--[a-z]+)/g)) {
        expect(options.map((option) => option.flag)).toContain(flag);
      }
    }
  });

  it.each<[string, EvaluatorOptions, string]>([
    ['benchmark_speed', {}, '--command is missing'],
    ['benchmark_speed', { command: ' ' }, '--command is empty'],
    ['benchmark_speed', { command: true }, '--command needs a value'],
    ['benchmark_speed', { command: 'true', runs: '0' }, '--runs must be a whole number from 1 to 100000, not "0"'],
    ['benchmark_speed', { command: 'true', runs: '1e3' }, 'not "1e3"'],
    ['benchmark_speed', { command: 'true', warmup: '-1' }, '--warmup must be a whole number'],
    ['benchmark_size', {}, 'give either --path or --image'],
    ['benchmark_size', { path: 'a', image: 'b' }, 'give either --path or --image'],
    ['benchmark_size', { image: 'b', gzip: true }, '--gzip goes with --path'],
    ['test_pass_rate', { command: 'true', format: 'mocha' }, '--format must be one of auto, pytest,'],
    ['build_speed', {}, '--command is missing'],
    ['memory_usage', {}, '--command is missing'],
  ])('%s refuses %j with a complete example', async (name, options, message) => {
    const error: unknown = await evaluator(name)
      .run(options, io)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({
      code: 'usage',
      message: expect.stringContaining(message),
      hint: evaluator(name).example,
    });
  });
});

describe('quantile', () => {
  it('interpolates as R and NumPy do', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([1, 2, 3, 4], 0.95)).toBeCloseTo(3.85, 12);
    expect(quantile([7], 0.95)).toBe(7);
    expect(quantile([10, 2, 1], 0.5)).toBe(2);
  });
});
