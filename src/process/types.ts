/**
 * The words of process control: what to run, what came of it, and who is left.
 */
import type { SandboxPlan } from './sandbox.js';

/** Names one process for ever: a pid alone is reused. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot at which the process began (field 22 of /proc/PID/stat); on macOS the `lstart` text. */
  readonly startTime: string;
  readonly bootId: string;
}

/** How firmly a command's descendants are held together. Rows and `doctor` name it. */
export type Containment = 'pid_namespace' | 'process_group';

export interface CommandSpec {
  /** A shell command line (run by `bash -o pipefail -c`, or `sh -c` without bash), or an exact argument vector. */
  readonly command: string | readonly string[];
  readonly cwd: string;
  /** The whole environment of the command; the runner adds only the mark. */
  readonly env: Readonly<Record<string, string>>;
  /** Confines it to what the plan allows; it then also has a pid namespace, or does not start. */
  readonly sandbox?: SandboxPlan | undefined;
  /** Written to the command's stdin, which is then closed. Without it stdin is empty. */
  readonly stdin?: string;
  /** A path that must not exist yet: stdout and stderr both go to this new file. */
  readonly logPath: string;
  /** A path that must not exist yet: stdout alone goes here instead, for output that a program parses. */
  readonly stdoutPath?: string;
  readonly hardLimitMs: number;
  /** End the command when neither output file grew for so long. */
  readonly idleLimitMs?: number;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  /** Unique variable *name* that every descendant inherits: `AUTORESEARCH_MARK_<uuid without dashes>`. */
  readonly mark: string;
  /** Bytes of log kept on disk; more than this keeps head and tail. */
  readonly logLimitBytes?: number;
  /** Called once, synchronously, as soon as the process exists, so that its identity can be made durable. */
  readonly onStart?: (identity: ProcessIdentity) => void;
}

export type CommandEnd = 'exited' | 'timed_out' | 'idle' | 'aborted' | 'failed_to_start';

export interface CommandResult {
  readonly end: CommandEnd;
  /** Null when a signal or a limit ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly wallSeconds: number;
  readonly cpuSeconds: number | null;
  readonly peakMemoryBytes: number | null;
  readonly containment: Containment;
  /** Processes of the command that were still alive when it ended and had to be ended by us. */
  readonly swept: number;
  /** Processes that could not be ended. Not empty = the machine is tainted, the loop must stop. */
  readonly survivors: readonly ProcessIdentity[];
  /** Bytes the command printed, also those that the capped log no longer holds. */
  readonly outputBytes: number;
  /** Why it did not start (`failed_to_start`), else empty. */
  readonly problem: string;
}

/** What a crashed runner left in the store about a command that may still run. */
export interface CommandTrace {
  readonly mark: string;
  readonly identity: ProcessIdentity | null;
}
