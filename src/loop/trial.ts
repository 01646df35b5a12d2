import { AppError } from '../core/errors.js';
import type { TrialRow } from '../store/rows.js';
import { commit, endWithoutCandidate, propose, recordIntent } from './candidate.js';
import { type RunContext, scopeOf } from './context.js';
import { judge } from './judge.js';
import type { Lab } from './lab.js';
import { settle } from './settle.js';

/**
 * One trial: propose -> commit -> measure -> judge -> settle. Each phase is on record before its side effect, so every
 * step can be done again after a kill: `finishTrial` goes on from whatever phase it finds.
 */
export interface TrialResult {
  readonly trial: TrialRow;
  /** The proposer said that it has nothing left. */
  readonly exhausted: boolean;
}

/** Runs one whole trial from the incumbent. */
export async function runTrial(context: RunContext, lab: Lab, retryOf: number | null = null): Promise<TrialResult> {
  const incumbent = await currentIncumbent(context);
  const trial = context.store.beginTrial({
    kind: 'trial',
    sessionId: context.session.counters.id,
    revision: context.revision.number,
    proposer: context.proposer.name,
    incumbentCommit: incumbent,
    mark: context.newMark(),
    retryOf,
    now: context.now(),
  });
  await context.workspace.prepare(incumbent);
  const startedAt = context.now();
  const proposed = await propose(context, trial);
  if (proposed.kind === 'nothing') {
    const settled = await endWithoutCandidate(context, trial, proposed);
    return { trial: settled, exhausted: proposed.final };
  }
  const staged = await context.workspace.inspect(incumbent, scopeOf(context.experiment));
  if (staged === null) {
    const reason = 'the proposal left every file of the target as it was';
    const settled = await endWithoutCandidate(context, trial, {
      kind: 'nothing',
      outcome: 'no_change',
      reason,
      final: false,
    });
    return { trial: settled, exhausted: false };
  }
  const intended = await recordIntent(context, {
    trial,
    staged,
    proposal: proposed,
    proposeMs: context.now() - startedAt,
  });
  return { trial: await finishTrial(context, lab, intended), exhausted: false };
}

export async function currentIncumbent({ refs }: Pick<RunContext, 'refs'>): Promise<string> {
  const incumbent = await refs.incumbent();
  if (incumbent !== null) return incumbent;
  throw new AppError('conflict', `the ref ${refs.incumbentRef} is gone`, {
    hint: `put it back to the last kept trial: git update-ref ${refs.incumbentRef} <commit>; \`autoresearch results\` lists them`,
  });
}

/** Goes on with a trial that has its intent on record, from any phase to `settled`. */
export async function finishTrial(context: RunContext, lab: Lab, started: TrialRow): Promise<TrialRow> {
  let trial = started;
  while (trial.phase !== 'settled') {
    switch (trial.phase) {
      case 'committing':
        trial = await commit(context, trial);
        break;
      case 'measuring':
        trial = context.store.judge(trial.id, await judge(context, lab, trial));
        break;
      case 'judged':
        trial = await settle(context, trial);
        break;
      case 'proposing':
        throw new Error(`trial row ${trial.id} has no candidate yet`);
    }
  }
  return trial;
}
