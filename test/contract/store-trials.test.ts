import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import {
  begin,
  IDLE,
  intent,
  judgement,
  measure,
  measurementOf,
  settlement,
  temporaryStore,
  walk,
} from '../helpers/store.js';

describe('a trial in the store', () => {
  it('goes through its phases, each on record, and comes back whole', () => {
    const opened = temporaryStore();
    const { store, sessionId } = opened;
    const { id } = begin(opened, { incumbentCommit: 'c0', retryOf: 3 });
    expect(store.openTrial()).toMatchObject({ id, phase: 'proposing', number: null, retryOf: 3, verdict: null });
    store.recordProposerProcess(id, { pid: 7, startTime: '8', bootId: '9' });
    const proposerState = { proposer: 'search', state: { seed: 1 } };
    const ruling = { outcome: 'duplicate', reason: 'the same files as trial 1' } as const;
    store.intendCommit(id, intent(store, { number: 0, ruling, notes: ['left out'], proposerState }));
    expect(store.fact('proposer_state')).toEqual(proposerState);
    expect(store.recordCommit(id, 'c1')).toMatchObject({ phase: 'measuring', candidateCommit: 'c1', attempt: 0 });
    expect(store.beginAttempt(id).attempt).toBe(1);
    measure(opened, { trialId: id, commit: 'c1', metric: 0.1 });
    store.judge(id, judgement({ verdict: 'keep', metric: 0.1, feedback: 'more', crashTail: 'tail' }));
    const settled = store.settle(id, { ...settlement(sessionId), notes: ['a note'] });
    expect(settled).toEqual({
      ...{ id, number: 0, kind: 'trial', phase: 'settled', sessionId, revision: 1, proposer: 'search' },
      ...{ incumbentCommit: 'c0', candidateCommit: 'c1', tree: 't', parentCommit: 'c0', commitEpochSeconds: 1 },
      ...{ commitMessage: 'experiment: x', ruling, description: 'x', attempt: 1, outcome: 'measured', verdict: 'keep' },
      ...{
        reason: 'not better',
        statistics: { gate: 'single' },
        metric: 0.1,
        incumbentMetric: 1,
        insertions: 1,
        holdout: null,
        spending: null,
      },
      ...{ deletions: 2, changedPaths: ['a.js'], notes: ['a note'], feedback: 'more', crashTail: 'tail', retryOf: 3 },
      trace: { mark: 'AUTORESEARCH_MARK_test', identity: { pid: 7, startTime: '8', bootId: '9' } },
      ...{ proposeSeconds: 1.5, startedAt: 1000, settledAt: 2000 },
    });
    expect(store.openTrial()).toBeNull();
    expect(store.trialByNumber(0)).toEqual(settled);
    expect([...store.eachTrial()]).toEqual([settled]);
    expect(store.measurementsOf(id)).toMatchObject([{ state: 'done', metric: 0.1, secondary: { peak_mb: 3.5 } }]);
    expect(store.measuredSeconds([settled])).toEqual(new Map([[id, 0.25]]));
  });

  it('keeps every digit of a metric', () => {
    const opened = temporaryStore();
    for (const metric of [0.1 + 0.2, -Number.MAX_VALUE, 5e-324, 1e21, -0.1]) {
      expect(walk(opened, { outcome: 'measured', verdict: 'discard', metric }).metric).toBe(metric);
    }
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('never stores the metric %s', (metric) => {
    const opened = temporaryStore();
    const { store } = opened;
    const { id } = begin(opened);
    store.intendCommit(id, intent(store));
    store.recordCommit(id, 'c1');
    // SQLite stores NaN as NULL, which a measured measurement may not have.
    expect(() => measure(opened, { trialId: id, commit: 'c1', metric })).toThrow(AppError);
    if (!Number.isNaN(metric)) expect(() => store.judge(id, judgement({ metric }))).toThrow(/CHECK/);
    expect(store.measurementsOf(id)[0]?.state).toBe('running');
  });

  it('has no metric where nothing was measured, and none is missing where something was', () => {
    const opened = temporaryStore();
    const { store } = opened;
    const { id } = begin(opened);
    store.intendCommit(id, intent(store));
    expect(() => store.judge(id, judgement({ outcome: 'crashed', verdict: 'crash', metric: 1 }))).toThrow(/CHECK/);
    const start = { trialId: id, side: 'candidate', commit: 'c', attempt: 1, mark: 'm', now: 0 } as const;
    const measurement = store.beginMeasurement({ ...start, logPath: (own) => `log ${own}` });
    expect(measurement.logPath).toBe(`log ${measurement.id}`);
    const lying = {
      ...measurementOf(measurement.id, { side: 'candidate', commit: 'c', metric: 1 }),
      outcome: 'crashed',
    };
    const process = { containment: 'pid_namespace', swept: 0, machine: IDLE } as const;
    expect(() => store.finishMeasurement({ ...lying, outcome: 'crashed' }, process)).toThrow(/CHECK/);
  });

  it('never changes once it is settled, whoever asks', () => {
    const opened = temporaryStore();
    const { store, path, sessionId } = opened;
    const settled = walk(opened, { outcome: 'measured', verdict: 'discard', metric: 2 });
    store.judge(settled.id, judgement({ verdict: 'keep' }));
    store.settle(settled.id, { ...settlement(sessionId), notes: ['late'] });
    store.recordCommit(settled.id, 'other');
    store.endUncounted(settled.id, {
      ...{ ...settlement(sessionId), outcome: 'interrupted', reason: 'late', description: '' },
    } as const);
    expect(store.trialById(settled.id)).toEqual(settled);
    const raw = new Database(path);
    for (const change of [
      "verdict = 'keep'",
      'metric = 1',
      "description = 'better'",
      'number = 9',
      "phase = 'judged'",
    ]) {
      expect(() => raw.exec(`UPDATE trials SET ${change}`)).toThrow('a settled trial never changes');
    }
    raw.close();
  });

  it('keeps a recorded verdict, outcome and metric until it is settled', () => {
    const opened = temporaryStore();
    const { store, path } = opened;
    const { id } = begin(opened);
    store.intendCommit(id, intent(store));
    store.recordCommit(id, 'c1');
    const judged = store.judge(id, judgement({ verdict: 'discard' }));
    expect(store.judge(id, judgement({ verdict: 'keep' }))).toEqual(judged);
    const raw = new Database(path);
    for (const change of ["verdict = 'keep'", 'verdict = NULL', 'metric = 1', "outcome = 'crashed', metric = NULL"]) {
      expect(() => raw.exec(`UPDATE trials SET ${change}`)).toThrow('a recorded verdict is never rewritten');
    }
    raw.close();
    expect(store.trialById(id)).toEqual(judged);
  });

  it('is the only open one', () => {
    const opened = temporaryStore();
    begin(opened);
    expect(() => begin(opened)).toThrow(/UNIQUE/);
    expect(opened.store.openTrial()?.id).toBe(1);
  });

  it('gives its number back when it does not count, and the next one takes it', () => {
    const opened = temporaryStore();
    const { store, sessionId } = opened;
    walk(opened, { kind: 'baseline', outcome: 'measured', verdict: 'keep', metric: 1 });
    const { id } = begin(opened);
    store.intendCommit(id, intent(store));
    expect(store.trialById(id)?.number).toBe(1);
    const ending = { ...settlement(sessionId), outcome: 'interrupted', reason: 'killed', description: 'd' } as const;
    expect(store.endUncounted(id, ending)).toMatchObject({ number: null, outcome: 'interrupted', description: 'x' });
    expect(store.nextTrialNumber()).toBe(1);
    expect(walk(opened, { outcome: 'crashed', verdict: 'crash' }).number).toBe(1);
    expect(store.nextTrialNumber()).toBe(2);
  });

  it('belongs to the day it began in, also when the clock was ahead then and was set right', () => {
    const opened = temporaryStore();
    for (const now of [999, 1000, 1999, 2000, 9_000_000]) {
      walk(opened, { outcome: 'crashed', verdict: 'crash', now });
    }
    expect(opened.store.trialsBetween(1000, 2000)).toBe(2);
  });

  it('counts its starts, unless it was stopped on purpose', () => {
    const opened = temporaryStore();
    const { store } = opened;
    const { id } = begin(opened);
    expect(store.beginAttempt(id).attempt).toBe(0);
    store.intendCommit(id, intent(store));
    store.recordCommit(id, 'c1');
    store.beginAttempt(id);
    expect(store.beginAttempt(id).attempt).toBe(2);
    measure(opened, { trialId: id, commit: 'c1', metric: 1 });
    store.suspendAttempt(id);
    expect(store.trialById(id)?.attempt).toBe(1);
    expect(store.measurementsOf(id)).toMatchObject([{ state: 'dropped' }]);
    store.suspendAttempt(id);
    store.suspendAttempt(id);
    expect(store.trialById(id)?.attempt).toBe(0);
  });

  it('lists measurements that were under way when the runner died, and a dropped one cannot be finished', () => {
    const opened = temporaryStore();
    const { store } = opened;
    const { id } = begin(opened);
    const start = { trialId: id, side: 'candidate', commit: 'c', attempt: 1, mark: 'mark', now: 5 } as const;
    const measurement = store.beginMeasurement({ ...start, logPath: () => 'log' });
    store.recordMeasurementProcess(measurement.id, { pid: 1, startTime: '2', bootId: '3' });
    const trace = { mark: 'mark', identity: { pid: 1, startTime: '2', bootId: '3' } };
    expect(store.runningMeasurements()).toMatchObject([{ id: measurement.id, trace, startedAt: 5 }]);
    store.dropMeasurements(id);
    expect(store.runningMeasurements()).toEqual([]);
    const late = measurementOf(measurement.id, { side: 'candidate', commit: 'c', metric: 1 });
    store.finishMeasurement(late, { containment: 'pid_namespace', swept: 0, machine: IDLE });
    expect(store.measurementsOf(id)).toMatchObject([{ state: 'dropped', metric: null }]);
  });

  it('is written in one piece with its session and proposer state', () => {
    const opened = temporaryStore();
    const { store, sessionId } = opened;
    const { id } = begin(opened);
    store.intendCommit(id, intent(store));
    store.judge(id, judgement());
    const session = { id: sessionId, crashStreak: 2, idleStreak: 1, trials: 7, activeMs: 1234.6 };
    store.settle(id, { notes: [], session, proposerState: { n: 1 }, now: 9 });
    expect(store.newestSession()).toMatchObject({ crashStreak: 2, idleStreak: 1, trials: 7, activeSeconds: 1.235 });
    expect(store.fact('proposer_state')).toEqual({ n: 1 });
    store.endSession(sessionId, { reason: 'patience', detail: 'why', activeMs: 2000, now: 10 });
    expect(store.newestSession()).toMatchObject({ endedAt: 10, stopReason: 'patience', stopDetail: 'why' });
  });
});
