/**
 * pi, `pi -p --mode json`. It has no sandbox and asks no permission; it exits with 0 after errors of the model, and takes
 * the value of a flag that it does not know for a message.
 */
import { eventsOf, isObject, listOf, objectOf, textOf } from '../events.js';
import type { CallMode, JsonObject, Usage } from '../types.js';
import { addPrice, addUsage, count, totalTokens } from '../usage.js';
import { type Adapter, DONE, endOfText, type StreamEnd, type StreamParser } from './types.js';

export const pi: Adapter = {
  name: 'pi',
  program: 'pi',
  install: 'npm install -g @earendil-works/pi-coding-agent',
  modes: ['answer', 'edit'],
  features: [],
  reserved: [
    ...['-p', '--print', '--mode', '--no-session', '--session', '--session-dir', '-c', '--continue', '-r', '--resume'],
    ...['--fork', '--tools', '-t', '--no-tools', '-nt', '--system-prompt', '--append-system-prompt', '--model'],
    ...['--export', '--list-models', '--api-key'],
  ],
  credentials: /^(PI_CODING_AGENT_DIR$|PI_PACKAGE_DIR$|AWS_|GOOGLE_|AZURE_)|_API_KEY$|_OAUTH_TOKEN$/,
  argv: (call) => [
    ...['-p', '--mode', 'json', '--no-session'],
    ...(call.mode === 'answer'
      ? [
          ...['--no-tools', '--no-extensions', '--no-skills', '--no-prompt-templates', '--no-themes'],
          ...['--no-context-files', '--system-prompt', '', '--append-system-prompt', ''],
        ]
      : ['--tools', 'read,bash,edit,write']),
    ...(call.model === null ? [] : ['--model', call.model]),
    ...call.extraArgs,
  ],
  env: () => ({ PI_OFFLINE: '1', PI_SKIP_VERSION_CHECK: '1', PI_TELEMETRY: '0' }),
  stdin: ({ prompt }) => prompt,
  writes: () => ({}),
  output: 'events',
  createParser: ({ mode }) => new PiParser(mode),
  exits: {},
  silentExit: 'crash',
};

class PiParser implements StreamParser {
  readonly #mode: CallMode;
  #last: JsonObject | null = null;
  #text = '';
  #isOver = false;
  #usage: Usage | null = null;
  #usd: number | null = 0;

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
      usd: this.#usd,
      denials: [],
      model: textOf(this.#last?.['model']) || null,
    };
  }

  #take(event: JsonObject): void {
    // It may try again, or make room for more, after an end.
    this.#isOver = event['type'] === 'agent_end';
    const message = objectOf(event['message']);
    if (event['type'] !== 'message_end' || message['role'] !== 'assistant') return;
    this.#last = message;
    this.#text = endOfText(
      listOf(message['content'])
        .map((part) => textOf(objectOf(part)['text']))
        .join(''),
    );
    if (!isObject(message['usage'])) return;
    const usage = message['usage'];
    this.#usage = addUsage(this.#usage, usageOf(usage, this.#usage === null ? 1 : 0));
    this.#usd = addPrice(this.#usd, objectOf(usage['cost'])['total']);
  }

  #streamEnd(): StreamEnd | null {
    const last = this.#last;
    if (last === null) return null;
    const message = textOf(last['errorMessage']);
    switch (last['stopReason']) {
      case 'stop':
        if (this.#text === '' && (this.#usage === null || totalTokens(this.#usage) === 0)) {
          return { kind: 'failed', outcome: 'crash', message: 'it ended without content; the context may be full' };
        }
        return this.#text === '' && this.#mode === 'answer' ? { kind: 'failed', outcome: 'empty', message: '' } : DONE;
      case 'length':
        return { kind: 'failed', outcome: 'turn_limit', message: message || 'the output reached its limit' };
      case 'error':
        return { kind: 'failed', outcome: null, message: message || 'no reason given' };
      case 'aborted':
        return { kind: 'failed', outcome: 'crash', message: message || 'it was aborted' };
      default:
        return null;
    }
  }
}

function usageOf(usage: JsonObject, calls: number): Usage {
  return {
    inputTokens: count(usage['input']),
    cachedTokens: count(usage['cacheRead']),
    cacheWriteTokens: count(usage['cacheWrite']),
    outputTokens: count(usage['output']),
    calls,
  };
}
