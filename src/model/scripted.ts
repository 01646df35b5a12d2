/**
 * Replies from a file instead of a model: by stage, by a piece of the prompt or by its hash, in the order of the file.
 * For tests and demonstrations, so that everything around a model runs without a network.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { AppError, errorMessage } from '../core/errors.js';
import type { Json } from '../core/json.js';
import { CallAborted } from './aborted.js';
import type { CallFacts, Cost, Model, ModelReply, ModelRequest } from './types.js';
import { UNKNOWN_COST } from './usage.js';

const tokens = z.int().min(0).default(0);
const facts = {
  /** Which requests it answers; all of what is given must fit. */
  stage: z.string().optional(),
  match: z.string().optional(),
  /** The beginning of the SHA-256 of the prompt. */
  hash: z.string().min(6).optional(),
  /** Answers any number of times. */
  repeat: z.boolean().default(false),
  usage: z
    .strictObject({ inputTokens: tokens, cachedTokens: tokens, cacheWriteTokens: tokens, outputTokens: tokens })
    .optional(),
  usd: z.number().min(0).optional(),
  denials: z.array(z.string()).default([]),
};
const reason = z.string().default('scripted');

const entry = z.discriminatedUnion('outcome', [
  z.strictObject({ ...facts, outcome: z.literal('ok'), text: z.string().default(''), value: z.json().optional() }),
  z.strictObject({ ...facts, outcome: z.literal('rate_limit'), reason, retryAt: z.number().nullable().default(null) }),
  z.strictObject({ ...facts, outcome: z.literal('crash'), reason, transient: z.boolean().default(false) }),
  z.strictObject({ ...facts, outcome: z.literal('budget'), reason, ownCap: z.boolean().default(false) }),
  z.strictObject({
    ...facts,
    outcome: z.enum([
      ...(['empty', 'refused', 'timeout', 'auth', 'turn_limit', 'schema', 'missing_program'] as const),
      'untrusted',
    ]),
    reason,
  }),
]);
const script = z.strictObject({ replies: z.array(entry) });

export type ScriptedReply = z.input<typeof entry>;
type Entry = z.output<typeof entry>;

/** @throws AppError config when the file cannot be read or holds something else. */
export function scriptedModelFrom(path: string): Model {
  const hint = 'it holds {"replies": [{"outcome": "ok", "text": "..."}, ...]}';
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new AppError('config', `the script of replies ${path} cannot be read: ${errorMessage(cause)}`, {
      hint,
      cause,
    });
  }
  const parsed = script.safeParse(content);
  if (parsed.success) return scriptedModel(parsed.data.replies);
  throw new AppError('config', `the script of replies ${path} is wrong: ${z.prettifyError(parsed.error)}`, { hint });
}

/** Each entry answers once, unless it repeats. */
export function scriptedModel(replies: readonly ScriptedReply[]): Model {
  const left = replies.map((reply) => entry.parse(reply));
  return async (request, signal) => {
    if (signal.aborted) throw new CallAborted();
    const at = left.findIndex((each) => fits(each, request));
    const found = left[at];
    if (found === undefined) {
      const cause = `the script has no reply left for stage ${request.stage}`;
      return { ...factsOf(null), outcome: 'crash', reason: cause, transient: false };
    }
    if (!found.repeat) left.splice(at, 1);
    return replyOf(found);
  };
}

function fits({ stage, match, hash }: Entry, request: ModelRequest): boolean {
  if (stage !== undefined && stage !== request.stage) return false;
  if (match !== undefined && !request.prompt.includes(match)) return false;
  return hash === undefined || createHash('sha256').update(request.prompt).digest('hex').startsWith(hash);
}

function replyOf(found: Entry): ModelReply {
  const known = factsOf(found);
  switch (found.outcome) {
    case 'ok': {
      const value = found.value as Json | undefined;
      return { ...known, outcome: 'ok', text: found.text, ...(value === undefined ? {} : { value }) };
    }
    case 'rate_limit':
      return { ...known, outcome: 'rate_limit', reason: found.reason, retryAt: found.retryAt };
    case 'crash':
      return { ...known, outcome: 'crash', reason: found.reason, transient: found.transient };
    case 'budget':
      return { ...known, outcome: 'budget', reason: found.reason, ownCap: found.ownCap };
    default:
      return { ...known, outcome: found.outcome, reason: found.reason };
  }
}

function factsOf(found: Entry | null): CallFacts {
  const cost: Cost = found?.usd === undefined ? UNKNOWN_COST : { usd: found.usd, source: 'reported' };
  return {
    usage: found?.usage === undefined ? null : { ...found.usage, calls: 1 },
    cost,
    denials: found?.denials ?? [],
    ...{ version: null, durationMs: 0, logPath: null, fromCache: false },
  };
}
