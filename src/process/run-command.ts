/**
 * Runs one command of a user or an agent: under a hard limit, with its output in a file, and with no process of it left
 * when it has ended, however it ended. What the command does is a value, never an exception.
 */
import { readTail } from './capture.js';
import { type NamespaceReport, probeContainment, signalOfExitCode } from './containment.js';
import { type KillReport, type KillTarget, killTree, signalQuietly } from './kill-tree.js';
import { type CommandExit, launch, type StartedCommand } from './launch.js';
import { LogFile } from './log-file.js';
import { HAS_PROC, listProcesses, readProcess } from './proc-table.js';
import { TreeSampler } from './sampler.js';
import type { CommandEnd, CommandResult, CommandSpec, ProcessIdentity } from './types.js';
import { Alarm, type WatchedEnd, watch } from './watch.js';

/** What `AbortController.abort` may be given to allow less time than the command's own grace. */
export interface AbortReason {
  readonly graceMs: number;
}

const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

/** `unshare` or `bwrap`, and the namespace's first process, stand between the runner and the command. */
const NAMESPACE_WRAPPERS = 2;

/** How long the news of a proven end may take to arrive. */
const EVENT_PATIENCE_MS = 1_000;

interface Limits {
  readonly idleLimitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const running = new Set<CommandRun>();

/**
 * Resolves when the command and everything it started has ended.
 *
 * `cpuSeconds` covers what the command waited for; without a pid namespace it is null when two commands overlapped,
 * because the kernel then has only their sum. `peakMemoryBytes` is the largest resident size of one process.
 * @throws the system error when a log file cannot be created or written, and whatever `onStart` throws (after ending
 * the command).
 */
export async function runCommand(spec: CommandSpec, signal?: AbortSignal): Promise<CommandResult> {
  if (signal?.aborted) return await notRun('aborted', '');
  const log = new LogFile(spec.logPath, spec.logLimitBytes ?? LOG_LIMIT_BYTES);
  let stdout = log;
  try {
    if (spec.stdoutPath !== undefined) stdout = new LogFile(spec.stdoutPath, spec.logLimitBytes ?? LOG_LIMIT_BYTES);
    const logs = [...new Set([log, stdout])];
    const started = await launch(spec, { log, stdout });
    for (const file of logs) file.closeWriter();
    if (typeof started === 'string') return await notRun('failed_to_start', started);
    return await new CommandRun(spec, started, logs).toEnd(signal);
  } finally {
    await log.settle();
    if (stdout !== log) await stdout.settle();
  }
}

async function notRun(end: CommandEnd, problem: string): Promise<CommandResult> {
  return {
    end,
    exitCode: null,
    signal: null,
    wallSeconds: 0,
    cpuSeconds: null,
    peakMemoryBytes: null,
    containment: await probeContainment(),
    swept: 0,
    survivors: [],
    outputBytes: 0,
    problem,
  };
}

/** One command from its start to its result. */
class CommandRun {
  readonly #spec: CommandSpec;
  readonly #started: StartedCommand;
  readonly #logs: readonly LogFile[];
  readonly #sampler: TreeSampler;
  readonly #alarm = new Alarm();
  readonly #startMs = performance.now();
  readonly #waitedCpuBefore = waitedCpuSeconds();
  #alone = running.size === 0;
  #exit: CommandExit | null = null;
  #wallSeconds = 0;

  constructor(spec: CommandSpec, started: StartedCommand, logs: readonly LogFile[]) {
    this.#spec = spec;
    this.#started = started;
    this.#logs = logs;
    this.#sampler = new TreeSampler(started.identity.pid, this.#isContained ? NAMESPACE_WRAPPERS : 0);
    for (const other of running) other.#alone = false;
    void started.exit.then((exit) => {
      this.#exit = exit;
      this.#wallSeconds = (performance.now() - this.#startMs) / 1000;
      this.#alarm.ring();
    });
  }

  get #isContained(): boolean {
    return this.#started.containment === 'pid_namespace';
  }

  async toEnd(signal: AbortSignal | undefined): Promise<CommandResult> {
    running.add(this);
    const onAbort = () => this.#alarm.ring();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.#spec.onStart?.(this.#started.identity);
      return await this.#result(signal);
    } catch (error) {
      await killTree(this.#killTarget());
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      running.delete(this);
    }
  }

