/**
 * aider, for editing only. It has no machine-readable output and exits with 0 after fatal errors of the API: what it
 * changed is seen in the folder, and only its own words tell an error.
 */
import { stripAnsi } from '../../core/text.js';
import type { Usage } from '../types.js';
import { addUsage, NO_USAGE } from '../usage.js';
import { type Adapter, DONE, endOfText, flag, type StreamEnd, type StreamParser } from './types.js';

/** More files would fill the model's context; aider adds what it finds it needs. */
const MAX_FILES = 40;

export const aider: Adapter = {
  name: 'aider',
  program: 'aider',
  install: 'python -m pip install aider-install && aider-install',
  modes: ['edit'],
  features: [],
  reserved: [
    ...['-m', '--message', '--msg', '-f', '--message-file', '--model', '--yes', '--yes-always', '--auto-commits'],
    ...[
      '--no-auto-commits',
      '--dirty-commits',
      '--no-dirty-commits',
      '--commit',
      '--pretty',
      '--stream',
      '--gitignore',
    ],
    ...['--chat-history-file', '--input-history-file', '--restore-chat-history', '--analytics', '--load', '--apply'],
    ...['--watch-files', '--gui', '--browser', '--no-git', '--exit', '--file', '--api-key', '--openai-api-key'],
    ...['--anthropic-api-key', '--set-env', '--analytics-disable', '--suggest-shell-commands', '--subtree-only'],
  ],
  credentials: /^(AWS_|GOOGLE_|AZURE_|VERTEXAI_|OLLAMA_|AIDER_)|_API_KEY$|_API_BASE$/,
  argv: (call) => [
    `--message-file=${call.files.prompt}`,
    ...['--yes-always', '--no-auto-commits', '--no-dirty-commits', '--no-check-update', '--no-show-release-notes'],
    ...['--no-analytics', '--no-stream', '--no-pretty', '--no-fancy-input', '--no-gitignore', '--no-detect-urls'],
    ...['--no-suggest-shell-commands', '--no-auto-lint', '--no-restore-chat-history'],
    `--chat-history-file=${call.files.scratch}/chat.md`,
    `--input-history-file=${call.files.scratch}/input`,
    ...flag('--model', call.model),
    ...call.extraArgs,
    ...call.targets.slice(0, MAX_FILES).map((path) => `./${path}`),
  ],
  env: () => ({}),
  stdin: () => null,
  writes: ({ prompt }) => ({ prompt }),
  output: 'text',
  createParser: () => new AiderParser(),
  exits: {},
  silentExit: 'crash',
  leftovers: /^\.aider/,
};

const ERROR = /litellm\.\w*(?:Error|Exception|Timeout)\w*/;
const TOKENS =
  /^Tokens: ([\d.]+[kM]?) sent,(?:.*? ([\d.]+[kM]?) cache write,)?(?:.*? ([\d.]+[kM]?) cache hit,)? ?([\d.]+[kM]?) received/;
const COST = /Cost: \$[\d.,]+ message, \$([\d.,]+) session/;

class AiderParser implements StreamParser {
  #text = '';
  #error = '';
  #hasEdited = false;
  #hasSpoken = false;
  #usage: Usage | null = null;
  #usd: number | null = null;

  push(raw: string): void {
    const line = stripAnsi(raw);
    this.#text = endOfText(`${this.#text}${line}\n`);
    this.#hasSpoken ||= line.trim() !== '';
    if (ERROR.test(line)) this.#error = line;
    if (/^Applied edit to /.test(line)) this.#hasEdited = true;
    const tokens = TOKENS.exec(line);
    if (tokens !== null) {
      const [sent, written, hit, received] = tokens.slice(1).map(amount);
      this.#usage = addUsage(this.#usage, {
        ...NO_USAGE,
        inputTokens: Math.max(0, (sent ?? 0) - (hit ?? 0) - (written ?? 0)),
        cachedTokens: hit ?? 0,
        cacheWriteTokens: written ?? 0,
        outputTokens: received ?? 0,
        calls: this.#usage === null ? 1 : 0,
      });
    }
    const session = COST.exec(line)?.[1];
    if (session !== undefined) this.#usd = Number(session.replaceAll(',', '')) || this.#usd;
  }

  isOver(): boolean {
    return false;
  }

  report() {
    return {
      end: this.#end(),
      text: this.#text,
      usage: this.#usage,
      usd: this.#usd,
      isEstimate: true,
      denials: [],
      model: null,
    };
  }

  /** Only an exit tells that it is over; an error before an edit was mended by one of its own retries. */
  #end(): StreamEnd | null {
    if (this.#error !== '' && !this.#hasEdited) return { kind: 'failed', outcome: null, message: this.#error };
    return this.#hasEdited || (this.#hasSpoken && this.#usage !== null) ? DONE : null;
  }
}

/** `4.2k`. */
function amount(text: string | undefined): number {
  if (text === undefined) return 0;
  const factor = text.endsWith('k') ? 1000 : text.endsWith('M') ? 1_000_000 : 1;
  return Math.round((Number.parseFloat(text) || 0) * factor);
}
