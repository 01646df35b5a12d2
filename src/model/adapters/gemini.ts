/**
 * Gemini CLI. It interprets its prompt (a leading `/` is a command), cuts one beyond 8 MiB without a word, and can fail
 * with exit code 0.
 */
import { eventsOf, isObject, messageOf, numberOf, objectOf, textOf } from '../events.js';
import type { FailureOutcome, JsonObject, Usage } from '../types.js';
import { addUsage, count, NO_USAGE, totalTokens } from '../usage.js';
import { type Adapter, DONE, endOfText, flag, MAX_DENIALS, type StreamEnd, type StreamParser } from './types.js';

export const gemini: Adapter = {
  name: 'gemini',
  program: 'gemini',
  install: 'npm install -g @google/gemini-cli',
  modes: ['answer', 'edit'],
  features: [],
  reserved: [
    ...['-o', '--output-format', '--approval-mode', '-y', '--yolo', '--skip-trust', '-m', '--model', '-p', '--prompt'],
    ...['-i', '--prompt-interactive', '-r', '--resume', '--session-id', '--include-directories', '-w', '--worktree'],
    ...['--list-sessions', '--delete-session', '--acp', '--experimental-acp', '-d', '--debug'],
  ],
  credentials: /^(GEMINI_|GOOGLE_|GCLOUD_)/,
  // Editing is told by events: with one object at the end it would look idle.
  argv: (call) => [
    ...(call.mode === 'answer'
      ? ['--output-format', 'json', '--approval-mode', 'plan', '--skip-trust']
      : ['--output-format', 'stream-json', '--approval-mode', 'auto_edit', '--skip-trust']),
    ...flag('--model', call.model),
    ...call.extraArgs,
  ],
  env: () => ({}),
  stdin: ({ prompt }) => (/^\s*[/@]/.test(prompt) ? `Read the following and answer it.\n\n${prompt}` : prompt),
  writes: () => ({}),
  output: 'events',
  createParser: () => new GeminiParser(),
  exits: { 41: 'auth', 42: 'crash', 44: 'crash', 52: 'crash', 53: 'turn_limit', 54: 'crash', 55: 'untrusted' },
  silentExit: 'empty',
  maxPromptBytes: 8 * 1024 * 1024 - 1024,
};

const DENIED = /denied|not allowed|requires (?:user )?(?:approval|confirmation)|blocked by policy/i;

/** Reads lines of `stream-json`, and the one object of `json`, also where it stands on stderr. */
class GeminiParser implements StreamParser {
  #text = '';
  #end: 'none' | 'success' | 'failed' = 'none';
  #problem: JsonObject = {};
  #usage: Usage | null = null;
  #model: string | null = null;
  readonly #tools = new Map<string, string>();
  readonly #denials: string[] = [];

  push(line: string): void {
    for (const event of eventsOf(line)) this.#take(event);
  }

  isOver(): boolean {
    return this.#end !== 'none';
  }

  report() {
    return {
      end: this.#streamEnd(),
      text: this.#text,
      usage: this.#usage,
      usd: null,
      denials: this.#denials,
      model: this.#model,
    };
  }

  #take(event: JsonObject): void {
    switch (event['type']) {
      case 'init':
        this.#model = textOf(event['model']) || null;
        return;
      case 'message':
        if (event['role'] === 'assistant') this.#add(textOf(event['content']));
        return;
      case 'tool_use':
        this.#add('\n');
        if (this.#tools.size < 10_000) this.#tools.set(textOf(event['tool_id']), textOf(event['tool_name']));
        return;
      case 'tool_result':
        this.#takeToolResult(event);
        return;
      case 'error':
        this.#problem = problemOf(event['error'] ?? event['message']);
        return;
      case 'result':
        this.#finish(event, event['status'] === 'success');
        return;
      case undefined:
        if (!event['error'] && typeof event['response'] !== 'string') return;
        this.#finish(event, true);
        this.#add(textOf(event['response']));
    }
  }

  #takeToolResult(event: JsonObject): void {
    const said = messageOf(event['error']) || textOf(event['output']);
    if (event['status'] !== 'error' || !DENIED.test(said) || this.#denials.length >= MAX_DENIALS) return;
    this.#denials.push(this.#tools.get(textOf(event['tool_id'])) || 'a tool');
  }

  #finish(event: JsonObject, isSuccess: boolean): void {
    this.#end = isSuccess && !event['error'] ? 'success' : 'failed';
    const usage = usageOf(objectOf(event['stats']));
    this.#usage = totalTokens(usage) === 0 ? this.#usage : usage;
    if (this.#end === 'failed' && event['error']) this.#problem = problemOf(event['error']);
  }

  #streamEnd(): StreamEnd | null {
    if (this.#end === 'success') return DONE;
    const message = messageOf(this.#problem);
    if (this.#end === 'none' && message === '') return null;
    const code = numberOf(this.#problem['code']);
    return { kind: 'failed', outcome: outcomeOf(this.#problem, code), message, status: code };
  }

  #add(text: string): void {
    this.#text = endOfText(`${this.#text}${text}`);
  }
}

function problemOf(error: unknown): JsonObject {
  return isObject(error) ? error : { message: textOf(error) };
}

function outcomeOf(problem: JsonObject, code: number | null): FailureOutcome | null {
  if (problem['type'] === 'INVALID_STREAM') {
    const message = textOf(problem['message']);
    if (/safety|recitation|prohibited|blocklist/i.test(message)) return 'refused';
    return /output limit|max.?tokens/i.test(message) ? 'turn_limit' : 'empty';
  }
  return code === null ? null : (gemini.exits[code] ?? null);
}

function usageOf(stats: JsonObject): Usage {
  const models = Object.values(objectOf(stats['models'])).map((model) => objectOf(objectOf(model)['tokens']));
  const fromModels = models.map(usageOfModel).reduce<Usage | null>(addUsage, null);
  if (fromModels !== null && totalTokens(fromModels) > 0) return { ...fromModels, calls: 1 };
  const cached = count(stats['cached']);
  return {
    ...NO_USAGE,
    inputTokens: Math.max(0, count(stats['input_tokens']) - cached),
    cachedTokens: cached,
    outputTokens: count(stats['output_tokens']),
    calls: 1,
  };
}

/** Its `prompt` includes the cached tokens. */
function usageOfModel(tokens: JsonObject): Usage {
  const cached = count(tokens['cached']);
  return {
    ...NO_USAGE,
    inputTokens: Math.max(0, count(tokens['prompt']) - cached),
    cachedTokens: cached,
    outputTokens: count(tokens['candidates']) + count(tokens['thoughts']),
  };
}
