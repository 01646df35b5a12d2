import { setTimeout as delay } from 'node:timers/promises';
import type { Experiment } from '../config/experiment.js';
import { EXIT_CODES } from '../core/errors.js';
import { quoted } from '../core/text.js';
import { readExperiment } from '../dashboard/read-view.js';
import { renderStatus, type StatusReport } from '../dashboard/status.js';
import { type IncumbentStanding, incumbentStanding } from '../git/incumbent-standing.js';
import { ExperimentRefs } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import { workspacePath } from '../git/worktree-home.js';
import { sandboxText } from '../loop/sandbox.js';
import type { ExperimentOptions } from './inspect.js';
import { isTerminal, out, styleOf } from './output.js';
import { openExperiment } from './place.js';
import { newestEvent } from './runner-event.js';

const CLEAR_SCREEN = '\u001b[H\u001b[2J';

/** `status`: gathers what is known about this moment. Returns the exit code: 0 while it runs, 3 when it does not. */
export async function status(options: ExperimentOptions): Promise<number> {
  const { experiment, repository } = await openExperiment(options.experiment, options);
  const report = await readStatus(experiment, repository, Date.now());
  out(renderStatus(report, options.json ? 'json' : 'terminal', styleOf(process.stdout)));
  return report.runner?.alive ? EXIT_CODES.done : EXIT_CODES.not_running;
}

const WATCH_MS = 2_000;

/** `status --watch`: the same again and again, until Ctrl-C. Returns what `status` would say at the end. */
export async function watchStatus(options: ExperimentOptions): Promise<number> {
  const stop = new AbortController();
  const end = () => stop.abort();
  process.on('SIGINT', end).on('SIGTERM', end);
  const { experiment, repository } = await openExperiment(options.experiment, options);
  try {
    for (;;) {
      const report = await readStatus(experiment, repository, Date.now());
      if (options.json) out(JSON.stringify(JSON.parse(renderStatus(report, 'json', styleOf(process.stdout)))));
      else
        out(
          `${isTerminal(process.stdout) ? CLEAR_SCREEN : ''}${renderStatus(report, 'terminal', styleOf(process.stdout))}`,
        );
      await delay(WATCH_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      if (stop.signal.aborted) return report.runner?.alive ? EXIT_CODES.done : EXIT_CODES.not_running;
    }
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
  }
}

async function readStatus(experiment: Experiment, repository: Repository, now: number): Promise<StatusReport> {
  const refs = new ExperimentRefs(repository, experiment.name);
  const standing = await incumbentStanding(repository, refs);
  const { view, store, runner, heartbeatAt, state } = readExperiment(experiment, repository, now);
  try {
    const session = store?.newestSession() ?? null;
    return {
      view,
      runner,
      heartbeatAt,
      openTrial: store?.openTrial() ?? null,
      measurement: runner?.alive ? (store?.runningMeasurements().at(-1) ?? null) : null,
      event: newestEvent(state.daemonLog),
      nextNumber: store?.nextTrialNumber() ?? 0,
      session: session && store ? { row: session, counts: store.sessionCounts(session.id) } : null,
      standing,
      incumbentRef: refs.incumbentRef,
      branchName: refs.branchName,
      mergeCommand: mergeCommand(standing, { refs, repository }),
      workspace: workspaceOf(experiment, repository),
      sandbox: sandboxText(experiment.settings),
      spent: store?.spent() ?? null,
      budget: { usd: experiment.settings.limits.maxCostUsd, tokens: experiment.settings.limits.maxTokens },
    };
  } finally {
    store?.close();
  }
}

/** A branch that somebody has checked out is theirs to move: this is how. */
function mergeCommand(
  standing: IncumbentStanding | null,
  { refs, repository }: { readonly refs: ExperimentRefs; readonly repository: Repository },
): string | null {
  const branch = standing?.branch;
  if (branch?.relation !== 'lags' || branch.checkedOutAt === null) return null;
  const there = branch.checkedOutAt === repository.root ? '' : ` -C ${quoted(branch.checkedOutAt)}`;
  return `git${there} merge --ff-only ${refs.incumbentRef}`;
}

/** Where a run makes its changes, unless the command line says otherwise. */
export function workspaceOf(experiment: Experiment, repository: Repository): StatusReport['workspace'] {
  const { workspace, proposer } = experiment.settings;
  const byHand = proposer.kind === 'manual' || proposer.kind === 'watch';
  const kind = workspace.kind ?? (byHand ? 'checkout' : 'worktree');
  return { kind, path: kind === 'checkout' ? repository.root : workspacePath(repository, experiment.name) };
}
