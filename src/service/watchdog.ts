/**
 * Tells systemd that the run is ready, what it does, and that it lives. A blocked event loop sends nothing because the
 * timer does not fire; a loop that waits for ever sends nothing because its step is no longer believable. It speaks
 * only at the beat, because each word starts a process that a measurement would feel.
 */
import { performance } from 'node:perf_hooks';
import type { RunEvent } from '../core/events.js';
import { oneLine } from '../core/text.js';
import { runTool } from '../process/tool.js';
import { after, beginning, isBelievable, type Liveness, type Moment } from './liveness.js';

/** What systemd put into the environment of the process that it started. */
export interface NotifyAddress {
  readonly socket: string;
  /** Silence for so long means death; null without a watchdog. */
  readonly watchdogMs: number | null;
}

const PLUMBING = /^(NOTIFY_SOCKET|WATCHDOG_.*|INVOCATION_ID|LISTEN_.*)$/;
const NOTIFY_TIMEOUT_MS = 20_000;

/** Takes the manager's variables out of `environment`: they are for this process, not for what it starts. */
export function takeNotifyAddress(environment: NodeJS.ProcessEnv, pid: number): NotifyAddress | null {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: whose } = environment;
  for (const name of Object.keys(environment)) if (PLUMBING.test(name)) delete environment[name];
  if (!socket) return null;
  const isOurs = whose === undefined || whose === String(pid);
  const watchdogMs = isOurs && usec !== undefined && /^[1-9]\d*$/.test(usec) ? Number(usec) / 1000 : null;
  return { socket, watchdogMs };
}

export interface WatchdogOptions {
  /** Null: nobody listens. */
  readonly address: NotifyAddress | null;
  readonly proposeLimitMs: number;
  /** Told once when systemd cannot be reached. */
  readonly onProblem: (text: string) => void;
}

export class Watchdog {
  readonly #options: WatchdogOptions;
  #liveness: Liveness = beginning(now());
  #timer: NodeJS.Timeout | null = null;
  #pending: Promise<void> | null = null;
  #hasProblem = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** The lock is held and everything is open: systemd may count from here. */
  async ready(): Promise<void> {
    const { address } = this.#options;
    if (address === null) return;
    await this.#say('READY=1', `STATUS=${this.#liveness.doing}`);
    if (address.watchdogMs === null) return;
    this.#timer = setInterval(() => this.#beat(), address.watchdogMs / 2);
    this.#timer.unref();
  }

  event(event: RunEvent): void {
    this.#liveness = after(this.#liveness, event, { ...now(), proposeLimitMs: this.#options.proposeLimitMs });
  }

  /** The run does not begin at all: ready and done in one word. */
  async declined(text: string): Promise<void> {
    if (this.#options.address !== null) await this.#say('READY=1', `STATUS=${oneLine(text)}`);
  }

  async close(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#pending;
  }

  #beat(): void {
    if (this.#pending || !isBelievable(this.#liveness, now())) return;
    const { doing, settled } = this.#liveness;
    this.#pending = this.#say('WATCHDOG=1', `STATUS=${doing}; ${settled} settled since the start`).finally(() => {
      this.#pending = null;
    });
  }

  /** Node has no datagram sockets of this kind, so systemd's own tool speaks for it. */
  async #say(...words: string[]): Promise<void> {
    const { address, onProblem } = this.#options;
    const env = { ...stringsOf(process.env), NOTIFY_SOCKET: address?.socket ?? '' };
    const argv = ['systemd-notify', `--pid=${process.pid}`, ...words];
    const result = await runTool(argv, { env, timeoutMs: NOTIFY_TIMEOUT_MS });
    if (result.exitCode === 0 || this.#hasProblem) return;
    this.#hasProblem = true;
    onProblem(`systemd cannot be told how the run is doing: ${oneLine(result.problem || result.stderr)}`);
  }
}

function now(): Moment {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}

function stringsOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => !!entry[1]));
}
