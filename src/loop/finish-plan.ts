import { AppError } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import { readVerification } from '../gate/verification.js';
import { withPathsOf } from '../git/new-branch.js';
import type { ExperimentRefs } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import type { StoreReader } from '../store/reader.js';
import type { RevisionRow } from '../store/rows.js';
import { lastAudit } from './audit.js';
import { type Compared, type Expectation, expectation } from './compare.js';
import { buildingOn, groupsByFiles, type KeptChange, keptChanges, treeWithout } from './kept-changes.js';

/** What a finished branch will be: where it starts, its trees, and what has to be measured first. Writes objects only. */
export interface FinishOptions {
  readonly branch: string;
  readonly split: boolean;
  /** Numbers of kept trials that are left out. */
  readonly without: readonly number[];
  /** Null: nothing is measured. */
  readonly pairs: number | null;
}

export interface FinishStep {
  readonly changes: readonly KeptChange[];
  readonly tree: string;
  /** A commit of this tree that no ref names, to be measured. */
  readonly commit: string;
}

export interface FinishPlan {
  readonly name: string;
  readonly branch: string;
  readonly revision: RevisionRow;
  /** Where the branch begins, and the best code. */
  readonly start: string;
  readonly end: string;
  /** The files of the result, and a commit that has them. */
  readonly tree: string;
  readonly result: string;
  readonly left: readonly KeptChange[];
  readonly without: readonly KeptChange[];
  /** One per commit, oldest first. */
  readonly steps: readonly FinishStep[];
  /** From the baseline's commit to the best code. */
  readonly isWholeRun: boolean;
  /** Start against result, where an audit or a run has measured it. */
  readonly recorded: Compared | null;
  readonly pairs: number | null;
  readonly expected: Expectation;
}

interface Place {
  readonly name: string;
  readonly store: StoreReader;
  readonly repository: Repository;
  readonly refs: ExperimentRefs;
}

/** @throws AppError where there is nothing to finish, or the changes do not come apart as asked. */
export async function planFinish(place: Place, options: FinishOptions): Promise<FinishPlan> {
  const { store, repository, refs, name } = place;
  const revision = store.newestRevision();
  const end = await refs.incumbent();
  if (revision === null || end === null) throw nothingKept(name);
  const start = await startOf(place, end);
  const kept = await keptChanges(store, repository, { start, end });
  if (kept.length === 0) throw nothingKept(name);
  await refuseForeign(repository, kept, { start, end });
  const without = chosen(kept, options.without, name);
  const left = kept.filter((change) => !without.includes(change));
  const tree = await treeOfRest(repository, end, { kept, without });
  const isWhole = tree === (await repository.treeOf(end));
  const commit = (treeish: string, parent: string) =>
    repository.commitTree({ tree: treeish, parent, message: 'experiment: result of finish\n', epochSeconds: 0 });
  const result = isWhole ? end : await commit(tree, end);
  const steps = options.split
    ? await splitSteps(repository, { start, tree, left, commit })
    : [{ changes: left, tree, commit: result }];
  const recorded = isWhole ? recordedWhole(store, { start, end, revision: revision.revision }) : null;
  const comparisons =
    (recorded === null ? 1 : 0) + (without.length > 0 ? 1 : 0) + (steps.length > 1 ? steps.length : 0);
  const pairs = options.pairs ?? 0;
  return {
    ...{ name, branch: options.branch, revision, start, end, tree, result, left, without, steps, recorded },
    isWholeRun: isWhole && start === store.baseline(revision.revision)?.incumbentCommit,
    pairs: options.pairs,
    expected: expectation(store, revision.revision, { comparisons, pairs }),
  };
}

function nothingKept(name: string): AppError {
  return new AppError('usage', `${name} has kept nothing yet: there is nothing to finish`, {
    hint: `autoresearch results --experiment ${name}`,
  });
}

/**
 * Where the experiment's line left the history that is checked out. On the experiment's own branch, and where everything
 * is home already, that is where its first baseline was measured.
 */
async function startOf({ store, repository }: Place, end: string): Promise<string> {
  const head = await repository.head();
  const { exitCode, stdout } = await repository.git.run(['merge-base', head.commit, end], { okExitCodes: [0, 1] });
  const base = stdout.toString('latin1').trim();
  if (exitCode !== 0 || base === '') {
    throw new AppError('repository', `${head.branch ?? 'HEAD'} and the best code have no commit in common`, {
      hint: 'switch to the branch that the experiment was started from',
    });
  }
  return base === end ? (store.trialByNumber(0)?.incumbentCommit ?? base) : base;
}

