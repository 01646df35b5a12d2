/** The first measurement of a new experiment: shown as it happens, or, for programs, as a value at the end. */

import type { Experiment } from '../config/experiment.js';
import { AppError } from '../core/errors.js';
import { noisePercent } from '../core/statistics.js';
import { oneLine } from '../core/text.js';
import type { Repository } from '../git/repository.js';
import { talk } from './output.js';

export interface Baseline {
  readonly metric: string;
  readonly value: number;
  /** The single measurements. */
  readonly values: readonly number[];
  /** Standard deviation in percent of the median; null when it cannot be told. */
  readonly noisePercent: number | null;
  readonly seconds: number | null;
  readonly commit: string;
}

/** Shows what happens. Resolves to the exit code: 0, 13 when the unmodified code cannot be measured, 130, 143. */
export async function measureAloud(experiment: Experiment, repository: Repository): Promise<number> {
  const { runToEnd } = await import('./run-session.js');
  return runToEnd({ experiment, repository, options: { quiet: false }, retry: null, mode: 'baseline' });
}

/** Prints warnings only, to stderr. @throws AppError baseline (or what else stopped it) with what to mend, and the warnings. */
export async function measureQuietly(experiment: Experiment, repository: Repository): Promise<number> {
  const { runExperiment } = await import('../loop/run.js');
  const { StopSwitch } = await import('../loop/stop-switch.js');
  const { exitCodeOf } = await import('../loop/stop-rules.js');
  const stop = new StopSwitch();
  const onInterrupt = () => stop.now('interrupted');
  const onTerminate = () => stop.now('terminated');
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate);
  const warnings: string[] = [];
  try {
    const result = await runExperiment({
      experiment,
      repository,
      mode: 'baseline',
      maxExperiments: null,
      description: null,
      retry: null,
      rebaseOnto: null,
      emit: (event) => {
        if (event.kind === 'notice' && event.level === 'warning') warnings.push(`warning: ${oneLine(event.text, 600)}`);
      },
      stop,
    });
    const { reason, detail, hint } = result.stop;
    if (reason === 'baseline_failed') throw new AppError('baseline', detail, { hint: hint ?? 'see the log' });
    for (const warning of warnings) talk(warning);
    return exitCodeOf(reason);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // A program reads the error as one JSON document: the warnings are part of it.
    throw new AppError(error.code, error.message, { hint: [error.hint, ...warnings].join('\n'), cause: error });
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate);
  }
}

/** The baseline on record; null when there is none. */
export async function readBaseline(experiment: Experiment, repository: Repository): Promise<Baseline | null> {
  const { StoreReader } = await import('../store/reader.js');
  const { StateFolder } = await import('../loop/state-folder.js');
  const { noiseKey, readNoise } = await import('../loop/context.js');
  const store = StoreReader.open(new StateFolder(repository.commonDir, experiment.name).store);
  if (!store) return null;
  try {
    const revision = store.newestRevision();
    const trial = revision && store.baseline(revision.revision);
    if (!trial || trial.metric === null) return null;
    const { values } = readNoise(store.fact(noiseKey(revision.revision)));
    return {
      metric: revision.metric,
      value: trial.metric,
      values,
      noisePercent: values.length > 1 ? noisePercent(values) : null,
      seconds: store.measuredSeconds([trial]).get(trial.id) ?? null,
      commit: trial.incumbentCommit,
    };
  } finally {
    store.close();
  }
}
