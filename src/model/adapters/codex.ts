/**
 * Codex, `codex exec --json`. It reports tokens but no money, and has no machine-readable error codes; an `error` that a
 * completed turn follows was only a reconnection.
 */
import { eventsOf, isObject, listOf, messageOf, objectOf, textOf } from '../events.js';
import type { CallMode, JsonObject, Usage } from '../types.js';
import { addUsage, count, totalTokens } from '../usage.js';
import { type Adapter, DONE, endOfText, flag, MAX_DENIALS, type StreamEnd, type StreamParser } from './types.js';

const COMMON = ['exec', '--json', '--color', 'never', '--skip-git-repo-check', '--ephemeral'];

export const codex: Adapter = {
  name: 'codex',
  program: 'codex',
  install: 'npm install -g @openai/codex',
  modes: ['answer', 'edit'],
  features: ['schema'],
  reserved: [
    ...['--json', '--experimental-json', '--color', '--ephemeral', '-s', '--sandbox', '-a', '--ask-for-approval'],
    ...['--full-auto', '--yolo', '--dangerously-bypass-approvals-and-sandbox', '-C', '--cd', '-o'],
    ...['--output-last-message', '--output-schema', '--last', '-m', '--model', '--add-dir', '-p', '--profile', '-'],
  ],
  reservedWords: /^(?:-c|--config=)?\s*(?:sandbox_\w+|approval_policy)\b/,
  credentials: /^(OPENAI_|CODEX_|AZURE_OPENAI_)/,
  argv: (call) => [
    ...COMMON,
    ...(call.mode === 'answer'
      ? [
          ...['--ignore-user-config', '--ignore-rules', '--sandbox', 'read-only'],
          ...['-C', call.cwd, '-c', 'approval_policy="never"'],
        ]
      : ['--sandbox', 'workspace-write']),
    ...flag('--model', call.model),
    ...flag('--output-schema', call.schema === null ? null : call.files.schema),
    ...call.extraArgs,
    '-',
  ],
  env: () => ({}),
  stdin: ({ prompt }) => prompt,
  writes: ({ schema }) => (schema === null ? {} : { schema: JSON.stringify(schema) }),
  output: 'events',
  createParser: ({ mode }) => new CodexParser(mode),
  exits: {},
  silentExit: 'crash',
};

class CodexParser implements StreamParser {
  readonly #mode: CallMode;
  #text = '';
  #end: 'none' | 'completed' | 'failed' = 'none';
  /** An error alone may be followed by another attempt. */
  #isOver = false;
  #problem = '';
  #usage: Usage | null = null;
  readonly #denials: string[] = [];

  constructor(mode: CallMode) {
    this.#mode = mode;
  }

  push(line: string): void {
    for (const event of eventsOf(line)) this.#take(event);
  }

  isOver(): boolean {
    return this.#isOver;
  }

  report() {
    return {
      end: this.#streamEnd(),
      text: this.#text,
      usage: this.#usage,
      usd: null,
      denials: this.#denials,
      model: null,
    };
  }

  #take(event: JsonObject): void {
    this.#isOver = event['type'] === 'turn.completed' || event['type'] === 'turn.failed';
    switch (event['type']) {
      case 'turn.started':
        this.#end = 'none';
        break;
      case 'item.completed':
        this.#takeItem(objectOf(event['item']));
        break;
      case 'turn.completed':
        this.#end = 'completed';
        if (isObject(event['usage'])) this.#usage = addUsage(this.#usage, usageOf(event['usage']));
        break;
      case 'turn.failed':
      case 'error':
        this.#end = 'failed';
        this.#problem = messageOf(event['error']) || textOf(event['message']) || this.#problem;
    }
  }

  #takeItem(item: JsonObject): void {
    if (item['type'] === 'agent_message') this.#text = endOfText(textOf(item['text']));
    if (item['status'] === 'declined' && this.#denials.length < MAX_DENIALS) {
      const [change] = listOf(item['changes']).map(objectOf);
      this.#denials.push(textOf(item['command']) || textOf(change?.['path']) || textOf(item['type']) || 'a tool');
    }
  }

  #streamEnd(): StreamEnd | null {
    if (this.#end === 'none') return null;
    if (this.#end === 'failed') return { kind: 'failed', outcome: null, message: this.#problem };
    const isUnused = this.#usage === null || totalTokens(this.#usage) === 0;
    if (this.#text === '' && (isUnused || this.#mode === 'answer')) {
      const outcome = isUnused ? 'rate_limit' : 'empty';
      const message = isUnused ? 'the turn ended without a message; the plan may be used up' : '';
      return { kind: 'failed', outcome, message };
    }
    return DONE;
  }
}

/** Its `input_tokens` include the cached ones. */
function usageOf(usage: JsonObject): Usage {
  const cached = count(usage['cached_input_tokens']);
  return {
    inputTokens: Math.max(0, count(usage['input_tokens']) - cached),
    cachedTokens: cached,
    cacheWriteTokens: 0,
    outputTokens: count(usage['output_tokens']),
    calls: 1,
  };
}
