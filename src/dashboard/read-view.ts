import { statSync } from 'node:fs';
import type { Experiment } from '../config/experiment.js';
import type { Repository } from '../git/repository.js';
import { StateFolder } from '../loop/state-folder.js';
import { isLocked, readOwner } from '../store/lock.js';
import { StoreReader } from '../store/reader.js';
import type { Totals } from '../store/rows.js';
import { type ExperimentView, experimentView } from './experiment-view.js';
import { finalPickOf, isBelowProposal } from './held-out.js';
import { proofOf, UNVERIFIED } from './proof.js';

/** Reads one experiment's store, lock and heartbeat into a view. Works while a runner writes, and when there is none. */
export interface ReadExperiment {
  readonly view: ExperimentView;
  readonly state: StateFolder;
  /** Null before the first run; to be closed by the caller. */
  readonly store: StoreReader | null;
  readonly runner: {
    readonly alive: boolean;
    readonly since: number;
    readonly pid: number;
    readonly socket: string;
  } | null;
  /** Last sign of life of a runner, ms since 1970; null when none ever lived. */
  readonly heartbeatAt: number | null;
}

const NO_TOTALS: Totals = {
  trials: 0,
  kept: 0,
  discarded: 0,
  crashed: 0,
  uncounted: 0,
  baselineMetric: null,
  incumbentMetric: null,
  incumbentTrial: null,
  sinceKeep: 0,
  lastSettledAt: null,
};

export function readExperiment(experiment: Experiment, repository: Repository, now: number): ReadExperiment {
  const state = new StateFolder(repository.commonDir, experiment.name);
  const owner = readOwner(state.path);
  const alive = isLocked(state.path);
  const runner = owner ? { alive, since: owner.since, pid: owner.pid, socket: owner.socket } : null;
  const touched = statSync(state.heartbeat, { throwIfNoEntry: false })?.mtimeMs;
  const heartbeatAt = touched === undefined ? null : Math.round(touched);
  const store = StoreReader.open(state.store);
  try {
    const revision = store?.newestRevision() ?? null;
    const imported = store?.fact('imported');
    const view = experimentView({
      name: experiment.name,
      metric: revision?.metric ?? experiment.settings.metric,
      direction: revision?.direction ?? experiment.settings.metricDirection,
      totals: store?.totals() ?? NO_TOTALS,
      session: store?.newestSession() ?? null,
      runner,
      heartbeatAt,
      machineChanged: store !== null && changedSinceBaseline(store),
      proof: store ? proofOf(store) : UNVERIFIED,
      final: store && !isBelowProposal(process.env) ? finalPickOf(store) : null,
      importedCount: typeof imported === 'number' ? imported : 0,
      now,
    });
    return { view, state, store, runner, heartbeatAt };
  } catch (error) {
    store?.close();
    throw error;
  }
}

function changedSinceBaseline(store: StoreReader): boolean {
  const kept = store.incumbentTrial();
  return kept !== null && store.epochs(kept.revision).some(({ trialId }) => trialId <= kept.id);
}
