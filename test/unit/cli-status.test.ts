import { describe, expect, it } from 'vitest';
import { silentRunner } from '../../src/cli/tell-runner.js';
import { type DoingInput, doingNow } from '../../src/dashboard/doing.js';
import { renderStatus, type StatusReport } from '../../src/dashboard/status.js';
import { displayWidth } from '../../src/dashboard/text-width.js';
import { agoText, clockText } from '../../src/dashboard/when.js';
import { measurementRow, NOW, PLAIN, sessionRow, trialRow, view } from '../helpers/dashboard.js';

const open = trialRow({
  phase: 'measuring',
  number: 43,
  outcome: null,
  verdict: null,
  settledAt: null,
  description: 'cache',
});

function report(changes: Partial<StatusReport> = {}): StatusReport {
  return {
    view: view(),
    runner: { alive: true, pid: 4711, since: NOW - 12_000_000 },
    heartbeatAt: NOW - 1500,
    openTrial: open,
    measurement: measurementRow({ state: 'running', startedAt: NOW - 12_000 }),
    event: null,
    nextNumber: 44,
    session: { row: sessionRow({ crashStreak: 3 }), counts: { kept: 2, discarded: 10, crashed: 3 } },
    standing: {
      commit: 'abcdef1234'.repeat(4),
      branch: { commit: '1234567890'.repeat(4), relation: 'lags', checkedOutAt: '/home/me/work' },
    },
    incumbentRef: 'refs/autoresearch/engineering/api-speed/incumbent',
    branchName: 'autoresearch/engineering/api-speed',
    mergeCommand: 'git -C /home/me/work merge --ff-only refs/autoresearch/engineering/api-speed/incumbent',
    spent: null,
    budget: { usd: null, tokens: null },
    workspace: { kind: 'worktree', path: '/home/me/.cache/autoresearch/0123/engineering/api-speed' },
    ...changes,
  };
}

/** Without the clock of this machine's time zone. */
const text = (changes: Partial<StatusReport> = {}) =>
  renderStatus(report(changes), 'terminal', PLAIN).replace(/\d\d:\d\d:\d\d/g, 'HH:MM:SS');

describe('the status of an experiment', () => {
  it('tells a running one at a glance', () => {
    expect(text()).toMatchInlineSnapshot(`
      "engineering/api-speed   running

        now        trial #0043: measuring the candidate, for 12 s
                   cache
        runner     process 4711, since HH:MM:SS (3 h 20 min), last sign of life 2 s
                   ago
        session    15 trials in 3 h 20 min: 2 kept, 10 discarded, 3 crashed, 42 in
                   all; 3 crashes in a row
        metric     p50_ms, lower is better
        baseline   14.02 ms
        best       12.31 ms   -12.2 % (unverified)   trial 42
        code       abcdef1 on branch autoresearch/engineering/api-speed (which lags
                   behind)
        workspace  /home/me/.cache/autoresearch/0123/engineering/api-speed

      autoresearch/engineering/api-speed is checked out in /home/me/work and lags
      behind the best code. Bring it forward there:
        git -C /home/me/work merge --ff-only refs/autoresearch/engineering/api-speed/incumbent
      "
    `);
  });

  it('warns of a runner that gives no sign of life', () => {
    const silent = text({ heartbeatAt: NOW - 300_000 });
    expect(silent).toContain('silent for 5 min');
    expect(silent).toContain('kill -CONT 4711');
    expect(text()).not.toContain('silent');
  });

  it('wraps colours like the text they belong to', () => {
    const strip = (line: string) => line.replace(/\u001b\[\d+m/g, '');
    const painted = renderStatus(report(), 'terminal', { ...PLAIN, colour: true });
    expect(painted).not.toBe(strip(painted));
    expect(strip(painted)).toBe(renderStatus(report(), 'terminal', PLAIN));
  });

  it('shows foreign text as plain lines within the width', () => {
    const openTrial = { ...open, description: `\u001b]0;title\u0007\u202e${'wide 界 '.repeat(60)}` };
    const rendered = renderStatus(report({ openTrial, mergeCommand: null }), 'terminal', PLAIN);
    expect(rendered).not.toMatch(/[\u001b\u202e\u0007]/);
    for (const line of rendered.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(80);
  });
});

describe('a runner that does not answer', () => {
  const silent = (heartbeatAt: number | null) =>
    silentRunner({ name: 'custom/score', pid: 4711, since: NOW - 7_200_000, heartbeatAt, now: NOW, cause: null });

  it('is named with its last sign of life and what to type', () => {
    const error = silent(NOW - 125_000);
    expect(error.exitCode).toBe(12);
    expect(error.message).toMatch(/^the runner of custom\/score, process 4711, does not answer; .*, 2 min 5 s ago$/);
    expect(error.hint).toContain('kill -CONT 4711');
    expect(error.hint).toContain('kill -KILL 4711');
    expect(silent(null).message).toContain('2 h ago');
  });

  it('is given time while it starts or ends', () => {
    expect(silent(NOW - 1_000)).toMatchObject({ code: 'locked', hint: 'try again in a moment' });
  });
});

describe('what a run is doing', () => {
  const doing = (changes: Partial<DoingInput>) =>
    doingNow({ trial: open, measurement: null, event: null, now: NOW, ...changes }).what;

  it('is told by the phase, the proposer and the side that is measured', () => {
    expect(doing({ trial: null })).toBe('between two trials');
    expect(doing({ trial: { ...open, phase: 'proposing', proposer: 'agent' } })).toBe('the agent works on a proposal');
    expect(doing({ trial: { ...open, phase: 'proposing', proposer: 'watch' } })).toBe('waiting for your change');
    expect(doing({ measurement: measurementRow({ side: 'incumbent' }) })).toBe('measuring the incumbent again');
    expect(doing({ trial: { ...open, kind: 'baseline' }, measurement: measurementRow() })).toBe(
      'measuring the unmodified code',
    );
    expect(doing({ trial: { ...open, phase: 'judged' } })).toBe('recording the verdict');
  });

  it('is told by the newest event where the store does not know', () => {
    expect(doing({ event: { kind: 'measuring', side: 'setup', at: NOW } })).toBe('running setup_cmd');
    expect(doing({ event: { kind: 'measuring', side: 'check', at: NOW } })).toBe('running the checks');
    const waits = { ...open, phase: 'proposing', proposer: 'watch' } as const;
    expect(doing({ trial: waits, event: { kind: 'paused', at: NOW } })).toBe('paused; `resume` goes on');
    const waiting = { kind: 'waiting', reason: 'exit 75', at: NOW - 1000 } as const;
    expect(doing({ event: { ...waiting, untilMs: NOW + 60_000 } })).toMatch(/^waiting until .*: exit 75$/);
    expect(doing({ event: { ...waiting, untilMs: NOW - 1 } })).toBe('between two measurements');
  });
});

describe('moments', () => {
  it('are told by how long ago they were, and never in the future', () => {
    expect(agoText(NOW - 500, NOW)).toBe('just now');
    expect(agoText(NOW + 9000, NOW)).toBe('just now');
    expect(agoText(NOW - 5000, NOW)).toBe('5 s ago');
    expect(agoText(NOW - 12_000_000, NOW)).toBe('3 h 20 min ago');
  });

  it('carry their date when it is another day', () => {
    expect(clockText(NOW, NOW)).toMatch(/^\d\d:\d\d:\d\d$/);
    expect(clockText(NOW - 3 * 86_400_000, NOW)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d$/);
    expect(clockText(Number.NaN, NOW)).toBe('an unknown time');
  });
});
