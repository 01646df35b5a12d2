import { AppError } from '../core/errors.js';
import { formatExperimentName } from '../core/names.js';
import { oneLine, quoted } from '../core/text.js';
import { courseOf, type KeptChanges, renderKeptChanges, squashSubject } from '../dashboard/homecoming.js';
import { UNVERIFIED } from '../dashboard/proof.js';
import { readExperiment } from '../dashboard/read-view.js';
import { fastForward, squash } from '../git/combine.js';
import { type Homecoming, homecoming } from '../git/homecoming.js';
import { ExperimentRefs } from '../git/refs.js';
import type { Head } from '../git/repository.js';
import type { StoreReader } from '../store/reader.js';
import type { TrialRow } from '../store/rows.js';
import type { ApplyOptions } from './apply.js';
import { isTerminal, out, styleOf, talk } from './output.js';
import { type OpenedExperiment, openExperiment } from './place.js';
import { workspaceOf } from './status.js';

/**
 * Bringing the incumbent into the operator's checkout. Everything that could go wrong is looked for first; git is asked
 * to change something only when nothing of the operator's is in the way.
 */
interface Plan {
  readonly name: string;
  readonly head: Head;
  readonly incumbent: string;
  readonly coming: Homecoming;
  readonly changes: KeptChanges;
  readonly way: 'ff' | 'squash';
}

export async function apply(options: ApplyOptions): Promise<void> {
  const opened = await openExperiment(options.experiment, options);
  const plan = await planOf(opened, options);
  if (plan === null) return;
  out(renderKeptChanges(plan.changes, styleOf(process.stdout)));
  const course = courseOf(plan.changes);
  if (course !== null) out(`\n${oneLine(plan.changes.metric, 60)}: ${course}`);
  out(`\n${intention(plan)}`);
  refuseObstacles(plan);
  if (options.dryRun) {
    out('Nothing was changed (--dry-run).');
    return;
  }
  if (!options.yes && !(await isConfirmed(plan))) return;
  await carryOut(opened, plan);
}

/** Null when there is nothing to bring, which was said. */
async function planOf(opened: OpenedExperiment, options: ApplyOptions): Promise<Plan | null> {
  const { experiment, repository } = opened;
  const name = formatExperimentName(experiment.name);
  const refs = new ExperimentRefs(repository, experiment.name);
  const [incumbent, head] = await Promise.all([refs.incumbent(), repository.head()]);
  const { view, store, runner } = readExperiment(experiment, repository, Date.now());
  try {
    if (incumbent === null || store === null || view.kept === 0) {
      throw new AppError('usage', `${name} has kept nothing yet: there is nothing to bring home`, {
        hint:
          incumbent === null
            ? `autoresearch run --experiment ${name} --loop`
            : `autoresearch results --experiment ${name}`,
      });
    }
    if (runner?.alive && workspaceOf(experiment, repository).kind === 'checkout') {
      throw new AppError('locked', `${name} is being run in this very checkout (process ${runner.pid})`, {
        hint: `end it first: autoresearch stop --experiment ${name}`,
      });
    }
    await refuseUnfinished(opened);
    const coming = await homecoming(repository, head.commit, incumbent);
    if (coming.relation === 'holds') {
      sayHome(head, { incumbent, branch: refs.branchName, name });
      return null;
    }
    const way = wayOf(options, { coming, head, name });
    const kept = keptAmong(store, new Set(coming.commits));
    // Of the whole history the same numbers as everywhere; of a part of it those it was judged by.
    const from = kept.length === view.kept ? view.baseline : (kept[0]?.incumbentMetric ?? null);
    const { metric, best: to } = view;
    const proof = kept.length === view.kept ? view.proof : UNVERIFIED;
    const changes = { experiment: experiment.name, metric, from, to, proof, kept, stats: coming.stats };
    return { name, head, incumbent, coming, way, changes };
  } finally {
    store?.close();
  }
}

function keptAmong(store: StoreReader, commits: ReadonlySet<string>): TrialRow[] {
  const kept: TrialRow[] = [];
  for (const trial of store.eachTrial()) {
    const { verdict, kind, candidateCommit } = trial;
    if (verdict === 'keep' && kind === 'trial' && candidateCommit !== null && commits.has(candidateCommit)) {
      kept.push(trial);
    }
  }
  return kept;
}

