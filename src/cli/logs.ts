import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Experiment } from '../config/experiment.js';
import { AppError, errnoOf } from '../core/errors.js';
import { formatExperimentName } from '../core/names.js';
import { plainLines } from '../core/text.js';
import { trialName } from '../dashboard/doing.js';
import { jsonDocument } from '../dashboard/formats.js';
import { isBelowProposal } from '../dashboard/held-out.js';
import type { StateFolder } from '../loop/state-folder.js';
import type { StoreReader } from '../store/reader.js';
import type { MeasurementRow, TrialRow } from '../store/rows.js';
import { followLogs } from './follow.js';
import type { LogsOptions } from './inspect.js';
import { heading, type LogTitle, LogWriter } from './log-writer.js';
import { out, talk } from './output.js';
import { openExperiment } from './place.js';
import { readLastLines } from './tail.js';
import { type OpenedStore, openStore, requireTrial } from './trials.js';

/** `logs`: the end of what a measurement, an agent or the runner printed. Foreign bytes stay bytes in a pipe. */
/** Attempts looked at for the newest measurement or the newest words of an agent. */
const LOOK_BACK = 50;

export async function logs(options: LogsOptions): Promise<void> {
  refuseMixed(options);
  const { experiment, repository } = await openExperiment(options.experiment, options);
  refuseHeldOut(experiment, options);
  const opened = openStore(experiment, repository);
  const find = () => sourcesOf(opened, options);
  try {
    if (options.json) {
      out(await jsonOf(formatExperimentName(experiment.name), find(), options.lines));
    } else if (options.follow) {
      await followLogs(find, options.lines);
    } else {
      await printEnds(find(), options);
    }
  } finally {
    opened.store.close();
  }
}

function refuseMixed({ agent, daemon, trial, follow, json }: LogsOptions): void {
  const problem =
    agent && daemon
      ? '--agent and --daemon are two different logs'
      : daemon && trial !== undefined
        ? '--daemon is one log for all trials'
        : follow && json
          ? '--follow never ends, so it cannot be one JSON document'
          : null;
  if (problem) throw new AppError('usage', problem, { hint: 'leave one of them away; see `autoresearch logs --help`' });
}

/** A log tells what is held out: a proposal that looks around is not shown it. */
function refuseHeldOut({ settings }: Experiment, { agent }: LogsOptions): void {
  if (settings.holdout === null || agent || !isBelowProposal(process.env)) return;
  throw new AppError('usage', 'the logs of this experiment are not shown inside a proposal', {
    hint: 'the end of a failed output is in the prompt',
  });
}

/** The logs that were asked for, oldest first. */
function sourcesOf({ store, state }: OpenedStore, options: LogsOptions): LogTitle[] {
  if (options.daemon) return [{ title: 'the runner', path: state.daemonLog }];
  const trials = options.trial === undefined ? newestTrials(store) : [requireTrial(store, options.trial)];
  for (const trial of trials) {
    const found = options.agent ? agentLogs(store, state, trial) : measurementLogs(store, state, trial);
    if (found.length === 0) continue;
    return options.trial === undefined && !options.agent ? found.slice(-1) : found;
  }
  return [];
}

/** Newest first, the open one before all. */
function newestTrials(store: StoreReader): TrialRow[] {
  const open = store.openTrial();
  return [...(open ? [open] : []), ...store.recentTrials({ limit: LOOK_BACK }).reverse()];
}

function measurementLogs(store: StoreReader, state: StateFolder, trial: TrialRow): LogTitle[] {
  return store.measurementsOf(trial.id).map((measurement) => ({
    title: `${titleOf(store, trial)}, ${measurement.side}, ${endOf(measurement)}`,
    // A repository that was moved or copied has its logs where its store is.
    path: existsSync(measurement.logPath) ? measurement.logPath : state.measurementLog(trial.id, measurement.id),
  }));
}

function endOf({ state, outcome }: MeasurementRow): string {
  if (state !== 'done') return state;
  return (outcome ?? state).replaceAll('_', ' ');
}

function titleOf(store: StoreReader, trial: TrialRow): string {
  if (trial.phase === 'settled' && trial.number === null && trial.kind === 'trial') return 'an uncounted attempt';
  return trialName(trial, store.nextTrialNumber());
}

/** What an agent printed: `agent-<pid>-<call>.log` (its stderr) and `.out` (its stdout), in the order of their ends. */
function agentLogs(store: StoreReader, state: StateFolder, trial: TrialRow): LogTitle[] {
  // Those of older trials lie in the trial's folder itself.
  return (
    [state.proposal(trial.id), state.trial(trial.id)]
      .flatMap((folder) => filesIn(folder).map((name) => ({ name, path: join(folder, name) })))
      .filter(({ name }) => /^agent-.*\.(?:log|out)$/.test(name))
      .map(({ name, path }) => ({ name, path, stat: lstatSync(path, { throwIfNoEntry: false }) }))
      // An agent can leave anything under these names: a link could lead elsewhere, a pipe never ends.
      .filter(({ stat }) => stat?.isFile() && stat.size > 0)
      .sort((a, b) => (a.stat?.mtimeMs ?? 0) - (b.stat?.mtimeMs ?? 0))
      .map(({ name, path }) => ({
        title: `${titleOf(store, trial)}, ${trial.proposer}'s ${name.endsWith('.out') ? 'stdout' : 'stderr'}`,
        path,
      }))
  );
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function printEnds(sources: readonly LogTitle[], options: LogsOptions): Promise<void> {
  if (sources.length === 0) throw nothingToShow(options);
  for (const source of sources) {
    const writer = new LogWriter();
    talk(heading(source));
    const end = await readLastLines(source.path, options.lines);
    if (end === null) talk('(this log is gone: logs of old trials are removed, see [retention] in config.cfg)');
    else writer.write(end);
    writer.end();
  }
}

function nothingToShow({ agent, trial }: LogsOptions): AppError {
  const whose = trial === undefined ? '' : ` of trial ${trial}`;
  const what = agent ? `no agent left a transcript${whose}` : `nothing was measured yet${whose}`;
  return new AppError('usage', what, {
    hint: trial === undefined ? 'autoresearch status' : `autoresearch show ${trial}`,
  });
}

async function jsonOf(experiment: string, sources: readonly LogTitle[], lines: number): Promise<string> {
  const logs = [];
  for (const { title, path } of sources) {
    const end = await readLastLines(path, lines);
    logs.push({ title, path, text: end === null ? null : plainLines(end.toString('utf8')) });
  }
  return jsonDocument({ experiment, logs });
}
