import { AppError } from '../core/errors.js';
import { quoted } from '../core/text.js';
import { effectOf } from '../gate/payoff.js';
import { verificationStatistics } from '../gate/verification.js';
import { branchTip, createBranch, refuseBranchName, writeCommits } from '../git/new-branch.js';
import type { Repository } from '../git/repository.js';
import type { TrialRow } from '../store/rows.js';
import { type Compared, Comparisons, type Progress } from './compare.js';
import type { RunContext } from './context.js';
import { commitMessages, comparedWords } from './finish-message.js';
import type { FinishPlan } from './finish-plan.js';
import { Lab } from './lab.js';
import { recover } from './recover.js';
import { type RunnerRequest, withRunner } from './runner.js';
import { refuseOpenTrial, StudyFailed, study } from './study.js';

/**
 * Turns what was kept into one clean branch on top of the operator's history. Only that new branch is written, and only
 * after everything that goes into its messages is known.
 */
export interface FinishProofs {
  /** The start against the result; null where nobody measured it. */
  readonly whole: { readonly compared: Compared; readonly isFromRecord: boolean } | null;
  /** The best code against the result, where changes are left out. */
  readonly againstBest: Compared | null;
  /** Each step against the one before, or why it cannot be measured; empty where there is one commit. */
  readonly steps: readonly (Compared | string)[];
}

export interface Finished {
  readonly proofs: FinishProofs;
  /** Oldest first. */
  readonly commits: readonly string[];
}

export interface FinishRequest extends Pick<RunnerRequest, 'experiment' | 'repository' | 'emit' | 'stop'> {
  readonly plan: FinishPlan;
  readonly tell: (progress: Progress) => void;
}

/**
 * Whether the branch is there already with this very result.
 * @throws AppError for a name that cannot be used, and for a branch that holds something else.
 */
export async function isFinished(repository: Repository, plan: FinishPlan): Promise<boolean> {
  const { branch, start, tree, steps } = plan;
  await refuseBranchName(repository, branch);
  const tip = await branchTip(repository, branch);
  if (tip === null) return false;
  const isSame = (await repository.treeOf(tip)) === tree && (await repository.isAncestor(start, tip));
  const commits = isSame ? Number(await repository.git.text(['rev-list', '--count', tip, `^${start}`])) : 0;
  if (isSame && commits === steps.length) return true;
  const [next, old] = [quoted(`${branch}-2`), quoted(`${branch}-old`)];
  throw new AppError('repository', `the branch ${branch} is there already and holds something else`, {
    hint: `take another name: --branch ${next}\nor put it aside: git branch -m ${quoted(branch)} ${old}`,
  });
}

/**
 * Measures what is not on record, writes the commits, and makes the branch.
 * @throws AppError where the result is worse than the best code, fails a check or cannot be measured: nothing is written.
 */
export async function finishExperiment(request: FinishRequest): Promise<Finished> {
  const { repository, plan } = request;
  const proofs = await prove(request);
  const messages = commitMessages(plan, proofs);
  const commits = await writeCommits(repository, plan.start, {
    commits: plan.steps.map(({ tree }, index) => ({ tree, message: messages[index] ?? '' })),
    epochSeconds: Math.floor(Date.now() / 1000),
  });
  const tip = commits.at(-1);
  if (tip === undefined || (await repository.treeOf(tip)) !== plan.tree) {
    throw new Error(`the last commit for ${plan.branch} has not the files it should have`);
  }
  await createBranch(repository, plan.branch, tip);
  return { proofs, commits };
}

async function prove(request: FinishRequest): Promise<FinishProofs> {
  const { plan } = request;
  const recorded = plan.recorded && { compared: plan.recorded, isFromRecord: true };
  if (plan.pairs === null || plan.expected.evaluations === 0) return { whole: recorded, againstBest: null, steps: [] };
  const { pairs } = plan;
  return withRunner({ ...request, mode: 'study', description: null, retry: null }, async (context) => {
    refuseOpenTrial(context);
    const lab = new Lab(context);
    await recover(context, lab);
    await refuseMoved(context, plan);
    const comparisons = new Comparisons(context, lab, {
      comparisons: plan.expected.comparisons,
      pairs,
      tell: request.tell,
    });
    const whole = recorded ?? { compared: await measureWhole(context, plan, comparisons), isFromRecord: false };
    const rest = await measureRest(context, plan, { lab, comparisons });
    return { whole, ...rest };
  });
}

