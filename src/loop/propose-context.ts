import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { plainLines } from '../core/text.js';
import { globPathspec } from '../git/staging.js';
import type { ProposeContext } from '../propose/types.js';
import type { TrialRow } from '../store/rows.js';
import type { RunContext } from './context.js';
import { PROPOSER_NOTES, readNotes } from './proposer-notes.js';
import { agentSandbox } from './sandbox.js';
import { toSettledTrial } from './settle.js';
import { budgetLeft } from './spending.js';

/** What a proposer gets to know: the goal, the incumbent, the newest trials. Nothing held out has a place in it. */
const HISTORY = 40;
const KEPT = 30;
const NEAR_MISSES = 3;
const GUIDANCE_FILE = 'guidance.md';
const LARGEST_PROGRAM_CHARS = 64_000;

export async function proposeContext(context: RunContext, trial: TrialRow): Promise<ProposeContext> {
  const { store, workspace, repository, experiment, revision, state } = context;
  const totals = store.totals();
  const tracked = await repository.trackedPaths(trial.incumbentCommit, experiment.settings.target.map(globPathspec));
  const recordFolder = state.proposal(trial.id);
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
    history: history(context).map(toSettledTrial),
    budgetUsd: budgetLeft(experiment.settings.limits, store.spent()),
    nearMisses: store.nearMisses({ ...revision, limit: NEAR_MISSES }).map(toSettledTrial),
    notes: readNotes(store.fact(PROPOSER_NOTES)),
    guidance: await programText(join(experiment.folder, GUIDANCE_FILE)),
    sinceKeep: totals.sinceKeep,
    program: await programText(experiment.programPath),
    recordFolder,
    sandbox: experiment.settings.proposer.kind === 'agent' ? await agentSandbox(context, recordFolder) : undefined,
    mark: trial.trace.mark,
    onProcess: (identity) => store.recordProposerProcess(trial.id, identity),
  };
}

/** The newest attempts, and before them the older ones that were kept. */
function history({ store }: RunContext): readonly TrialRow[] {
  const newest = store.recentTrials({ limit: HISTORY }).filter(isAttempt);
  const first = newest[0]?.id ?? 0;
  return [...store.keptTrials(KEPT).filter(({ id }) => id < first), ...newest];
}

/** What was measured for people (verifications, audits, rehearsals) is nothing to learn a change from. */
function isAttempt({ kind }: TrialRow): boolean {
  return kind === 'trial' || kind === 'baseline';
}

async function programText(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return plainLines(text).slice(0, LARGEST_PROGRAM_CHARS);
}
