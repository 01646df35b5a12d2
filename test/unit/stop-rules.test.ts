import { describe, expect, it } from 'vitest';
import { OUTCOMES } from '../../src/core/outcome.js';
import { countOutcome, Session } from '../../src/loop/session.js';
import { exitCodeOf, type StopReason, stopBecause } from '../../src/loop/stop-rules.js';

type StopInput = Parameters<typeof stopBecause>[0];
type Change = Partial<Omit<StopInput, 'limits' | 'counters'>> & {
  limits?: Partial<StopInput['limits']>;
  counters?: Partial<StopInput['counters']>;
};

function stop({ limits, counters, ...state }: Change = {}) {
  return stopBecause({
    activeMs: 0,
    totalTrials: 0,
    sinceKeep: 0,
    metric: 'p50_ms',
    direction: 'lower',
    incumbentMetric: 50,
    spent: { usd: 0, tokens: 0, unknownCosts: 0, unknownTokens: 0, unknownJudgeCosts: 0 },
    ...state,
    counters: { id: 1, crashStreak: 0, idleStreak: 0, trials: 0, ...counters },
    limits: {
      ...{ maxExperiments: null, maxTrials: null, maxHours: null, patience: null, targetValue: null },
      ...{ maxConsecutiveCrashes: 5, maxIdleProposals: 10 },
      ...{ maxCostUsd: null, maxTokens: null, maxCostPerTrialUsd: null },
      ...limits,
    },
  });
}

describe('a run without limits', () => {
  it('goes on, however long it has run', () => {
    expect(stop()).toBeNull();
    expect(stop({ totalTrials: 1e6, sinceKeep: 1e6, activeMs: 1e12, counters: { trials: 1e6 } })).toBeNull();
  });
});

describe('a limit', () => {
  it.each([
    ['max_experiments', { limits: { maxExperiments: 3 } }, (n: number) => ({ counters: { trials: n } }), 3],
    ['max_trials', { limits: { maxTrials: 7 } }, (n: number) => ({ totalTrials: n }), 7],
    ['max_hours', { limits: { maxHours: 0.5 } }, (n: number) => ({ activeMs: n }), 1_800_000],
    ['patience', { limits: { patience: 4 } }, (n: number) => ({ sinceKeep: n }), 4],
    ['crash_streak', { limits: { maxConsecutiveCrashes: 2 } }, (n: number) => ({ counters: { crashStreak: n } }), 2],
    ['proposer_gave_up', { limits: { maxIdleProposals: 2 } }, (n: number) => ({ counters: { idleStreak: n } }), 2],
  ] as const)('%s stops exactly when it is reached', (reason, limit, at, border) => {
    expect(stop({ ...limit, ...at(border - 1) })).toBeNull();
    expect(stop({ ...limit, ...at(border) })?.reason).toBe(reason);
    expect(stop({ ...limit, ...at(border + 1) })?.reason).toBe(reason);
  });

  it.each([
    ['lower', 50, 50, true],
    ['lower', 50, 49.9, true],
    ['lower', 50, 50.1, false],
    ['higher', 50, 50, true],
    ['higher', 50, 50.1, true],
    ['higher', 50, 49.9, false],
    ['lower', 0, 0, true],
    ['lower', -5, -4, false],
    ['lower', 50, null, false],
  ] as const)('target_value: %s, %d wanted, %s there: stops %s', (direction, targetValue, incumbentMetric, stops) => {
    const found = stop({ direction, incumbentMetric, limits: { targetValue } });
    expect(found?.reason ?? null).toBe(stops ? 'target_reached' : null);
  });

  it('says what was reached, with numbers, and what to do where something is to be mended', () => {
    expect(stop({ incumbentMetric: 40, limits: { targetValue: 50 } })?.detail).toBe(
      'the target 50 ms is reached: 40 ms',
    );
    expect(stop({ counters: { trials: 1 }, limits: { maxExperiments: 1 } })?.detail).toBe(
      'one trial was asked for and is done',
    );
    expect(stop({ counters: { crashStreak: 5 } })).toMatchObject({ detail: expect.stringContaining('5 candidates') });
    expect(stop({ counters: { crashStreak: 5 } })?.hint).toContain('autoresearch logs');
    expect(stop({ counters: { idleStreak: 10 } })?.hint).toContain('autoresearch results');
  });

  it('comes after the good news: the target before a streak, a streak before a count', () => {
    const all = {
      counters: { crashStreak: 9, idleStreak: 99, trials: 99 },
      totalTrials: 99,
      sinceKeep: 99,
      activeMs: 1e9,
    };
    const limits = { maxExperiments: 1, maxTrials: 1, maxHours: 1, patience: 1, targetValue: 50 };
    const order: StopReason[] = [];
    const left: { -readonly [K in keyof StopInput['limits']]?: StopInput['limits'][K] } = { ...limits };
    const off: Partial<Record<StopReason, () => void>> = {
      target_reached: () => Object.assign(left, { targetValue: null }),
      crash_streak: () => Object.assign(left, { maxConsecutiveCrashes: 1000 }),
      proposer_gave_up: () => Object.assign(left, { maxIdleProposals: 1000 }),
      max_experiments: () => Object.assign(left, { maxExperiments: null }),
      max_trials: () => Object.assign(left, { maxTrials: null }),
      max_hours: () => Object.assign(left, { maxHours: null }),
      patience: () => Object.assign(left, { patience: null }),
    };
    for (let found = stop({ ...all, limits: left }); found; found = stop({ ...all, limits: left })) {
      order.push(found.reason);
      off[found.reason]?.();
    }
    expect(order).toEqual([
      'target_reached',
      'crash_streak',
      'proposer_gave_up',
      'max_experiments',
      'max_trials',
      'max_hours',
      'patience',
    ]);
  });
});

