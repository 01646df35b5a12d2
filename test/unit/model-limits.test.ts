import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { CallAborted } from '../../src/model/aborted.js';
import { type CacheKey, cached } from '../../src/model/cache.js';
import { pruneAnswers } from '../../src/model/kept-answers.js';
import { type Clock, limited, ProviderQueue } from '../../src/model/limits.js';
import { type ScriptedReply, scriptedModel, scriptedModelFrom } from '../../src/model/scripted.js';
import type { Model, ModelRequest } from '../../src/model/types.js';
import { wait } from '../../src/model/wait.js';
import { appErrorOf } from '../helpers/config.js';

const { signal } = new AbortController();
const ask = (changes: Partial<ModelRequest> = {}): ModelRequest => ({
  ...{ stage: 'judge', mode: 'answer', prompt: 'p', timeoutMs: 1000, ...changes },
});

/** Waiting takes no time, and is noted. */
class FakeClock implements Clock {
  time = 1_000_000;
  readonly waits: number[] = [];
  readonly now = () => this.time;
  readonly random = () => 0;
  readonly wait = async (ms: number) => {
    this.waits.push(ms);
    this.time += ms;
  };
}

/** The outcomes of one call after another through one queue. */
function patient(replies: readonly ScriptedReply[], options: { patienceMs?: number } = {}) {
  const clock = new FakeClock();
  const queue = new ProviderQueue(2, clock);
  return { clock, queue, model: limited(scriptedModel(replies), queue, options) };
}

const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'model-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

describe('patience', () => {
  const ok: ScriptedReply = { outcome: 'ok', text: 'yes' };
  const cut: ScriptedReply = { outcome: 'crash', transient: true };

  it('tries passing faults again after growing pauses, and what they cost is added', async () => {
    const usage = { inputTokens: 1, outputTokens: 0 };
    const { clock, model } = patient([{ ...cut, usage, usd: 1 }, cut, { ...ok, usage, usd: 2 }]);
    expect(await model(ask(), signal)).toMatchObject({
      ...{ outcome: 'ok', usage: { inputTokens: 2, calls: 2 }, cost: { usd: 3, source: 'reported' } },
    });
    expect(clock.waits).toEqual([1000, 4000]);
  });

  it.each([
    ['a passing crash three times', [cut, cut, cut, ok], 'crash', [1000, 4000]],
    ['a crash that will not pass', [{ outcome: 'crash' }, ok], 'crash', []],
    ['an empty answer twice', [{ outcome: 'empty' }, { outcome: 'empty' }, ok], 'empty', [0]],
    ['an empty answer once', [{ outcome: 'empty' }, ok], 'ok', [0]],
    ['a time-out once', [{ outcome: 'timeout' }, ok], 'ok', [0]],
    ['a refusal', [{ outcome: 'refused' }, ok], 'refused', []],
    ['a log-in that is missing', [{ outcome: 'auth' }, ok], 'auth', []],
  ] as [string, ScriptedReply[], string, number[]][])('has for %s', async (_name, replies, outcome, waits) => {
    const { clock, model } = patient(replies);
    expect(await model(ask(), signal)).toMatchObject({ outcome });
    expect(clock.waits).toEqual(waits);
  });

  it('waits for the end of a rate limit, and longer each time where nobody says when that is', async () => {
    const limit: ScriptedReply = { outcome: 'rate_limit' };
    const { clock, model } = patient([{ ...limit, retryAt: 1_005_000 }, limit, limit, ok]);
    expect(await model(ask(), signal)).toMatchObject({ outcome: 'ok' });
    expect(clock.waits).toEqual([5_000, 120_000, 600_000]);
  });

  it('leaves a long wait to the caller, and closes the queue for everybody on it', async () => {
    const { clock, queue, model } = patient([{ outcome: 'rate_limit', retryAt: 9_000_000 }, ok]);
    expect(await model(ask(), signal)).toMatchObject({ outcome: 'rate_limit', retryAt: 9_000_000 });
    const other = limited(scriptedModel([ok]), queue);
    expect(await other(ask(), signal)).toMatchObject({ outcome: 'rate_limit', retryAt: 9_000_000 });
    expect(clock.waits).toEqual([]);
    clock.time = 9_000_000;
    expect(await other(ask(), signal)).toMatchObject({ outcome: 'ok' });
  });

  it('does not ask without any pause a server that says "now" again and again', async () => {
    const now: ScriptedReply = { outcome: 'rate_limit', retryAt: 0, repeat: true };
    const { clock, model } = patient([now], { patienceMs: 10_000 });
    expect(await model(ask(), signal)).toMatchObject({ outcome: 'rate_limit' });
    expect(clock.waits.length).toBeLessThan(10);
  });

  it('calls once to edit: what a half-finished edit left must be looked at first', async () => {
    for (const first of [cut, { outcome: 'rate_limit', retryAt: 0 }, { outcome: 'timeout' }] as ScriptedReply[]) {
      const { clock, model } = patient([first, ok]);
      expect(await model(ask({ mode: 'edit' }), signal)).toMatchObject({ outcome: first.outcome });
      expect(clock.waits).toEqual([]);
    }
  });

  it('runs no more calls at once than the provider stands, in their order', async () => {
    const queue = new ProviderQueue(2);
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const calls = [0, 1, 2, 3].map((number) =>
      queue.run(() => {
        begun.push(number);
        return new Promise<void>((resolve) => ends.push(resolve));
      }, signal),
    );
    await setImmediate();
    expect(begun).toEqual([0, 1]);
    for (let at = 0; at < 4; at += 1) {
      ends[at]?.();
      await setImmediate();
    }
    expect(begun).toEqual([0, 1, 2, 3]);
    await Promise.all(calls);
  });

  it('ends at once by an abort, whether it waits for a place or for time', async () => {
    const controller = new AbortController();
    const queue = new ProviderQueue(1);
    let release = () => {};
    const first = queue.run(() => new Promise<void>((resolve) => (release = resolve)), signal);
    const second = queue.run(async () => 'never', controller.signal);
    const pause = wait(3_600_000, controller.signal);
    controller.abort();
    await expect(second).rejects.toBeInstanceOf(CallAborted);
    await expect(pause).rejects.toMatchObject({ name: 'AbortError' });
    release();
    await first;
    await expect(queue.run(async () => 'free', signal)).resolves.toBe('free');
    await expect(queue.run(async () => 'never', controller.signal)).rejects.toBeInstanceOf(CallAborted);
  });
});

