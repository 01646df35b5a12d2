import type { Holdout } from '../config/keep-conditions.js';
import {
  type FinalChoice,
  finalChoiceJson,
  finalChoiceKey,
  finalCommit,
  type HeldOutCommit,
  readFinalChoice,
} from '../store/final-choice.js';
import type { TrialRow } from '../store/rows.js';
import { RunAborted, type RunContext } from './context.js';
import { heldOutValue } from './holdout.js';
import type { Lab } from './lab.js';
import type { StopReason } from './stop-rules.js';
import { study } from './study.js';
import { ENDED_BY_RULE } from './verify.js';

/**
 * With `when = end`: after the last trial every kept commit is measured on what is held out, once, and the best of them is
 * the final choice. Nothing moves: the incumbent stays what the metric says, people are told when the two differ.
 */
export async function chooseAtEnd(context: RunContext, lab: Lab, reason: StopReason): Promise<void> {
  const { experiment, store, revision } = context;
  const { holdout } = experiment.settings;
  if (holdout === null || holdout.when !== 'end' || !ENDED_BY_RULE.includes(reason)) return;
  const kept = keptUnder(context, revision.number);
  if (kept.length < 2) return;
  try {
    const commits = await heldOutValues(context, lab, { holdout, kept });
    const { metric, direction } = holdout;
    store.setFact(finalChoiceKey(revision.number), finalChoiceJson({ metric, direction, commits }));
    announce(context, { metric, direction, commits });
  } catch (error) {
    // Told to end now, the run ends as it was about to; the next end measures them.
    if (!(error instanceof RunAborted)) throw error;
  }
}

/** Kept trials of a revision in their order, its baseline first. */
function keptUnder({ store }: RunContext, revision: number): readonly TrialRow[] {
  const kept: TrialRow[] = [];
  for (const trial of store.eachTrial()) if (trial.revision === revision && trial.verdict === 'keep') kept.push(trial);
  const baseline = kept.findLastIndex(({ kind }) => kind === 'baseline');
  return kept.slice(Math.max(0, baseline));
}

/** What is on record is not measured again. */
async function heldOutValues(
  context: RunContext,
  lab: Lab,
  { holdout, kept }: { holdout: Holdout; kept: readonly TrialRow[] },
): Promise<readonly HeldOutCommit[]> {
  const { store, revision } = context;
  const before = readFinalChoice(store.fact(finalChoiceKey(revision.number)))?.commits ?? [];
  const commits = kept.map((trial): HeldOutCommit => {
    const commit = trial.candidateCommit ?? trial.incumbentCommit;
    const value = trial.holdout ?? before.find((each) => each.commit === commit)?.value ?? null;
    return { trial: trial.number, commit, value };
  });
  const first = commits[0]?.commit;
  const last = commits.at(-1)?.commit;
  if (first === undefined || last === undefined || commits.every(({ value }) => value !== null)) return commits;
  const measured: HeldOutCommit[] = [];
  const plan = {
    kind: 'audit',
    from: first,
    to: last,
    description: 'the held-out number of all kept commits',
  } as const;
  await study(context, plan, async (trial) => {
    for (const each of commits) {
      if (each.value !== null) measured.push(each);
      else {
        const { value } = await heldOutValue(context, lab, holdout, { trial, commit: each.commit, runs: [] });
        measured.push({ ...each, value });
      }
    }
    return { reason: `${measured.length} kept commits on what is held out`, statistics: null };
  });
  return measured;
}

function announce({ emit, refs }: RunContext, choice: FinalChoice): void {
  const best = finalCommit(choice);
  const incumbent = choice.commits.at(-1);
  if (best === null || best.commit === incumbent?.commit) return;
  const name = best.trial === null || best.trial === 0 ? 'the baseline' : `trial ${best.trial}`;
  const place = best.trial ? refs.trialRef(best.trial) : best.commit;
  emit({
    kind: 'notice',
    level: 'info',
    text: `by the held-out ${choice.metric} ${name} is better than the best code by the metric`,
    hint: `look at it: git switch --detach ${place}`,
  });
}
