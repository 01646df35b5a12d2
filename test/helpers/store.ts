/** A store in a temporary folder, and trials walked through their phases in one call. */
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Measurement } from '../../src/core/measurement.js';
import { OUTCOME_RULES, type Outcome, type Verdict } from '../../src/core/outcome.js';
import type { TrialRow } from '../../src/store/rows.js';
import { Store } from '../../src/store/store.js';
import { temporaryFolder } from './git.js';

type TrialStart = Parameters<Store['beginTrial']>[0];
type CandidateIntent = Parameters<Store['intendCommit']>[1];
type Judgement = Parameters<Store['judge']>[1];

/** A machine on which nothing else ran. */
export const IDLE = { loadAverage: 0, cpuMhz: 2400, otherCores: 0, sleptMs: 0 };

export interface OpenedStore {
  readonly store: Store;
  readonly path: string;
  readonly sessionId: number;
}

/** An empty store with one session and one revision. */
export function temporaryStore(): OpenedStore {
  const path = join(temporaryFolder(), 'state', 'store.sqlite');
  const store = Store.create(path);
  onTestFinished(() => closeQuietly(store));
  addRevision(store);
  return { store, path, sessionId: store.beginSession(0).id };
}

/** A test may have closed it already. */
function closeQuietly(store: Store): void {
  try {
    store.close();
  } catch (error) {
    if (!/not open/.test(String(error))) throw error;
  }
}

export function addRevision(store: Store): number {
  return store.addRevision({ hash: `hash ${Math.random()}`, metric: 'p50_ms', direction: 'lower', now: 0 });
}

export function begin({ store, sessionId }: OpenedStore, more: Partial<TrialStart> = {}): TrialRow {
  return store.beginTrial({
    kind: 'trial',
    sessionId,
    revision: store.newestRevision()?.revision ?? 1,
    proposer: 'search',
    incumbentCommit: 'c0',
    mark: 'AUTORESEARCH_MARK_test',
    retryOf: null,
    now: 1000,
    ...more,
  });
}

export function intent(store: Store, more: Partial<CandidateIntent> = {}): CandidateIntent {
  return {
    number: store.nextTrialNumber(),
    tree: 't',
    parent: 'c0',
    epochSeconds: 1,
    message: 'experiment: x',
    existingCommit: null,
    ruling: null,
    description: 'x',
    changedPaths: ['a.js'],
    insertions: 1,
    deletions: 2,
    notes: [],
    proposeMs: 1500,
    proposerState: undefined,
    ...more,
  };
}

export function judgement(more: Partial<Judgement> = {}): Judgement {
  return {
    outcome: 'measured',
    verdict: 'discard',
    reason: 'not better',
    statistics: { gate: 'single' },
    metric: 2,
    incumbentMetric: 1,
    feedback: null,
    crashTail: null,
    ...more,
  };
}

export function settlement(sessionId: number) {
  const session = { id: sessionId, crashStreak: 0, idleStreak: 0, trials: 0, activeMs: 0 };
  return { notes: [], session, proposerState: undefined, now: 2000 };
}

export interface Walk {
  readonly kind?: TrialRow['kind'];
  readonly outcome: Outcome;
  readonly verdict?: Verdict | null;
  readonly metric?: number | null;
  readonly commit?: string;
  readonly tree?: string;
  readonly incumbentCommit?: string;
  /** False for a baseline that takes no number. */
  readonly numbered?: boolean;
  /** When it began. */
  readonly now?: number;
}

/** From `proposing` to `settled`, with one measurement where there is a metric. */
export function walk(opened: OpenedStore, trial: Walk): TrialRow {
  const { store, sessionId } = opened;
  const { kind = 'trial', commit = 'c1', incumbentCommit = 'c0', metric = null } = trial;
  const { id } = begin(opened, { kind, incumbentCommit, now: trial.now ?? 1000 });
  if (!OUTCOME_RULES[trial.outcome].counts) {
    const { outcome } = trial;
    return store.endUncounted(id, { ...settlement(sessionId), outcome, reason: 'nothing', description: 'd' });
  }
  const number = trial.numbered === false ? null : store.nextTrialNumber();
  store.intendCommit(id, intent(store, { number, tree: trial.tree ?? `tree of ${commit}`, parent: incumbentCommit }));
  store.beginAttempt(store.recordCommit(id, commit).id);
  if (metric !== null) measure(opened, { trialId: id, commit, metric });
  store.judge(id, judgement({ outcome: trial.outcome, verdict: trial.verdict ?? null, metric }));
  return store.settle(id, settlement(sessionId));
}

export function measure(
  { store }: OpenedStore,
  measured: { trialId: number; commit: string; metric: number; side?: Measurement['side'] },
): number {
  const { trialId, commit, metric, side = 'candidate' } = measured;
  const { id } = store.beginMeasurement({
    ...{ trialId, side, commit, attempt: 1, mark: 'm', now: 0 },
    logPath: (measurementId) => `measurement-${measurementId}.log`,
  });
  store.finishMeasurement(measurementOf(id, { side, commit, metric }), {
    containment: 'pid_namespace',
    swept: 0,
    machine: IDLE,
  });
  return id;
}

export function measurementOf(
  id: number,
  { side, commit, metric }: Pick<Measurement, 'side' | 'commit'> & { metric: number | null },
): Measurement {
  return {
    ...{ id, side, commit, metric, outcome: metric === null ? 'crashed' : 'measured', secondary: { peak_mb: 3.5 } },
    ...{ reason: '', feedback: null, items: [], wallSeconds: 0.25, cpuSeconds: null, peakMemoryBytes: 4096 },
    ...{ exitCode: 0, signal: null, logPath: '' },
  };
}