describe('the cache', () => {
  const KEY: CacheKey = { provider: 'claude', version: '1', model: 'm', options: [] };
  const counting = (replies: readonly ScriptedReply[]) => {
    const inner = scriptedModel(replies);
    const count = { calls: 0 };
    const model: Model = (request, abort) => {
      count.calls += 1;
      return inner(request, abort);
    };
    return { count, model };
  };

  it('gives an ok reply again, for nothing', async () => {
    const path = folder();
    const { count, model } = counting([{ outcome: 'ok', text: 'yes', value: { a: 1 }, usd: 1 }]);
    await cached(model, path, KEY)(ask(), signal);
    expect(await cached(model, path, KEY)(ask(), signal)).toMatchObject({
      ...{ outcome: 'ok', text: 'yes', value: { a: 1 }, fromCache: true },
      cost: { usd: 0, source: 'reported' },
    });
    expect(count.calls).toBe(1);
  });

  it('is used by being given again, so that it is not let go', async () => {
    const path = folder();
    const { count, model } = counting([{ outcome: 'ok', text: 'yes' }]);
    await cached(model, path, KEY)(ask(), signal);
    for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
      if (name.endsWith('.json')) utimesSync(join(path, name), 0, 0);
    }
    await cached(model, path, KEY)(ask(), signal);
    await pruneAnswers(path, { now: Date.now() });
    expect(await cached(model, path, KEY)(ask(), signal)).toMatchObject({ fromCache: true });
    expect(count.calls).toBe(1);
  });

  it('keeps no failure and no edit, and takes a damaged file for a miss', async () => {
    const path = folder();
    const { count, model } = counting([{ outcome: 'empty' }, { outcome: 'ok', text: 'yes', repeat: true }]);
    const both = cached(model, path, KEY);
    expect(await both(ask(), signal)).toMatchObject({ outcome: 'empty' });
    expect(await both(ask({ mode: 'edit' }), signal)).toMatchObject({ fromCache: false });
    expect(await both(ask({ mode: 'edit' }), signal)).toMatchObject({ fromCache: false });
    await both(ask(), signal);
    const [file = ''] = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.json'),
    );
    for (const damage of ['', '{"text": 7}', readFileSync(join(path, file), 'utf8').slice(0, 8)]) {
      writeFileSync(join(path, file), damage);
      expect(await both(ask(), signal)).toMatchObject({ outcome: 'ok', fromCache: false });
    }
    expect(count.calls).toBe(7);
  });

  it('asks again when anything that the answer depends on differs', async () => {
    const path = folder();
    const { count, model } = counting([{ outcome: 'ok', text: 'yes', repeat: true }]);
    const requests = [ask(), ask({ prompt: 'q' }), ask({ system: 's' }), ask({ sample: 1 }), ask({ maxTokens: 1 })];
    const schema = z.strictObject({ a: z.number() });
    for (const request of [...requests, ask({ schema })]) await cached(model, path, KEY)(request, signal);
    for (const change of [{ version: '2' }, { model: 'n' }, { options: ['x'] }, { provider: 'codex' }]) {
      await cached(model, path, { ...KEY, ...change })(ask(), signal);
    }
    expect(count.calls).toBe(10);
    await cached(model, path, KEY)(ask({ stage: 'other', timeoutMs: 5 }), signal);
    expect(count.calls).toBe(10);
  });
});

