import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../core/errors.js';
import type { TrialRow } from '../store/rows.js';
import type { Judgement } from '../store/steps.js';
import { commit, endWithoutCandidate, propose, recordIntent } from './candidate.js';
import { type RunContext, scopeOf } from './context.js';
import { unmeasured } from './evidence.js';
import { Tampered } from './guard.js';
import { judge } from './judge.js';
import type { Lab } from './lab.js';
import { REBASED_ONTO } from './revision.js';
import { settle } from './settle.js';

/**
 * One trial: propose -> commit -> measure -> judge -> settle. Each phase is on record before its side effect, so every
 * step can be done again after a kill: `finishTrial` goes on from whatever phase it finds.
 */
export interface TrialResult {
  readonly trial: TrialRow;
  /** The proposer said that it has nothing left. */
  readonly exhausted: boolean;
  /** A rate limit ends then, ms since 1970; until then nothing more is to be asked. */
  readonly retryAt: number | null;
}

export interface TrialOrder {
  /** Read from its ref just now. */
  readonly incumbent: string;
  readonly retryOf: number | null;
}

/** Runs one whole trial from the incumbent. */
export async function runTrial(
  context: RunContext,
  lab: Lab,
  { incumbent, retryOf }: TrialOrder,
): Promise<TrialResult> {
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
  const { proposed, intrusion } = await propose(context, trial);
  if (proposed.kind === 'nothing') {
    const settled = await endWithoutCandidate(context, trial, { nothing: proposed, intrusion });
    return { trial: settled, exhausted: proposed.final, retryAt: proposed.retryAt ?? null };
  }
  const staged = await context.workspace.inspect(incumbent, scopeOf(context.experiment));
  if (staged === null) {
    const reason = proposed.unchangedReason ?? 'the proposal left every file of the target as it was';
    const nothing = { ...proposed, kind: 'nothing', outcome: 'no_change', reason, final: false } as const;
    const settled = await endWithoutCandidate(context, trial, { nothing, intrusion });
    return { trial: settled, exhausted: false, retryAt: null };
  }
  const intended = await recordIntent(context, {
    trial,
    staged,
    proposal: proposed,
    intrusion,
    proposeMs: context.now() - startedAt,
  });
  return { trial: await finishTrial(context, lab, intended), exhausted: false, retryAt: null };
}

/** @throws AppError conflict when the ref is gone, or is not where the last keep (or a rebase after it) left it. */
export async function judgedIncumbent(
  { refs, store, repository }: RunContext,
  incumbent: string | null,
): Promise<string> {
  const kept = store.incumbentTrial()?.candidateCommit ?? null;
  if (incumbent !== null) {
    if (kept === null || incumbent === kept) return incumbent;
    if (incumbent === store.fact(REBASED_ONTO) && (await repository.isAncestor(kept, incumbent))) return incumbent;
    throw new AppError('conflict', `${refs.incumbentRef} was moved by somebody else to ${incumbent}`, {
      hint: `see what it is: git log -3 ${incumbent}; put it back: git update-ref ${refs.incumbentRef} ${kept} ${incumbent}; to take their commits in, then run with --rebase-onto ${incumbent}`,
    });
  }
  throw new AppError('conflict', `the ref ${refs.incumbentRef} is gone`, {
    hint: `put it back to the last kept trial: git update-ref ${refs.incumbentRef} ${kept ?? '<commit>'}`,
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
        trial = context.store.judge(trial.id, await judgeUntampered(context, lab, trial));
        break;
      case 'judged':
        await keepReachable(context, trial);
        trial = await settle(context, trial);
        break;
      case 'proposing':
        throw new Error(`trial row ${trial.id} has no candidate yet`);
    }
  }
  return trial;
}

/** A check that changes what candidates are judged by says nothing of the candidate but this. */
async function judgeUntampered(context: RunContext, lab: Lab, trial: TrialRow): Promise<Judgement> {
  try {
    return await judge(context, lab, trial);
  } catch (error) {
    if (!(error instanceof Tampered)) throw error;
    return unmeasured('tampered', error.message);
  }
}

/** What was measured may have taken away the ref that keeps the candidate; the row says what it was. */
async function keepReachable({ refs, repository }: RunContext, trial: TrialRow): Promise<void> {
  const { kind, number, candidateCommit } = trial;
  if (kind !== 'trial' || number === null || candidateCommit === null) return;
  const loose = await readFile(join(repository.commonDir, refs.trialRef(number)), 'utf8').catch(() => '');
  if (loose.trim() !== candidateCommit) await refs.createTrialRef(number, candidateCommit);
}
