/**
 * opencode, `opencode run --format json`. An unknown agent falls back to one with all permissions, so what is denied is
 * denied twice; a denied tool shows only in the last event or on stderr.
 */
import { eventsOf, isObject, listOf, messageOf, objectOf, textOf } from '../events.js';
import type { CallMode, FailureOutcome, JsonObject, Usage } from '../types.js';
import { addPrice, addUsage, count } from '../usage.js';
import { type Adapter, DONE, endOfText, flag, MAX_DENIALS, type StreamEnd, type StreamParser } from './types.js';

const ANSWER_AGENT = 'autoresearch-answer';
const NOTHING_ALLOWED = { '*': 'deny' };

export const opencode: Adapter = {
  name: 'opencode',
  program: 'opencode',
  install: 'npm install -g opencode-ai',
  modes: ['answer', 'edit'],
  features: [],
  reserved: [
    ...['--format', '-m', '--model', '--dir', '--agent', '--auto', '--yolo', '--dangerously-skip-permissions'],
    ...['-c', '--continue', '-s', '--session', '--fork', '--share', '-f', '--file', '--attach', '--command', '--pure'],
    ...['--port', '-i', '--interactive'],
  ],
  credentials: /^(OPENCODE_(API_KEY|CONFIG|CONFIG_DIR|MODELS_URL)$|AWS_|GOOGLE_|AZURE_|CLOUDFLARE_)|_API_KEY$/,
  argv: (call) => [
    ...['run', '--format', 'json', `--dir=${call.cwd}`],
    ...(call.mode === 'answer' ? ['--agent', ANSWER_AGENT, '--pure'] : ['--auto']),
    ...flag('--model', call.model),
    ...call.extraArgs,
  ],
  env: (call) => ({
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_DISABLE_SHARE: '1',
    ...(call.mode === 'answer'
      ? {
          OPENCODE_DISABLE_PROJECT_CONFIG: '1',
          OPENCODE_DISABLE_EXTERNAL_SKILLS: '1',
          OPENCODE_PERMISSION: JSON.stringify(NOTHING_ALLOWED),
          OPENCODE_CONFIG_CONTENT: JSON.stringify({
            agent: { [ANSWER_AGENT]: { mode: 'primary', permission: NOTHING_ALLOWED, tools: { '*': false } } },
          }),
        }
      : {}),
  }),
  stdin: ({ prompt }) => prompt,
  writes: () => ({}),
  output: 'events',
  createParser: ({ mode }) => new OpencodeParser(mode),
  exits: {},
  silentExit: 'crash',
  stderrDenial: /permission requested: (.{1,200}?);? auto-rejecting/,
};

class OpencodeParser implements StreamParser {
  readonly #mode: CallMode;
  #text = '';
  #stop = '';
  #isDone = false;
  #problem: StreamEnd | null = null;
  #session = '';
  #usage: Usage | null = null;
  #usd: number | null = 0;
  #denials: string[] = [];

  constructor(mode: CallMode) {
    this.#mode = mode;
  }

  push(line: string): void {
    for (const event of eventsOf(line)) this.#take(event);
  }

  isOver(): boolean {
    return this.#isDone || this.#problem !== null || this.#stop === 'stop';
  }

  report() {
    return {
      end: this.#streamEnd(),
      text: this.#text.trim(),
      usage: this.#usage,
      usd: this.#usd,
      denials: this.#denials,
      model: null,
    };
  }

  #take(event: JsonObject): void {
    const session = textOf(event['sessionID']);
    if (session !== '' && this.#session !== '' && session !== this.#session) {
      this.#problem ??= crashed('events of two sessions are mixed');
    }
    this.#session ||= session;
    const part = objectOf(event['part']);
    switch (event['type']) {
      case 'step_start':
        this.#stop = '';
        break;
      case 'text':
        this.#text = endOfText(`${this.#text}${textOf(part['text'])}`);
        break;
      case 'tool_use':
        // What it says before it uses a tool is not the answer.
        this.#text = '';
        break;
      case 'step_finish':
        this.#finishStep(part);
        break;
      case 'error':
        this.#problem = errorEnd(objectOf(event['error']));
        break;
      case 'done':
        this.#isDone = true;
        this.#denials = listOf(event['rejected']).slice(0, MAX_DENIALS).map(deniedName);
    }
  }

  #finishStep(part: JsonObject): void {
    this.#stop = textOf(part['reason']);
    const tokens = objectOf(part['tokens']);
    const cache = objectOf(tokens['cache']);
    if (isObject(part['tokens'])) {
      this.#usage = addUsage(this.#usage, {
        inputTokens: count(tokens['input']),
        cachedTokens: count(cache['read']),
        cacheWriteTokens: count(cache['write']),
        outputTokens: count(tokens['output']) + count(tokens['reasoning']),
        calls: this.#usage === null ? 1 : 0,
      });
    }
    this.#usd = addPrice(this.#usd, part['cost']);
  }

  #streamEnd(): StreamEnd | null {
    if (this.#problem !== null) return this.#problem;
    switch (this.#stop) {
      case 'stop':
        return DONE;
      case 'length':
        return { kind: 'failed', outcome: 'turn_limit', message: 'the output reached its limit' };
      case 'content-filter':
        return { kind: 'failed', outcome: 'refused', message: 'the answer was filtered' };
      case 'other':
      case 'unknown':
      case 'error':
        return crashed(`the stream was cut (${this.#stop})`);
      default:
        // A tool that was rejected ends an edit without a last word.
        return this.#isDone && this.#mode === 'edit' ? DONE : null;
    }
  }
}

function crashed(message: string): StreamEnd {
  return { kind: 'failed', outcome: 'crash', message, transient: true };
}

function errorEnd(error: JsonObject): StreamEnd {
  const name = textOf(error['name']);
  const status = objectOf(error['data'])['statusCode'];
  const outcome: FailureOutcome | null = /Auth/.test(name) ? 'auth' : /OutputLength/.test(name) ? 'turn_limit' : null;
  return {
    kind: 'failed',
    outcome,
    message: messageOf(error) || 'no reason given',
    status: typeof status === 'number' ? status : null,
  };
}

function deniedName(rejected: unknown): string {
  const { permission, tool, type, patterns } = objectOf(rejected);
  const name = textOf(rejected) || textOf(permission) || textOf(tool) || textOf(type) || 'a tool';
  const [pattern] = listOf(patterns).map(textOf);
  return pattern ? `${name} ${pattern}` : name;
}