function sayHome(
  { branch }: Head,
  best: { readonly incumbent: string; readonly branch: string; readonly name: string },
): void {
  const here = branch === null ? 'HEAD' : branch;
  out(`The best code of ${best.name} (${best.incumbent.slice(0, 7)}) is already in ${here}.`);
  if (branch !== best.branch) return;
  out('That is the branch of the experiment itself. To bring it into yours, switch first:');
  out('  git switch main && autoresearch apply');
}

async function refuseUnfinished({ repository }: OpenedExperiment): Promise<void> {
  const operation = await repository.operationInProgress();
  if (operation === null) return;
  const abort = operation === 'bisect' ? 'git bisect reset' : `git ${operation} --abort`;
  const finish = operation === 'bisect' ? '' : `finish it (git ${operation} --continue), or `;
  throw new AppError('repository', `a ${operation} is in progress in ${repository.root}`, {
    hint: `${finish}end it: ${abort}`,
  });
}

function wayOf(
  { ff, squash: wantsSquash }: ApplyOptions,
  { coming, head, name }: Pick<Plan, 'coming' | 'head' | 'name'>,
): Plan['way'] {
  if (wantsSquash) return 'squash';
  if (coming.relation === 'behind') return 'ff';
  const branch = head.branch ?? 'HEAD';
  const commits = coming.ownCommits === 1 ? '1 commit' : `${coming.ownCommits} commits`;
  const cannot = ff ? ', so it cannot be fast-forwarded' : '';
  throw new AppError('repository', `${branch} has moved on: it has ${commits} that the best code lacks${cannot}`, {
    hint: [
      `measure the best code together with them first: autoresearch run --experiment ${name} --rebase-onto ${quoted(branch)}`,
      'or take the sum of what was kept as one change, unmeasured: autoresearch apply --squash',
    ].join('\n'),
  });
}

function intention({ way, head, incumbent, coming }: Plan): string {
  const branch = head.branch ?? 'HEAD (detached)';
  const commits = coming.commits.length === 1 ? '1 commit' : `${coming.commits.length} commits`;
  return way === 'ff'
    ? `Fast-forward ${branch} from ${head.commit.slice(0, 7)} to ${incumbent.slice(0, 7)}: ${commits}.`
    : `Stage the sum of ${commits} on ${branch}, for a commit of your own.`;
}

function refuseObstacles({ way, coming }: Plan): void {
  const { inTheWay, staged } = coming;
  if (inTheWay.length > 0) {
    throw new AppError('repository', `these files of yours would be overwritten: ${listed(inTheWay)}`, {
      hint: `commit them, or put them aside: git stash push --include-untracked -- ${inTheWay.slice(0, 5).map(quoted).join(' ')}`,
    });
  }
  if (way === 'squash' && staged.length > 0) {
    throw new AppError(
      'repository',
      `something is staged already and would get into the same commit: ${listed(staged)}`,
      {
        hint: 'commit it, or unstage it: git restore --staged .',
      },
    );
  }
}

function listed(paths: readonly string[]): string {
  const shown = paths.slice(0, 5).map((path) => oneLine(path, 200));
  const more = paths.length - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Asks on a terminal; elsewhere nothing happens without --yes, and the command is told. */
async function isConfirmed(plan: Plan): Promise<boolean> {
  if (!process.stdin.isTTY || !isTerminal(process.stdout)) {
    talk(`Nothing was changed. Do it: autoresearch apply --experiment ${plan.name} --${plan.way} --yes`);
    return false;
  }
  const { confirm, isCancel } = await import('@clack/prompts');
  const answer = await confirm({ message: 'Do it?', initialValue: true });
  if (!isCancel(answer) && answer) return true;
  out('Nothing was changed.');
  return false;
}

async function carryOut({ repository }: OpenedExperiment, plan: Plan): Promise<void> {
  const { head, incumbent, way, changes } = plan;
  const now = await repository.head();
  if (now.commit !== head.commit || now.branch !== head.branch) {
    throw new AppError('repository', 'HEAD has changed since it was looked at: nothing was done', {
      hint: 'autoresearch apply',
    });
  }
  if (way === 'ff') {
    await fastForward(repository, incumbent);
    out(
      `${head.branch ?? 'HEAD'} is now at ${incumbent.slice(0, 7)}. Undo it: git reset --keep ${head.commit.slice(0, 12)}`,
    );
    return;
  }
  await squash(repository, incumbent);
  out('It is staged. Look at it (git diff --staged), then commit it:');
  out(`  git commit -m ${quoted(squashSubject(changes))}`);
  out('Undo it instead: git reset --merge');
}
