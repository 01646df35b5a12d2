import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkFor, findJson } from '../../src/model/json-answer.js';
import { LineSplitter } from '../../src/model/lines.js';
import { costOf, estimateCost, parsePrice } from '../../src/model/pricing.js';
import { resetTimeIn, retryAfterTime } from '../../src/model/reset-time.js';
import { scriptedModel } from '../../src/model/scripted.js';
import { withSchema } from '../../src/model/structured.js';
import type { ModelRequest } from '../../src/model/types.js';
import { addCost, UNKNOWN_COST } from '../../src/model/usage.js';

const NOW = Date.UTC(2026, 10, 21, 12);
const MINUTE = 60_000;
const SCORE = z.strictObject({ score: z.number() });
const { signal } = new AbortController();

describe('the object in an answer', () => {
  const check = checkFor(SCORE);

  it.each([
    ['{"score": 1}', 1],
    ['\u001b[1m{"score": 1}\u001b[0m', 1],
    ['\uFEFF{"score": 1}', 1],
    ['Here it is:\n```json\n{"score": 2}\n```\n', 2],
    ['I think {this} is {"score": 3}.', 3],
    ['{"note": "a } in \\" a string"} and {"score": 4}', 4],
    ['{"score": 5} or, to say it again, {"score": 5}', 5],
    ['[broken {"score": 6}', 6],
  ])('%j is found', (text, score) => {
    expect(findJson(text, check)).toEqual({ value: { score } });
  });

  it.each([
    ['', 'empty'],
    ['no object', 'no JSON object'],
    ['{"score": 1} or {"score": 2}', 'several different'],
    ['{"score": "1"}', 'expected number'],
    ['{"score": 1e999}', 'expected number'],
    ['{"score": 1, "more": 2}', 'more'],
    ['{"other": [{"score": 1}]}', 'score'],
  ])('%j is not guessed', (text, problem) => {
    expect(findJson(text, check)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('is checked by plain JSON Schema too', () => {
    const plain = checkFor({ type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] });
    expect(findJson('{"a": 1}', plain)).toEqual({ value: { a: 1 } });
    expect(findJson('{"a": 1.5}', plain)).toHaveProperty('problem');
  });

  it('is found in any prose around it, and nothing throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const found = findJson(text, check);
        expect('value' in found || found.problem.length > 0).toBe(true);
      }),
    );
    const prose = fc.string().filter((text) => !/[{}[\]"`\\]/.test(text));
    fc.assert(
      fc.property(prose, prose, fc.integer(), (before, after, score) => {
        fc.pre(Number.isNaN(Number(before.trim() || 'x')));
        expect(findJson(`${before} ${JSON.stringify({ score })} ${after}`, check)).toEqual({ value: { score } });
      }),
    );
  });
});

describe('a request with a schema', () => {
  const request: ModelRequest = { stage: 's', mode: 'answer', prompt: 'How good?', schema: SCORE, timeoutMs: 1000 };

  it('gets the object, natively or from the text', async () => {
    const native = withSchema(scriptedModel([{ outcome: 'ok', text: 'x', value: { score: 1 } }]));
    expect(await native(request, signal)).toMatchObject({ outcome: 'ok', value: { score: 1 } });
    const inText = withSchema(scriptedModel([{ outcome: 'ok', text: 'It is {"score": 2}' }]));
    expect(await inText(request, signal)).toMatchObject({ outcome: 'ok', value: { score: 2 } });
  });

  it('is repaired once, and pays for both calls', async () => {
    const usage = { inputTokens: 1, outputTokens: 1 };
    const model = withSchema(
      scriptedModel([
        { outcome: 'ok', text: 'very good', usage, usd: 0.5, match: 'How good?' },
        { outcome: 'ok', text: '{"score": 3}', usage, usd: 0.25, match: '"very good"' },
      ]),
    );
    expect(await model(request, signal)).toMatchObject({
      ...{ outcome: 'ok', value: { score: 3 }, usage: { inputTokens: 2, calls: 2 } },
      cost: { usd: 0.75, source: 'reported' },
    });
  });

  it('fails when the repair does not fit either, and passes failures on', async () => {
    const never = withSchema(scriptedModel([{ outcome: 'ok', text: 'good', repeat: true }]));
    const reply = await never(request, signal);
    expect(reply).toMatchObject({ outcome: 'schema', reason: expect.stringContaining('no JSON object') });
    expect(reply).not.toHaveProperty('text');
    const refused = withSchema(scriptedModel([{ outcome: 'refused' }]));
    expect(await refused(request, signal)).toMatchObject({ outcome: 'refused' });
  });
});

