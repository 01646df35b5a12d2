import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoOf } from '../core/errors.js';
import type { Json } from '../core/json.js';
import { oneLine } from '../core/text.js';
import { runTool } from '../process/tool.js';
import { isUrgent, messageOf, type Notice, type NoticeEvent } from './notice.js';

/**
 * Delivers notices by a command or a webhook. Never in the way of the loop: what is not urgent is gathered, a delivery
 * that fails is tried again, and one that goes on failing is reported once and dropped.
 */
export interface Channels {
  /** Gets the message as JSON on stdin. */
  readonly command: string | null;
  /** A secret: never shown. */
  readonly webhook: string | null;
  readonly events: readonly NoticeEvent[];
}

export interface NotifierOptions {
  readonly experiment: string;
  readonly channels: Channels;
  readonly warn: (text: string) => void;
  /** How long news that can wait is gathered. */
  readonly gatherMs?: number;
  /** Pauses before the second, third and fourth try. */
  readonly retryMs?: readonly number[];
  /** How long the end of a run waits for what is not delivered yet. */
  readonly lastMs?: number;
}

const GATHER_MS = 60_000;
const RETRY_MS = [2_000, 10_000, 30_000] as const;
const DELIVERY_MS = 20_000;
/** At the end of a run there is no time for all the retries, nor for a delivery that hangs. */
const LAST_MS = 15_000;
const MOST_WAITING = 50;

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #closing = new AbortController();
  #waiting: Notice[] = [];
  #timer: NodeJS.Timeout | null = null;
  #delivering: Promise<void> = Promise.resolve();
  #warned = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Returns at once. */
  tell(notice: Notice): void {
    const { events } = this.#options.channels;
    if (notice.event !== 'test' && !events.includes(notice.event)) return;
    this.#waiting = [...this.#waiting, notice].slice(-MOST_WAITING);
    if (isUrgent(notice)) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), this.#options.gatherMs ?? GATHER_MS).unref();
  }

  /** Sends what is left, and waits for it, but not for long. */
  async close(): Promise<void> {
    this.#send();
    const timer = setTimeout(() => this.#closing.abort(), this.#options.lastMs ?? LAST_MS);
    await this.#delivering;
    clearTimeout(timer);
  }

  #send(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiting.length === 0) return;
    const message = messageOf(this.#options.experiment, hostname(), this.#waiting);
    this.#waiting = [];
    this.#delivering = this.#delivering.then(() => this.#deliver(message));
  }

  async #deliver(message: Json): Promise<void> {
    const { command, webhook } = this.#options.channels;
    const { signal } = this.#closing;
    const tries = [
      ...(command === null ? [] : [() => runCommand(command, message, signal)]),
      ...(webhook === null ? [] : [() => post(webhook, message, signal)]),
    ];
    for (const problem of await Promise.all(tries.map((attempt) => this.#untilDelivered(attempt)))) {
      if (problem === null || this.#warned) continue;
      this.#warned = true;
      this.#options.warn(`a notification could not be delivered: ${problem}`);
    }
  }

  async #untilDelivered(attempt: () => Promise<string | null>): Promise<string | null> {
    let problem = await attempt();
    for (const pause of this.#options.retryMs ?? RETRY_MS) {
      if (problem === null || this.#closing.signal.aborted) return problem;
      await delay(pause, undefined, { ref: false, signal: this.#closing.signal }).catch(() => undefined);
      problem = await attempt();
    }
    return problem;
  }
}

async function runCommand(command: string, message: Json, signal: AbortSignal): Promise<string | null> {
  const input = `${JSON.stringify(message)}\n`;
  const limits = { timeoutMs: DELIVERY_MS, maxBytes: 1024 * 1024, signal };
  const result = await runTool(['sh', '-c', command], { input, ...limits });
  if (signal.aborted) return `the command ${TOO_LATE}`;
  if (result.timedOut) return `the command took longer than ${DELIVERY_MS / 1000} s`;
  if (result.problem !== '') return oneLine(result.problem, 300);
  if (result.exitCode === 0) return null;
  const said = oneLine(result.stderr, 200);
  const how = result.exitCode === null ? result.signal : `exit code ${result.exitCode}`;
  return `the command ended with ${how}${said === '' ? '' : `: ${said}`}`;
}

const TOO_LATE = 'was not done when the run ended';

async function post(address: string, message: Json, signal: AbortSignal): Promise<string | null> {
  try {
    const { url, authorization } = withoutLogin(address);
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: JSON.stringify(message),
      signal: AbortSignal.any([signal, AbortSignal.timeout(DELIVERY_MS)]),
      redirect: 'error',
    });
    await response.body?.cancel();
    return response.ok ? null : `the webhook answered ${response.status}`;
  } catch (error) {
    return signal.aborted ? `the webhook ${TOO_LATE}` : `the webhook cannot be reached (${whyUnreachable(error)})`;
  }
}

/** `https://name:password@host/` as people write it; fetch itself refuses such an address. */
function withoutLogin(address: string): { url: URL; authorization: Record<string, string> } {
  const url = new URL(address);
  const login = [url.username, url.password].map(decodeURIComponent).join(':');
  url.username = '';
  url.password = '';
  const encoded = Buffer.from(login).toString('base64');
  return { url, authorization: login === ':' ? {} : { authorization: `Basic ${encoded}` } };
}

/** The address itself may be the secret, so nothing is said that an error quotes. */
function whyUnreachable(error: unknown): string {
  if (!(error instanceof Error)) return 'fetch failed';
  if (error.name === 'TimeoutError') return `no answer in ${DELIVERY_MS / 1000} s`;
  if (error.cause instanceof Error && error.cause.message === 'unexpected redirect') return 'it points elsewhere';
  return errnoOf(error.cause) ?? 'fetch failed';
}
