/**
 * The words of calling a model: what is asked, and what came of it as one closed union. Text exists only where the
 * outcome is ok, so that no error message can be taken for an answer.
 */
import type { z } from 'zod';
import type { Json } from '../core/json.js';

/** `answer` may touch and see nothing; `edit` changes the files of its folder. */
export type CallMode = 'answer' | 'edit';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Plain JSON Schema, or zod. Closed objects, every property required, nullable instead of optional. */
export type AnswerSchema = z.ZodType | JsonObject;

export interface ModelRequest {
  /** What the call is for (`propose`, `judge`): reports add up money by it. */
  readonly stage: string;
  readonly mode: CallMode;
  readonly system?: string;
  readonly prompt: string;
  /** With it an ok reply carries a `value` that fits. */
  readonly schema?: AnswerSchema;
  readonly maxTokens?: number;
  readonly limits?: CallLimits;
  readonly timeoutMs: number;
  /** How long a program may print nothing; without it as long as it likes. */
  readonly idleMs?: number;
  /** The folder to work in; needed to edit, ignored otherwise. */
  readonly cwd?: string;
  /** Tells wanted repetitions of the same request apart in the cache. */
  readonly sample?: number;
}

/** Only some programs can keep these; `unenforced` in adapters/index.ts names the rest. */
export interface CallLimits {
  readonly turns?: number;
  readonly usd?: number;
}

/** Tokens of one or more calls. */
export interface Usage {
  /** Neither read from a cache nor written to one. */
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  /** Includes what was thought and not shown. */
  readonly outputTokens: number;
  readonly calls: number;
}

/** `reported` by the provider, `estimated` from tokens and a price, or unknown: never 0 for want of knowledge. */
export type Cost =
  | { readonly usd: number; readonly source: 'reported' | 'estimated' }
  | { readonly usd: null; readonly source: 'unknown' };

/** Why there is no answer. Each reason is one printable line without secrets. */
export type Failure =
  | { readonly outcome: 'rate_limit'; readonly reason: string; readonly retryAt: number | null }
  /** `transient`: the same call may well succeed in a moment. */
  | { readonly outcome: 'crash'; readonly reason: string; readonly transient: boolean }
  /** `ownCap`: only what this call was allowed is used up, not the account. */
  | { readonly outcome: 'budget'; readonly reason: string; readonly ownCap: boolean }
  | { readonly outcome: PlainFailure; readonly reason: string };

type PlainFailure =
  | 'empty'
  | 'refused'
  | 'timeout'
  | 'auth'
  | 'turn_limit'
  | 'schema'
  | 'missing_program'
  | 'untrusted';

export type FailureOutcome = Failure['outcome'];

interface Success {
  readonly outcome: 'ok';
  /** May be empty after an edit: then the folder is the answer. */
  readonly text: string;
  /** With a schema: the object. A driver may leave it out; `withSchema` finds it in the text. */
  readonly value?: Json;
}

export interface CallFacts {
  /** Null when nothing said how many tokens were used. */
  readonly usage: Usage | null;
  readonly cost: Cost;
  /** What the program wanted to do and was not allowed to: the usual reason why nothing happened. */
  readonly denials: readonly string[];
  /** Of the program; null where it has none or does not say. */
  readonly version: string | null;
  readonly durationMs: number;
  /** The transcript; null without one. */
  readonly logPath: string | null;
  readonly fromCache: boolean;
}

export type ModelReply = CallFacts & (Success | Failure);
export type OkReply = Extract<ModelReply, { outcome: 'ok' }>;

/**
 * One call. Rejects with an `AbortError` when the signal aborts; whatever else goes wrong on the other side is a reply.
 * @throws AppError for what the operator must mend before any call can succeed.
 */
export type Model = (request: ModelRequest, signal: AbortSignal) => Promise<ModelReply>;