  async #result(signal: AbortSignal | undefined): Promise<CommandResult> {
    const deadlineMs = this.#startMs + this.#spec.hardLimitMs;
    const end = await this.#watch(deadlineMs, { idleLimitMs: this.#spec.idleLimitMs, signal });
    const killed = end === 'exited' ? null : await this.#end(Math.min(this.#spec.graceMs, graceOf(signal)));
    const exit = this.#exit;
    if (exit === null) this.#wallSeconds = (performance.now() - this.#startMs) / 1000;
    const report = exit === null ? null : await this.#started.report();
    const swept = await this.#sweep(killed, report);
    const notStarted = end === 'exited' && report !== null && !report.started;
    const decoded = exit?.signal ?? signalOfExitCode(exit?.exitCode ?? null);
    return {
      end: notStarted ? 'failed_to_start' : end,
      exitCode: end === 'exited' && !notStarted && decoded === null ? (exit?.exitCode ?? null) : null,
      signal: decoded,
      wallSeconds: this.#wallSeconds,
      cpuSeconds: this.#cpuSeconds(report),
      peakMemoryBytes: this.#sampler.peakBytes,
      containment: this.#started.containment,
      ...swept,
      outputBytes: this.#logs.reduce((sum, file) => sum + file.sizeBytes, 0),
      problem: notStarted
        ? `${this.#spec.sandbox ? 'no sandbox' : 'no pid namespace'}: ${(await readTail(this.#spec.logPath, 1000)).trim()}`
        : '',
    };
  }

  #watch(deadlineMs: number, limits: Limits = {}): Promise<WatchedEnd> {
    return watch({
      deadlineMs,
      idleLimitMs: limits.idleLimitMs ?? Number.POSITIVE_INFINITY,
      alarm: this.#alarm,
      exited: () => this.#exit !== null,
      aborted: () => limits.signal?.aborted === true,
      sample: () => this.#sampler.sample(),
      outputBytes: () => this.#logs.reduce((sum, file) => sum + file.poll(), 0),
    });
  }

  /** SIGTERM, the grace, SIGKILL. Null when the command was gone before SIGKILL. */
  async #end(graceMs: number): Promise<KillReport | null> {
    const { pid } = this.#started.identity;
    if (this.#exit === null) {
      // `bwrap` itself would end at once, and all that is in the sandbox with it, without the grace.
      for (const receiver of this.#spec.sandbox ? groupMembers(pid) : [-pid]) {
        signalQuietly(receiver, 'SIGTERM');
        // A stopped process acts on SIGTERM only once it goes on.
        signalQuietly(receiver, 'SIGCONT');
      }
      await this.#watch(performance.now() + graceMs);
    }
    if (this.#exit !== null) return null;
    this.#sampler.sample({ force: true });
    const killed = await killTree(this.#killTarget());
    // Its end is already a fact unless it survived; this only lets the event arrive.
    await this.#watch(performance.now() + EVENT_PATIENCE_MS);
    return killed;
  }

  async #sweep(
    killed: KillReport | null,
    report: NamespaceReport | null,
  ): Promise<{ swept: number; survivors: readonly ProcessIdentity[] }> {
    if (killed !== null) return { swept: this.#countSwept(killed), survivors: killed.survivors };
    // The kernel lets the first process of a namespace end only after all the others: nobody can be left.
    if (report?.alive !== null && report?.alive !== undefined) return { swept: report.alive, survivors: [] };
    const swept = await killTree(this.#killTarget());
    return { swept: this.#countSwept(swept), survivors: swept.survivors };
  }

  #countSwept(killed: KillReport): number {
    const wrappers = this.#isContained ? NAMESPACE_WRAPPERS : 0;
    return Math.max(0, killed.ended.length - wrappers);
  }

  #killTarget(): KillTarget {
    return { mark: this.#spec.mark, leader: this.#started.identity, known: this.#sampler.seen };
  }

  #cpuSeconds(report: NamespaceReport | null): number | null {
    const waited = waitedCpuSeconds();
    const difference =
      this.#alone && waited !== null && this.#waitedCpuBefore !== null ? waited - this.#waitedCpuBefore : null;
    const exact = report?.cpuSeconds ?? difference;
    // Both miss something (the one the children that nobody waited for, the other the time after the last sample).
    return exact === null ? null : Math.max(exact, this.#sampler.cpuSeconds);
  }
}

/** A group's processes without its leader. */
function groupMembers(leader: number): readonly number[] {
  return listProcesses().flatMap(({ pid, group }) => (group === leader && pid !== leader ? [pid] : []));
}

function waitedCpuSeconds(): number | null {
  return HAS_PROC ? (readProcess(process.pid)?.waitedCpuSeconds ?? null) : null;
}

/** An abort may be in a hurry: its reason then carries its own grace. */
function graceOf(signal: AbortSignal | undefined): number {
  const reason: unknown = signal?.aborted ? signal.reason : null;
  const hurried = typeof reason === 'object' && reason !== null && 'graceMs' in reason;
  return hurried && typeof reason.graceMs === 'number' ? reason.graceMs : Number.POSITIVE_INFINITY;
}
