/**
 * Runs git and nothing else: a clean environment, no hooks, durable writes, output as bytes, every exit code checked.
 * A lock that the operator's own git holds for a moment is waited for.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { runTool } from '../process/tool.js';
import { gitFailure, isLockHeld } from './failure.js';

export interface GitOptions {
  /** Added to every call: `GIT_DIR`, `GIT_WORK_TREE`, `GIT_INDEX_FILE`. */
  readonly env?: Readonly<Record<string, string>>;
  /** `key=value` pairs added to every call. */
  readonly config?: readonly string[];
  /** How long a lock held by another git is waited for; 5 s unless told. */
  readonly lockWaitMs?: number;
  /** How long one git command may take; 10 minutes unless told. */
  readonly timeoutMs?: number;
}

export interface GitRunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes that are answers, not failures; `[0]` unless told. */
  readonly okExitCodes?: readonly number[];
  /** A failure whose stderr matches is an answer too. */
  readonly okStderr?: RegExp;
}

export interface GitResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Whom commits and reflog entries of ours name: nobody's mail address, and never the operator. */
const IDENTITY_NAME = 'autoresearch';
const IDENTITY_EMAIL = 'autoresearch@localhost';

/** Every other `GIT_*` variable changes what a command means (a git hook that starts us sets GIT_DIR, for one). */
const PASSED_ON =
  /^GIT_(?:CONFIG_GLOBAL|CONFIG_SYSTEM|CONFIG_NOSYSTEM|CEILING_DIRECTORIES|SSH_COMMAND|SSL_CAINFO|TRACE.*)$/;

const FIXED_CONFIG: readonly string[] = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.fsync=all',
  'core.quotePath=false',
  'core.safecrlf=false',
  'gc.auto=0',
  'maintenance.auto=0',
  'commit.gpgsign=false',
  'advice.detachedHead=false',
  'i18n.commitEncoding=UTF-8',
];

const LOCK_WAIT_MS = 5_000;
const TIMEOUT_MS = 600_000;
/** A diff or a listing larger than this is refused rather than held in memory. */
const MAX_BYTES = 512 * 1024 * 1024;

export class Git {
  readonly directory: string;
  readonly #options: GitOptions;

  constructor(directory: string, options: GitOptions = {}) {
    this.directory = directory;
    this.#options = options;
  }

  /** The same git with more environment or configuration, or in another folder. */
  with(options: Pick<GitOptions, 'env' | 'config'> & { readonly directory?: string }): Git {
    return new Git(options.directory ?? this.directory, {
      ...this.#options,
      env: { ...this.#options.env, ...options.env },
      config: [...(this.#options.config ?? []), ...(options.config ?? [])],
    });
  }

  /** @throws AppError repository with git's own words and, where known, the cure. */
  async run(args: readonly string[], options: GitRunOptions = {}): Promise<GitResult> {
    const { lockWaitMs = LOCK_WAIT_MS, timeoutMs = TIMEOUT_MS } = this.#options;
    const okExitCodes = options.okExitCodes ?? [0];
    const deadline = performance.now() + lockWaitMs;
    for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      const result = await runTool(['git', ...this.#configArguments(), ...args], {
        cwd: this.directory,
        env: gitEnvironment({ ...this.#options.env, ...options.env }),
        timeoutMs,
        maxBytes: MAX_BYTES,
        ...(options.input === undefined ? {} : { input: options.input }),
      });
      const { exitCode, stdout, stderr } = result;
      const isAnswer = exitCode !== null && (okExitCodes.includes(exitCode) || options.okStderr?.test(stderr));
      if (exitCode !== null && isAnswer) return { exitCode, stdout, stderr };
      if (isLockHeld(stderr) && performance.now() + pauseMs < deadline) {
        await delay(pauseMs);
        continue;
      }
      throw gitFailure({ ...result, args, directory: this.directory, timeoutMs });
    }
  }

  /** Output as text without its last line end. */
  async text(args: readonly string[], options: GitRunOptions = {}): Promise<string> {
    const { stdout } = await this.run(args, options);
    return stdout.toString('utf8').replace(/\n$/, '');
  }

  #configArguments(): string[] {
    return [...FIXED_CONFIG, ...(this.#options.config ?? [])].flatMap((pair) => ['-c', pair]);
  }
}

/** The environment of every git we start: the ambient one without what would redirect git, plus ours. */
function gitEnvironment(own: Readonly<Record<string, string>> = {}): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined) continue;
    if (!name.startsWith('GIT_') || PASSED_ON.test(name)) environment[name] = value;
  }
  return {
    ...environment,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    // A replaced object or a grafted parent would give recorded commits other files.
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_GRAFT_FILE: '/dev/null',
    GIT_AUTHOR_NAME: IDENTITY_NAME,
    GIT_AUTHOR_EMAIL: IDENTITY_EMAIL,
    GIT_COMMITTER_NAME: IDENTITY_NAME,
    GIT_COMMITTER_EMAIL: IDENTITY_EMAIL,
    ...own,
  };
}
