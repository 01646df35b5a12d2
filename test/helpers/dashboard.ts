/** Rows of a made-up experiment for the tests of the dashboard: whole rows, each test changes what it is about. */
import type { Direction } from '../../src/core/metric.js';
import { Random } from '../../src/core/random.js';
import { type ExperimentView, experimentView } from '../../src/dashboard/experiment-view.js';
import type { TerminalStyle } from '../../src/dashboard/terminal.js';
import type { MeasurementRow, SessionRow, Totals, TrialRow } from '../../src/store/rows.js';

export const NOW = Date.UTC(2026, 10, 3, 8, 0, 0);
export const PLAIN: TerminalStyle = { width: 80, colour: false, unicode: true };

export function trialRow(changes: Partial<TrialRow> = {}): TrialRow {
  return {
    id: 43,
    number: 42,
    kind: 'trial',
    phase: 'settled',
    sessionId: 1,
    revision: 1,
    proposer: 'agent',
    incumbentCommit: '1'.repeat(40),
    candidateCommit: 'abc1234def'.repeat(4),
    tree: '2'.repeat(40),
    parentCommit: '1'.repeat(40),
    commitEpochSeconds: NOW / 1000,
    commitMessage: 'experiment: cache the compiled route regex',
    ruling: null,
    description: 'cache the compiled route regex',
    attempt: 1,
    outcome: 'measured',
    verdict: 'keep',
    reason: '3.2 % better than the incumbent in 5 of 5 pairs (p = 0.004)',
    statistics: { pairs: 5, sigma: 0.011, t: 4.2, p: 0.004 },
    metric: 12.31,
    incumbentMetric: 12.72,
    holdout: null,
    spending: null,
    insertions: 14,
    deletions: 3,
    changedPaths: ['src/router.ts', 'src/cache.ts'],
    notes: [],
    feedback: null,
    crashTail: null,
    retryOf: null,
    trace: { mark: '', identity: null },
    proposeSeconds: 63,
    startedAt: NOW - 120_000,
    settledAt: NOW - 41_000,
    ...changes,
  };
}

export function measurementRow(changes: Partial<MeasurementRow> = {}): MeasurementRow {
  return {
    id: 7,
    trialId: 43,
    attempt: 1,
    side: 'candidate',
    commit: 'abc1234def'.repeat(4),
    state: 'done',
    outcome: 'measured',
    metric: 12.29,
    secondary: { p95_ms: 19.4 },
    reason: '',
    wallSeconds: 8.2,
    cpuSeconds: 7.9,
    peakMemoryBytes: 87_654_321,
    exitCode: 0,
    signal: null,
    containment: 'pid_namespace',
    swept: 0,
    loadAverage: 0.4,
    cpuMhz: 2400,
    otherCores: 0,
    logPath: '/state/logs/0042-1-candidate-1.log',
    trace: { mark: 'AUTORESEARCH_MARK_0', identity: null },
    startedAt: NOW - 60_000,
    ...changes,
  };
}

function totals(changes: Partial<Totals> = {}): Totals {
  return {
    trials: 42,
    kept: 6,
    discarded: 31,
    crashed: 5,
    uncounted: 0,
    baselineMetric: 14.02,
    incumbentMetric: 12.31,
    incumbentTrial: 42,
    sinceKeep: 0,
    lastSettledAt: NOW - 41_000,
    ...changes,
  };
}

export function sessionRow(changes: Partial<SessionRow> = {}): SessionRow {
  return {
    id: 1,
    startedAt: NOW - 12_000_000,
    endedAt: null,
    stopReason: null,
    stopDetail: '',
    crashStreak: 0,
    idleStreak: 0,
    trials: 42,
    activeSeconds: 11_900,
    ...changes,
  };
}

export interface ViewChanges {
  readonly totals?: Partial<Totals>;
  readonly session?: SessionRow | null;
  readonly alive?: boolean;
  readonly direction?: Direction;
  readonly metric?: string;
  readonly importedCount?: number;
  readonly proof?: ExperimentView['proof'];
  readonly name?: string;
  readonly machineChanged?: boolean;
}

export function view(changes: ViewChanges = {}): ExperimentView {
  return experimentView({
    name: { domain: 'engineering', name: changes.name ?? 'api-speed' },
    metric: changes.metric ?? 'p50_ms',
    direction: changes.direction ?? 'lower',
    totals: totals(changes.totals),
    session: changes.session === undefined ? sessionRow() : changes.session,
    runner: { alive: changes.alive ?? true, since: NOW - 12_000_000 },
    heartbeatAt: null,
    importedCount: changes.importedCount ?? 0,
    proof: changes.proof ?? { kind: 'unverified' },
    machineChanged: changes.machineChanged ?? false,
    now: NOW,
  });
}

const IDEAS = [
  'cache the compiled route regex',
  'reuse one TextEncoder per worker',
  'avoid the spread in the hot path',
  'lazy-load the YAML parser',
  'batch the metrics flush',
  'replace Map by a plain array for small sets',
  'inline the header check',
  'skip validation of responses that were cached',
];

/** A plausible history: a baseline and `count` trials with noise, real gains now and then, and a few crashes. */
export function history(count: number, seed = 7): TrialRow[] {
  const random = new Random(seed);
  let incumbent = 14.02;
  const rows = [
    trialRow({ id: 1, number: 0, kind: 'baseline', description: '', metric: incumbent, incumbentMetric: null }),
  ];
  for (let number = 1; number <= count; number += 1) {
    const luck = random.next();
    const row = { id: number + 1, number, description: random.pick(IDEAS), incumbentMetric: incumbent };
    if (luck < 0.08) {
      const timedOut = random.next() < 0.3;
      rows.push(trialRow({ ...row, outcome: timedOut ? 'timed_out' : 'crashed', verdict: 'crash', metric: null }));
    } else if (luck < 0.18) {
      incumbent *= 0.97 + random.next() * 0.02;
      rows.push(trialRow({ ...row, metric: incumbent }));
    } else {
      const worse = incumbent * (0.99 + random.next() * 0.15 * random.next());
      rows.push(trialRow({ ...row, verdict: 'discard', metric: worse }));
    }
  }
  return rows;
}

/** Reads CSV as RFC 4180 describes it, with LF or CRLF. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  const field = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/gy;
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (match === null) throw new Error(`not CSV at ${field.lastIndex}: ${text.slice(field.lastIndex, 40)}`);
    const [, raw = '', end] = match;
    rows.at(-1)?.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    if (end !== ',' && field.lastIndex < text.length) rows.push([]);
  }
  return rows;
}
