import type { Json } from '../core/json.js';
import { type ExperimentName, formatExperimentName } from '../core/names.js';
import { oneLine } from '../core/text.js';
import { type FinalChoice, finalChoiceKey, finalCommit, readFinalChoice } from '../store/final-choice.js';
import type { StoreReader } from '../store/reader.js';
import type { MeasurementRow, TrialRow } from '../store/rows.js';
import { metricText, metricTexts } from './metric-text.js';

/**
 * What people see of the held-out numbers: the value of each trial, and which kept commit is the best by them. A command
 * that runs below a proposal is somebody's agent looking around: it is shown none of them.
 */
export interface FinalPick {
  readonly metric: string;
  /** Null or 0: the baseline. */
  readonly trial: number | null;
  readonly commit: string;
  readonly value: number;
  /** The held-out value of the best code by the metric; null where it could not be measured. */
  readonly incumbentValue: number | null;
  readonly isIncumbent: boolean;
  /** How many kept commits, the baseline included, it was chosen from. */
  readonly among: number;
}

/** Null where none was made, or the best code is another since. */
export function finalPickOf(store: StoreReader): FinalPick | null {
  const choice = choiceOf(store);
  const best = choice && finalCommit(choice);
  const incumbent = choice?.commits.at(-1);
  if (!choice || !best || best.value === null || !incumbent) return null;
  if (store.incumbentTrial()?.candidateCommit !== incumbent.commit) return null;
  return {
    metric: choice.metric,
    trial: best.trial,
    commit: best.commit,
    value: best.value,
    incumbentValue: incumbent.value,
    isIncumbent: best.commit === incumbent.commit,
    among: choice.commits.length,
  };
}

function choiceOf(store: StoreReader): FinalChoice | null {
  const revision = store.newestRevision()?.revision;
  return revision === undefined ? null : readFinalChoice(store.fact(finalChoiceKey(revision)));
}

/** One sentence: `by val_loss the best of 5 kept commits is trial 3: 0.91, the best code has 0.93`. */
export function finalPickText({ metric, trial, value, incumbentValue, isIncumbent, among }: FinalPick): string {
  const name = oneLine(metric, 60);
  if (isIncumbent)
    return `by ${name} (${metricText(metric, value)}) the best code is the best of ${among} kept commits too`;
  const where = trial ? `trial ${trial}` : 'the baseline';
  const [final, best] = metricTexts(metric, [value, incumbentValue] as const);
  const other = incumbentValue === null ? '' : `, the best code has ${best}`;
  return `by ${name} the best of ${among} kept commits is ${where}: ${final}${other}`;
}

export function finalPickJson(pick: FinalPick | null): Json {
  return pick && { ...pick, trial: pick.trial ?? 0 };
}

/** What to type to have it; null where it is the best code anyway. */
export function finalPickCommand(name: ExperimentName, { trial, commit, isIncumbent }: FinalPick): string | null {
  if (isIncumbent) return null;
  return `git switch --detach ${trial ? `refs/autoresearch/${formatExperimentName(name)}/trials/${trial}` : commit}`;
}

/** The trials with the values that were measured at the end of a run. */
export function withFinalValues(store: StoreReader, trials: readonly TrialRow[]): readonly TrialRow[] {
  const commits = choiceOf(store)?.commits ?? [];
  if (commits.length === 0) return trials;
  const values = new Map(commits.map(({ commit, value }) => [commit, value]));
  return trials.map((trial) => {
    if (trial.holdout !== null || trial.verdict !== 'keep') return trial;
    return { ...trial, holdout: values.get(trial.candidateCommit ?? '') ?? null };
  });
}

/** A trial as a proposal may see it. */
export function withoutHoldout(trial: TrialRow): TrialRow {
  const { statistics } = trial;
  if (typeof statistics !== 'object' || statistics === null || Array.isArray(statistics)) {
    return { ...trial, holdout: null };
  }
  // A limit can name the held-out number too.
  const { holdout: _, checks: __, ...rest } = statistics as { readonly [key: string]: Json };
  return { ...trial, holdout: null, statistics: rest };
}

/** A measurement as a proposal may see it; `metric` names the held-out number. */
export function withoutHeldOutNumber(measurement: MeasurementRow, metric: string | null): MeasurementRow {
  const secondary = Object.fromEntries(Object.entries(measurement.secondary).filter(([name]) => name !== metric));
  if (measurement.side !== 'holdout') return { ...measurement, secondary };
  return { ...measurement, secondary: {}, metric: null, reason: '' };
}

/** The environment of a proposal, or of something that it started: the mark by which its processes are found. */
export function isBelowProposal(environment: NodeJS.ProcessEnv): boolean {
  return Object.keys(environment).some((name) => name.startsWith('AUTORESEARCH_MARK_'));
}