describe('the exit code of a stop', () => {
  it.each([
    ['trial_done', 0],
    ['max_experiments', 0],
    ['max_trials', 0],
    ['max_hours', 0],
    ['target_reached', 0],
    ['patience', 0],
    ['proposer_finished', 0],
    ['stopped', 0],
    ['proposer_gave_up', 15],
    ['crash_streak', 16],
    ['environment_broken', 17],
    ['baseline_failed', 13],
    ['conflict', 18],
    ['interrupted', 130],
    ['terminated', 143],
    ['config', 10],
    ['repository', 11],
    ['store', 14],
    ['failed', 1],
  ] as const)('of %s is %d', (reason, code) => {
    expect(exitCodeOf(reason)).toBe(code);
  });
});

describe('the counters of a session', () => {
  const before = { id: 1, crashStreak: 2, idleStreak: 3, trials: 7 };

  it.each([
    ['measured', { crashStreak: 0, idleStreak: 0, trials: 8 }],
    ['check_failed', { crashStreak: 0, idleStreak: 0, trials: 8 }],
    ['crashed', { crashStreak: 3, idleStreak: 0, trials: 8 }],
    ['timed_out', { crashStreak: 3, idleStreak: 0, trials: 8 }],
    ['metric_error', { crashStreak: 3, idleStreak: 0, trials: 8 }],
    ['duplicate', { crashStreak: 2, idleStreak: 4, trials: 8 }],
    ['skipped', { crashStreak: 2, idleStreak: 0, trials: 8 }],
    ['no_change', { crashStreak: 2, idleStreak: 4, trials: 7 }],
    ['agent_error', { crashStreak: 2, idleStreak: 4, trials: 7 }],
    ['interrupted', { crashStreak: 2, idleStreak: 3, trials: 7 }],
  ] as const)('after %s', (outcome, after) => {
    expect(countOutcome(before, outcome, 'trial')).toEqual({ id: 1, ...after });
  });

  it('are not moved by a baseline', () => {
    for (const outcome of OUTCOMES) expect(countOutcome(before, outcome, 'baseline')).toEqual(before);
  });

  it('go on with what an earlier runner of the session counted, its time too, but for what it waited', async () => {
    const row = { ...before, startedAt: 0, endedAt: null, stopReason: null, stopDetail: '', activeSeconds: 60 };
    let passed = 1_000_000;
    const session = new Session(row, { counts: true, passedMs: () => passed });
    passed += 5_000;
    expect(session.activeMs).toBe(65_000);
    const wait = session.discount(async () => {
      passed += 3_600_000;
      throw new Error('it was told to end');
    });
    await expect(wait).rejects.toThrow('told to end');
    expect(session.settlement()).toEqual({ ...before, activeMs: 65_000 });
  });
});
