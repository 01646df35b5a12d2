import type { Experiment } from '../config/experiment.js';
import { AppError } from '../core/errors.js';
import { formatExperimentName } from '../core/names.js';
import type { Repository } from '../git/repository.js';
import { StateFolder } from '../loop/state-folder.js';
import { StoreReader } from '../store/reader.js';
import type { TrialRow } from '../store/rows.js';

/** Opening the store of an experiment that has run, and finding a trial in it by its number. */
export interface OpenedStore {
  readonly store: StoreReader;
  readonly state: StateFolder;
}

/** To be closed by the caller. @throws AppError usage when the experiment has never run. */
export function openStore(experiment: Experiment, repository: Repository): OpenedStore {
  const state = new StateFolder(repository.commonDir, experiment.name);
  const store = StoreReader.open(state.store);
  if (store) return { store, state };
  const name = formatExperimentName(experiment.name);
  throw new AppError('usage', `${name} has never run: there is nothing to look at yet`, {
    hint: `autoresearch run --experiment ${name}`,
  });
}

/** @throws AppError usage that names the numbers there are. */
export function requireTrial(store: StoreReader, number: number): TrialRow {
  const trial = store.trialByNumber(number);
  if (trial) return trial;
  const next = store.nextTrialNumber();
  const there = next === 0 ? 'there is none yet' : next === 1 ? 'there is only trial 0' : `there are 0 to ${next - 1}`;
  throw new AppError('usage', `there is no trial ${number}: ${there}`, {
    hint: next === 0 ? 'autoresearch run' : 'autoresearch results',
  });
}
