import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Notice } from '../../src/service/notice.js';
import { messageOf, newBest, noticeOfStop } from '../../src/service/notice.js';
import { type Channels, Notifier } from '../../src/service/notifier.js';
import { trialRow } from '../helpers/dashboard.js';
import { temporaryFolder } from '../helpers/git.js';

const EVENTS = ['new_best', 'stopped'] as const;
const best = (text: string): Notice => ({ event: 'new_best', at: 0, text, details: {} });
const stopped = (text: string): Notice => ({ event: 'stopped', at: 0, text, details: {} });

function notifierTo(channels: Partial<Channels>): { notifier: Notifier; warnings: string[] } {
  const warnings: string[] = [];
  const notifier = new Notifier({
    ...{ experiment: 'a/b', gatherMs: 3_600_000, retryMs: [1, 1, 1], warn: (text: string) => warnings.push(text) },
    channels: { command: null, webhook: null, events: EVENTS, ...channels },
  });
  return { notifier, warnings };
}

/** A loopback server that answers with these codes in turn, then with 200. */
async function webhook(codes: readonly number[] = []): Promise<{ url: string; bodies: { text: string }[] }> {
  const bodies: { text: string }[] = [];
  const left = [...codes];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      bodies.push(JSON.parse(body));
      response.writeHead(left.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path`, bodies };
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

  it('several at once are one message', () => {
    expect(messageOf('a/b', 'host', [best('one'), best('two')])).toMatchObject({
      text: 'autoresearch a/b on host: one\ntwo',
    });
  });
});
