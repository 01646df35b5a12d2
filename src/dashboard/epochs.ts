/**
 * Level shifts of the machine among the trials: from such a trial on the same code measures differently, so numbers
 * before and after it do not belong together.
 */
import type { Json } from '../core/json.js';
import { percentChange } from '../core/metric.js';
import { shiftText } from '../gate/drift.js';
import type { StoreReader } from '../store/reader.js';
import type { EpochRow, TrialRow } from '../store/rows.js';
import { finiteOrNull, isoTime } from './formats.js';
import { palette, type TerminalStyle } from './terminal.js';
import { truncate } from './text-width.js';

export interface ShownEpoch extends EpochRow {
  /** Of the trial in which it was noticed. */
  readonly number: number | null;
}

/** The epochs under the revisions of these trials. */
export function readEpochs(store: StoreReader, trials: readonly TrialRow[]): ShownEpoch[] {
  const revisions = new Set(trials.map(({ revision }) => revision));
  return [...revisions]
    .flatMap((revision) => store.epochs(revision))
    .map((epoch) => ({ ...epoch, number: store.trialById(epoch.trialId)?.number ?? null }));
}

/** `the same code measures 18 % slower`. */
function epochText(metric: string, { valueBefore, valueAfter }: EpochRow): string {
  return `the same code measures ${shiftText(metric, { before: valueBefore, after: valueAfter })}`;
}

/** `from trial 31 on the same code measures 18 % slower`, one per epoch. */
export function epochFacts(metric: string, epochs: readonly ShownEpoch[]): string[] {
  return epochs.map((epoch) => {
    const from = epoch.number === null ? 'from an unfinished trial on' : `from trial ${epoch.number} on`;
    return `${from} ${epochText(metric, epoch)}`;
  });
}

/** How many epochs had begun when this trial was judged. */
export function epochOf({ id, revision }: TrialRow, epochs: readonly EpochRow[]): number {
  return epochs.filter((epoch) => epoch.revision === revision && epoch.trialId <= id).length;
}

interface Table {
  readonly metric: string;
  readonly trials: readonly TrialRow[];
  readonly epochs: readonly ShownEpoch[];
}

/** The table's lines (a head, then one per trial) with a line before the first trial of each epoch. */
export function withEpochLines(
  [head, ...rows]: readonly string[],
  { metric, trials, epochs }: Table,
  style: TerminalStyle,
): string[] {
  const { warn } = palette(style.colour);
  const linesBefore = (at: number): string[] => {
    const [previous, trial] = [trials[at - 1], trials[at]];
    if (trial === undefined) return [];
    // What began before the first line is told above the table.
    const earliest = previous === undefined ? trial.id : previous.id + 1;
    return epochs
      .filter(({ trialId }) => earliest <= trialId && trialId <= trial.id)
      .map((epoch) => warn(truncate(`-- from here on ${epochText(metric, epoch)} --`, style.width)));
  };
  return [...(head === undefined ? [] : [head]), ...rows.flatMap((row, at) => [...linesBefore(at), row])];
}

export function epochJson(epoch: ShownEpoch): Json {
  return {
    trial: epoch.number,
    revision: epoch.revision,
    commit: epoch.commit,
    valueBefore: finiteOrNull(epoch.valueBefore),
    valueAfter: finiteOrNull(epoch.valueAfter),
    changePercent: finiteOrNull(percentChange(epoch.valueBefore, epoch.valueAfter)),
    beganAt: isoTime(epoch.beganAt),
  };
}
