import { shiftOf, shiftText } from '../gate/drift.js';
import type { Comparison } from '../gate/types.js';
import type { TrialRow } from '../store/rows.js';
import type { RunContext } from './context.js';

/**
 * Level shifts of the machine: where fresh runs of the incumbent show one, a new epoch begins, and what was measured
 * before it is no longer compared with what comes after.
 */
export function noteShift(
  { store, revision, experiment, emit, now }: RunContext,
  trial: TrialRow,
  { known, fresh }: { readonly known: Comparison; readonly fresh: readonly number[] },
): void {
  const shift = shiftOf(known, fresh);
  if (shift === null) return;
  store.beginEpoch({
    ...{ revision: revision.number, trialId: trial.id, commit: trial.incumbentCommit },
    ...{ valueBefore: shift.before, valueAfter: shift.after, beganAt: now() },
  });
  const since = trial.number === null ? 'now' : `since trial ${trial.number}`;
  const text = `the machine measures the same code ${shiftText(revision.metric, shift)} ${since}: values before are not compared with values after`;
  emit({ kind: 'notice', level: 'warning', text });
  const held = experiment.settings.checks.flatMap((check) =>
    check.kind === 'threshold' && check.threshold.base.kind === 'baseline' ? [`"${check.name}"`] : [],
  );
  if (held.length === 0) return;
  emit({
    ...{ kind: 'notice', level: 'warning' },
    text: `limits against the baseline still hold its values from before: ${held.join(', ')}`,
    hint: 'if they are timings, hold them against the incumbent: < incumbent + 5%',
  });
}

/** Whether the machine changed its level after this trial: its values are not compared with those of today. */
export function isBeforeEpoch({ store, revision }: RunContext, { id }: TrialRow): boolean {
  return id < (store.epochs(revision.number).at(-1)?.trialId ?? 0);
}
