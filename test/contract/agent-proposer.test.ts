import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import { baseEnvironment } from '../../src/evaluate/environment.js';
import { callAgent } from '../../src/propose/agent/call.js';
import { AgentProposer } from '../../src/propose/agent.js';
import { AgentPlace } from '../helpers/agent.js';
import { newMark, newTag, processesWith, until } from '../helpers/process.js';

const PRESETS = ['claude', 'codex', 'gemini'] as const;
const ALL = [...PRESETS, 'command'] as const;
const LIMIT = "You've hit your session limit";

const rejection = async (promise: Promise<unknown>): Promise<AppError> => {
  const error = await promise.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof AppError) return error;
  throw error;
};

describe.each(ALL)('an agent by preset %s', (preset) => {
  it('gets the prompt on stdin and its description becomes the proposal', async () => {
    const place = new AgentPlace();
    expect(await place.propose(preset, 'success')).toEqual({ kind: 'proposal', description: 'halve the loop' });
    const { given } = place;
    expect(given.cwd).toBe(place.workspace);
    expect(given.stdin).toBe(readFileSync(join(place.recordFolder, 'prompt.md'), 'utf8'));
    expect(given.stdin).toContain('Make it fast.');
    expect(given.argv.join(' ')).not.toContain('Make it fast.');
    expect(given.env).toMatchObject({
      AUTORESEARCH_PROMPT_FILE: join(place.recordFolder, 'prompt.md'),
      AUTORESEARCH_EXPERIMENT: 'engineering/api-speed',
      AUTORESEARCH_TRIAL: '1',
    });
    expect(place.processes).toHaveLength(1);
  });

  it('may write the description to a file instead', async () => {
    const place = new AgentPlace();
    const proposal = await place.propose(preset, 'edits-and-describes');
    expect(proposal).toEqual({ kind: 'proposal', description: 'written to the file' });
    expect(readdirSync(place.workspace)).toEqual(['target.txt']);
  });

  it('that exits with an error is an agent_error with the last line of stderr', async () => {
    const result = await new AgentPlace().propose(preset, 'exit-1');
    expect(result).toMatchObject({ kind: 'nothing', outcome: 'agent_error', final: false });
    expect(result).toHaveProperty('reason', expect.stringMatching(/ended with exit code 1: Error: something broke$/));
  });

  it('that is silent for too long is ended', async () => {
    const place = new AgentPlace();
    const result = await place.propose(preset, 'hangs', { idleMs: 400 });
    expect(result).toMatchObject({ kind: 'nothing', outcome: 'agent_error' });
    expect(result).toHaveProperty('reason', expect.stringContaining('was silent for 0.4 s'));
  });

  it('that talks for ever is ended at its limit', async () => {
    const result = await new AgentPlace().propose(preset, 'talks-for-ever', { timeoutMs: 1_000 });
    expect(result).toMatchObject({ kind: 'nothing', outcome: 'agent_error' });
    expect(result).toHaveProperty('reason', expect.stringContaining('after its limit of 1.0 s'));
  });

  it('that floods its output is still understood', async () => {
    const place = new AgentPlace();
    expect(await place.propose(preset, 'floods')).toEqual({ kind: 'proposal', description: 'halve the loop' });
  });

  it('that does not read its prompt fails as what it is', async () => {
    const result = await new AgentPlace().propose(preset, 'exits-before-reading');
    expect(result).toMatchObject({ kind: 'nothing', outcome: 'agent_error' });
    expect(result).toHaveProperty('reason', expect.stringContaining('exit code 3'));
  });

  it('leaves no process behind', async () => {
    const tag = newTag();
    vi.stubEnv('FAKE_AGENT_TAG', tag);
    expect(await new AgentPlace().propose(preset, 'leaves-a-child')).toMatchObject({ kind: 'proposal' });
    expect(processesWith(tag)).toEqual([]);
  });
});

