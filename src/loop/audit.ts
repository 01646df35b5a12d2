import { AppError } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import { formatPercent, formatValue } from '../core/units.js';
import { type Payoff, payoffs } from '../gate/payoff.js';
import { verificationStatistics } from '../gate/verification.js';
import type { ExperimentRefs } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import type { StoreReader } from '../store/reader.js';
import type { RevisionRow, TrialRow } from '../store/rows.js';
import { type Compared, Comparisons, type Expectation, expectation, type Progress } from './compare.js';
import type { RunContext } from './context.js';
import { buildingOn, type KeptChange, keptChanges, treeWithout } from './kept-changes.js';
import { Lab } from './lab.js';
import { recover } from './recover.js';
import { type RunnerRequest, withRunner } from './runner.js';
import { refuseOpenTrial, StudyFailed, study } from './study.js';

/**
 * What the kept changes are worth today: the end against the start, and the end against itself without each change in
 * turn. Decides nothing and moves nothing; a person reads it.
 */
export type AuditPart = 'whole' | 'changes';

export interface AuditOptions {
  readonly pairs: number;
  /** A revision to count from; null for the baseline's commit. */
  readonly from: string | null;
  /** Null for both parts. */
  readonly only: AuditPart | null;
}

/** What can be done about one kept change. */
type Removal =
  | { readonly kind: 'clean'; readonly commit: string }
  /** Later changes took all of it away again. */
  | { readonly kind: 'gone' }
  /** Later changes build on it; `trials` is empty where it is not a kept change that does. */
  | { readonly kind: 'entangled'; readonly trials: readonly number[]; readonly paths: readonly string[] };

export interface AuditPlan {
  readonly revision: RevisionRow;
  readonly start: string;
  readonly end: string;
  /** The start is the baseline's commit and the end the incumbent. */
  readonly isWholeRun: boolean;
  readonly only: AuditPart | null;
  readonly pairs: number;
  readonly changes: readonly (KeptChange & { readonly removal: Removal })[];
  readonly expected: Expectation;
}

export interface AuditPlace {
  readonly name: string;
  readonly store: StoreReader;
  readonly repository: Repository;
  readonly refs: ExperimentRefs;
}

export type AuditedChange = {
  readonly number: number;
  readonly description: string;
} & (
  | ({ readonly kind: 'measured'; readonly compared: Compared } & Payoff)
  | { readonly kind: 'gone' }
  | { readonly kind: 'entangled'; readonly trials: readonly number[]; readonly paths: readonly string[] }
  /** Without it the code cannot be measured. */
  | { readonly kind: 'needed'; readonly reason: string }
);

/** Everything that an audit found, as it is on record. */
export interface AuditReport {
  readonly version: 1;
  readonly revision: number;
  readonly start: string;
  readonly end: string;
  readonly pairs: number;
  readonly whole: Compared | null;
  /** Null where they were not asked for. */
  readonly changes: readonly AuditedChange[] | null;
}

/** Under this fact and the revision's number: the row of the newest audit. */
const NEWEST_AUDIT = 'audit';

/** @throws AppError usage where there is nothing to audit. */
export async function planAudit(place: AuditPlace, options: AuditOptions): Promise<AuditPlan> {
  const { store, repository, refs, name } = place;
  const revision = store.newestRevision();
  const [end, baseline] = [await refs.incumbent(), revision && store.baseline(revision.revision)];
  if (revision === null || end === null || !baseline) {
    throw new AppError('usage', `${name} has no baseline under its present definitions: there is nothing to audit`, {
      hint: `measure it: autoresearch run --experiment ${name}`,
    });
  }
  const start = options.from === null ? baseline.incumbentCommit : await resolveStart(repository, options.from, end);
  if (start === end) {
    throw new AppError('usage', `${name} has kept nothing since ${start.slice(0, 7)}: there is nothing to audit`, {
      hint: `see what was tried: autoresearch results --experiment ${name}; count from an earlier commit: --from <revision>`,
    });
  }
  const kept = options.only === 'whole' ? [] : await keptChanges(store, repository, { start, end });
  const changes = [];
  for (const change of kept) changes.push({ ...change, removal: await removalOf(repository, end, { change, kept }) });
  const comparisons = removable(changes) + (options.only === 'changes' ? 0 : 1);
  return {
    ...{ revision, start, end, only: options.only, pairs: options.pairs, changes },
    isWholeRun: start === baseline.incumbentCommit,
    expected: expectation(store, revision.revision, { comparisons, pairs: options.pairs }),
  };
}

