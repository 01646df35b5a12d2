import type { Experiment } from '../config/experiment.js';
import type { RunEvent } from '../core/events.js';
import { formatExperimentName } from '../core/names.js';
import { formatSeconds, formatValue } from '../core/units.js';
import { readExperiment } from '../dashboard/read-view.js';
import { runSummary } from '../dashboard/summary.js';
import { ExperimentRefs } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import { proposerKind } from '../loop/proposers.js';
import { type RunRequest, type RunResult, runExperiment } from '../loop/run.js';
import { exitCodeOf } from '../loop/stop-rules.js';
import { StopSwitch } from '../loop/stop-switch.js';
import { inhibitSleep } from '../process/inhibit-sleep.js';
import { LiveLine } from './live-line.js';
import { out, styleOf, talk } from './output.js';
import type { RunOptions } from './run.js';
import { announce } from './run-announcement.js';
import { runNotices } from './run-notices.js';
import { show, TrialPrinter } from './run-printer.js';

/** A run in the foreground: the start line, one line per trial, a live line on a terminal, the summary. */
export interface SessionRequest {
  readonly experiment: Experiment;
  readonly repository: Repository;
  readonly options: RunOptions;
  readonly retry: number | null;
  readonly mode?: RunRequest['mode'];
  /** Told what happens, for whoever keeps the run alive. */
  readonly watcher?: RunWatcher;
}

interface RunWatcher {
  ready(): Promise<void>;
  event(event: RunEvent): void;
}

export async function runToEnd(request: SessionRequest): Promise<number> {
  const { experiment, repository, options, retry } = request;
  const mode = request.mode ?? (options.loop ? 'loop' : 'single');
  const stop = new StopSwitch();
  const activity = new Activity(proposerKind(experiment, mode === 'loop' ? 'loop' : 'single') === 'watch');
  const release = listenForSignals(stop, () => (activity.isIdle ? null : longestWait(experiment, mode)));
  const live = new LiveLine(process.stderr);
  if (!options.quiet) await announce(experiment, repository, { loop: options.loop === true, mode });
  const warn = (text: string) => live.print(`warning: ${text}`);
  const notices =
    mode === 'loop' ? runNotices(experiment, repository, { underSystemd: options.service === 'systemd', warn }) : null;
  const isLoop = mode === 'loop' && experiment.settings.loop.inhibitSleep;
  const letSleep = isLoop ? inhibitSleep(`runs ${formatExperimentName(experiment.name)}`) : () => {};
  let result: RunResult;
  try {
    const trials = new TrialPrinter(experiment, repository, live);
    result = await runExperiment({
      experiment,
      repository,
      mode,
      maxExperiments: options.maxExperiments ?? null,
      description: options.description ?? null,
      retry,
      rebaseOnto: options.rebaseOnto ?? null,
      emit: (event) => {
        activity.event(event);
        request.watcher?.event(event);
        notices?.event(event);
        show(event, { live, trials, quiet: options.quiet === true });
      },
      onReady: async () => request.watcher?.ready(),
      stop,
    });
    trials.close();
    await notices?.end(result.stop);
  } catch (error) {
    await notices?.failed(error);
    throw error;
  } finally {
    live.close();
    letSleep();
    release();
  }
  await summarise(request, result);
  return exitCodeOf(result.stop.reason);
}

function longestWait({ settings }: Experiment, mode: RunRequest['mode']): string {
  const measuring = `a measurement takes at most ${formatSeconds(settings.hardLimitMinutes * 60)}`;
  if (settings.proposer.kind !== 'agent' || mode === 'baseline') return measuring;
  return `the agent takes at most ${formatSeconds(settings.agent.timeoutMinutes * 60)}, ${measuring}`;
}

/** Whether anything is under way that a stop would have to wait for. */
class Activity {
  readonly #waitsForPeople: boolean;
  isIdle = false;

  constructor(waitsForPeople: boolean) {
    this.#waitsForPeople = waitsForPeople;
  }

  event({ kind }: RunEvent): void {
    if (kind === 'notice') return;
    this.isIdle = kind === 'paused' || kind === 'waiting' || (kind === 'proposing' && this.#waitsForPeople);
  }
}

/** First Ctrl-C: end after the trial. Second Ctrl-C and SIGTERM: end now. `wait`: how long that takes at most. */
function listenForSignals(stop: StopSwitch, wait: () => string | null): () => void {
  const onInterrupt = () => {
    if (stop.cause === 'interrupted') {
      stop.now('interrupted');
      return;
    }
    stop.afterTrial('interrupted');
    const longest = wait();
    if (longest === null) talk('\nStopping: nothing is under way.');
    else talk(`\nStopping after this trial (${longest}). Ctrl-C again ends it now; nothing is lost either way.`);
  };
  const onTerminate = () => stop.now('terminated');
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate).on('SIGHUP', onTerminate);
  return () => {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate).off('SIGHUP', onTerminate);
  };
}

async function summarise(
  { experiment, repository, mode }: SessionRequest,
  { stop, sessionId, activeSeconds }: RunResult,
): Promise<void> {
  const { view, store } = readExperiment(experiment, repository, Date.now());
  const refs = new ExperimentRefs(repository, experiment.name);
  const [incumbent, head] = await Promise.all([refs.incumbent(), repository.head()]);
  const counts = store?.sessionCounts(sessionId) ?? { kept: 0, discarded: 0, crashed: 0 };
  store?.close();
  if (mode !== 'baseline') {
    out('');
    out(
      runSummary(
        {
          view,
          counts,
          stopReason: stop.reason,
          stopDetail: stop.detail,
          activeSeconds,
          incumbentCommit: incumbent,
          branch: refs.branchName,
          inCheckout: incumbent !== null && (await repository.isAncestor(incumbent, head.commit)),
        },
        styleOf(process.stdout),
      ),
    );
  } else if (stop.reason !== 'trial_done') {
    talk(`autoresearch: ${stop.detail}`);
  }
  if (stop.hint) talk(`  ${stop.hint}`);
  if (view.best !== null && mode === 'baseline') out(`${view.metric}: ${formatValue(view.best)}`);
}