/** Commits of other people in between would be taken for the experiment's. */
async function refuseForeign(
  { git }: Repository,
  kept: readonly KeptChange[],
  { start, end }: { readonly start: string; readonly end: string },
): Promise<void> {
  const list = async (...args: string[]) => (await git.text(['rev-list', '--no-merges', ...args])).split('\n');
  const foreign = new Set((await list(end, `^${start}`)).filter(Boolean));
  for (const { before, after } of kept) for (const own of await list(after, `^${before}`)) foreign.delete(own);
  const [example, ...others] = foreign;
  if (example === undefined) return;
  const subject = oneLine(await git.text(['log', '-1', '--format=%s', example]), 60);
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  throw new AppError(
    'repository',
    `between ${start.slice(0, 7)} and the best code lie commits that are not the experiment's: ${example.slice(0, 7)} (${subject})${more}`,
    { hint: `switch to a branch that has them, then finish again: git branch --contains ${example.slice(0, 12)}` },
  );
}

function chosen(kept: readonly KeptChange[], numbers: readonly number[], name: string): KeptChange[] {
  const known = kept.map(({ number }) => number);
  const unknown = numbers.filter((number) => !known.includes(number));
  if (unknown.length > 0) {
    throw new AppError('usage', `no kept trial of this line: ${unknown.join(', ')}`, {
      hint: `kept are ${known.join(', ') || 'none'}: autoresearch results --experiment ${name}`,
    });
  }
  const without = kept.filter(({ number }) => numbers.includes(number));
  if (without.length < kept.length) return without;
  throw new AppError('usage', 'without all of them nothing is left to finish', {
    hint: `leave fewer out: kept are ${known.join(', ')}`,
  });
}

async function treeOfRest(
  repository: Repository,
  end: string,
  { kept, without }: { readonly kept: readonly KeptChange[]; readonly without: readonly KeptChange[] },
): Promise<string> {
  const rest = await treeWithout(repository, end, without);
  if (rest.kind === 'clean') return rest.tree;
  const { by, paths } = rest;
  const others = buildingOn(by, kept, paths).filter((number) => !without.some((change) => change.number === number));
  const numbers = [...without.map(({ number }) => number), ...others].sort((a, b) => a - b);
  const files = oneLine(paths.slice(0, 5).join(', '), 300);
  throw new AppError(
    'repository',
    `trial ${by.number} does not come off cleanly: later changes of ${files} build on it`,
    {
      hint:
        others.length > 0
          ? `leave those out as well: --without ${numbers.join(',')}`
          : 'keep it, or take it off by hand: git revert on a branch of your own',
    },
  );
}

interface Splitting {
  readonly start: string;
  readonly tree: string;
  readonly left: readonly KeptChange[];
  readonly commit: (tree: string, parent: string) => Promise<string>;
}

/** One step per group of changes that share files; their union is the whole, to the byte. */
async function splitSteps(repository: Repository, { start, tree, left, commit }: Splitting): Promise<FinishStep[]> {
  const steps: FinishStep[] = [];
  let before = { tree: await repository.treeOf(start), commit: start };
  for (const changes of groupsByFiles(left)) {
    const paths = new Set(changes.flatMap((change) => [...change.paths]));
    const next = await withPathsOf(repository, before.tree, { final: tree, paths });
    // Changes that took each other back leave nothing to commit.
    if (next === before.tree) continue;
    before = { tree: next, commit: await commit(next, before.commit) };
    steps.push({ changes, ...before });
  }
  if (before.tree === tree) return steps;
  throw new AppError('repository', 'some files of the best code were changed by no kept trial: it cannot be split', {
    hint: `see them: git diff --stat ${before.commit.slice(0, 12)} ${tree.slice(0, 12)}; finish without --split`,
  });
}

function recordedWhole(
  store: StoreReader,
  { start, end, revision }: { readonly start: string; readonly end: string; readonly revision: number },
): Compared | null {
  const audited = lastAudit(store)?.report;
  const whole = audited?.start === start && audited.end === end ? (audited.whole ?? null) : null;
  const row = store.verificationOf({ revision, from: start, to: end });
  const change = row && readVerification(row.statistics);
  if (row === null || change === null || (whole !== null && whole.from.length >= change.pairs)) return whole;
  const { from, to } = row.statistics as unknown as Pick<Compared, 'from' | 'to'>;
  return { from, to, change, exact: false };
}
