/**
 * The agent CLIs that can be hired by name: how each is started to edit the current folder without a human, which npm
 * package brings it, and how its output is read. Data only; the prompt always goes to stdin, never into an argument.
 */
import { type AnswerReader, ClaudeReader, CodexReader, GeminiReader } from './answer.js';

export type PresetName = 'claude' | 'codex' | 'gemini';

export interface AgentPreset {
  readonly program: string;
  readonly npmPackage: string;
  /** Arguments after the program. All three stream events: with one object at the end they would look idle. */
  arguments(model: string | null): readonly string[];
  createReader(): AnswerReader;
}

export const PRESETS: Readonly<Record<PresetName, AgentPreset>> = {
  claude: {
    program: 'claude',
    npmPackage: '@anthropic-ai/claude-code',
    arguments: (model) => [
      '-p',
      ...['--output-format', 'stream-json', '--verbose'],
      ...['--permission-mode', 'acceptEdits'],
      '--allowedTools=Read,Edit,Write,Glob,Grep',
      ...modelArgument(model),
    ],
    createReader: () => new ClaudeReader(),
  },
  codex: {
    program: 'codex',
    npmPackage: '@openai/codex',
    arguments: (model) => [
      ...['exec', '--json', '--color', 'never', '--skip-git-repo-check', '--ephemeral'],
      ...['--sandbox', 'workspace-write'],
      ...modelArgument(model),
      '-',
    ],
    createReader: () => new CodexReader(),
  },
  gemini: {
    program: 'gemini',
    npmPackage: '@google/gemini-cli',
    arguments: (model) => [
      ...['--output-format', 'stream-json', '--approval-mode', 'auto_edit', '--skip-trust'],
      ...modelArgument(model),
    ],
    createReader: () => new GeminiReader(),
  },
};

/** With `=`, so that no name of a model is taken for a flag. */
function modelArgument(model: string | null): readonly string[] {
  return model === null ? [] : [`--model=${model}`];
}
