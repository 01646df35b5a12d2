/**
 * Claude Code, `claude -p`. An API failure can arrive with subtype success, and a denied tool leaves no trace but
 * `permission_denials`.
 */
import { eventsOf, isObject, listOf, messageOf, numberOf, objectOf, textOf } from '../events.js';
import type { CallMode, FailureOutcome, JsonObject, Usage } from '../types.js';
import { addUsage, count, NO_USAGE } from '../usage.js';
import { type Adapter, DONE, endOfText, flag, MAX_DENIALS, type StreamEnd, type StreamParser } from './types.js';

export const claude: Adapter = {
  name: 'claude',
  program: 'claude',
  install: 'npm install -g @anthropic-ai/claude-code',
  modes: ['answer', 'edit'],
  features: ['system', 'schema', 'turns', 'usd'],
  reserved: [
    ...['-p', '--print', '--output-format', '--input-format', '--include-partial-messages', '--permission-mode'],
    ...['--dangerously-skip-permissions', '--allow-dangerously-skip-permissions', '--permission-prompt-tool'],
    ...['--tools', '--setting-sources', '--json-schema', '--system-prompt', '--system-prompt-file'],
    ...['-c', '--continue', '-r', '--resume', '--session-id', '--fork-session', '--model', '--add-dir', '-w'],
    ...['--worktree', '--max-budget-usd', '--bg', '--background', '-d', '--debug'],
  ],
  credentials: /^(ANTHROPIC_|CLAUDE_|AWS_|GOOGLE_|CLOUD_ML_REGION$|VERTEX_|AZURE_|DISABLE_(AUTOUPDATER|TELEMETRY)$)/,
  argv: (call) => [
    ...['-p', '--output-format', 'stream-json', '--verbose'],
    ...(call.mode === 'answer'
      ? [
          ...['--tools', '', '--setting-sources=', '--strict-mcp-config', '--disable-slash-commands'],
          ...['--permission-mode', 'dontAsk'],
        ]
      : ['--permission-mode', 'acceptEdits', '--allowedTools=Read,Edit,Write,Glob,Grep']),
    ...flag('--model', call.model),
    ...flag('--max-turns', call.limits.turns),
    ...flag('--max-budget-usd', call.limits.usd),
    ...flag('--json-schema', call.schema === null ? null : JSON.stringify(call.schema)),
    ...flag('--append-system-prompt-file', call.system === '' ? null : call.files.system),
    ...call.extraArgs,
  ],
  env: () => ({}),
  stdin: ({ prompt }) => prompt,
  writes: ({ system }) => (system === '' ? {} : { system }),
  output: 'events',
  createParser: ({ mode }) => new ClaudeParser(mode),
  exits: {},
  silentExit: 'crash',
};

const MESSAGE_ERRORS: Readonly<Record<string, FailureOutcome>> = {
  authentication_failed: 'auth',
  billing_error: 'budget',
  rate_limit: 'rate_limit',
};

const SUBTYPES: Readonly<Record<string, FailureOutcome>> = {
  error_max_turns: 'turn_limit',
  error_max_budget_usd: 'budget',
  error_max_structured_output_retries: 'schema',
};

/** Reads lines of `stream-json`, and the one object or array of `json`. */
class ClaudeParser implements StreamParser {
  readonly #mode: CallMode;
  #result: JsonObject | null = null;
  #text = '';
  #messageError = '';
  #model: string | null = null;
  #tools: readonly string[] = [];
  /** When the window that is used up opens again. */
  #rejectedUntil: number | null = null;
  #isRejected = false;
  readonly #usageById = new Map<string, Usage>();

  constructor(mode: CallMode) {
    this.#mode = mode;
  }

  push(line: string): void {
    for (const event of eventsOf(line)) this.#take(event);
  }

  isOver(): boolean {
    return this.#result !== null;
  }

  report() {
    const result = this.#result;
    const said = endOfText(textOf(result?.['result']));
    const structured = result?.['structured_output'];
    return {
      end: this.#end(said),
      text: said || this.#text,
      ...(isObject(structured) ? { value: structured } : {}),
      usage: this.#usage(),
      usd: numberOf(result?.['total_cost_usd']),
      denials: listOf(result?.['permission_denials']).slice(0, MAX_DENIALS).map(deniedTool),
      model: this.#model,
    };
  }

