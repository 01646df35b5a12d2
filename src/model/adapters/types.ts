/**
 * What one agent command line is, as data and pure functions: its arguments, its environment, and how its output is
 * read. Nothing here starts a process or touches a file.
 */
import type { CallLimits, CallMode, FailureOutcome, JsonObject, Usage } from '../types.js';

export const ADAPTER_NAMES = ['claude', 'codex', 'gemini', 'opencode', 'pi', 'aider'] as const;
export type AdapterName = (typeof ADAPTER_NAMES)[number];

/** What can be kept natively; the rest is put into the prompt (system, schema) or cannot be kept (limits). */
export type Feature = 'system' | 'schema' | 'turns' | 'usd';

/** Files of the call in a private folder; an adapter names those that it wants written. */
export interface CallFiles {
  readonly system: string;
  readonly schema: string;
  readonly prompt: string;
  /** For what the program itself writes. */
  readonly scratch: string;
}

export interface AdapterCall {
  readonly mode: CallMode;
  readonly model: string | null;
  /** Empty when there is none. */
  readonly system: string;
  /** Already holds the system text and the schema where the program cannot take them otherwise. */
  readonly prompt: string;
  readonly schema: JsonObject | null;
  readonly limits: CallLimits;
  readonly cwd: string;
  readonly files: CallFiles;
  /** Paths relative to `cwd` that may be edited. */
  readonly targets: readonly string[];
  readonly extraArgs: readonly string[];
}

export interface Adapter {
  /** Begins the sentences about it. */
  readonly name: string;
  /** Looked up on PATH; null where `argv` is the whole vector. */
  readonly program: string | null;
  /** The command that installs it. */
  readonly install: string;
  readonly modes: readonly CallMode[];
  readonly features: readonly Feature[];
  /** Flags that the operator may not add: they decide output, permissions, prompt, session or folder. */
  readonly reserved: readonly string[];
  /** Values that would do the same by way of a flag that may be added. */
  readonly reservedWords?: RegExp;
  /** Names of the variables that hold what it needs to log in. */
  readonly credentials: RegExp;
  readonly argv: (call: AdapterCall) => readonly string[];
  readonly env: (call: AdapterCall) => Readonly<Record<string, string>>;
  /** Null: it gets no stdin. */
  readonly stdin: (call: AdapterCall) => string | null;
  readonly writes: (call: AdapterCall) => Partial<CallFiles>;
  /** Lines of JSON, or prose. */
  readonly output: 'events' | 'text';
  readonly createParser: (call: Pick<AdapterCall, 'mode'>) => StreamParser;
  /** What exit codes mean where no event says it. */
  readonly exits: Readonly<Record<number, FailureOutcome>>;
  /** What exit 0 without any final event means. */
  readonly silentExit: 'done' | 'empty' | 'crash';
  /** Denials that only stderr tells, one group each. */
  readonly stderrDenial?: RegExp;
  /** Files that it leaves in its folder. */
  readonly leftovers?: RegExp;
  readonly maxPromptBytes?: number;
}

/** Fed the lines of stdout in order; has a partial result at any time, and never throws, whatever the lines. */
export interface StreamParser {
  push(line: string): void;
  /** True when nothing that matters can follow. */
  isOver(): boolean;
  report(): StreamReport;
}

export interface StreamReport {
  /** Null while no event said that it is over. */
  readonly end: StreamEnd | null;
  readonly text: string;
  readonly value?: unknown;
  readonly usage: Usage | null;
  /** In US dollars as the program tells it. */
  readonly usd: number | null;
  /** The money is the program's own estimate. */
  readonly isEstimate?: boolean;
  readonly denials: readonly string[];
  /** The model that answered, by the program's word. */
  readonly model: string | null;
}

export type StreamEnd =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'failed';
      /** Null: to be found out from status and message. */
      readonly outcome: FailureOutcome | null;
      readonly message: string;
      readonly status?: number | null;
      readonly retryAt?: number | null;
      readonly transient?: boolean;
      readonly ownCap?: boolean;
    };

export const DONE: StreamEnd = { kind: 'done' };

/** Keeps only the end of a text: what an agent says last is what counts. Cuts rarely, because cutting copies. */
export function endOfText(text: string): string {
  return text.length > 2 * TEXT_CHARS ? text.slice(-TEXT_CHARS) : text;
}

const TEXT_CHARS = 1024 * 1024;
/** More are not shown. */
export const MAX_DENIALS = 20;

/** With `=`, so that no value is taken for a flag. */
export function flag(name: string, value: string | number | null | undefined): readonly string[] {
  return value === null || value === undefined ? [] : [`${name}=${value}`];
}
