import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import { AgentProposer } from '../../src/propose/agent.js';
import { AgentPlace } from '../helpers/agent.js';
import { newTag, processesWith, until } from '../helpers/process.js';

/** One that prints events, one that prints prose and one of the operator's own; test/contract/model-runner has them all. */
const PRESETS = ['claude', 'aider', 'command'] as const;

const rejection = async (promise: Promise<unknown>): Promise<AppError> => {
  const error = await promise.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof AppError) return error;
  throw error;
};

describe.each(PRESETS)('an agent by preset %s', (preset) => {
  it('gets the prompt on stdin and its description becomes the proposal', async () => {
    const place = new AgentPlace();
    expect(await place.propose(preset, 'success')).toMatchObject({ kind: 'proposal', description: 'halve the loop' });
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
    expect(proposal).toMatchObject({ kind: 'proposal', description: 'written to the file' });
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
    expect(result).toMatchObject({ kind: 'nothing', outcome: 'agent_error', cutShort: true });
    expect(result).toHaveProperty('reason', expect.stringContaining('was silent for 0.4 s'));
  });

  it('that talks for ever is ended at its limit', async () => {
    const result = await new AgentPlace().propose(preset, 'talks-for-ever', { timeoutMs: 1_000 });
    expect(result).toMatchObject({ kind: 'nothing', outcome: 'agent_error' });
    expect(result).toHaveProperty('reason', expect.stringContaining('after its limit of 1.0 s'));
  });

  it('that floods its output is still understood', async () => {
    const place = new AgentPlace();
    expect(await place.propose(preset, 'floods')).toMatchObject({ kind: 'proposal', description: 'halve the loop' });
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

describe('a preset', () => {
  it('is asked with the model as one argument', async () => {
    const place = new AgentPlace();
    await place.propose('claude', 'success', { model: '-odd name' });
    expect(place.given.argv).toContain('--model=-odd name');
    expect(place.given.argv).toContain('acceptEdits');
  });

  it('gets the extra arguments of the operator, but none that the runner relies on', async () => {
    const place = new AgentPlace();
    await place.propose('codex', 'success', { extraArgs: `-c 'model_reasoning_effort="high"' --search` });
    expect(place.given.argv.join(' ')).toContain('-c model_reasoning_effort="high" --search -');
    for (const extraArgs of ['--sandbox danger-full-access', '-sread-only', '--json', '-c sandbox_mode=x', "'open"]) {
      expect(() => place.proposer('codex', 'success', { extraArgs })).toThrow(AppError);
    }
  });

  it('gets no secret but its own and those that the operator names', async () => {
    const place = new AgentPlace();
    for (const name of ['DEPLOY_TOKEN', 'ANTHROPIC_API_KEY', 'STAGING_API_KEY', 'JAVA_HOME'])
      vi.stubEnv(name, 'x1y2z3');
    await place.propose('claude', 'success', { envAllow: ['STAGING_API_KEY'] });
    expect(Object.keys(place.given.env)).toEqual(
      expect.arrayContaining(['ANTHROPIC_API_KEY', 'STAGING_API_KEY', 'JAVA_HOME']),
    );
    expect(place.given.env).not.toHaveProperty('DEPLOY_TOKEN');
  });

  it('that is not installed is something the operator must mend', async () => {
    const place = new AgentPlace();
    vi.stubEnv('PATH', place.workspace);
    const error = await rejection(place.propose('opencode', 'success'));
    expect(error).toMatchObject({ code: 'proposer', message: 'opencode is not on PATH' });
    expect(error.hint).toMatch(/^npm install -g opencode-ai, run `opencode` once to log in/);
  });

  it('tells what the proposal used', async () => {
    const usage = { inputTokens: 10, cachedTokens: 90, cacheWriteTokens: 0, outputTokens: 5, calls: 1 };
    expect(await new AgentPlace().propose('claude', 'success')).toMatchObject({
      ...{ usage, cost: { usd: 0.25, source: 'reported' }, denials: [] },
    });
    expect(await new AgentPlace().propose('codex', 'success')).toMatchObject({
      ...{ usage, cost: { usd: null, source: 'unknown' } },
    });
    expect(await new AgentPlace().propose('codex', 'success', { price: '1/10/0.1' })).toMatchObject({
      cost: { usd: (10 + 9 + 50) / 1e6, source: 'estimated' },
    });
  });

  it('that was denied something says so, in case nothing changes', async () => {
    const place = new AgentPlace();
    const result = await place.propose('claude', 'denied');
    expect(result).toMatchObject({ kind: 'proposal', denials: ['Bash npm test'] });
    expect(result).toHaveProperty(
      'unchangedReason',
      expect.stringMatching(
        /^the agent was denied Bash npm test: that is why nothing happened; see .*agent-\d+-\d+\.out$/,
      ),
    );
  });
});

describe('a failure that is not the agent’s fault', () => {
  it('is waited for when it is a rate limit, and counts as no failure', async () => {
    const now = Date.UTC(2026, 0, 1);
    const place = new AgentPlace();
    const proposer = place.proposer('claude', 'error-in-success', {}, () => now);
    const { signal } = new AbortController();
    const retryAt = now + 125 * 60_000;
    const first = await proposer.propose(place.context(), signal);
    expect(first).toMatchObject({ kind: 'nothing', outcome: 'agent_error', final: false, retryAt });
    expect(first).toHaveProperty(
      'reason',
      expect.stringMatching(/^claude is rate limited: You've hit your session limit/),
    );
    vi.stubEnv('FAKE_AGENT', 'success');
    expect(await proposer.propose(place.context(), signal)).toMatchObject({ kind: 'proposal' });
    await proposer.propose(place.context(), signal);
    expect(place.pauses).toEqual([retryAt - now]);
  });

  it('is confirmed once when only the operator can mend it, then stops the run with the cure', async () => {
    vi.stubEnv('FAKE_AGENT_ERROR', 'Not logged in · Please run /login');
    const place = new AgentPlace();
    const proposer = place.proposer('claude', 'error-in-success');
    const { signal } = new AbortController();
    expect(await proposer.propose(place.context(), signal)).toMatchObject({ outcome: 'agent_error' });
    const error = await rejection(proposer.propose(place.context(), signal));
    expect(error).toMatchObject({ code: 'proposer', hint: expect.stringContaining('run `claude` once and log in') });
    expect(place.pauses).toEqual([60_000]);
  });
});

describe('an agent command', () => {
  it('that says nothing still proposes', async () => {
    const result = await new AgentPlace().propose('command', 'silent');
    expect(result).toMatchObject({ kind: 'proposal', description: 'agent made no description' });
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
    expect(result).toMatchObject({ kind: 'proposal', description: 'fine' });
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
