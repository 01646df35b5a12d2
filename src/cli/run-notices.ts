/** Turns what a run tells into notices for its owner. */
import type { Experiment } from '../config/experiment.js';
import { AppError } from '../core/errors.js';
import type { RunEvent } from '../core/events.js';
import { formatExperimentName } from '../core/names.js';
import type { Repository } from '../git/repository.js';
import { StateFolder } from '../loop/state-folder.js';
import type { Stop } from '../loop/stop-rules.js';
import { newBest, noticeOfFailure, noticeOfStop, runnerRestarted } from '../service/notice.js';
import { type Channels, Notifier } from '../service/notifier.js';
import { StoreReader } from '../store/reader.js';
import { talk } from './output.js';

/** Sends a message through every channel. @throws AppError where there is none, or it fails. */
export async function sendTest(experiment: Experiment): Promise<void> {
  const channels = channelsOf(experiment);
  if (channels === null) {
    throw new AppError('config', `${experiment.configPath} names nobody to tell`, {
      hint: 'add to it: [notify] and below it command = ..., webhook = ... or webhook_env = ...',
    });
  }
  const problems: string[] = [];
  const name = formatExperimentName(experiment.name);
  const notifier = new Notifier({ experiment: name, channels, warn: (text) => problems.push(text), retryMs: [] });
  notifier.tell({ event: 'test', at: Date.now(), text: 'a test message: notifications work', details: {} });
  await notifier.close();
  const [problem] = problems;
  if (problem !== undefined) {
    throw new AppError('environment', problem, { hint: `mend [notify] in ${experiment.configPath}, then try again` });
  }
  talk('The test message was delivered.');
}

/** @throws AppError config when the variable that is to hold the address is not set. */
function channelsOf({ settings, configPath }: Experiment): Channels | null {
  const { command, webhook, webhookEnv, events } = settings.notify;
  const held = webhookEnv === null ? null : (process.env[webhookEnv] ?? '');
  if (held !== null && !/^https?:\/\//.test(held)) {
    throw new AppError('config', `${webhookEnv}, which [notify] webhook_env names, holds no http address`, {
      hint: `export it, or for a service: autoresearch service install --env ${webhookEnv}; or mend ${configPath}`,
    });
  }
  const address = held ?? webhook;
  return command === null && address === null ? null : { command, webhook: address, events };
}

export interface RunNotices {
  event(event: RunEvent): void;
  /** Tells the end of the run, and waits a little until it is delivered. */
  end(stop: Stop): Promise<void>;
  /** The same for a run that failed. That somebody else runs the experiment is no news. */
  failed(error: unknown): Promise<void>;
}

/** Null where nobody wants to be told. */
export function runNotices(
  experiment: Experiment,
  repository: Repository,
  { underSystemd, warn }: { underSystemd: boolean; warn: (text: string) => void },
): RunNotices | null {
  const channels = channelsOf(experiment);
  if (channels === null) return null;
  const notifier = new Notifier({ experiment: formatExperimentName(experiment.name), channels, warn });
  const path = new StateFolder(repository.commonDir, experiment.name).store;
  return {
    event: (event) => {
      if (event.kind === 'restarted') notifier.tell(runnerRestarted(Date.now(), { underSystemd }));
      const notice = event.kind === 'settled' ? noticeOfTrial(path, event.trialId) : null;
      if (notice !== null) notifier.tell(notice);
    },
    end: (stop) => {
      notifier.tell(noticeOfStop(stop, Date.now()));
      return notifier.close();
    },
    failed: (error) => {
      if (!(error instanceof AppError) || error.code !== 'locked') notifier.tell(noticeOfFailure(error, Date.now()));
      return notifier.close();
    },
  };
}

function noticeOfTrial(path: string, trialId: number) {
  const store = StoreReader.open(path);
  try {
    const trial = store?.trialById(trialId);
    const metric = store?.newestRevision()?.metric;
    if (!store || !trial || metric === undefined) return null;
    return newBest(trial, { metric, baseline: store.totals().baselineMetric, at: Date.now() });
  } finally {
    store?.close();
  }
}
