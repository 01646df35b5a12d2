import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '../core/errors.js';
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
}

const GATHER_MS = 60_000;
const RETRY_MS = [2_000, 10_000, 30_000] as const;
const DELIVERY_MS = 20_000;
/** At the end of a run there is no time for all the retries. */
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
    const late = delay(LAST_MS, undefined, { ref: false }).then(() => this.#closing.abort());
    await Promise.race([this.#delivering, late.then(() => this.#delivering)]);
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
    const tries = [
      ...(command === null ? [] : [() => runCommand(command, message)]),
      ...(webhook === null ? [] : [() => post(webhook, message)]),
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

async function runCommand(command: string, message: Json): Promise<string | null> {
  const input = `${JSON.stringify(message)}\n`;
  const result = await runTool(['sh', '-c', command], { input, timeoutMs: DELIVERY_MS, maxBytes: 1024 * 1024 });
  if (result.timedOut) return `the command took longer than ${DELIVERY_MS / 1000} s`;
  if (result.problem !== '') return oneLine(result.problem, 300);
  if (result.exitCode === 0) return null;
  return `the command ended with ${result.exitCode === null ? result.signal : `exit code ${result.exitCode}`}: ${oneLine(result.stderr, 200)}`;
}

async function post(url: string, message: Json): Promise<string | null> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(message),
      signal: AbortSignal.timeout(DELIVERY_MS),
      redirect: 'error',
    });
    await response.body?.cancel();
    return response.ok ? null : `the webhook answered ${response.status}`;
  } catch (error) {
    // The address itself may be the secret; what the error says of it is left out.
    return `the webhook cannot be reached (${oneLine(errorMessage(error), 100).replaceAll(url, 'address')})`;
  }
}
