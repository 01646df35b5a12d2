import type { Experiment } from '../config/experiment.js';
import type { RunEvent } from '../core/events.js';
import { formatExperimentName } from '../core/names.js';
import { oneLine } from '../core/text.js';
import { formatSeconds, formatValue } from '../core/units.js';
import { readExperiment } from '../dashboard/read-view.js';
import { runSummary } from '../dashboard/summary.js';
import { trialLine } from '../dashboard/trial-line.js';
import { clockText } from '../dashboard/when.js';
import { ExperimentRefs } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import { workspacePath } from '../git/worktree-home.js';
import { proposerKind } from '../loop/proposers.js';
import { type RunRequest, type RunResult, runExperiment } from '../loop/run.js';
import { sandboxText } from '../loop/sandbox.js';
import { StateFolder } from '../loop/state-folder.js';
import { exitCodeOf } from '../loop/stop-rules.js';
import { StopSwitch } from '../loop/stop-switch.js';
import { ADAPTERS, unenforced } from '../model/adapters/index.js';
import { probeContainment } from '../process/containment.js';
import { inhibitSleep } from '../process/inhibit-sleep.js';
import { shellName } from '../process/shell.js';
import { StoreReader } from '../store/reader.js';
import { agentsOnPath } from './detect/surroundings.js';
import { LiveLine } from './live-line.js';
import { out, styleOf, talk } from './output.js';
import type { RunOptions } from './run.js';
import { runNotices } from './run-notices.js';

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

export async function describeRun(experiment: Experiment, repository: Repository, options: RunOptions): Promise<void> {
  const mode = options.loop ? 'loop' : 'single';
  await announce(experiment, repository, { loop: options.loop === true, mode });
  const { settings } = experiment;
  out(
    [
      `target        ${settings.target.join(', ')}`,
      `evaluate_cmd  ${oneLine(settings.evaluateCmd)}`,
      `metric        ${settings.metric}, ${settings.metricDirection} is better`,
      `state         ${new StateFolder(repository.commonDir, experiment.name).path}`,
      'Nothing was changed (--dry-run).',
    ].join('\n'),
  );
}

interface Announced {
  readonly loop: boolean;
  readonly mode: RunRequest['mode'];
}

async function announce(experiment: Experiment, repository: Repository, options: Announced): Promise<void> {
  const { settings } = experiment;
  const kind = proposerKind(experiment, options.loop ? 'loop' : 'single');
  const budget = formatSeconds(settings.timeBudgetMinutes * 60);
  const limit = formatSeconds(settings.hardLimitMinutes * 60);
  const containment = (await probeContainment()) === 'pid_namespace' ? 'pid namespace' : 'process group';
  const sandbox = sandboxText(settings);
  talk(
    `${formatExperimentName(experiment.name)}: ${settings.metric} (${settings.metricDirection} is better), proposer ${kind}, budget ${budget}, ended by force at ${limit}, ${shellName()} in a ${containment}${sandbox === null ? '' : `, ${sandbox}`}`,
  );
  const byHand = kind === 'watch' || kind === 'manual';
  const workspace = settings.workspace.kind ?? (byHand && options.mode !== 'baseline' ? 'checkout' : 'worktree');
  talk(
    `workspace: ${workspace === 'worktree' ? workspacePath(repository, experiment.name) : `${repository.root} (your checkout)`}`,
  );
  const unkept = unkeptBudget(settings);
  if (kind === 'agent' && unkept !== null) talk(unkept);
  if (options.loop && byHand && !settings.proposer.explicit) talk(nobodyProposes(experiment));
}

/** Which budget the agent itself does not know: it is looked at when the proposal is done. */
function unkeptBudget({ agent, limits }: Experiment['settings']): string | null {
  const isLimited = limits.maxCostPerTrialUsd !== null || limits.maxCostUsd !== null;
  if (!isLimited || agent.preset === null || agent.preset === 'command') return null;
  if (unenforced(ADAPTERS[agent.preset], { usd: 1 }).length === 0) return null;
  return `${agent.preset} cannot keep to a budget while it works: what a proposal cost is looked at afterwards, and one that cost too much is not kept`;
}