describe.each(PRESETS)('the event stream of %s', (preset) => {
  it('can report an error although the program exits with 0', async () => {
    const result = await new AgentPlace().propose(preset, 'error-in-success');
    expect(result).toEqual({
      kind: 'nothing',
      outcome: 'agent_error',
      reason: `${preset} reported an error: ${LIMIT}`,
      final: false,
    });
  });

  it('makes a good result stand before a bad exit code', async () => {
    const result = await new AgentPlace().propose(preset, 'success-then-exit-1');
    expect(result).toEqual({ kind: 'proposal', description: 'halve the loop' });
  });

  it('makes a good result stand when the program then hangs', async () => {
    const result = await new AgentPlace().propose(preset, 'success-then-hangs', { idleMs: 3_000 });
    expect(result).toEqual({ kind: 'proposal', description: 'halve the loop' });
  });

  it('is an agent_error when it is empty', async () => {
    const result = await new AgentPlace().propose(preset, 'silent');
    expect(result).toMatchObject({ outcome: 'agent_error', reason: `${preset} ended without a result` });
  });

  it('is asked for in the edit mode of the CLI, with the model as one argument', async () => {
    const place = new AgentPlace();
    await place.propose(preset, 'success', { model: '-odd name' });
    expect(place.given.argv).toContain('--model=-odd name');
    expect(place.given.argv).toContain(
      { claude: 'acceptEdits', codex: 'workspace-write', gemini: 'auto_edit' }[preset],
    );
  });

  it('takes a missing program for something the operator must mend', async () => {
    const place = new AgentPlace();
    vi.stubEnv('PATH', place.workspace);
    const error = await rejection(place.propose(preset, 'success'));
    expect(error.code).toBe('proposer');
    expect(error.message).toBe(`the agent ${preset} is not on PATH`);
    expect(error.hint).toMatch(/^npm install -g @(anthropic-ai\/claude-code|openai\/codex|google\/gemini-cli),/);
  });
});

describe('an error that ends the program', () => {
  it('is read from the object on stderr', async () => {
    const result = await new AgentPlace().propose('gemini', 'json-error-on-stderr');
    expect(result).toMatchObject({ outcome: 'agent_error', reason: 'gemini reported an error: log in first' });
  });
});

describe('an agent command', () => {
  it('that says nothing still proposes', async () => {
    const result = await new AgentPlace().propose('command', 'silent');
    expect(result).toEqual({ kind: 'proposal', description: 'agent made no description' });
  });

  it('without a label is described by its last line, cut and printable', async () => {
    vi.stubEnv('FAKE_AGENT_ANSWER', `first\n\u001b[31m${'word '.repeat(100)}\u001b[0m\n\n`);
    const result = await new AgentPlace().propose('command', 'success');
    expect(result).toMatchObject({ description: expect.stringMatching(/^word word .*…$/) });
    expect(result).toHaveProperty('description.length', 200);
  });

  it('that is not there fails with the words of the shell', async () => {
    const result = await new AgentPlace().propose('command', 'success', { command: 'no-such-agent --now' });
    expect(result).toMatchObject({
      outcome: 'agent_error',
      reason: expect.stringMatching(/127.*no-such-agent.*not found/),
    });
  });

  it('is refused when it is missing', () => {
    const options = { preset: 'command', command: null, model: null, timeoutMs: 1, idleMs: 1 } as const;
    expect(() => new AgentProposer(options)).toThrow(AppError);
  });

  it.each([
    ['a pipe', 'mkfifo "$F"'],
    ['a folder', 'mkdir "$F"'],
    ['a link to a private file', 'echo private > "$F.x"; ln -s "$F.x" "$F"'],
    ['a huge file', 'yes many words | head -c 100000 > "$F"'],
    ['an empty file', ': > "$F"'],
  ])('cannot make the description file a trap: %s', async (_name, trap) => {
    const command = `F=$AUTORESEARCH_DESCRIPTION_FILE; ${trap}; echo fine`;
    const result = await new AgentPlace().propose('command', 'success', { command });
    expect(result).toEqual({ kind: 'proposal', description: 'fine' });
  });

  it('is told who it is only by its own trial, not by an outer one', async () => {
    const place = new AgentPlace();
    vi.stubEnv('AUTORESEARCH_TRIAL', '77');
    vi.stubEnv('AUTORESEARCH_SPLIT', 'held-out');
    await place.propose('command', 'success');
    expect(place.given.env).toMatchObject({ AUTORESEARCH_TRIAL: '1' });
    expect(place.given.env).not.toHaveProperty('AUTORESEARCH_SPLIT');
  });
});