async function resolveStart(repository: Repository, revision: string, end: string): Promise<string> {
  const start = await repository.resolve(revision);
  if (start !== null && (await repository.isAncestor(start, end))) return start;
  const what = start === null ? 'is no commit here' : `does not lead to the best code ${end.slice(0, 7)}`;
  throw new AppError('usage', `"${oneLine(revision, 80)}" ${what}`, {
    hint: `choose one of: git log --oneline ${end.slice(0, 12)}`,
  });
}

async function removalOf(
  repository: Repository,
  end: string,
  { change, kept }: { readonly change: KeptChange; readonly kept: readonly KeptChange[] },
): Promise<Removal> {
  const without = await treeWithout(repository, end, [change]);
  if (without.kind === 'blocked') {
    return { kind: 'entangled', trials: buildingOn(change, kept, without.paths), paths: without.paths };
  }
  const { tree } = without;
  if (tree === (await repository.treeOf(end))) return { kind: 'gone' };
  const message = `experiment: ${end.slice(0, 12)} without trial ${change.number}\n`;
  return { kind: 'clean', commit: await repository.commitTree({ tree, parent: end, message, epochSeconds: 0 }) };
}

export interface AuditRequest extends Pick<RunnerRequest, 'experiment' | 'repository' | 'emit' | 'stop'>, AuditOptions {
  readonly tell: (progress: Progress) => void;
}

/** @throws RunAborted when it was told to end; AppError for what the operator must mend. */
export async function auditExperiment(request: AuditRequest): Promise<AuditReport> {
  const runner = { ...request, mode: 'study', description: null, retry: null } as const;
  return withRunner(runner, async (context) => {
    refuseOpenTrial(context);
    const lab = new Lab(context);
    await recover(context, lab);
    const plan = await planAudit(context, request);
    const comparisons = new Comparisons(context, lab, {
      comparisons: removable(plan.changes) + (plan.only === 'changes' ? 0 : 1),
      pairs: request.pairs,
      tell: request.tell,
    });
    const ahead = plan.only !== 'changes' && plan.isWholeRun ? await verifyWhole(context, plan, comparisons) : null;
    return audit(context, plan, { comparisons, ahead, lab });
  });
}

/** The whole run's gain has a row of its own kind: everything that shows the experiment then calls it verified. */
async function verifyWhole(context: RunContext, plan: AuditPlan, comparisons: Comparisons): Promise<Compared> {
  const { start: from, end: to } = plan;
  let compared: Compared | null = null;
  const row = await study(
    context,
    { kind: 'verification', from, to, description: 'the whole gain, measured on demand' },
    async (trial) => {
      compared = await comparisons.compare({ trial, from, to, what: 'the whole' });
      return { reason: sentence(compared, plan), statistics: verificationStatistics(compared.from, compared.to) };
    },
  );
  if (compared === null) throw unmeasurable(row);
  return compared;
}

async function audit(
  context: RunContext,
  plan: AuditPlan,
  {
    comparisons,
    ahead,
    lab,
  }: { readonly comparisons: Comparisons; readonly ahead: Compared | null; readonly lab: Lab },
): Promise<AuditReport> {
  const { start: from, end: to, only } = plan;
  let report: AuditReport | null = null;
  const row = await study(context, { kind: 'audit', from, to, description: describe(plan) }, async (trial) => {
    const whole =
      only === 'changes' ? null : (ahead ?? (await comparisons.compare({ trial, from, to, what: 'the whole' })));
    const changes = only === 'whole' ? null : await auditChanges(plan, { trial, comparisons, lab });
    const { pairs, revision } = plan;
    report = { version: 1, revision: revision.revision, start: from, end: to, pairs, whole, changes };
    return { reason: whole ? sentence(whole, plan) : describe(plan), statistics: JSON.parse(JSON.stringify(report)) };
  });
  if (report === null) throw unmeasurable(row);
  context.store.setFact(`${NEWEST_AUDIT}:${plan.revision.revision}`, row.id);
  return report;
}

