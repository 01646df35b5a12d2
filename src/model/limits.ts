/**
 * Patience with a provider: passing faults are tried again after a growing pause, and no more calls run at once than it
 * stands. A rate limit closes the one queue of the provider for everybody until it ends, and is nobody's fault.
 */
import { CallAborted } from './aborted.js';
import type { Model, ModelReply } from './types.js';
import { addCost, addUsage, UNKNOWN_COST } from './usage.js';
import { type Wait, wait } from './wait.js';

const SECOND_MS = 1000;
/** Where a rate limit does not say when it ends. */
const RATE_LIMIT_PAUSES_MS = [30, 120, 600].map((seconds) => seconds * SECOND_MS);
const CRASH_PAUSES_MS = [1, 4].map((seconds) => seconds * SECOND_MS);
const CONCURRENCY = 4;
const PATIENCE_MS = 15 * 60 * SECOND_MS;

export interface Clock {
  readonly now: () => number;
  /** From 0 to 1: calls that failed together must not come back together. */
  readonly random: () => number;
  readonly wait: Wait;
}

const SYSTEM_CLOCK: Clock = { now: Date.now, random: Math.random, wait };

/** The calls to one provider. Share one queue among all models that use the same account. */
export class ProviderQueue {
  readonly #concurrency: number;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #limitsInARow = 0;
  /** No call begins before this time. */
  closedUntil = 0;

  constructor(concurrency = CONCURRENCY, clock: Clock = SYSTEM_CLOCK) {
    this.#concurrency = concurrency;
    this.#clock = clock;
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** Runs `call` when there is a place. @throws CallAborted when the signal aborts before. */
  async run<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      return await call();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Closes it until the limit ends, or for longer each time where nobody knows when that is. */
  close(retryAt: number | null): void {
    const row = this.#limitsInARow;
    const guess = RATE_LIMIT_PAUSES_MS[Math.min(row, RATE_LIMIT_PAUSES_MS.length - 1)] ?? 0;
    // A server that says "now" again and again is not asked without any pause.
    const shortest = retryAt === null ? guess : row * SECOND_MS;
    this.#limitsInARow += 1;
    this.closedUntil = Math.max(this.closedUntil, retryAt ?? 0, this.#clock.now() + shortest);
  }

  /** A call went through. */
  open(): void {
    this.#limitsInARow = 0;
  }

  async #enter(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new CallAborted();
    if (this.#running >= this.#concurrency) await this.#turn(signal);
    this.#running += 1;
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(new CallAborted());
      };
      const enter = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(enter);
    });
  }
}

/**
 * Calls again where that can help. Edits are called once: what a half-finished one left must be looked at first.
 * A wait beyond `patienceMs` is left to the caller: the reply is then the rate limit with its `retryAt`.
 */
export function limited(model: Model, queue: ProviderQueue, { patienceMs = PATIENCE_MS } = {}): Model {
  return async (request, signal) => {
    const { clock } = queue;
    const isEdit = request.mode === 'edit';
    const giveUpAt = clock.now() + (isEdit ? 0 : patienceMs);
    const failed: ModelReply[] = [];
    for (let crashes = 0, others = 0; ; ) {
      const pause = queue.closedUntil - clock.now();
      if (pause > 0) {
        if (queue.closedUntil > giveUpAt) return sum(failed, stillClosed(queue.closedUntil));
        await clock.wait(pause, signal);
        continue;
      }
      const reply = await queue.run(() => model(request, signal), signal);
      if (reply.outcome === 'rate_limit') {
        queue.close(reply.retryAt);
        if (isEdit || queue.closedUntil > giveUpAt) return sum(failed, { ...reply, retryAt: queue.closedUntil });
      } else {
        queue.open();
        if (isEdit) return reply;
        const again = pauseBeforeRetry(reply, { crashes, others });
        if (again === null) return sum(failed, reply);
        if (reply.outcome === 'crash') crashes += 1;
        else others += 1;
        await clock.wait(again * (1 + clock.random() / 2), signal);
      }
      failed.push(reply);
    }
  };
}

/** Null: calling again cannot help, or was tried often enough. */
function pauseBeforeRetry(reply: ModelReply, { crashes, others }: { crashes: number; others: number }): number | null {
  switch (reply.outcome) {
    case 'crash':
      return reply.transient ? (CRASH_PAUSES_MS[crashes] ?? null) : null;
    case 'empty':
    case 'timeout':
      return others === 0 ? 0 : null;
    default:
      return null;
  }
}

function stillClosed(retryAt: number): ModelReply {
  return {
    outcome: 'rate_limit',
    reason: `the provider is rate limited until ${new Date(retryAt).toISOString()}`,
    retryAt,
    ...{ usage: null, cost: UNKNOWN_COST, denials: [], version: null, durationMs: 0, logPath: null, fromCache: false },
  };
}

/** The last reply with what all calls used. A failed call that used nothing anybody knows of adds nothing. */
function sum(failed: readonly ModelReply[], last: ModelReply): ModelReply {
  let { usage, cost, durationMs } = last;
  for (const reply of failed) {
    const isFree = reply.usage === null && reply.cost.usd === null;
    usage = addUsage(reply.usage, usage);
    cost = isFree ? cost : addCost(reply.cost, cost);
    durationMs += reply.durationMs;
  }
  return { ...last, usage, cost, durationMs };
}
