import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CallAborted } from '../../src/model/aborted.js';
import { commandAdapter } from '../../src/model/adapters/command.js';
import { ADAPTERS, unenforced } from '../../src/model/adapters/index.js';
import { ADAPTER_NAMES } from '../../src/model/adapters/types.js';
import { cliModel } from '../../src/model/runner.js';
import type { ModelReply } from '../../src/model/types.js';
import { ModelPlace, type Preset } from '../helpers/model.js';
import { newTag, processesWith, until } from '../helpers/process.js';

const ALL: readonly Preset[] = [...ADAPTER_NAMES, 'command'];
/** Those that can answer without touching anything. */
const ANSWERING: readonly Preset[] = ALL.filter((preset) => preset !== 'aider');
/** Those whose word is read from events. */
const SPEAKING = ADAPTER_NAMES.filter((preset) => preset !== 'aider');

const textOf = (reply: ModelReply): string => {
  if (reply.outcome !== 'ok') throw new Error(`${reply.outcome}: ${reply.reason}`);
  return reply.text;
};

describe.each(ALL)('a call of %s', (preset) => {
  it('carries 200 KiB on stdin and understands an answer that arrives byte by byte', async () => {
    const place = new ModelPlace();
    const prompt = `Begin.\n${'漢字 "$x" `y` \\ \u2028\n'.repeat(10_000)}`;
    expect(Buffer.byteLength(prompt)).toBeGreaterThan(200 * 1024);
    const answer = 'one\u2028line with 漢字 and 🎉, and no other';
    const env = { FAKE_AGENT_ANSWER: answer };
    const reply = await place.call(preset, 'byte-by-byte', { env, request: { prompt } });
    expect(textOf(reply)).toContain(answer);
    expect(place.given.stdin === prompt).toBe(true);
    expect(place.given.argv.join(' ')).not.toContain('漢字');
    expect(place.given.cwd).toBe(place.workspace);
    expect(place.given.env).toMatchObject({ TERM: 'dumb', NO_COLOR: '1' });
    expect(reply.version).toBe(preset === 'command' ? null : '1.2.3');
    expect(
      readdirSync(place.path)
        .filter((name) => /^call-/.test(name))
        .sort(),
    ).toEqual(['call-1.log', 'call-1.out']);
  });

  it('sees an error inside a success, with the time when the limit ends', async () => {
    const now = Date.UTC(2026, 5, 1);
    const place = { now: () => now };
    const reply = await new ModelPlace().call(preset, 'error-in-success', { place });
    expect(reply).toMatchObject({ outcome: 'rate_limit', retryAt: now + 125 * 60_000 });
    expect(reply).not.toHaveProperty('text');
  });

  it('is never ok when it exits with 0 in the middle of its answer or without one', async () => {
    const env = { FAKE_AGENT_ANSWER: 'much to say '.repeat(100) };
    if (preset !== 'command' && preset !== 'aider') {
      expect(await new ModelPlace().call(preset, 'partial-json', { env })).toMatchObject({
        outcome: preset === 'gemini' ? 'empty' : 'crash',
      });
    }
    const silent = await new ModelPlace().call(preset, 'silent');
    // After an edit the folder is the answer: an operator's own command need not say anything.
    expect(silent.outcome).toBe({ command: 'ok', gemini: 'empty' }[preset as string] ?? 'crash');
  });

  it('leaves no process, whether it ends by itself or is ended', async () => {
    const tag = newTag();
    const env = { FAKE_AGENT_TAG: tag };
    expect(await new ModelPlace().call(preset, 'leaves-a-child', { env })).toMatchObject({ outcome: 'ok' });
    expect(processesWith(tag)).toEqual([]);
    const hung = await new ModelPlace().call(preset, 'hangs-with-children', {
      env,
      request: { idleMs: 800 },
      place: { graceMs: 100 },
    });
    expect(hung).toMatchObject({ outcome: 'timeout', reason: expect.stringContaining('silent for 0.8 s') });
    expect(processesWith(tag)).toEqual([]);
  });
});

describe.each(SPEAKING)('the events of %s', (preset) => {
  it('survive a line that is cut in between', async () => {
    expect(await new ModelPlace().call(preset, 'bad-line-in-between')).toMatchObject({ outcome: 'ok' });
  });

  it('count more than the exit code and than a program that does not end', async () => {
    const exited = await new ModelPlace().call(preset, 'success-then-exit-1');
    expect(textOf(exited)).toContain('halve the loop');
    const lingering = await new ModelPlace().call(preset, 'success-then-hangs', { place: { lingerMs: 50 } });
    expect(textOf(lingering)).toBe(textOf(exited));
    expect(lingering.usage).toMatchObject({ inputTokens: 10, cachedTokens: 90, outputTokens: 5, calls: 1 });
  });

  it.skipIf(preset === 'pi')('tell what was denied', async () => {
    const reply = await new ModelPlace().call(preset, 'denied');
    expect(reply).toMatchObject({ outcome: 'ok' });
    expect(reply.denials).toEqual([expect.stringMatching(/npm test|run_shell_command/)]);
  });
});

describe.each(ANSWERING)('an answer of %s', (preset) => {
  it('comes from an empty folder without the surroundings of the caller, and what it lacks is in the prompt', async () => {
    const place = new ModelPlace();
    const reply = await place.call(preset, 'success', {
      env: { DEPLOY_SETTING: 'x', JAVA_HOME: '/java' },
      cli: { allow: ['FAKE_AGENT', 'FAKE_AGENT_RECORD'] },
      request: { mode: 'answer', system: 'Be brief.', prompt: 'How many?' },
    });
    expect(textOf(reply)).toContain('halve the loop');
    const { cwd, env, stdin, argv } = place.given;
    expect(cwd).not.toBe(place.workspace);
    expect(existsSync(cwd)).toBe(false);
    if (preset !== 'command') expect(env).not.toHaveProperty('JAVA_HOME');
    expect(stdin).toContain('How many?');
    expect(argv.join(' ')).not.toContain('How many?');
    expect(stdin.includes('Be brief.')).toBe(preset !== 'claude');
    const system = argv.find((word) => word.startsWith('--append-system-prompt-file='));
    expect(system !== undefined).toBe(preset === 'claude');
  });
});