type ComparedChange = Pick<KeptChange, 'number' | 'description'> & {
  readonly kind: 'compared';
  readonly compared: Compared;
};

async function auditChanges(
  { changes, end, revision }: AuditPlan,
  { trial, comparisons, lab }: { readonly trial: TrialRow; readonly comparisons: Comparisons; readonly lab: Lab },
): Promise<AuditedChange[]> {
  const count = removable(changes);
  const found: (AuditedChange | ComparedChange)[] = [];
  let place = 0;
  for (const { number, description, removal } of changes) {
    const name = { number, description };
    if (removal.kind !== 'clean') {
      found.push({ ...name, ...removal });
      continue;
    }
    place += 1;
    const what = `change ${place} of ${count}`;
    try {
      const compared = await comparisons.compare({ trial, from: removal.commit, to: end, what });
      found.push({ ...name, kind: 'compared', compared });
    } catch (error) {
      if (!(error instanceof StudyFailed)) throw error;
      await requireMeasurable(lab, trial, end);
      found.push({ ...name, kind: 'needed', reason: error.message });
    }
  }
  const compared = found.flatMap((each) => (each.kind === 'compared' ? [each] : []));
  const judged = payoffs(
    revision.direction,
    compared.map((each) => each.compared.change),
  );
  return found.map((each) => {
    if (each.kind !== 'compared') return each;
    const payoff = judged[compared.indexOf(each)] ?? { effect: 'none_seen', sure: false };
    return { ...each, kind: 'measured', ...payoff };
  });
}

function removable(changes: AuditPlan['changes']): number {
  return changes.filter(({ removal }) => removal.kind === 'clean').length;
}

/** A change is called needed only where the end itself can still be measured: else the machine is broken. */
async function requireMeasurable(lab: Lab, trial: TrialRow, end: string): Promise<void> {
  const { metric, reason } = await lab.measure({ trial, side: 'incumbent', commit: end });
  if (metric === null) throw new StudyFailed(`${end.slice(0, 7)} cannot be measured (${reason})`);
}

function unmeasurable({ reason }: TrialRow): AppError {
  return new AppError('environment', `the audit came to no end: ${reason}`, {
    hint: 'see the output: autoresearch logs; it was measured before, so mend the machine and start the audit again',
  });
}

function describe({ start, end }: AuditPlan): string {
  return `audit of ${start.slice(0, 7)}..${end.slice(0, 7)}`;
}

function sentence({ change, exact }: Compared, { revision, start, end }: AuditPlan): string {
  const show = (value: number) => (change.unit === 'percent' ? formatPercent(value) : formatValue(value));
  const range = exact ? 'exactly' : `[${show(change.low)}, ${show(change.high)}] in ${change.pairs} pairs`;
  return `${revision.metric} ${show(change.estimate)} ${range} from ${start.slice(0, 7)} to ${end.slice(0, 7)}`;
}

/** The newest audit under the newest revision, or null. */
export function lastAudit(store: StoreReader): { readonly report: AuditReport; readonly at: number | null } | null {
  const revision = store.newestRevision();
  const id = revision && store.fact(`${NEWEST_AUDIT}:${revision.revision}`);
  const row = typeof id === 'number' ? store.trialById(id) : null;
  if (row === null || !isReport(row.statistics)) return null;
  return { report: row.statistics, at: row.settledAt };
}

function isReport(statistics: unknown): statistics is AuditReport {
  return (
    typeof statistics === 'object' &&
    statistics !== null &&
    'version' in statistics &&
    statistics.version === 1 &&
    'whole' in statistics &&
    'changes' in statistics
  );
}
