import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../src/core/events.js';
import { exitCodeOf } from '../../src/loop/stop-rules.js';
import { after, beginning, isBelievable } from '../../src/service/liveness.js';
import { heldBack } from '../../src/service/record.js';
import { takeNotifyAddress } from '../../src/service/watchdog.js';
import type { SessionRow } from '../../src/store/rows.js';

const MINUTE = 60_000;
const PROPOSE_LIMIT = 30 * MINUTE;

/** Plays events at given minutes, and tells the minute from which on the run counts as hung. */
function hungFrom(events: readonly (readonly [number, RunEvent])[], proposeLimitMs = PROPOSE_LIMIT): number {
  let liveness = beginning({ monotonicMs: 0, wallMs: 0 });
  for (const [minute, event] of events) {
    liveness = after(liveness, event, { monotonicMs: minute * MINUTE, wallMs: minute * MINUTE, proposeLimitMs });
  }
  expect(isBelievable(liveness, { monotonicMs: liveness.believableUntilMs, wallMs: 0 })).toBe(true);
  expect(isBelievable(liveness, { monotonicMs: liveness.believableUntilMs + 1, wallMs: 0 })).toBe(
    liveness.believableUntilMs === Number.POSITIVE_INFINITY,
  );
  return liveness.believableUntilMs / MINUTE;
}

const measuring = (minutes: number): RunEvent => ({
  ...{ kind: 'measuring', number: 1, side: 'candidate', description: 'x', limitMs: minutes * MINUTE },
});
const proposing: RunEvent = { kind: 'proposing', number: 1 };
const waiting = (until: number): RunEvent => ({ kind: 'waiting', reason: 'a limit', untilMs: until * MINUTE });

describe('a run is believed to live', () => {
  it('while a measurement is within its hard limit, and a while for what comes after', () => {
    expect(hungFrom([[10, measuring(120)]])).toBe(10 + 120 + 15);
    expect(
      hungFrom([
        [10, measuring(120)],
        [20, { kind: 'measured', side: 'candidate', metric: 1, wallSeconds: 1 }],
      ]),
    ).toBe(35);
  });

  it('while an agent works, and for ever while a person is waited for', () => {
    expect(hungFrom([[1, proposing]])).toBe(1 + 30 + 15);
    expect(hungFrom([[1, proposing]], Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });

  it('while it waits on purpose, and for the rest of the step afterwards', () => {
    expect(
      hungFrom([
        [1, proposing],
        [2, waiting(300)],
      ]),
    ).toBe(300 + 30 + 15);
    expect(
      hungFrom([
        [1, measuring(5)],
        [2, waiting(300)],
        [3, waiting(1)],
      ]),
    ).toBe(3 + 5 + 15);
  });

  it('while it is paused, or others have the machine', () => {
    expect(hungFrom([[1, { kind: 'paused', hint: '' }]])).toBe(Number.POSITIVE_INFINITY);
    expect(hungFrom([[1, { kind: 'turn', owner: '' }]])).toBe(Number.POSITIVE_INFINITY);
    expect(
      hungFrom([
        [1, { kind: 'paused', hint: '' }],
        [500, proposing],
      ]),
    ).toBe(545);
  });

  it('for a while between two trials; words alone prolong nothing', () => {
    expect(hungFrom([])).toBe(15);
    expect(
      hungFrom([
        [3, { kind: 'settled', trialId: 1 }],
        [9, { kind: 'notice', level: 'info', text: 'x' }],
      ]),
    ).toBe(18);
  });
});

describe("the manager's variables", () => {
  it('are taken out of the environment, so that nothing the run starts can speak for it', () => {
    const environment: NodeJS.ProcessEnv = {
      ...{ NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '120000000', WATCHDOG_PID: '42', INVOCATION_ID: 'i' },
      ...{ LISTEN_FDS: '1', LISTEN_PID: '42', PATH: '/bin' },
    };
    expect(takeNotifyAddress(environment, 42)).toEqual({ socket: '/run/notify', watchdogMs: 120_000 });
    expect(environment).toEqual({ PATH: '/bin' });
  });

  it('mean nothing when they were meant for another process, or are not there', () => {
    expect(takeNotifyAddress({ NOTIFY_SOCKET: 's', WATCHDOG_USEC: '5', WATCHDOG_PID: '1' }, 42)?.watchdogMs).toBeNull();
    expect(takeNotifyAddress({ NOTIFY_SOCKET: 's', WATCHDOG_USEC: 'soon' }, 42)?.watchdogMs).toBeNull();
    expect(takeNotifyAddress({ WATCHDOG_USEC: '5' }, 42)).toBeNull();
  });
});

describe('a service start', () => {
  const session = (stopReason: string | null): SessionRow => ({
    ...{ id: 7, startedAt: 0, endedAt: 1, stopReason, stopDetail: 'because', crashStreak: 0, idleStreak: 0 },
    ...{ trials: 3, activeSeconds: 1 },
  });
  const record = { name: 'autoresearch-api', program: [], commonDir: null, forgivenSession: null };

  it.each([null, 'terminated', 'failed', 'trial_done', 'a reason of a newer version'])('goes on after %s', (reason) => {
    expect(heldBack(session(reason), record)).toBeNull();
  });

  it.each([
    ['max_trials', 0],
    ['target_reached', 0],
    ['stopped', 0],
    ['interrupted', 130],
    ['config', 10],
    ['baseline_failed', 13],
    ['crash_streak', 16],
    ['environment_broken', 17],
    ['conflict', 18],
  ] as const)('stays ended after %s, with its exit code', (reason, exitCode) => {
    expect(heldBack(session(reason), record)).toEqual({ reason, detail: 'because', exitCode });
    expect(exitCodeOf(reason)).toBe(exitCode);
  });

  it('goes on when a person started it since, until the next run ends', () => {
    expect(heldBack(session('max_trials'), { ...record, forgivenSession: 7 })).toBeNull();
    expect(heldBack({ ...session('max_trials'), id: 8 }, { ...record, forgivenSession: 7 })).not.toBeNull();
    expect(heldBack(null, null)).toBeNull();
  });
});
