import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import type { Notice } from '../../src/service/notice.js';
import { messageOf, newBest, noticeOfFailure, noticeOfStop } from '../../src/service/notice.js';
import { type Channels, Notifier } from '../../src/service/notifier.js';
import { trialRow } from '../helpers/dashboard.js';
import { temporaryFolder } from '../helpers/git.js';

const EVENTS = ['new_best', 'stopped'] as const;
const best = (text: string): Notice => ({ event: 'new_best', at: 0, text, details: {} });
const stopped = (text: string): Notice => ({ event: 'stopped', at: 0, text, details: {} });

function notifierTo(given: Partial<Channels> & { lastMs?: number }): { notifier: Notifier; warnings: string[] } {
  const { lastMs = 15_000, ...channels } = given;
  const warnings: string[] = [];
  const notifier = new Notifier({
    ...{ experiment: 'a/b', gatherMs: 3_600_000, retryMs: [1, 1, 1], lastMs },
    warn: (text) => warnings.push(text),
    channels: { command: null, webhook: null, events: EVENTS, ...channels },
  });
  return { notifier, warnings };
}

/** A loopback server that answers with these codes in turn, then with 200. */
async function webhook(
  codes: readonly number[] = [],
): Promise<{ url: string; bodies: { text: string }[]; headers: IncomingHttpHeaders[] }> {
  const bodies: { text: string }[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const left = [...codes];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      bodies.push(JSON.parse(body));
      headers.push(request.headers);
      response.writeHead(left.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path`, bodies, headers };
}

/** A port of this machine that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('a notification', () => {
  it('gathers what can wait, sends what cannot at once and with it what was gathered', async () => {
    const { url, bodies } = await webhook();
    const { notifier, warnings } = notifierTo({ webhook: url });
    notifier.tell(best('one'));
    notifier.tell(best('two'));
    notifier.tell(stopped('the end'));
    await notifier.close();
    expect(bodies).toHaveLength(1);
    expect(bodies[0]).toMatchObject({ experiment: 'a/b', event: 'stopped', schemaVersion: 1 });
    expect(bodies[0]?.text.split('\n').map((line) => line.replace(/^.*: /, ''))).toEqual(['one', 'two', 'the end']);
    expect(warnings).toEqual([]);
  });

  it('is tried again when the other side fails, and is not lost', async () => {
    const { url, bodies } = await webhook([500, 503]);
    const { notifier, warnings } = notifierTo({ webhook: url });
    notifier.tell(stopped('x'));
    await notifier.close();
    expect(bodies).toHaveLength(3);
    expect(warnings).toEqual([]);
  });

  it('that cannot be delivered is reported once, without the address, and the rest goes on', async () => {
    const { notifier, warnings } = notifierTo({ webhook: 'http://127.0.0.1:1/secret-path', command: 'exit 3' });
    notifier.tell(stopped('x'));
    notifier.tell(stopped('y'));
    await notifier.close();
    expect(warnings).toHaveLength(1);
    expect(warnings.join()).not.toContain('secret-path');
  });

  it('says why the address cannot be reached, and never what it is', async () => {
    const { url } = await webhook([302, 302, 302, 302]);
    const gone = await closedPort();
    const addresses = [`http://127.0.0.1:${gone}/secret`, `http://me:secret@127.0.0.1:${gone}/`, url];
    const told: string[] = [];
    for (const address of addresses) {
      const { notifier, warnings } = notifierTo({ webhook: address });
      notifier.tell(stopped('x'));
      await notifier.close();
      told.push(...warnings.map((text) => text.replace('a notification could not be delivered: ', '')));
    }
    expect(told).toEqual([
      'the webhook cannot be reached (ECONNREFUSED)',
      'the webhook cannot be reached (ECONNREFUSED)',
      'the webhook cannot be reached (it points elsewhere)',
    ]);
  });

  it('is sent with the name and password that its address carries', async () => {
    const { url, headers } = await webhook();
    const { notifier, warnings } = notifierTo({ webhook: url.replace('127', 'me:p%40ss@127') });
    notifier.tell(stopped('x'));
    await notifier.close();
    expect(headers[0]?.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
    expect(warnings).toEqual([]);
  });

  it('that hangs does not hold up the end of a run, however many wait behind it', async () => {
    const file = join(temporaryFolder(), 'started');
    const { notifier, warnings } = notifierTo({ command: `echo >> "${file}"\nsleep 1000`, lastMs: 50 });
    for (const text of ['x', 'y', 'z']) notifier.tell(stopped(text));
    await notifier.close();
    expect(readFileSync(file, 'utf8')).toBe('\n');
    expect(warnings).toEqual(['a notification could not be delivered: the command was not done when the run ended']);
  });

  it('goes to a command as JSON on its stdin', async () => {
    const file = join(temporaryFolder(), "it's here");
    const { notifier } = notifierTo({ command: `cat > "${file}"` });
    notifier.tell(stopped('x'));
    await notifier.close();
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ notices: [{ event: 'stopped', text: 'x' }] });
  });

  it('of an event that nobody asked for is not sent', async () => {
    const { url, bodies } = await webhook();
    const { notifier } = notifierTo({ webhook: url, events: ['new_best'] });
    notifier.tell(stopped('x'));
    await notifier.close();
    expect(bodies).toEqual([]);
  });
});

describe('what is told', () => {
  it('of a kept trial: its value, its change and what it was, cut and printable', () => {
    const trial = trialRow({ description: `faster \u001b[31m${'x'.repeat(500)}` });
    const notice = newBest(trial, { metric: 'p50_ms', baseline: 20, at: 0 });
    expect(notice?.text).toMatch(/^new best, trial 42: 12\.31 ms \(-38\.\d % from the baseline, unverified\): faster /);
    expect(notice?.text).not.toContain('\u001b');
    expect(notice?.text.length).toBeLessThan(330);
    expect(newBest(trialRow({ verdict: 'discard' }), { metric: 'p50_ms', baseline: 20, at: 0 })).toBeNull();
  });

  it.each([
    ['target_reached', 'target_reached'],
    ['patience', 'plateau'],
    ['max_hours', 'budget_spent'],
    ['max_cost', 'budget_spent'],
    ['environment_broken', 'stopped'],
  ] as const)('a stop because of %s is the event %s', (reason, event) => {
    expect(noticeOfStop({ reason, detail: 'why', hint: 'do this' }, 0)).toMatchObject({
      event,
      text: expect.stringContaining('do this'),
    });
  });

  it('of a run that failed before it could say so anywhere else: why, and what to do', () => {
    const full = new AppError('store', 'the store failed: disk is full', { hint: 'free some disk space' });
    const text = 'stopped (store): the store failed: disk is full. Next: free some disk space';
    expect(noticeOfFailure(full, 0)).toMatchObject({ event: 'stopped', text, details: { reason: 'store' } });
    expect(noticeOfFailure(new TypeError('a bug'), 0).text).toBe('stopped (failed): a bug.');
  });

  it('several at once are one message', () => {
    expect(messageOf('a/b', 'host', [best('one'), best('two')])).toMatchObject({
      text: 'autoresearch a/b on host: one\ntwo',
    });
  });
});
