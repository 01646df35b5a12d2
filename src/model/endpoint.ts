/**
 * Any endpoint that speaks the chat completions of OpenAI, for answers. The key comes from the environment by the name
 * of its variable and is never stored; retries are ours, not the client's.
 */
import type OpenAI from 'openai';
import { AppError } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import { CallAborted } from './aborted.js';
import { numberOf, objectOf } from './events.js';
import { explain, failureOfError, failureOfStatus } from './failures.js';
import { costOf, type Price } from './pricing.js';
import { jsonSchemaOf, promptFor } from './prompt.js';
import { redactor } from './redact.js';
import { retryAfterTime } from './reset-time.js';
import type { Failure, Model, ModelReply, ModelRequest, Usage } from './types.js';
import { count, UNKNOWN_COST } from './usage.js';

export interface EndpointOptions {
  /** Begins the sentences about it. */
  readonly name: string;
  /** Ends before `/chat/completions`. */
  readonly baseUrl: string;
  readonly model: string;
  /** Name of the variable that holds the key; null for a server that wants none. */
  readonly keyVariable: string | null;
  readonly temperature?: number;
  readonly price?: Price;
}

interface EndpointContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
}

type Parameters = OpenAI.ChatCompletionCreateParamsNonStreaming;
type Completion = OpenAI.ChatCompletion;

/** What a server turned out not to understand, and is no longer asked for. */
interface Concessions {
  schema: boolean;
  /** Older servers know `max_tokens`, newer ones `max_completion_tokens`. */
  tokensName: 'max_tokens' | 'max_completion_tokens';
}

const REASON_CHARS = 500;

/** @throws AppError config when the address is none, or the variable of the key is not set. */
export function endpointModel(options: EndpointOptions, context: EndpointContext): Model {
  const baseURL = addressOf(options);
  const apiKey = keyOf(options, context);
  const concessions: Concessions = {
    schema: false,
    tokensName: new URL(baseURL).hostname === 'api.openai.com' ? 'max_completion_tokens' : 'max_tokens',
  };
  let client: Promise<OpenAI> | null = null;
  return async (request, signal) => {
    if (request.mode === 'edit') {
      throw new AppError('config', `${options.name} is an endpoint: it answers, and cannot edit files`, {
        hint: 'to change files hire an agent: [agent] preset = claude, codex, gemini, opencode, pi or aider',
      });
    }
    client ??= openClient(baseURL, apiKey);
    const call = new EndpointCall({ client: await client, options, concessions, now: context.now });
    return redacted(await call.reply(request, signal), redactor({ KEY: apiKey }));
  };
}

async function openClient(baseURL: string, apiKey: string): Promise<OpenAI> {
  const { OpenAI: Client } = await import('openai');
  // Nothing else is taken from the environment.
  return new Client({ baseURL, apiKey, maxRetries: 0, organization: null, project: null, logLevel: 'off' });
}

interface Opened {
  readonly client: OpenAI;
  readonly options: EndpointOptions;
  readonly concessions: Concessions;
  readonly now: () => number;
}

class EndpointCall {
  readonly #opened: Opened;
  readonly #startedMs = performance.now();

  constructor(opened: Opened) {
    this.#opened = opened;
  }

  async reply(request: ModelRequest, signal: AbortSignal): Promise<ModelReply> {
    const limit = AbortSignal.timeout(request.timeoutMs);
    for (;;) {
      try {
        const parameters = parametersFor(request, this.#opened);
        const both = AbortSignal.any([signal, limit]);
        const completion = await this.#opened.client.chat.completions.create(parameters, {
          signal: both,
          timeout: request.timeoutMs,
        });
        return this.#fromCompletion(completion);
      } catch (error) {
        if (signal.aborted) throw new CallAborted();
        if (limit.aborted) return this.#failed({ outcome: 'timeout', reason: explain(this.#name, 'timeout', '') });
        if (!concede(this.#opened.concessions, error, request)) return this.#failed(this.#failureOf(error));
      }
    }
  }

  get #name(): string {
    return this.#opened.options.name;
  }