describe('the end of a rate limit', () => {
  it.each([
    ["You've hit your session limit · resets 3:50pm (Asia/Tokyo)", Date.UTC(2026, 10, 22, 6, 50)],
    ['limit reached, resets 12:30 (UTC)', Date.UTC(2026, 10, 21, 12, 30)],
    ['resets at 11am (UTC)', Date.UTC(2026, 10, 22, 11)],
    ['resets at 12am (UTC)', Date.UTC(2026, 10, 22, 0)],
    ['Please try again in 3h 17m', NOW + 197 * MINUTE],
    ['try again in 1 hour and 5 minutes.', NOW + 65 * MINUTE],
    ['Please retry in 20.5s.', NOW + 20_500],
    ['retry after 300 ms', NOW + 300],
    ['usage limit, try again at 2026-11-21T13:00:00Z', NOW + 60 * MINUTE],
    ['try again in 9 days', NOW + 24 * 60 * MINUTE],
    ['resets 25:99pm (UTC)', null],
    ['resets 3', null],
    ['quota exceeded', null],
    ['', null],
  ])('of %j', (text, expected) => {
    expect(resetTimeIn(text, NOW)).toBe(expected);
  });

  it('is never in the past, never more than a day away, and nothing throws', () => {
    const words = fc.constantFrom(
      'resets ',
      'try again in ',
      '3:50pm',
      '(Asia/Tokyo)',
      '(No/Where)',
      '9h',
      '99',
      ' ',
      'm',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string())), (parts) => {
        const at = resetTimeIn(parts.join(''), NOW);
        expect(at === null || (at >= NOW && at <= NOW + 24 * 60 * MINUTE)).toBe(true);
      }),
    );
  });

  it('is also read from Retry-After', () => {
    expect(retryAfterTime('30', NOW)).toBe(NOW + 30_000);
    expect(retryAfterTime('Sat, 21 Nov 2026 12:10:00 GMT', NOW)).toBe(NOW + 10 * MINUTE);
    for (const odd of [null, '', 'soon']) expect(retryAfterTime(odd, NOW)).toBeNull();
  });
});

describe('lines', () => {
  it('are the same however the bytes arrive, and only a newline ends one', () => {
    const pieces = fc.array(fc.constantFrom('a', '漢', '🎉', '\n', '\r\n', '\u2028', '{"a":1}'), { maxLength: 40 });
    fc.assert(
      fc.property(pieces, fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }), (parts, sizes) => {
        const text = parts.join('');
        const bytes = Buffer.from(text);
        const splitter = new LineSplitter();
        const lines: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          lines.push(...splitter.push(bytes.subarray(at, at + size)));
          at += size;
        }
        lines.push(...splitter.finish());
        const expected = text.split('\n').map((line) => line.replace(/\r+$/, ''));
        if (text === '' || text.endsWith('\n')) expected.pop();
        expect(lines).toEqual(expected);
      }),
    );
  });

  it('that are too long are dropped and counted, and a hole is no line', () => {
    const splitter = new LineSplitter(10);
    expect(splitter.push(Buffer.from(`${'x'.repeat(11)}\nshort\n`))).toEqual(['short']);
    expect(splitter.dropped).toBe(1);
    expect(splitter.push(Buffer.concat([Buffer.from('a'), Buffer.alloc(1000), Buffer.from('b\n')]))).toEqual([
      'a',
      'b',
    ]);
    expect(splitter.push(Buffer.from([0xff, 0x61, 0x0a]))).toEqual(['\ufffda']);
  });
});

describe('money', () => {
  const usage = {
    inputTokens: 1_000_000,
    cachedTokens: 1_000_000,
    cacheWriteTokens: 0,
    outputTokens: 100_000,
    calls: 1,
  };

  it('is estimated from a price, and unknown without one', () => {
    expect(parsePrice('3/15')).toEqual({ input: 3, output: 15, cached: 3 });
    expect(parsePrice(' 3 / 15 / 0.3 ')).toEqual({ input: 3, output: 15, cached: 0.3 });
    for (const odd of ['', '3', '3/', '-1/2', '1/2/3/4', 'a/b']) expect(parsePrice(odd)).toBeNull();
    expect(estimateCost(usage, { input: 3, output: 15, cached: 0.3 })).toEqual({ usd: 4.8, source: 'estimated' });
    expect(estimateCost(usage, undefined)).toEqual(UNKNOWN_COST);
    expect(estimateCost(null, { input: 3, output: 15, cached: 3 })).toEqual(UNKNOWN_COST);
  });

  it('that was reported wins, except a 0 beside used tokens', () => {
    const price = { input: 1, output: 1, cached: 1 };
    expect(costOf({ usd: 0.5, usage }, price)).toEqual({ usd: 0.5, source: 'reported' });
    expect(costOf({ usd: 0, usage }, price)).toEqual({ usd: 2.1, source: 'estimated' });
    expect(costOf({ usd: 0, usage }, undefined)).toEqual(UNKNOWN_COST);
  });

  it('of which a part is unknown is unknown', () => {
    expect(addCost({ usd: 1, source: 'reported' }, UNKNOWN_COST)).toEqual(UNKNOWN_COST);
    expect(addCost({ usd: 1, source: 'reported' }, { usd: 1, source: 'estimated' })).toEqual({
      ...{ usd: 2, source: 'estimated' },
    });
  });
});
