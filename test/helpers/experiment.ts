/**
 * A repository with an experiment and a store filled through the store's own steps, commits and refs included: what a
 * run leaves behind, without running anything.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Measurement } from '../../src/core/measurement.js';
import { OUTCOME_RULES, type Outcome, type Verdict } from '../../src/core/outcome.js';
import { StateFolder } from '../../src/loop/state-folder.js';
import { openRaw } from '../../src/store/database.js';
import { Store } from '../../src/store/store.js';
import { runGit, type TemporaryRepository, temporaryRepository } from './git.js';

const EXPERIMENT = { domain: 'engineering', name: 'api-speed' } as const;
const LABEL = 'engineering/api-speed';
const START = Date.UTC(2026, 10, 3, 8, 0, 0);

export interface SampleTrial {
  readonly description: string;
  readonly outcome?: Outcome;
  readonly verdict?: Verdict | null;
  readonly metric?: number;
  readonly reason?: string;
  /** Files of the candidate, against the incumbent. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the evaluator printed. */
  readonly log?: string | Buffer;
}

export interface SampleOptions {
  readonly config?: string;
  readonly files?: Record<string, string>;
}

const CONFIG = 'target = src/*\nevaluate_cmd = node bench.js\nmetric = p50_ms\nmetric_direction = lower\n';

export class SampleExperiment {
  readonly repository: TemporaryRepository;
  readonly state: StateFolder;
  readonly store: Store;
  readonly #sessionId: number;
  #incumbent: string;
  #incumbentMetric: number;
  #now = START;

