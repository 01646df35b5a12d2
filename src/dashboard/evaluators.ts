/** The built-in evaluators for reading: what each measures, and a line that can be copied. */
import type { BuiltInEvaluator } from '../evaluators/types.js';
import { palette, type TerminalStyle, wrap } from './terminal.js';

type Described = Pick<BuiltInEvaluator, 'name' | 'summary' | 'metric' | 'direction' | 'example'>;

export function renderEvaluators(evaluators: readonly Described[], style: TerminalStyle): string {
  const tones = palette(style.colour);
  const blocks = evaluators.map(({ name, summary, metric, direction, example }) =>
    [
      `${tones.strong(name)}   ${metric}, ${direction} is better`,
      ...wrap(summary, style.width - 2).map((line) => `  ${line}`),
      `  ${tones.accent(example)}`,
    ].join('\n'),
  );
  const how = 'Put the line into evaluate_cmd; `autoresearch evaluate <name> --help` explains its options.';
  return `${blocks.join('\n\n')}\n\n${wrap(how, style.width).join('\n')}\n`;
}
