import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { CallAborted } from '../../src/model/aborted.js';
import { type EndpointOptions, endpointModel } from '../../src/model/endpoint.js';
import { withSchema } from '../../src/model/structured.js';
import type { Model, ModelRequest } from '../../src/model/types.js';
import { until } from '../helpers/process.js';

const NOW = Date.UTC(2026, 10, 21);
const KEY = 'sk-loopback-secret';

interface Seen {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}

type Answer = (response: ServerResponse, seen: Seen) => void;

/** A server on the loopback device that gives these answers in turn, the last one for ever. */
async function serve(...answers: readonly Answer[]) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const one = { path: request.url ?? '', headers: request.headers, body: JSON.parse(text) };
    seen.push(one);
    answers[Math.min(seen.length, answers.length) - 1]?.(response, one);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const model = (changes: Partial<EndpointOptions> = {}): Model => {
    const options = { name: 'the judge', baseUrl, model: 'tiny', keyVariable: 'JUDGE_KEY', ...changes };
    return endpointModel(options, { environment: { JUDGE_KEY: KEY }, now: () => NOW });
  };
  return { seen, model, baseUrl };
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
const says = (content: string | null, changes: object = {}) =>
  json(200, {
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content }, ...changes }],
    usage: { prompt_tokens: 100, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 90 } },
  });
const fails = (status: number, message: string, code: string | null = null) =>
  json(status, { error: { message, code } });

const ask = (changes: Partial<ModelRequest> = {}): ModelRequest => ({
  ...{ stage: 'judge', mode: 'answer', prompt: 'How many?', timeoutMs: 10_000, ...changes },
});
const { signal } = new AbortController();

describe('an endpoint', () => {
  it('is asked with the key from the environment, and answers with text, tokens and what they cost', async () => {
    const { seen, model } = await serve(says('four'));
    const reply = await model({ price: { input: 1, output: 10, cached: 0.1 } })(
      ask({ system: 'Be brief.', maxTokens: 7 }),
      signal,
    );
    expect(reply).toMatchObject({
      ...{ outcome: 'ok', text: 'four', cost: { usd: (10 + 9 + 50) / 1e6, source: 'estimated' } },
      usage: { inputTokens: 10, cachedTokens: 90, outputTokens: 5, calls: 1 },
    });
    expect(seen[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: `Bearer ${KEY}` },
      body: {
        ...{ model: 'tiny', max_tokens: 7 },
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'How many?' },
        ],
      },
    });
  });

  it('is asked for an object, and once it does not know how, in the prompt', async () => {
    const schema = z.strictObject({ score: z.number() });
    const { seen, model } = await serve(
      fails(400, "unknown parameter 'response_format'"),
      says('{"score": 1}'),
      says('{"score": 2}'),
    );
    const judge = withSchema(model());
    expect(await judge(ask({ schema }), signal)).toMatchObject({ outcome: 'ok', value: { score: 1 } });
    expect(await judge(ask({ schema }), signal)).toMatchObject({ outcome: 'ok', value: { score: 2 } });
    expect(seen.map(({ body }) => 'response_format' in body)).toEqual([true, false, false]);
    expect(JSON.stringify(seen[1]?.body)).toContain('## Form of the answer');
  });

  it('may want its limit of tokens by another name', async () => {
    const { seen, model } = await serve(
      fails(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
      says('yes'),
    );
    expect(await model()(ask({ maxTokens: 7 }), signal)).toMatchObject({ outcome: 'ok' });
    expect(seen[1]?.body).toMatchObject({ max_completion_tokens: 7 });
  });

  it.each<[string, Answer, object]>([
    ['a wrong key', fails(401, `Incorrect API key provided: ${KEY}`), { outcome: 'auth' }],
    ['an unknown model', fails(404, 'model tiny not found'), { outcome: 'auth' }],
    ['no credit', fails(429, 'You exceeded your current quota', 'insufficient_quota'), { outcome: 'budget' }],
    ['payment required', fails(402, 'pay'), { outcome: 'budget' }],
    ['a bad request', fails(400, 'no'), { outcome: 'crash', transient: false }],
    ['a fault of the server', fails(503, 'busy'), { outcome: 'crash', transient: true }],
    ['a page of HTML', (response) => response.end('<html>'), { outcome: 'crash' }],
    ['an object of another kind', json(200, { hello: 1 }), { outcome: 'crash', transient: false }],
    ['a cut connection', (response) => response.destroy(), { outcome: 'crash', transient: true }],
    ['silence', says(''), { outcome: 'empty' }],
    ['no content', says(null), { outcome: 'empty' }],
    ['a filter', says('', { finish_reason: 'content_filter' }), { outcome: 'refused' }],
    ['a refusal', says(null, { message: { content: null, refusal: 'I cannot' } }), { outcome: 'refused' }],
    ['output that was cut', says('half', { finish_reason: 'length' }), { outcome: 'turn_limit' }],
  ])('that gives %s has no text', async (_name, answer, expected) => {
    const { seen, model } = await serve(answer);
    const reply = await model()(ask(), signal);
    expect(reply).toMatchObject(expected);
    expect(reply).not.toHaveProperty('text');
    expect(JSON.stringify(reply)).not.toContain(KEY);
    expect(seen).toHaveLength(1);
  });

  it('that is rate limited says until when', async () => {
    const limit = { error: { message: 'slow down' } };
    const { model } = await serve(json(429, limit, { 'retry-after': '90' }), fails(429, 'try again in 2m'));
    expect(await model()(ask(), signal)).toMatchObject({ outcome: 'rate_limit', retryAt: NOW + 90_000 });
    expect(await model()(ask(), signal)).toMatchObject({ outcome: 'rate_limit', retryAt: NOW + 120_000 });
  });

  it('that never answers, or never ends its answer, is given up at the limit or by an abort', async () => {
    const { seen, model } = await serve(
      () => undefined,
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
      () => undefined,
    );
    expect(await model()(ask({ timeoutMs: 200 }), signal)).toMatchObject({ outcome: 'timeout' });
    expect(await model()(ask({ timeoutMs: 200 }), signal)).toMatchObject({ outcome: 'timeout' });
    const controller = new AbortController();
    const rejected = model()(ask(), controller.signal).catch((error: unknown) => error);
    await until('it was asked', () => seen.length === 3);
    controller.abort();
    expect(await rejected).toBeInstanceOf(CallAborted);
  });

  it('that nobody serves is a passing fault', async () => {
    const { model } = await serve(says('x'));
    const nobody = model({ baseUrl: 'http://127.0.0.1:1/v1', keyVariable: null });
    expect(await nobody(ask(), signal)).toMatchObject({ outcome: 'crash', transient: true });
  });

  it('is refused for edits, without its key, and with an address that is none or holds a password', async () => {
    const { model } = await serve(says('x'));
    await expect(model()(ask({ mode: 'edit', cwd: '/' }), signal)).rejects.toMatchObject({ code: 'config' });
    expect(() => model({ keyVariable: 'NO_SUCH_KEY' })).toThrow(/NO_SUCH_KEY, which is not set/);
    expect(() => model({ baseUrl: 'localhost' })).toThrow(/no http address/);
    expect(() => model({ baseUrl: 'http://me:hush@127.0.0.1/v1' })).toThrow(/^(?!.*hush).*password/);
  });
});
