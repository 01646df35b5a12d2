import { rmSync, writeFileSync } from 'node:fs';
import type { Experiment } from '../config/experiment.js';
import type { EventSink } from '../core/events.js';
import { formatExperimentName } from '../core/names.js';
import type { StoreReader } from '../store/reader.js';
import type { ControlCommand, ControlReply } from './control.js';
import type { StopSwitch } from './stop-switch.js';

/** What the runner does when another terminal tells it to stop, pause or go on, and what it answers: what is waited for. */
export interface Obeying {
  readonly experiment: Experiment;
  readonly stop: StopSwitch;
  readonly store: Pick<StoreReader, 'openTrial' | 'nextTrialNumber'>;
  /** The file that lets a pause outlive the runner. */
  readonly pauseMark: string;
  readonly emit: EventSink;
}

export function obey(runner: Obeying, command: ControlCommand): ControlReply {
  return { ok: true, text: ANSWERS[command](runner) };
}

const ANSWERS: Readonly<Record<ControlCommand, (runner: Obeying) => string>> = {
  stop_now: ({ stop }) => {
    stop.now('stopped');
    return 'ending now: the open trial is resumed by the next run';
  },
  stop: (runner) => {
    const { what, longest } = underWay(runner);
    runner.stop.afterTrial('stopped');
    if (what === 'nothing') return 'stopping: nothing is under way';
    if (what === 'a person') return 'stopping: it waited for your change, nothing is under way';
    return `stopping after ${what} that is under way (${longest}; \`stop --now\` does not wait)`;
  },
  pause: (runner) => {
    const { stop, pauseMark, emit, experiment } = runner;
    const { what, longest } = underWay(runner);
    stop.pause();
    writeFileSync(pauseMark, '');
    if (what === 'nothing') return 'paused: nothing is under way; `resume` goes on';
    if (what !== 'a person') return `pausing after ${what} that is under way (${longest}); \`resume\` goes on`;
    emit({ kind: 'paused', hint: `autoresearch resume --experiment ${formatExperimentName(experiment.name)}` });
    return 'paused: what you change now is measured after `resume`';
  },
  resume: (runner) => {
    const { stop, pauseMark, emit, store } = runner;
    const wasPaused = stop.isPaused;
    stop.resume();
    rmSync(pauseMark, { force: true });
    if (!wasPaused) return 'it is not paused: nothing to resume';
    if (underWay(runner).what !== 'a person') return 'going on';
    emit({ kind: 'proposing', number: store.nextTrialNumber() });
    return 'going on: waiting for your change';
  },
};

/** What has to end first, and how long that may take. */
function underWay({ store, experiment }: Obeying): { what: string; longest: string } {
  const open = store.openTrial();
  const { settings } = experiment;
  const measuring = `a measurement may take ${settings.hardLimitMinutes} min`;
  if (open === null) return { what: 'nothing', longest: '' };
  if (open.phase === 'proposing' && open.proposer === 'watch') return { what: 'a person', longest: '' };
  const isProposing = open.kind === 'trial' && open.phase === 'proposing';
  const longest = isProposing ? `a proposal may take ${settings.agent.timeoutMinutes} min, ${measuring}` : measuring;
  return { what: `the ${open.kind}`, longest };
}