describe('kept answers', () => {
  const DAY_MS = 86_400_000;
  const now = Date.UTC(2026, 10, 21);

  /** Files of 100 bytes by name (`<shelf>/<file>`) and days since they were used. */
  function answers(daysByName: Readonly<Record<string, number>>): string {
    const path = folder();
    for (const [name, days] of Object.entries(daysByName)) {
      mkdirSync(join(path, name, '..'), { recursive: true });
      writeFileSync(join(path, name), 'x'.repeat(100));
      utimesSync(join(path, name), new Date(now), new Date(now - days * DAY_MS));
    }
    return path;
  }

  const left = (path: string) =>
    readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.'));

  it('are let go when they were not used for thirty days, and nothing else is', async () => {
    const path = answers({ 'aa/1.json': 29, 'aa/2.json': 31, 'bb/3.json.0a.tmp': 40, 'notes.txt': 90 });
    await pruneAnswers(path, { now });
    expect(left(path).sort()).toEqual(['aa/1.json', 'notes.txt']);
    await pruneAnswers(join(path, 'nowhere'), { now });
  });

  it('are let go from the longest unused on when they are too many', async () => {
    const path = answers({ 'aa/old.json': 3, 'bb/new.json': 1, 'cc/middle.json': 2 });
    await pruneAnswers(path, { now, maxBytes: 250 });
    expect(left(path).sort()).toEqual(['bb/new.json', 'cc/middle.json']);
  });
});

describe('a script', () => {
  it('answers by stage, by a piece of the prompt and by its hash, each entry once, and every outcome', async () => {
    const outcomes = [
      'empty',
      'refused',
      'timeout',
      'auth',
      'budget',
      'turn_limit',
      'schema',
      'missing_program',
    ] as const;
    const hash = '148de9c5a7a4'; // of "p"
    const model = scriptedModel([
      { outcome: 'ok', text: 'other stage', stage: 'optimizer' },
      { outcome: 'ok', text: 'by piece', match: 'needle' },
      { outcome: 'ok', text: 'by hash', hash },
      ...outcomes.map((outcome) => ({ outcome })),
      ...[{ outcome: 'untrusted' } as const, { outcome: 'rate_limit', retryAt: 5 } as const],
    ]);
    expect(await model(ask({ prompt: 'a needle' }), signal)).toMatchObject({ text: 'by piece' });
    expect(await model(ask(), signal)).toMatchObject({ text: 'by hash' });
    expect(await model(ask({ stage: 'optimizer' }), signal)).toMatchObject({ text: 'other stage' });
    for (const outcome of outcomes) expect(await model(ask(), signal)).toMatchObject({ outcome, reason: 'scripted' });
    expect(await model(ask(), signal)).toMatchObject({ outcome: 'untrusted' });
    expect(await model(ask(), signal)).toMatchObject({ outcome: 'rate_limit', retryAt: 5 });
    expect(await model(ask(), signal)).toMatchObject({
      outcome: 'crash',
      reason: expect.stringContaining('no reply left'),
    });
  });

  it('comes from a file, and a wrong one is named', async () => {
    const path = join(folder(), 'replies.json');
    writeFileSync(path, '{"replies": [{"outcome": "ok", "text": "hello"}]}');
    expect(await scriptedModelFrom(path)(ask(), signal)).toMatchObject({ text: 'hello' });
    for (const content of ['{', '{"replies": [{"outcome": "fine"}]}', '{"replies": [{"outcome": "ok", "txt": "x"}]}']) {
      writeFileSync(path, content);
      const error = appErrorOf(() => scriptedModelFrom(path));
      expect(error).toMatchObject({ code: 'config', message: expect.stringContaining(path) });
    }
  });
});
