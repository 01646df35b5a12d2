/** The built-in evaluators: `autoresearch evaluate <name>` runs one of them inside `evaluate_cmd`. */
import { benchmarkSize } from './benchmark-size.js';
import { benchmarkSpeed } from './benchmark-speed.js';
import { buildSpeed } from './build-speed.js';
import { llmJudgeContent } from './llm-judge-content.js';
import { llmJudgeCopy } from './llm-judge-copy.js';
import { llmJudgePrompt } from './llm-judge-prompt.js';
import { memoryUsage } from './memory-usage.js';
import { testPassRate } from './test-pass-rate.js';
import type { BuiltInEvaluator } from './types.js';

export const BUILT_IN_EVALUATORS: readonly BuiltInEvaluator[] = [
  benchmarkSpeed,
  benchmarkSize,
  testPassRate,
  buildSpeed,
  memoryUsage,
  llmJudgeContent,
  llmJudgePrompt,
  llmJudgeCopy,
];