  /** A baseline of 100 ms at HEAD, measured; no trials. The store stays open for writing. */
  constructor(options: SampleOptions = {}) {
    this.repository = temporaryRepository({
      files: { 'src/a.js': 'let a = 1;\n', 'bench.js': 'console.log("p50_ms: 1");\n', ...options.files },
    });
    this.repository.write(`.autoresearch/${LABEL}/config.cfg`, options.config ?? CONFIG);
    this.repository.commit('an experiment');
    this.state = new StateFolder(join(this.repository.path, '.git'), EXPERIMENT);
    mkdirSync(this.state.path, { recursive: true });
    this.store = Store.create(this.state.store);
    this.store.addRevision({ hash: 'h', metric: 'p50_ms', direction: 'lower', now: this.#now });
    this.#sessionId = this.store.beginSession(this.#now).id;
    this.#incumbent = this.repository.head();
    this.#incumbentMetric = 100;
    this.repository.git('update-ref', 'refs/autoresearch/engineering/api-speed/incumbent', this.#incumbent);
    this.repository.git('branch', `autoresearch/${LABEL}`, this.#incumbent);
    this.#run({ description: '', metric: 100, verdict: 'keep', reason: 'measured twice' }, 'baseline');
  }

  get incumbent(): string {
    return this.#incumbent;
  }

  /** A settled trial. Returns its candidate commit, or null for an attempt that does not count. */
  trial(trial: SampleTrial): string | null {
    return this.#run(trial, 'trial');
  }

  /** A trial that is being measured; the log is what the evaluator has printed so far. */
  openTrial(description: string, log = ''): { trialId: number; measurementId: number; logPath: string } {
    const { id, number } = this.#propose({ description, files: { 'src/a.js': `let a = ${this.#now};\n` } }, 'trial');
    this.store.recordCommit(id, this.#commitOf(number));
    this.store.beginAttempt(id);
    const measurement = this.beginMeasurement(id, log);
    return { trialId: id, ...measurement };
  }

  beginMeasurement(trialId: number, log: string | Buffer): { measurementId: number; logPath: string } {
    mkdirSync(this.state.trial(trialId), { recursive: true });
    const commit = this.store.trialById(trialId)?.candidateCommit ?? this.#incumbent;
    const { id, logPath } = this.store.beginMeasurement({
      trialId,
      attempt: 1,
      side: 'candidate',
      commit,
      logPath: (measurementId) => this.state.measurementLog(trialId, measurementId),
      mark: 'AUTORESEARCH_MARK_0',
      now: this.#tick(),
    });
    writeFileSync(logPath, log);
    return { measurementId: id, logPath };
  }

  endSession(reason = 'max_experiments', detail = '2 trials were asked for and are done'): void {
    this.store.endSession(this.#sessionId, { reason, detail, activeMs: 60_000, now: this.#tick() });
  }

  /** Brings the branch to the incumbent, as a run does where nobody has it checked out. */
  moveBranch(): void {
    this.repository.git('update-ref', `refs/heads/autoresearch/${LABEL}`, this.#incumbent);
  }

  /** Closes the store, so that its file alone is whole. */
  close(): void {
    this.store.close();
  }

  #run(trial: SampleTrial, kind: 'baseline' | 'trial'): string | null {
    const outcome = trial.outcome ?? 'measured';
    const counts = kind === 'baseline' || OUTCOME_RULES[outcome].counts;
    const settlement = {
      notes: [],
      session: { id: this.#sessionId, crashStreak: 0, idleStreak: 0, trials: 0, activeMs: this.#now - START },
      proposerState: undefined,
    };
    if (!counts) {
      const { id } = this.#begin(kind);
      const reason = trial.reason ?? 'it changed nothing';
      const description = trial.description;
      this.store.endUncounted(id, { ...settlement, outcome, reason, description, now: this.#tick() });
      return null;
    }
    const { id, number } = this.#propose(trial, kind);
    const candidate = this.#commitOf(number);
    this.store.recordCommit(id, candidate);
    this.store.beginAttempt(id);
    const metric = outcome === 'measured' ? (trial.metric ?? null) : null;
    const { measurementId, logPath } = this.beginMeasurement(id, trial.log ?? `p50_ms: ${metric}\n`);
    this.store.finishMeasurement(finished({ id: measurementId, commit: candidate, metric, outcome, logPath }), {
      containment: 'pid_namespace',
      swept: 0,
      machine: { loadAverage: 0, cpuMhz: 2400, otherCores: 0, sleptMs: 0 },
    });
    const verdict = trial.verdict ?? 'discard';
    this.store.judge(id, {
      outcome,
      verdict,
      reason: trial.reason ?? 'because the gate said so',
      statistics: { delta: 1 },
      metric,
      incumbentMetric: kind === 'baseline' ? null : this.#incumbentMetric,
      feedback: null,
      crashTail: verdict === 'crash' ? 'Error: boom' : null,
    });
    if (verdict === 'keep' && kind === 'trial') {
      this.#incumbent = candidate;
      this.repository.git('update-ref', 'refs/autoresearch/engineering/api-speed/incumbent', candidate);
    }
    if (verdict === 'keep' && metric !== null) this.#incumbentMetric = metric;
    this.store.settle(id, { ...settlement, now: this.#tick() });
    return candidate;
  }

  #begin(kind: 'baseline' | 'trial') {
    return this.store.beginTrial({
      kind,
      sessionId: this.#sessionId,
      revision: 1,
      proposer: 'agent',
      incumbentCommit: this.#incumbent,
      mark: 'AUTORESEARCH_MARK_0',
      retryOf: null,
      now: this.#tick(),
    });
  }

  #propose(trial: SampleTrial, kind: 'baseline' | 'trial'): { id: number; number: number } {
    const { id } = this.#begin(kind);
    const number = this.store.nextTrialNumber();
    const commit = kind === 'baseline' ? this.#incumbent : this.#candidate(trial, number);
    this.repository.git('update-ref', `refs/autoresearch/engineering/api-speed/trials/${number}`, commit);
    this.store.intendCommit(id, {
      number,
      tree: this.repository.git('rev-parse', `${commit}^{tree}`),
      parent: this.#incumbent,
      epochSeconds: this.#now / 1000,
      message: `experiment: ${trial.description}\n`,
      existingCommit: null,
      ruling: null,
      description: trial.description,
      changedPaths: Object.keys(trial.files ?? {}),
      insertions: 1,
      deletions: 1,
      notes: [],
      proposeMs: 1000,
      proposerState: undefined,
    });
    return { id, number };
  }

  /** Commits the trial's files on top of the incumbent without touching the working copy. */
  #candidate(trial: SampleTrial, number: number): string {
    const index = join(this.state.path, `index-${number}`);
    const git = (args: readonly string[]) => runGit(this.repository.path, args, { GIT_INDEX_FILE: index });
    git(['read-tree', this.#incumbent]);
    const files = trial.files ?? { 'src/a.js': `let a = ${number + 1};\n` };
    for (const [path, content] of Object.entries(files)) {
      const scratch = join(this.state.path, 'scratch');
      writeFileSync(scratch, content);
      const blob = git(['hash-object', '-w', scratch]);
      git(['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`]);
    }
    const tree = git(['write-tree']);
    return git(['commit-tree', tree, '-p', this.#incumbent, '-m', `experiment: ${trial.description}`]);
  }

  #commitOf(number: number): string {
    return this.repository.git('rev-parse', `refs/autoresearch/engineering/api-speed/trials/${number}`);
  }

  #tick(): number {
    this.#now += 1000;
    return this.#now;
  }
}

function finished(known: {
  id: number;
  commit: string;
  metric: number | null;
  outcome: Outcome;
  logPath: string;
}): Measurement {
  const outcome = known.outcome === 'measured' || known.outcome === 'timed_out' ? known.outcome : 'crashed';
  return {
    ...{ id: known.id, side: 'candidate', commit: known.commit, logPath: known.logPath },
    ...{ outcome, metric: known.metric, secondary: {}, reason: outcome === 'measured' ? '' : 'exit code 1' },
    ...{ feedback: null, items: [], wallSeconds: 8.2, cpuSeconds: 7.9, peakMemoryBytes: 87_654_321 },
    ...{ exitCode: outcome === 'measured' ? 0 : 1, signal: null },
  };
}

/** Many settled trials at once, written past the store's steps: for the shape of long histories only. */
export function fillWithTrials({ state, store, incumbent }: SampleExperiment, count: number): void {
  const first = store.nextTrialNumber();
  const database = openRaw(state.store, {});
  const insert = database.prepare(
    `INSERT INTO trials (number, kind, phase, session_id, revision, proposer, incumbent_commit, candidate_commit, tree,
       description, attempt, outcome, verdict, reason, statistics, metric, incumbent_metric, changed_paths, mark,
       started_at, settled_at)
     VALUES (?, 'trial', 'settled', 1, 1, 'search', ?, ?, ?, ?, 1, 'measured', ?, 'slower', '{"delta":1}', ?, 100,
       '["src/a.js"]', '', ?, ?)`,
  );
  const measure = database.prepare(
    `INSERT INTO measurements (trial_id, attempt, side, commit_id, state, outcome, metric, wall_seconds, log_path, mark,
       started_at)
     VALUES (?, 1, 'candidate', ?, 'done', 'measured', ?, 1.5, '/nowhere', '', ?)`,
  );
  database.transaction(() => {
    for (let number = first; number < first + count; number += 1) {
      const value = 100 + Math.sin(number) * 5;
      const at = START + number * 1000;
      const commit = number.toString(16).padStart(40, '0');
      const verdict = number % 1000 === 1 ? 'keep' : 'discard';
      const { lastInsertRowid } = insert.run(
        ...[number, incumbent, commit, commit, `idea ${number}`, verdict, value, at, at],
      );
      measure.run(lastInsertRowid, commit, value, at);
    }
  })();
  database.close();
}
