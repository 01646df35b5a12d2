import { describe, expect, it } from 'vitest';
import {
  type AnswerReader,
  ClaudeReader,
  CodexReader,
  eventsOf,
  GeminiReader,
  lastObjectOf,
} from '../../src/propose/agent/answer.js';

const answerOf = (reader: AnswerReader, ...lines: readonly unknown[]) => {
  for (const line of lines) {
    for (const event of eventsOf(typeof line === 'string' ? line : JSON.stringify(line))) reader.push(event);
  }
  return reader.answer();
};
const ok = (text: string) => ({ kind: 'ok', text });
const failed = (reason: string) => ({ kind: 'failed', reason });
const said = (text: string, error?: string) => ({
  type: 'assistant',
  message: { content: [{ type: 'text', text }] },
  error,
});

describe('claude', () => {
  const result = (changes: object) => ({
    type: 'result',
    subtype: 'success',
    is_error: false,
    result: 'done',
    ...changes,
  });
  const claude = (...lines: readonly unknown[]) => answerOf(new ClaudeReader(), ...lines);

  it('is read from lines, from one object, and from an array of events', () => {
    expect(claude({ type: 'system' }, said('hm'), result({}))).toEqual(ok('done'));
    expect(claude(result({}))).toEqual(ok('done'));
    expect(claude([{ type: 'system' }, said('hm'), result({ result: 'a\u2028b' })])).toEqual(ok('a\u2028b'));
  });

  it('falls back to its last text when the result is empty', () => {
    expect(claude(said('first'), said('last'), said(''), result({ result: '' }))).toEqual(ok('last'));
  });

  it('failed when a success envelope holds an error', () => {
    expect(claude(result({ is_error: true, result: 'API Error: 529' }))).toEqual(failed('API Error: 529'));
    expect(claude(said('Please log in', 'authentication_failed'), result({ result: 'Please log in' }))).toEqual(
      failed('authentication_failed: Please log in'),
    );
  });

  it('failed when it ran out of turns or money, or declined', () => {
    expect(claude(result({ subtype: 'error_max_turns', result: undefined }))).toEqual(failed('error_max_turns'));
    expect(
      claude(result({ subtype: 'error_during_execution', errors: ['a', { message: 'b' }], result: null })),
    ).toEqual(failed('error_during_execution: a; b'));
    expect(claude(result({ stop_reason: 'refusal', result: 'I cannot' }))).toEqual(failed('refusal: I cannot'));
  });

  it('counts the last result, and is unfinished without one', () => {
    expect(claude(result({ is_error: true }), result({ result: 'second' }))).toEqual(ok('second'));
    expect(claude(said('still working'))).toEqual({ kind: 'unfinished' });
    expect(claude(said('overloaded', 'server_error'))).toEqual(failed('server_error: overloaded'));
  });
});

describe('codex', () => {
  const message = (text: string) => ({ type: 'item.completed', item: { type: 'agent_message', text } });
  const codex = (...lines: readonly unknown[]) => answerOf(new CodexReader(), ...lines);

  it('answers with its last message', () => {
    expect(codex('noise', message('plan'), message('done'), { type: 'turn.completed', usage: {} })).toEqual(ok('done'));
  });

  it('does not fail by an error item or by a reconnection', () => {
    const notice = { type: 'item.completed', item: { type: 'error', message: 'a notice' } };
    const reconnecting = { type: 'error', message: 'Reconnecting... 1/5' };
    expect(codex(notice, reconnecting, message('done'), { type: 'turn.completed' })).toEqual(ok('done'));
  });

  it('failed by turn.failed, by an error at the end, and by a turn without a message', () => {
    expect(codex(message('half'), { type: 'turn.failed', error: { message: 'quota' } })).toEqual(failed('quota'));
    expect(codex({ type: 'error', message: 'stream closed' })).toEqual(failed('stream closed'));
    expect(codex({ type: 'turn.completed', usage: { input_tokens: 0 } })).toMatchObject({ kind: 'failed' });
  });

  it('is unfinished before the end of its turn', () => {
    expect(codex({ type: 'turn.started' }, message('half'))).toEqual({ kind: 'unfinished' });
  });
});

describe('gemini', () => {
  const part = (content: string) => ({ type: 'message', role: 'assistant', content, delta: true });
  const gemini = (...lines: readonly unknown[]) => answerOf(new GeminiReader(), ...lines);

  it('puts the pieces of its text together, with a new line after each tool', () => {
    const user = { type: 'message', role: 'user', content: 'DESCRIPTION: of the user' };
    const lines = [user, part('rea'), part('ding'), { type: 'tool_use' }, part('DESCRIPTION: x')];
    expect(gemini(...lines, { type: 'result', status: 'success' })).toEqual(ok('reading\nDESCRIPTION: x'));
  });

  it('is also read from the one object of json', () => {
    expect(gemini({ session_id: 's', response: 'done', stats: {} })).toEqual(ok('done'));
    expect(gemini({ response: '', error: { type: 'INVALID_STREAM', message: 'empty' } })).toEqual(failed('empty'));
    expect(gemini({ error: { type: 'INVALID_STREAM' } })).toEqual(failed('INVALID_STREAM'));
  });

  it('failed by a result with status error or with an error, and not by a warning', () => {
    expect(gemini(part('x'), { type: 'result', status: 'error', error: { message: 'quota' } })).toEqual(
      failed('quota'),
    );
    expect(gemini({ type: 'result', status: 'success', error: { message: 'odd' } })).toEqual(failed('odd'));
    expect(gemini({ type: 'error', severity: 'error', message: 'turns' }, { type: 'result', status: 'error' })).toEqual(
      failed('turns'),
    );
    const warning = { type: 'error', severity: 'warning', message: 'loop detected' };
    expect(gemini(warning, part('x'), { type: 'result', status: 'success' })).toEqual(ok('x'));
    expect(gemini(part('x'))).toEqual({ kind: 'unfinished' });
  });
});

describe('events', () => {
  it('skip what is not an object, and unknown types change nothing', () => {
    for (const line of ['', 'null', '7', '"x"', '{"cut": ', '[1, null]', 'Loaded {"a":1}'])
      expect(eventsOf(line)).toEqual([]);
    for (const reader of [new ClaudeReader(), new CodexReader(), new GeminiReader()]) {
      const odd = [
        { type: 'new' },
        { type: 7 },
        { type: 'assistant', message: 5 },
        { type: 'message', role: 'assistant' },
      ];
      expect(answerOf(reader, ...odd, { type: 'item.completed', item: null })).toEqual({ kind: 'unfinished' });
    }
  });

  it('are found as the last object of a text that spans lines', () => {
    expect(lastObjectOf('{"a":1}\nwarn {x}\n{\n  "b": {\n    "c": "}"\n  }\n}\nbye\n')).toEqual({ b: { c: '}' } });
    expect(lastObjectOf('{"a":1}')).toEqual({ a: 1 });
    expect(lastObjectOf('no { object')).toBeNull();
    expect(lastObjectOf('')).toBeNull();
  });
});
