import { AppError } from '../core/errors.js';
import { endLeftovers } from '../process/leftovers.js';
import type { TrialRow } from '../store/rows.js';
import { finishBaseline } from './baseline.js';
import { chargeOf, rescueAndReset } from './candidate.js';
import type { RunContext } from './context.js';
import type { Lab } from './lab.js';
import { endUncounted } from './settle.js';
import { abandonStudy } from './study.js';
import { finishTrial } from './trial.js';

/**
 * Goes on where a killed runner stopped: no process of it lives on, and its open trial ends like in an uninterrupted
 * run. Can itself be killed and done again at any line.
 */
export async function recover(context: RunContext, lab: Lab): Promise<void> {
  const left = context.store.openTrial();
  if (!left) return;
  const open = context.store.adoptTrial(left.id, context.session.counters.id);
  await endLeftoversOf(context, open);
  const what = open.number === null ? unnumbered(open) : `trial ${open.number}`;
  context.emit({ kind: 'notice', level: 'info', text: `the last run ended during ${what}: going on from there` });
  if (open.kind !== 'trial' && open.kind !== 'baseline') {
    abandonStudy(context, open);
  } else if (open.kind === 'baseline') {
    await recoverBaseline(context, lab, open);
  } else if (open.phase === 'proposing') {
    const patch = await rescueAndReset(context, open);
    const notes = patch === null ? [] : [`the unfinished changes are saved in ${patch}`];
    const reason = 'the runner ended during the proposal';
    // Whoever was called is paid, though the bill died with the runner.
    const wasCalled = open.proposer === 'agent' && open.trace.identity !== null;
    const spending = wasCalled ? chargeOf(context, null) : null;
    endUncounted(context, open, { outcome: 'interrupted', reason, notes, spending });
  } else {
    if (open.phase === 'measuring') context.store.dropMeasurements(open.id);
    await finishTrial(context, lab, open);
  }
}

/** Every candidate stays reachable, whoever edited the refs since the last run. */
export async function restoreTrialRefs({ store, refs, experiment, emit }: RunContext): Promise<void> {
  const back = await refs.restoreTrials(store.candidates(experiment.settings.retention.refTrials));
  if (back.length === 0) return;
  const which = back.length === 1 ? `trial ${back[0]}` : `${back.length} trials`;
  const text = `something had removed refs of ${which} since the last run: they are back, nothing is lost`;
  emit({ kind: 'notice', level: 'warning', text });
}

/** A baseline that has its verdict is finished; one that has not is measured anew, by the loop. */
async function recoverBaseline(context: RunContext, lab: Lab, open: TrialRow): Promise<void> {
  if (open.phase === 'judged') {
    const commit = (await context.refs.incumbent()) ?? open.incumbentCommit;
    await context.refs.initialise(commit, { branch: context.experiment.settings.workspace.branch });
    await finishBaseline(context, lab, open.id);
    return;
  }
  context.store.dropMeasurements(open.id);
  endUncounted(context, open, { outcome: 'interrupted', reason: 'the runner ended during the baseline' });
}

async function endLeftoversOf({ store, emit }: RunContext, trial: TrialRow): Promise<void> {
  const traces = [trial.trace, ...store.runningMeasurements().map(({ trace }) => trace)];
  for (const trace of traces) {
    const { ended, survivors } = await endLeftovers(trace);
    if (ended > 0)
      emit({ kind: 'notice', level: 'info', text: `ended ${ended} processes that the last run left behind` });
    if (survivors.length > 0) {
      const pids = survivors.map(({ pid }) => pid).join(' ');
      throw new AppError('conflict', `processes of the last run cannot be ended (pid ${pids})`, {
        hint: `end them yourself (kill -9 ${pids}), then run again`,
      });
    }
  }
}

function unnumbered({ kind }: TrialRow): string {
  return kind === 'trial' ? 'an unfinished proposal' : `an unfinished ${kind}`;
}