async function refuseMoved({ refs, revision, name }: RunContext, plan: FinishPlan): Promise<void> {
  if ((await refs.incumbent()) === plan.end && revision.number === plan.revision.revision) return;
  const what = revision.number === plan.revision.revision ? 'a run has gone on' : 'the definitions have changed';
  throw new AppError('conflict', `${what} since the branch was planned: nothing was written`, {
    hint: `bring the experiment up to date, then finish again: autoresearch run --experiment ${name}`,
  });
}

async function measureWhole(context: RunContext, plan: FinishPlan, comparisons: Comparisons): Promise<Compared> {
  const { start: from, result: to, isWholeRun } = plan;
  const found: Compared[] = [];
  const kind = isWholeRun ? 'verification' : 'audit';
  const row = await study(context, { kind, from, to, description: `gain of ${plan.branch}` }, async (trial) => {
    const compared = await comparisons.compare({ trial, from, to, what: 'the whole' });
    found.push(compared);
    return { reason: comparedWords(plan, compared), statistics: verificationStatistics(compared.from, compared.to) };
  });
  return found[0] ?? refuse(row);
}

async function measureRest(
  context: RunContext,
  plan: FinishPlan,
  { lab, comparisons }: { readonly lab: Lab; readonly comparisons: Comparisons },
): Promise<Omit<FinishProofs, 'whole'>> {
  const { end: from, result: to, without, branch } = plan;
  if (without.length === 0 && plan.steps.length === 1) return { againstBest: null, steps: [] };
  const found: Omit<FinishProofs, 'whole'>[] = [];
  const row = await study(context, { kind: 'audit', from, to, description: `parts of ${branch}` }, async (trial) => {
    const isReduced = without.length > 0;
    const againstBest = isReduced ? await comparisons.compare({ trial, from, to, what: 'without them' }) : null;
    if (isReduced) await requireChecks(lab, trial, plan);
    const steps = plan.steps.length > 1 ? await measureSteps(plan, { trial, comparisons }) : [];
    found.push({ againstBest, steps });
    return { reason: `parts of ${branch}`, statistics: JSON.parse(JSON.stringify({ branch, againstBest, steps })) };
  });
  const rest = found[0] ?? refuse(row);
  if (rest.againstBest !== null && effectOf(plan.revision.direction, rest.againstBest.change) === 'harms') {
    throw new AppError(
      'usage',
      `without them the code is worse: ${comparedWords(plan, rest.againstBest)}; nothing was written`,
      {
        hint: 'leave fewer out; to take it all the same: add --no-measure',
      },
    );
  }
  return rest;
}

/** No trial ever had this combination: its tests have never seen it. */
async function requireChecks(lab: Lab, trial: TrialRow, { result }: FinishPlan): Promise<void> {
  for (const { name, failure } of await lab.check(trial, result)) {
    if (failure) throw new StudyFailed(`without them the check "${name}" fails (${failure.reason})`);
  }
}

async function measureSteps(
  { start, steps }: FinishPlan,
  { trial, comparisons }: { readonly trial: TrialRow; readonly comparisons: Comparisons },
): Promise<(Compared | string)[]> {
  const found: (Compared | string)[] = [];
  let from = start;
  for (const [index, { commit }] of steps.entries()) {
    try {
      found.push(
        await comparisons.compare({ trial, from, to: commit, what: `commit ${index + 1} of ${steps.length}` }),
      );
    } catch (error) {
      if (!(error instanceof StudyFailed)) throw error;
      found.push(error.message);
    }
    from = commit;
  }
  return found;
}

function refuse({ reason }: TrialRow): never {
  throw new AppError('usage', `the result does not stand: ${reason}; nothing was written`, {
    hint: 'see the output: autoresearch logs; leave out other trials, or measure nothing with --no-measure',
  });
}
