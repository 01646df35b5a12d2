/**
 * Runs short, trusted helper programs such as git: no shell, no containment, output in memory with a limit on all of
 * it. Never for code of a user or an agent (see run-command.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { errnoOf, errorMessage } from '../core/errors.js';
import { drain } from './drain.js';

export interface ToolOptions {
  readonly cwd?: string;
  /** The whole environment; without it the runner's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is then closed; without it stdin is empty. */
  readonly input?: string | Uint8Array;
  /** More stdout than this ends the tool with a `problem`; 64 MiB unless told. */
  readonly maxBytes?: number;
  /** After this the tool and its whole process group are killed; one minute unless told. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ToolResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  /** At most the first 64 KiB. */
  readonly stderr: string;
  readonly timedOut: boolean;
  /** Why there is no trustworthy result: not startable, too much output, or aborted. Empty otherwise. */
  readonly problem: string;
}

const MAX_STDOUT_BYTES = 64 * 1024 * 1024;
const MAX_STDERR_BYTES = 64 * 1024;
const TIMEOUT_MS = 60_000;
/** Node fires longer timers at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** How long a leaked grandchild that holds a pipe open may delay the result once the tool itself has ended. */
const DRAIN_MS = 200;

/** Any exit code is a result, not an error; nothing is thrown. */
export function runTool(argv: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
  if (options.signal?.aborted) return Promise.resolve(notRun('aborted'));
  const [program = '', ...args] = argv;
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
  } catch (error) {
    return Promise.resolve(notRun(`${program} could not be started: ${errorMessage(error)}`));
  }
  return new ToolRun(child, program, options).result;
}

function notRun(problem: string): ToolResult {
  return { exitCode: null, signal: null, stdout: Buffer.alloc(0), stderr: '', timedOut: false, problem };
}

/** One tool from its start to its result. */
class ToolRun {
  readonly result: Promise<ToolResult>;
  readonly #child: ChildProcess;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  #stdoutBytes = 0;
  #stderrBytes = 0;
  #timedOut = false;
  #problem = '';

  constructor(child: ChildProcess, program: string, options: ToolOptions) {
    this.#child = child;
    this.#collect(options.maxBytes ?? MAX_STDOUT_BYTES);
    // EPIPE: a tool need not read its input.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);

    const deadline = setTimeout(
      () => {
        this.#timedOut = true;
        this.#kill();
      },
      Math.min(options.timeoutMs ?? TIMEOUT_MS, MAX_TIMER_MS),
    );
    const onAbort = () => this.#fail('aborted');
    options.signal?.addEventListener('abort', onAbort, { once: true });

    this.result = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        this.#fail(startProblem(program, options.cwd, error));
        resolve();
      });
      child.once('exit', () => this.#drain().then(resolve));
    }).then(() => {
      clearTimeout(deadline);
      options.signal?.removeEventListener('abort', onAbort);
      return this.#settle();
    });
  }

  #collect(maxBytes: number): void {
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdoutBytes += chunk.length;
      if (this.#stdoutBytes <= maxBytes) this.#stdout.push(chunk);
      else this.#fail(`printed more than ${maxBytes} bytes`);
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      if (this.#stderrBytes < MAX_STDERR_BYTES)
        this.#stderr.push(chunk.subarray(0, MAX_STDERR_BYTES - this.#stderrBytes));
      this.#stderrBytes += chunk.length;
    });
  }

  #fail(problem: string): void {
    this.#problem ||= problem;
    this.#kill();
  }

  /** The group, so that a git hook's children end too. Only while the tool runs: afterwards its pid may be another's. */
  #kill(): void {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') this.#child.kill('SIGKILL');
    }
  }

  #drain(): Promise<void> {
    const streams = [this.#child.stdout, this.#child.stderr].filter((stream) => stream !== null);
    return drain(streams, () => this.#stdoutBytes + this.#stderrBytes, DRAIN_MS);
  }

  #settle(): ToolResult {
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) stream?.destroy();
    return {
      exitCode: this.#problem === '' && !this.#timedOut ? this.#child.exitCode : null,
      signal: this.#child.signalCode,
      stdout: Buffer.concat(this.#stdout),
      stderr: Buffer.concat(this.#stderr).toString('utf8'),
      timedOut: this.#timedOut,
      problem: this.#problem,
    };
  }
}

function startProblem(program: string, cwd: string | undefined, error: Error): string {
  if (errnoOf(error) !== 'ENOENT') return `${program} could not be started: ${error.message}`;
  // Node reports a missing folder as a missing program.
  if (cwd !== undefined && !existsSync(cwd)) return `the folder ${cwd} does not exist`;
  return `${program} is not on PATH`;
}