function nobodyProposes(experiment: Experiment): string {
  return `Nothing proposes changes here: the loop waits for yours. ${howToHire(experiment)}`;
}

export function howToHire(experiment: Experiment): string {
  const found = agentsOnPath();
  const preset = found[0] ?? 'claude';
  const where = found.length > 0 ? `${found.join(', ')} found on PATH` : 'no agent found on PATH';
  return `To hire an agent (${where}), add to ${experiment.configPath}:
  [proposer]
  kind = agent
  [agent]
  preset = ${preset}`;
}

interface Showing {
  readonly live: LiveLine;
  readonly trials: TrialPrinter;
  readonly quiet: boolean;
}

function show(event: RunEvent, { live, trials, quiet }: Showing): void {
  switch (event.kind) {
    case 'notice':
      if (event.level === 'info' && quiet) return;
      live.print(event.level === 'warning' ? `warning: ${event.text}` : event.text);
      if (event.hint) live.print(`  ${event.hint}`);
      return;
    case 'proposing':
      live.show(`#${pad(event.number)} proposing`);
      return;
    case 'measuring': {
      const what = {
        candidate: 'measuring',
        incumbent: 'measuring the incumbent again',
        sabotage: 'measuring a broken target',
      };
      const text = event.side in what ? what[event.side as keyof typeof what] : event.side;
      live.show(`#${pad(event.number ?? 0)} ${text}  ${oneLine(event.description, 60)}`);
      return;
    }
    case 'measured':
      return;
    case 'settled':
      if (!quiet) trials.print(event.trialId);
      return;
    case 'restarted':
      return;
    case 'turn':
      live.show(`waiting for the machine: ${oneLine(event.owner, 60) || 'another experiment'} measures`);
      return;
    case 'paused':
      live.print(`Paused. Go on: ${event.hint}`);
      live.show('paused');
      return;
    case 'waiting':
      live.show(`waiting until ${clockText(event.untilMs, Date.now())}: ${event.reason}`);
      return;
    case 'stopping':
      live.print(event.reason);
  }
}

function pad(number: number): string {
  return String(number).padStart(4, '0');
}

/** Prints the line of a settled trial, read back from the store: what is shown is what is recorded. */
class TrialPrinter {
  readonly #experiment: Experiment;
  readonly #repository: Repository;
  readonly #live: LiveLine;
  #reader: StoreReader | null = null;

  constructor(experiment: Experiment, repository: Repository, live: LiveLine) {
    this.#experiment = experiment;
    this.#repository = repository;
    this.#live = live;
  }

  print(trialId: number): void {
    this.#reader ??= StoreReader.open(new StateFolder(this.#repository.commonDir, this.#experiment.name).store);
    const trial = this.#reader?.trialById(trialId);
    const revision = this.#reader?.newestRevision();
    if (!this.#reader || !trial || !revision) return;
    const seconds = this.#reader.measuredSeconds([trial]).get(trialId) ?? null;
    const baseline = this.#reader.baseline(revision.revision);
    const like = baseline && baseline.metric !== null ? { value: baseline.metric, seconds: seconds ?? 0 } : undefined;
    const { metric, direction } = revision;
    this.#live.print(
      trialLine(trial, seconds, { metric, direction, style: styleOf(process.stdout), like }),
      process.stdout,
    );
    if (trial.kind === 'baseline' && trial.verdict === 'keep') this.#live.print(`  ${trial.reason}`);
    for (const note of trial.notes) this.#live.print(`  note: ${oneLine(note, 300)}`);
    if (trial.verdict === 'crash' || trial.outcome === 'check_failed')
      this.#live.print(`  ${oneLine(trial.reason, 300)}`);
  }

  close(): void {
    this.#reader?.close();
  }
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
