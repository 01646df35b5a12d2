import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ADAPTERS } from '../../src/model/adapters/index.js';
import { ADAPTER_NAMES, type AdapterName } from '../../src/model/adapters/types.js';
import { classify } from '../../src/model/classify.js';
import { eventsOf, lastObjectOf } from '../../src/model/events.js';
import type { CallMode } from '../../src/model/types.js';

const NOW = Date.UTC(2026, 10, 21, 12);

/** What the adapter makes of these lines when the program then exits with this code. */
function read(name: AdapterName, lines: readonly unknown[], options: { mode?: CallMode; exitCode?: number } = {}) {
  const { mode = 'edit', exitCode = 0 } = options;
  const adapter = ADAPTERS[name];
  const parser = adapter.createParser({ mode });
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  for (const text of texts) parser.push(text);
  const report = parser.report();
  const failure = classify(adapter, {
    report,
    result: {
      ...{ end: 'exited', exitCode, signal: null, wallSeconds: 1, cpuSeconds: null, peakMemoryBytes: null },
      ...{ containment: 'process_group', swept: 0, survivors: [], outputBytes: texts.length, problem: '' },
    },
    errorLines: [],
    otherLines: texts.filter((text) => !/^\s*[[{]/.test(text)),
    ...{ mode, timeoutMs: 1000, idleMs: null, now: NOW },
  });
  return failure === null ? { outcome: 'ok' as const, ...report } : { ...report, ...failure };
}

const said = (text: string, error?: string) => ({
  type: 'assistant',
  message: { id: 'm', content: [{ type: 'text', text }] },
  error,
});

describe('claude', () => {
  const result = (changes: object) => ({
    ...{ type: 'result', subtype: 'success', is_error: false, result: 'done', ...changes },
  });
  const claude = (...lines: readonly unknown[]) => read('claude', lines);

  it('is read from lines, from one object, and from an array of events', () => {
    expect(claude({ type: 'system' }, said('hm'), result({}))).toMatchObject({ outcome: 'ok', text: 'done' });
    expect(claude(result({}))).toMatchObject({ outcome: 'ok', text: 'done' });
    expect(claude([said('hm'), result({ result: 'a\u2028b' })])).toMatchObject({ outcome: 'ok', text: 'a\u2028b' });
  });

  it('falls back to its last text when the result is empty', () => {
    expect(claude(said('first'), said('last'), said(''), result({ result: '' }))).toMatchObject({ text: 'last' });
    expect(read('claude', [result({ result: '' })], { mode: 'answer' })).toMatchObject({ outcome: 'empty' });
  });

  it.each([
    ['the API is overloaded', [result({ is_error: true, result: 'API Error: 529 overloaded' })], 'rate_limit'],
    ['a status', [result({ is_error: true, result: 'no', api_error_status: 401 })], 'auth'],
    ['a server error', [said('x', 'server_error'), result({ is_error: true, result: 'x' })], 'crash'],
    ['not logged in', [said('Please log in', 'authentication_failed'), result({ result: 'Please log in' })], 'auth'],
    ['no credit', [said('Credit balance is too low', 'billing_error'), result({ is_error: true })], 'budget'],
    ['too many turns', [result({ subtype: 'error_max_turns', result: undefined })], 'turn_limit'],
    ['the cap of this call', [result({ subtype: 'error_max_budget_usd' })], 'budget'],
    ['an error on the way', [result({ subtype: 'error_during_execution', errors: ['a', { message: 'b' }] })], 'crash'],
    ['it declined', [result({ stop_reason: 'refusal', result: 'I cannot' })], 'refused'],
    ['its output was cut', [result({ stop_reason: 'max_tokens' })], 'turn_limit'],
    ['no result', [said('still working')], 'crash'],
  ])('fails when %s', (_name, lines, outcome) => {
    expect(claude(...lines)).toMatchObject({ outcome });
  });

  it('tells the cap of the call from an account without money', () => {
    expect(claude(result({ subtype: 'error_max_budget_usd' }))).toMatchObject({ outcome: 'budget', ownCap: true });
    expect(claude(result({ is_error: true, result: 'Credit balance is too low' }))).toMatchObject({
      ...{ outcome: 'budget', ownCap: false },
    });
  });

  it('tells when a used-up window opens again', () => {
    const event = { type: 'rate_limit_event', rate_limit_info: { status: 'rejected', resetsAt: NOW / 1000 + 3600 } };
    expect(claude(event, result({ is_error: true, result: 'no' }))).toMatchObject({
      ...{ outcome: 'rate_limit', retryAt: NOW + 3_600_000 },
    });
    const warned = { type: 'rate_limit_event', rate_limit_info: { status: 'allowed_warning', resetsAt: 1 } };
    expect(claude(warned, result({}))).toMatchObject({ outcome: 'ok' });
  });

  it('counts each message once until the result brings the totals', () => {
    const part = { type: 'assistant', message: { id: 'm1', usage: { input_tokens: 5, output_tokens: 2 } } };
    expect(claude(part, part).usage).toMatchObject({ inputTokens: 5, outputTokens: 2, calls: 1 });
    const model = { inputTokens: 1, outputTokens: 2, cacheReadInputTokens: 3, cacheCreationInputTokens: 4 };
    expect(claude(part, result({ total_cost_usd: 0.5, modelUsage: { a: model, b: model } }))).toMatchObject({
      usage: { inputTokens: 2, outputTokens: 4, cachedTokens: 6, cacheWriteTokens: 8, calls: 1 },
      usd: 0.5,
    });
  });
});

describe('codex', () => {
  const message = (text: string) => ({ type: 'item.completed', item: { type: 'agent_message', text } });
  const done = { type: 'turn.completed', usage: { input_tokens: 10, cached_input_tokens: 4, output_tokens: 1 } };
  const codex = (...lines: readonly unknown[]) => read('codex', lines);

  it('answers with its last message; its input includes what was cached', () => {
    expect(codex('noise', message('plan'), message('done'), done)).toMatchObject({
      ...{ outcome: 'ok', text: 'done', usage: { inputTokens: 6, cachedTokens: 4, outputTokens: 1 } },
    });
  });

  it('does not fail by an error item or by a reconnection', () => {
    const notice = { type: 'item.completed', item: { type: 'error', message: 'a notice' } };
    const again = { type: 'error', message: 'Reconnecting... 1/5' };
    expect(codex(notice, again, message('done'), done)).toMatchObject({ outcome: 'ok', text: 'done' });
  });

  it('fails by turn.failed, by an error at the end, and without an end, whatever the exit code', () => {
    expect(codex(message('half'), { type: 'turn.failed', error: { message: 'quota' } })).toMatchObject({
      ...{ outcome: 'rate_limit', reason: 'codex is rate limited: quota' },
    });
    expect(codex({ type: 'error', message: 'stream disconnected' })).toMatchObject({
      outcome: 'crash',
      transient: true,
    });
    expect(codex({ type: 'turn.started' }, message('half'))).toMatchObject({ outcome: 'crash', transient: true });
    expect(
      codex({ type: 'turn.failed', error: { message: 'The model x is not supported when using y' } }),
    ).toMatchObject({ outcome: 'auth' });
  });

  it('is over with its turn, and not while it reconnects', () => {
    const parser = ADAPTERS.codex.createParser({ mode: 'edit' });
    parser.push(JSON.stringify({ type: 'error', message: 'Reconnecting... 1/5' }));
    expect(parser.isOver()).toBe(false);
    parser.push(JSON.stringify(done));
    expect(parser.isOver()).toBe(true);
  });

  it('without tokens and message has used up its plan', () => {
    expect(codex({ type: 'turn.completed', usage: { input_tokens: 0 } })).toMatchObject({ outcome: 'rate_limit' });
    expect(read('codex', [done], { mode: 'answer' })).toMatchObject({ outcome: 'empty' });
    expect(codex(done)).toMatchObject({ outcome: 'ok' });
  });
});

describe('gemini', () => {
  const part = (content: string) => ({ type: 'message', role: 'assistant', content, delta: true });
  const gemini = (...lines: readonly unknown[]) => read('gemini', lines);

  it('puts the pieces of its text together, with a new line after each tool', () => {
    const user = { type: 'message', role: 'user', content: 'DESCRIPTION: of the user' };
    const lines = [user, part('rea'), part('ding'), { type: 'tool_use' }, part('DESCRIPTION: x')];
    expect(gemini(...lines, { type: 'result', status: 'success' })).toMatchObject({ text: 'reading\nDESCRIPTION: x' });
  });

  it('is also read from the one object of json', () => {
    expect(gemini({ session_id: 's', response: 'done', stats: {} })).toMatchObject({ outcome: 'ok', text: 'done' });
    const invalid = (message: string) => gemini({ response: '', error: { type: 'INVALID_STREAM', message } }).outcome;
    expect(invalid('blocked for safety')).toBe('refused');
    expect(invalid('Output limit reached')).toBe('turn_limit');
    expect(invalid('empty')).toBe('empty');
    expect(gemini({ error: { type: 'FatalTurnLimitedError', message: 'x', code: 53 } }).outcome).toBe('turn_limit');
  });

  it('fails by a result with status error, and not by a warning', () => {
    const quota = { type: 'result', status: 'error', error: { message: 'TerminalQuotaError: quota' } };
    expect(gemini(part('x'), quota)).toMatchObject({ outcome: 'rate_limit' });
    expect(gemini({ type: 'result', status: 'success', error: { message: 'odd' } })).toMatchObject({
      outcome: 'crash',
    });
    const warning = { type: 'error', severity: 'warning', message: 'loop detected' };
    expect(gemini(warning, part('x'), { type: 'result', status: 'success' })).toMatchObject({ text: 'x' });
    expect(gemini()).toMatchObject({ outcome: 'empty' });
  });

  it('takes the numbers of the models, whose prompt includes what was cached', () => {
    const tokens = { prompt: 100, cached: 30, candidates: 5, thoughts: 6, total: 111 };
    expect(gemini({ response: 'x', stats: { models: { a: { tokens }, b: { tokens } } } }).usage).toMatchObject({
      ...{ inputTokens: 140, cachedTokens: 60, outputTokens: 22, calls: 1 },
    });
  });
});

describe('opencode', () => {
  const text = (piece: string, sessionID = 's') => ({ type: 'text', sessionID, part: { text: piece } });
  const finish = (reason: string) => ({
    ...{ type: 'step_finish', sessionID: 's' },
    part: { reason, cost: 0.1, tokens: { input: 5, output: 2, reasoning: 3, cache: { read: 1, write: 4 } } },
  });
  const opencode = (...lines: readonly unknown[]) => read('opencode', lines);

  it('answers with what follows the last tool, and adds up its steps', () => {
    const lines = [text('I look'), { type: 'tool_use', sessionID: 's' }, finish('tool-calls')];
    expect(opencode(...lines, { type: 'step_start' }, text('all '), text('done'), finish('stop'))).toMatchObject({
      ...{ outcome: 'ok', text: 'all done', usd: 0.2 },
      usage: { inputTokens: 10, outputTokens: 10, cachedTokens: 2, cacheWriteTokens: 8, calls: 1 },
    });
  });

  it.each([
    ['length', 'turn_limit'],
    ['unknown', 'crash'],
    ['tool-calls', 'crash'],
  ])('that stops by %s is %s', (reason, outcome) => {
    expect(opencode(text('x'), finish(reason))).toMatchObject({ outcome });
  });

  it('fails by an error, and when two sessions are mixed', () => {
    const error = { type: 'error', error: { name: 'ProviderAuthError', data: { message: 'no key' } } };
    expect(opencode(error)).toMatchObject({ outcome: 'auth', reason: expect.stringContaining('no key') });
    expect(
      opencode({ type: 'error', error: { name: 'APIError', data: { message: 'x', statusCode: 503 } } }),
    ).toMatchObject({ outcome: 'crash', transient: true });
    expect(opencode(text('a'), text('b', 'other'), finish('stop'))).toMatchObject({ outcome: 'crash' });
  });
});

describe('pi', () => {
  const message = (changes: object) => ({
    type: 'message_end',
    message: {
      ...{ role: 'assistant', content: [{ type: 'text', text: 'done' }], stopReason: 'stop' },
      usage: { input: 5, output: 2, cacheRead: 1, cacheWrite: 0, cost: { total: 0.1 } },
      ...changes,
    },
  });
  const pi = (...lines: readonly unknown[]) => read('pi', [...lines, { type: 'agent_end' }]);

  it('answers with its last message and adds up all of them', () => {
    expect(pi(message({ stopReason: 'toolUse' }), message({}))).toMatchObject({
      ...{ outcome: 'ok', text: 'done', usd: 0.2, usage: { inputTokens: 10, outputTokens: 4, calls: 1 } },
    });
  });

  it.each([
    ['an error', message({ stopReason: 'error', errorMessage: '429 Too Many Requests' }), 'rate_limit'],
    ['an abort', message({ stopReason: 'aborted' }), 'crash'],
    ['its length', message({ stopReason: 'length' }), 'turn_limit'],
    ['nothing at all', message({ content: [], usage: {} }), 'crash'],
    ['a tool', message({ stopReason: 'toolUse' }), 'crash'],
  ])('that ends with %s fails although it exits with 0', (_name, line, outcome) => {
    expect(pi(line)).toMatchObject({ outcome });
  });
});

describe('aider', () => {
  it('is believed by its edits, and fails by an error before any', () => {
    const tokens = 'Tokens: 4.2k sent, 1.5k cache hit, 120 received. Cost: $0.0045 message, $0.0089 session.';
    expect(read('aider', ['Aider', tokens, 'Applied edit to a.py'])).toMatchObject({
      ...{ outcome: 'ok', usd: 0.0089, usage: { inputTokens: 2700, cachedTokens: 1500, outputTokens: 120 } },
    });
    expect(read('aider', ['litellm.AuthenticationError: invalid api key'])).toMatchObject({ outcome: 'auth' });
    expect(read('aider', ['litellm.RateLimitError: x', 'Retrying', tokens, 'Applied edit to a.py'])).toMatchObject({
      outcome: 'ok',
    });
    expect(read('aider', ['Aider'])).toMatchObject({ outcome: 'crash' });
  });
});

describe('what no event tells', () => {
  it('is found in stderr and in short words, and never in an answer about it', () => {
    expect(read('claude', ['Invalid API key · Please run /login'], { exitCode: 1 })).toMatchObject({ outcome: 'auth' });
    expect(read('claude', ['x'], { exitCode: 1 })).toMatchObject({ outcome: 'crash', transient: false });
    expect(read('codex', ['Not inside a trusted directory'], { exitCode: 1 })).toMatchObject({ outcome: 'untrusted' });
    const essay = 'How to handle 429 rate limits and invalid api keys. '.repeat(10);
    const answer = { type: 'result', subtype: 'success', is_error: false, result: essay };
    expect(read('claude', [answer])).toMatchObject({ outcome: 'ok' });
    expect(read('claude', [essay], { exitCode: 1 })).toMatchObject({ outcome: 'crash' });
  });
});

describe('any parser', () => {
  const types = [
    'system',
    'assistant',
    'result',
    'item.completed',
    'turn.completed',
    'turn.failed',
    'error',
    'message',
  ];
  const more = ['tool_use', 'tool_result', 'text', 'step_finish', 'done', 'message_end', 'rate_limit_event', 'init'];
  const keys = ['type', 'message', 'content', 'usage', 'item', 'part', 'tokens', 'error', 'stats', 'models', 'result'];
  const names = ['permission_denials', 'rejected', 'status', 'modelUsage', 'response', 'stopReason', 'reason', 'cost'];
  const value = fc.oneof(fc.constantFrom(...types, ...more, 'success', 'stop', 'a'), fc.jsonValue());
  const event = fc.dictionary(fc.constantFrom(...keys, ...names), fc.oneof(value, fc.dictionary(fc.string(), value)));
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.tuple(fc.constantFrom(...types, ...more), event).map(([type, rest]) => JSON.stringify({ ...rest, type })),
    event.map((each) => JSON.stringify(each)),
  );

  it.each(ADAPTER_NAMES)('of %s never throws, and its report is well formed, whatever the lines', (name) => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom<CallMode>('answer', 'edit'), (lines, mode) => {
        const reply = read(name, lines, { mode });
        for (const number of Object.values(reply.usage ?? {})) expect(number).toBeGreaterThanOrEqual(0);
        expect(reply.denials.length).toBeLessThanOrEqual(20);
        if (reply.outcome !== 'ok') expect(reply.reason).toMatch(/^[^\n]{1,500}$/);
        else if (mode === 'answer') expect(reply.text.trim() !== '' || reply.value !== undefined).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('events', () => {
  it('skip what is not an object, and unknown types change nothing', () => {
    for (const text of ['', 'null', '7', '"x"', '{"cut": ', '[1, null]', 'Loaded {"a":1}']) {
      expect(eventsOf(text)).toEqual([]);
    }
    for (const name of ADAPTER_NAMES) {
      if (name !== 'aider') expect(ADAPTERS[name].createParser({ mode: 'edit' }).report().end).toBeNull();
    }
  });

  it('are found as the last object of a text that spans lines', () => {
    expect(lastObjectOf('{"a":1}\nwarn {x}\n{\n  "b": {\n    "c": "}"\n  }\n}\nbye\n')).toEqual({ b: { c: '}' } });
    expect(lastObjectOf('{"a":1}')).toEqual({ a: 1 });
    expect(lastObjectOf('no { object')).toBeNull();
    expect(lastObjectOf('')).toBeNull();
  });
});