  #take(event: JsonObject): void {
    switch (event['type']) {
      case 'system':
        if (event['subtype'] !== 'init') return;
        this.#model = textOf(event['model']) || null;
        this.#tools = listOf(event['tools']).map(textOf);
        return;
      case 'assistant':
        this.#takeMessage(event);
        return;
      case 'rate_limit_event': {
        const info = objectOf(event['rate_limit_info']);
        this.#isRejected = info['status'] === 'rejected';
        const resetsAt = numberOf(info['resetsAt']);
        this.#rejectedUntil = this.#isRejected && resetsAt !== null ? resetsAt * 1000 : null;
        return;
      }
      case 'result':
        this.#result = event;
    }
  }

  #takeMessage(event: JsonObject): void {
    this.#messageError = textOf(event['error']);
    const message = objectOf(event['message']);
    for (const part of listOf(message['content'])) {
      this.#text = endOfText(textOf(objectOf(part)['text'])) || this.#text;
    }
    const id = textOf(message['id']);
    // The pieces of one message repeat its usage.
    if (isObject(message['usage']) && (this.#usageById.has(id) || this.#usageById.size < 10_000)) {
      this.#usageById.set(id, usageOf(message['usage']));
    }
  }

  #end(said: string): StreamEnd | null {
    const extra = this.#mode === 'answer' ? this.#tools.find((tool) => tool !== 'StructuredOutput') : undefined;
    if (extra !== undefined) {
      return {
        kind: 'failed',
        outcome: 'crash',
        message: `it was started without tools and has ${extra} all the same`,
      };
    }
    const result = this.#result;
    const error = this.#messageError;
    if (result === null) return error === '' ? null : this.#failed(MESSAGE_ERRORS[error] ?? null, error, this.#text);
    const subtype = textOf(result['subtype']);
    if (subtype !== 'success' || result['is_error'] === true || error !== '') {
      const errors = listOf(result['errors']).map(messageOf).join('; ');
      const kind = subtype === 'success' ? error : subtype;
      return this.#failed(SUBTYPES[subtype] ?? MESSAGE_ERRORS[error] ?? null, kind, said || errors || this.#text);
    }
    const stop = textOf(result['stop_reason']);
    if (stop === 'refusal') return this.#failed('refused', '', said || this.#text);
    if (stop === 'max_tokens') return this.#failed('turn_limit', 'max_tokens', '');
    return DONE;
  }

  #failed(outcome: FailureOutcome | null, kind: string, text: string): StreamEnd {
    const isRejected = this.#isRejected && (outcome === null || outcome === 'rate_limit');
    return {
      kind: 'failed',
      outcome: isRejected ? 'rate_limit' : outcome,
      message: [kind, text].filter(Boolean).join(': '),
      status: numberOf(this.#result?.['api_error_status']),
      retryAt: this.#rejectedUntil,
      transient: this.#messageError === 'server_error',
      ownCap: this.#result?.['subtype'] === 'error_max_budget_usd',
    };
  }

  /** The totals of the result win over our own sum; by model they also hold what sub-agents used. */
  #usage(): Usage | null {
    const models = Object.values(objectOf(this.#result?.['modelUsage'])).map(objectOf);
    if (models.length > 0) {
      const sum = models.map(usageOfModel).reduce<Usage | null>(addUsage, null);
      return sum === null ? null : { ...sum, calls: 1 };
    }
    const total = this.#result?.['usage'];
    if (isObject(total)) return usageOf(total);
    const sum = [...this.#usageById.values()].reduce<Usage | null>(addUsage, null);
    return sum === null ? null : { ...sum, calls: 1 };
  }
}

function usageOf(usage: JsonObject): Usage {
  return {
    inputTokens: count(usage['input_tokens']),
    cachedTokens: count(usage['cache_read_input_tokens']),
    cacheWriteTokens: count(usage['cache_creation_input_tokens']),
    outputTokens: count(usage['output_tokens']),
    calls: 1,
  };
}

function usageOfModel(usage: JsonObject): Usage {
  return {
    ...NO_USAGE,
    inputTokens: count(usage['inputTokens']),
    cachedTokens: count(usage['cacheReadInputTokens']),
    cacheWriteTokens: count(usage['cacheCreationInputTokens']),
    outputTokens: count(usage['outputTokens']),
  };
}

function deniedTool(denial: unknown): string {
  const { tool_name: name, tool_input: input } = objectOf(denial);
  const { file_path: path, command, url } = objectOf(input);
  const what = textOf(path) || textOf(command) || textOf(url);
  return `${textOf(name) || 'a tool'}${what === '' ? '' : ` ${what}`}`;
}
