import { mkdir, readFile } from 'node:fs/promises';
import { plainLines } from '../core/text.js';
import { globPathspec } from '../git/staging.js';
import type { ProposeContext } from '../propose/types.js';
import type { TrialRow } from '../store/rows.js';
import type { RunContext } from './context.js';
import { toSettledTrial } from './settle.js';

/** What a proposer gets to know: the goal, the incumbent, the newest trials. Nothing held out has a place in it. */
const HISTORY = 40;
const LARGEST_PROGRAM_CHARS = 64_000;

export async function proposeContext(context: RunContext, trial: TrialRow): Promise<ProposeContext> {
  const { store, workspace, repository, experiment, revision, state } = context;
  const totals = store.totals();
  const tracked = await repository.trackedPaths(trial.incumbentCommit, experiment.settings.target.map(globPathspec));
  const recordFolder = state.trial(trial.id);
  await mkdir(recordFolder, { recursive: true });
  return {
    workspace: workspace.path,
    targets: tracked.map(({ path }) => path),
    trial: store.nextTrialNumber(),
    experiment: context.name,
    metric: revision.metric,
    direction: revision.direction,
    timeBudgetMinutes: experiment.settings.timeBudgetMinutes,
    incumbent: { commit: trial.incumbentCommit, metric: totals.incumbentMetric, trial: totals.incumbentTrial },
    baselineMetric: totals.baselineMetric,
    history: store.recentTrials({ limit: HISTORY }).filter(isAttempt).map(toSettledTrial),
    sinceKeep: totals.sinceKeep,
    program: await programText(experiment.programPath),
    recordFolder,
    mark: trial.trace.mark,
    onProcess: (identity) => store.recordProposerProcess(trial.id, identity),
  };
}

/** What was measured for people (verifications, audits, rehearsals) is nothing to learn a change from. */
function isAttempt({ kind }: TrialRow): boolean {
  return kind === 'trial' || kind === 'baseline';
}

async function programText(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return plainLines(text).slice(0, LARGEST_PROGRAM_CHARS);
}