describe('secrets', () => {
  it('do not reach the reason', async () => {
    vi.stubEnv('MY_API_KEY', 'sk-verysecret-123');
    vi.stubEnv('DB_PASSWORD', 'hunter2hunter2');
    vi.stubEnv('FAKE_AGENT_STDERR', 'the key sk-verysecret-123 and hunter2hunter2 were refused');
    const result = await new AgentPlace().propose('claude', 'exit-1');
    expect(result).toMatchObject({
      reason: 'claude ended with exit code 1: the key [redacted] and [redacted] were refused',
    });
  });

  it('do not reach the description', async () => {
    vi.stubEnv('GITHUB_TOKEN', 'ghp_verysecret');
    vi.stubEnv('FAKE_AGENT_ANSWER', 'DESCRIPTION: use ghp_verysecret for the cache');
    const result = await new AgentPlace().propose('codex', 'success');
    expect(result).toMatchObject({ description: 'use [redacted] for the cache' });
  });
});

describe('calls in a row', () => {
  it('keep a record each', async () => {
    const place = new AgentPlace();
    for (const behaviour of ['success', 'exit-1', 'success']) await place.propose('claude', behaviour);
    const names = readdirSync(place.recordFolder);
    expect(names.filter((name) => /^agent-\d+-\d+\.out$/.test(name))).toHaveLength(3);
    expect(names.filter((name) => /^agent-\d+-\d+\.log$/.test(name))).toHaveLength(3);
  });

  it('wait longer after each failure, up to a minute, and not at all after a success', async () => {
    const place = new AgentPlace();
    const { signal } = new AbortController();
    const proposer = place.proposer('command', 'success', { command: 'exit 1' });
    for (let count = 0; count < 8; count += 1) await proposer.propose(place.context(), signal);
    expect(place.pauses).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);

    const mended = place.proposer('claude', 'exit-1');
    await mended.propose(place.context(), signal);
    vi.stubEnv('FAKE_AGENT', 'success');
    place.pauses.length = 0;
    await mended.propose(place.context(), signal);
    await mended.propose(place.context(), signal);
    expect(place.pauses).toEqual([2_000]);
  });
});

describe('an abort', () => {
  it('ends the agent and everything it started', async () => {
    const place = new AgentPlace();
    const tag = newTag();
    const controller = new AbortController();
    const proposer = place.proposer('command', 'success', { command: `setsid sleep ${tag} & sleep ${tag}` });
    const proposal = proposer.propose(place.context(), controller.signal);
    await until('the agent runs', () => processesWith(tag).length >= 2);
    controller.abort();
    expect(await proposal).toMatchObject({ kind: 'nothing', outcome: 'agent_error', final: false });
    expect(processesWith(tag)).toEqual([]);
    expect(place.pauses).toEqual([]);
  });

  it('interrupts the pause after a failure, and no further call is made', async () => {
    const place = new AgentPlace();
    const controller = new AbortController();
    const options = { preset: 'command', command: 'exit 1', model: null, timeoutMs: 30_000, idleMs: 30_000 } as const;
    const proposer = new AgentProposer(options);
    await proposer.propose(place.context(), controller.signal);
    const pausing = proposer.propose(place.context(), controller.signal);
    controller.abort();
    const first = await Promise.race([pausing, setTimeout(1_000, 'still pausing')]);
    expect(first).toMatchObject({ kind: 'nothing', outcome: 'agent_error' });
    expect(place.processes).toHaveLength(1);
  });
});

describe('one call', () => {
  it('carries a prompt of 200 KiB, unchanged', async () => {
    const place = new AgentPlace();
    const prompt = `Begin.\n${'漢字 "$x" `y` \\ \u2028\n'.repeat(10_000)}`;
    expect(Buffer.byteLength(prompt)).toBeGreaterThan(200 * 1024);
    const result = await callAgent(
      { preset: 'gemini', model: null },
      {
        ...{ prompt, timeoutMs: 30_000, idleMs: 30_000, cwd: place.workspace, mark: newMark() },
        env: baseEnvironment(process.env),
        recordPath: join(place.recordFolder, 'call'),
        onStart: () => undefined,
      },
      new AbortController().signal,
    );
    expect(result).toMatchObject({ kind: 'answered' });
    expect(place.given.stdin === prompt).toBe(true);
  });
});
