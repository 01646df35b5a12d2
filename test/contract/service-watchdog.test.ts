import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Watchdog } from '../../src/service/watchdog.js';
import { temporaryFolder } from '../helpers/git.js';
import { until } from '../helpers/process.js';

/** A watchdog whose beats are the test's, and a `systemd-notify` that writes down what it is told, or fails. */
function listening({ exitCode = 0, proposeLimitMs = 0 } = {}) {
  const folder = temporaryFolder();
  const heard = join(folder, 'heard');
  const program = `#!/bin/sh\nshift\necho "$NOTIFY_SOCKET $*" >> '${heard}'\nexit ${exitCode}\n`;
  writeFileSync(join(folder, 'systemd-notify'), program, { mode: 0o755 });
  vi.stubEnv('PATH', [folder, process.env['PATH']].join(delimiter));
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => {
    vi.unstubAllEnvs();
    vi.useRealTimers();
  });
  const problems: string[] = [];
  const address = { socket: '/run/notify', watchdogMs: 2000 };
  const watchdog = new Watchdog({ address, proposeLimitMs, onProblem: (text) => problems.push(text) });
  const words = () => (existsSync(heard) ? readFileSync(heard, 'utf8').split('\n').slice(0, -1) : []);
  return { watchdog, words, problems };
}

/** Makes a proposal that is overdue as soon as it begins. */
const OVERDUE_MS = -16 * 60_000;

describe('the watchdog', () => {
  it('says that the run is ready, and at each beat what it does', async () => {
    const { watchdog, words } = listening();
    watchdog.event({ kind: 'settled', trialId: 1 });
    await watchdog.ready();
    watchdog.event({ kind: 'paused', hint: '' });
    vi.advanceTimersByTime(1000);
    await watchdog.close();
    vi.advanceTimersByTime(5000);
    expect(words()).toEqual([
      '/run/notify READY=1 STATUS=between two trials',
      '/run/notify WATCHDOG=1 STATUS=paused; 1 settled since the start',
    ]);
  });

  it('is silent about a run that has hung, until it moves again', async () => {
    const { watchdog, words } = listening({ proposeLimitMs: OVERDUE_MS });
    await watchdog.ready();
    watchdog.event({ kind: 'proposing', number: 1 });
    vi.advanceTimersByTime(60_000);
    watchdog.event({ kind: 'settled', trialId: 1 });
    vi.advanceTimersByTime(1000);
    await until('a word', () => words().length > 1);
    await watchdog.close();
    expect(words().slice(1)).toEqual(['/run/notify WATCHDOG=1 STATUS=between two trials; 1 settled since the start']);
  });

  it('never starts a second word while the first is on its way', async () => {
    const { watchdog, words } = listening();
    await watchdog.ready();
    vi.advanceTimersByTime(10_000);
    await watchdog.close();
    expect(words()).toHaveLength(2);
  });

  it('tells once that nobody can be told', async () => {
    const { watchdog, problems } = listening({ exitCode: 1 });
    await watchdog.ready();
    vi.advanceTimersByTime(1000);
    await watchdog.close();
    expect(problems).toHaveLength(1);
  });

  it('does nothing where nobody listens', async () => {
    const { words } = listening();
    const watchdog = new Watchdog({ address: null, proposeLimitMs: 0, onProblem: expect.unreachable });
    await watchdog.ready();
    await watchdog.declined('x');
    await watchdog.close();
    expect(words()).toEqual([]);
  });
});