describe('claude', () => {
  it('is not believed to be without tools when it says that it has some', async () => {
    const place = new ModelPlace();
    const adapter = { env: { FAKE_AGENT_ANSWER: 'x' }, request: { mode: 'answer' as const } };
    const stand = `#!/bin/sh\necho '{"type":"system","subtype":"init","tools":["Bash"]}'\necho '{"type":"result","subtype":"success","is_error":false,"result":"x"}'\n`;
    writeFileSync(join(place.bin, 'claude'), stand);
    expect(await place.call('claude', 'success', adapter)).toMatchObject({
      outcome: 'crash',
      reason: expect.stringContaining('has Bash all the same'),
    });
  });
});

describe('gemini', () => {
  it('is read from the object on stderr and by its exit codes', async () => {
    const place = new ModelPlace();
    expect(await place.call('gemini', 'json-error-on-stderr')).toMatchObject({ outcome: 'auth' });
    for (const [code, outcome] of Object.entries({ 53: 'turn_limit', 55: 'untrusted', 42: 'crash' })) {
      const reply = await place.call('gemini', 'exit-code', { env: { FAKE_AGENT_CODE: code } });
      expect(reply).toMatchObject({ outcome, reason: expect.stringContaining(`exit code ${code}`) });
    }
  });

  it('never takes the beginning of a prompt for a command, nor a prompt that it would cut', async () => {
    const place = new ModelPlace();
    await place.call('gemini', 'success', { request: { prompt: '/quit' } });
    expect(place.given.stdin).toMatch(/^Read the following and answer it\.\n\n\/quit$/);
    const reply = await place.call('gemini', 'success', { request: { prompt: 'x'.repeat(9 * 1024 * 1024) } });
    expect(reply).toMatchObject({ outcome: 'crash', reason: expect.stringContaining('too long') });
  });
});

describe('aider', () => {
  it('is told the files, and what it leaves beside them is removed', async () => {
    const place = new ModelPlace();
    writeFileSync(join(place.workspace, '.aider.conf.yml'), 'mine');
    await place.call('aider', 'leaves-files', { place: { targets: ['a.py', '-b.py'] } });
    expect(place.given.argv.slice(-2)).toEqual(['./a.py', './-b.py']);
    expect(readdirSync(place.workspace)).toEqual(['.aider.conf.yml']);
  });

  it('is refused for answers', async () => {
    const answer = new ModelPlace().call('aider', 'success', { request: { mode: 'answer' } });
    await expect(answer).rejects.toMatchObject({ code: 'config' });
  });
});

describe('a model behind a command line', () => {
  it('keeps a record of each call, whatever the stage is called', async () => {
    const place = new ModelPlace();
    const recordFolder = join(place.path, 'records');
    const cli = { adapter: commandAdapter('cat'), model: null, extraArgs: [], allow: [], prices: new Map() };
    const model = cliModel(cli, { recordFolder, now: Date.now });
    const request = { stage: '../judge', mode: 'answer', prompt: 'echo', timeoutMs: 20_000 } as const;
    expect(textOf(await model(request, new AbortController().signal)).trim()).toBe('echo');
    expect(readdirSync(recordFolder)).toEqual([
      expect.stringMatching(/^___judge-[\w-]+\.log$/),
      expect.stringMatching(/^___judge-[\w-]+\.out$/),
    ]);
  });

  it('says which limits its program cannot keep', () => {
    const limits = { turns: 3, usd: 1 };
    expect(unenforced(ADAPTERS.claude, limits)).toEqual([]);
    expect(unenforced(ADAPTERS.codex, limits)).toEqual(['turns', 'usd']);
    expect(unenforced(ADAPTERS.codex, {})).toEqual([]);
  });
});

describe('any call', () => {
  it('of a program that is not there says so', async () => {
    const place = new ModelPlace();
    const ambient = { PATH: place.workspace };
    expect(await place.call('pi', 'success', { place: { ambient } })).toMatchObject({
      ...{ outcome: 'missing_program', usage: null, cost: { usd: null, source: 'unknown' } },
    });
  });

  it('that is aborted rejects, leaves nobody, and still tells what it used', async () => {
    const tag = newTag();
    const controller = new AbortController();
    const place = new ModelPlace();
    const call = place.call('claude', 'hangs-with-children', {
      ...{ env: { FAKE_AGENT_TAG: tag }, place: { graceMs: 100 }, signal: controller.signal },
    });
    const rejected = call.catch((error: unknown) => error);
    await until('the child runs', () => processesWith(tag).length > 0);
    controller.abort();
    const error = await rejected;
    expect(error).toBeInstanceOf(CallAborted);
    expect(error).toMatchObject({ name: 'AbortError', facts: { usage: null } });
    expect(processesWith(tag)).toEqual([]);
  });

  it('keeps secrets out of the reply and of the transcript', async () => {
    const place = new ModelPlace();
    const env = { MY_API_KEY: 'sk-verysecret-1', FAKE_AGENT_ANSWER: 'the key is sk-verysecret-1' };
    expect(textOf(await place.call('codex', 'success', { env }))).toBe('the key is [redacted]');
    expect(readFileSync(join(place.path, 'call-1.out'), 'utf8')).not.toContain('verysecret');
  });
});
