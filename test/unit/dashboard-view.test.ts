import { describe, expect, it } from 'vitest';
import { changeText } from '../../src/dashboard/overview.js';
import { NOW, sessionRow, view } from '../helpers/dashboard.js';

const HOUR_MS = 3_600_000;

describe('the state of an experiment', () => {
  const agedBy = (ms: number) => view({ alive: false, totals: { lastSettledAt: NOW - ms } }).state;

  it('is running while a runner lives, whatever the last result says', () => {
    expect(view({ alive: true, totals: { lastSettledAt: NOW - 99 * HOUR_MS } }).state).toBe('running');
    expect(view({ alive: true, totals: { lastSettledAt: null } }).state).toBe('running');
  });

  it('follows the age of the last result without a runner', () => {
    expect(agedBy(0)).toBe('active');
    expect(agedBy(HOUR_MS - 1)).toBe('active');
    expect(agedBy(HOUR_MS)).toBe('paused');
    expect(agedBy(24 * HOUR_MS - 1)).toBe('paused');
    expect(agedBy(24 * HOUR_MS)).toBe('done');
  });

  it('counts a result from the future, after the clock was set back, as fresh', () => {
    expect(agedBy(-HOUR_MS)).toBe('active');
  });

  it('is idle where nothing was ever measured, also with imported rows', () => {
    expect(view({ alive: false, importedCount: 12, totals: { lastSettledAt: null } }).state).toBe('idle');
  });
});

describe('best and change', () => {
  const change = (
    baselineMetric: number | null,
    incumbentMetric: number | null,
    direction: 'lower' | 'higher' = 'lower',
  ) => view({ direction, totals: { baselineMetric, incumbentMetric } });

  it('compares the incumbent with the baseline', () => {
    expect(change(200, 150)).toMatchObject({ baseline: 200, best: 150, changePercent: -25, improved: true });
    expect(change(200, 150, 'higher')).toMatchObject({ changePercent: -25, improved: false });
  });

  it('keeps the sign of the movement for negative baselines', () => {
    expect(change(-4, -3, 'higher')).toMatchObject({ changePercent: 25, improved: true });
    expect(change(-4, -5, 'lower')).toMatchObject({ changePercent: -25, improved: true });
    expect(change(-4, 4, 'higher')).toMatchObject({ changePercent: 200, improved: true });
  });

  it('has no percentage of zero but still knows better from worse', () => {
    expect(change(0, 3, 'higher')).toMatchObject({ changePercent: null, improved: true });
    expect(change(0, 3, 'lower')).toMatchObject({ changePercent: null, improved: false });
  });

  it('compares nothing across a change of the machine: then a keep tells that it is better', () => {
    const slower = { baselineMetric: 10, incumbentMetric: 12, kept: 3 };
    const changed = view({ totals: slower, machineChanged: true });
    expect(changed).toMatchObject({ changePercent: null, improved: true, machineChanged: true });
    expect(changeText(changed)).toBe('machine changed');
    expect(view({ totals: { ...slower, kept: 0 }, machineChanged: true }).improved).toBe(false);
    expect(view({ totals: slower })).toMatchObject({ changePercent: 20, improved: false, machineChanged: false });
  });

  it('has none where the baseline or the incumbent was not measured', () => {
    expect(change(null, 3)).toMatchObject({ changePercent: null, improved: null });
    expect(change(3, null)).toMatchObject({ changePercent: null, improved: null });
  });
});

describe('signs of life', () => {
  it('takes the newest of result, start and end', () => {
    const endedAt = NOW - 5_000;
    expect(view({ alive: false, session: sessionRow({ endedAt }) }).lastSignAt).toBe(endedAt);
    expect(view().lastSignAt).toBe(NOW - 41_000);
  });

  it('says that a runner died when its session has no end', () => {
    expect(view({ alive: false }).runnerDied).toBe(true);
    expect(view({ alive: true }).runnerDied).toBe(false);
    expect(view({ alive: false, session: sessionRow({ endedAt: NOW }) }).runnerDied).toBe(false);
    expect(view({ alive: false, session: null }).runnerDied).toBe(false);
  });

  it('lets the clock run on during a long trial, but not after the runner is gone', () => {
    const session = sessionRow({ activeSeconds: 10 });
    expect(view({ alive: true, session }).elapsedSeconds).toBe(12_000);
    expect(view({ alive: false, session }).elapsedSeconds).toBe(10);
    expect(view({ session: null }).elapsedSeconds).toBeNull();
  });
});