  #fromCompletion(completion: Completion): ModelReply {
    const [choice] = Array.isArray(completion?.choices) ? completion.choices : [];
    const usage = usageOf(completion?.usage);
    const facts = { usage, cost: costOf({ usd: reportedUsd(completion?.usage), usage }, this.#opened.options.price) };
    if (choice === undefined) {
      const reason = explain(this.#name, 'crash', 'the reply is no chat completion; is the base URL right?');
      return this.#failed({ outcome: 'crash', reason, transient: false }, facts);
    }
    const { finish_reason: finish, message } = choice;
    const fail = (outcome: 'refused' | 'turn_limit' | 'empty', detail: string) =>
      this.#failed({ outcome, reason: explain(this.#name, outcome, oneLine(detail, REASON_CHARS)) }, facts);
    if (message?.refusal) return fail('refused', message.refusal);
    if (finish === 'content_filter') return fail('refused', 'the content was filtered');
    if (finish === 'length') return fail('turn_limit', 'the output reached its limit');
    const text = typeof message?.content === 'string' ? message.content : '';
    if (text.trim() === '') return fail('empty', '');
    return { ...this.#facts(facts), outcome: 'ok', text };
  }

  #failureOf(error: unknown): Failure {
    const now = this.#opened.now();
    const { status, message, code, headers, cause } = objectOf(error);
    const said = oneLine(
      [code, message, objectOf(cause)['message']].filter((part) => typeof part === 'string').join(': '),
      REASON_CHARS,
    );
    const known = kindOf(numberOf(status), said, now);
    const reason = explain(this.#name, known.outcome, said);
    if (known.outcome !== 'rate_limit') return { ...known, reason };
    const after = headers instanceof Headers ? retryAfterTime(headers.get('retry-after'), now) : null;
    return { ...known, reason, retryAt: after ?? known.retryAt };
  }

  #failed(failure: Failure, facts: Partial<Pick<ModelReply, 'usage' | 'cost'>> = {}): ModelReply {
    return { ...this.#facts(facts), ...failure };
  }

  #facts({ usage = null, cost = UNKNOWN_COST }: Partial<Pick<ModelReply, 'usage' | 'cost'>>) {
    const durationMs = Math.round(performance.now() - this.#startedMs);
    return { usage, cost, denials: [], version: null, durationMs, logPath: null, fromCache: false };
  }
}

function kindOf(status: number | null, said: string, now: number): Failure {
  if (/insufficient_quota/.test(said)) return { outcome: 'budget', reason: said, ownCap: false };
  if (status === 404) return { outcome: 'auth', reason: said };
  // Without a status the connection failed: that passes.
  if (status === null) return { ...failureOfError(said, now), outcome: 'crash', transient: true };
  return failureOfStatus(status, said, now) ?? failureOfError(said, now);
}

/** True when the request can be made in another way that the server may understand. */
function concede(concessions: Concessions, error: unknown, { schema, maxTokens }: ModelRequest): boolean {
  const { status, message } = objectOf(error);
  if (status !== 400 && status !== 422 && status !== 501) return false;
  const said = typeof message === 'string' ? message : '';
  if (schema !== undefined && !concessions.schema && /response_format|json_schema|schema/i.test(said)) {
    concessions.schema = true;
    return true;
  }
  if (maxTokens !== undefined && concessions.tokensName === 'max_tokens' && /max_completion_tokens/.test(said)) {
    concessions.tokensName = 'max_completion_tokens';
    return true;
  }
  return false;
}

function parametersFor(request: ModelRequest, { options, concessions }: Opened): Parameters {
  const { system = '', schema, maxTokens } = request;
  const isNative = schema !== undefined && !concessions.schema;
  return {
    model: options.model,
    messages: [
      ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
      { role: 'user', content: promptFor(request, isNative ? ['system', 'schema'] : ['system']) },
    ],
    ...(isNative
      ? {
          response_format: {
            type: 'json_schema',
            json_schema: { name: 'answer', strict: true, schema: { ...jsonSchemaOf(schema) } },
          },
        }
      : {}),
    ...(maxTokens === undefined ? {} : { [concessions.tokensName]: maxTokens }),
    ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
  };
}

/** Its `prompt_tokens` include the cached ones. */
function usageOf(value: unknown): Usage | null {
  const usage = objectOf(value);
  if (Object.keys(usage).length === 0) return null;
  const cached = count(objectOf(usage['prompt_tokens_details'])['cached_tokens']);
  return {
    inputTokens: Math.max(0, count(usage['prompt_tokens']) - cached),
    cachedTokens: cached,
    cacheWriteTokens: 0,
    outputTokens: count(usage['completion_tokens']),
    calls: 1,
  };
}

/** Some routers add what it cost. */
function reportedUsd(usage: unknown): number | null {
  return numberOf(objectOf(usage)['cost']);
}

function addressOf({ name, baseUrl }: EndpointOptions): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new AppError('config', `${name}: "${oneLine(baseUrl, 100)}" is no http address`, {
      hint: 'for example: base_url = http://127.0.0.1:11434/v1',
    });
  }
  if (url.username === '' && url.password === '') return baseUrl;
  throw new AppError('config', `${name}: the address holds a password`, {
    hint: 'take it out of the address and name a variable that holds the key',
  });
}

function keyOf({ name, keyVariable }: EndpointOptions, { environment }: EndpointContext): string {
  // The client insists on one; servers that want none do not look at it.
  if (keyVariable === null) return 'none';
  const key = environment[keyVariable]?.trim() ?? '';
  if (key !== '') return key;
  throw new AppError('config', `${name} needs its key in the variable ${keyVariable}, which is not set`, {
    hint: `export ${keyVariable}=<the key>, then run again`,
  });
}

function redacted(reply: ModelReply, redact: (text: string) => string): ModelReply {
  return reply.outcome === 'ok' ? { ...reply, text: redact(reply.text) } : { ...reply, reason: redact(reply.reason) };
}
