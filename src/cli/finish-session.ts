import { AppError } from '../core/errors.js';
import { formatExperimentName } from '../core/names.js';
import { finishJson, renderFinished, renderFinishPlan } from '../dashboard/finish-view.js';
import { readExperiment } from '../dashboard/read-view.js';
import { ExperimentRefs } from '../git/refs.js';
import { finishExperiment, isFinished } from '../loop/finish.js';
import { type FinishPlan, planFinish } from '../loop/finish-plan.js';
import type { FinishCommandOptions } from './finish.js';
import { whileMeasuring } from './measuring.js';
import { out, styleOf, talk } from './output.js';
import { type OpenedExperiment, openExperiment } from './place.js';

/** From what was kept to a branch: planned and looked for obstacles first, measured next, written last. */
export async function finish(options: FinishCommandOptions): Promise<number> {
  const opened = await openExperiment(options.experiment, options);
  const { experiment, repository } = opened;
  const plan = await planOf(opened, options);
  const refs = new ExperimentRefs(repository, experiment.name);
  const { branch, commit } = await repository.head();
  // The range to look at starts where the operator works; on the experiment's own branch that would say nothing.
  const home = branch === null || branch === refs.branchName || commit === plan.end ? plan.start.slice(0, 12) : branch;
  const isThere = await isFinished(repository, plan);
  const style = styleOf(process.stdout);
  if (options.dryRun || isThere) {
    const state = isThere ? 'there already' : 'planned';
    out(options.json ? finishJson(plan, { state }) : renderFinishPlan(plan, { isThere, home }, style));
    return 0;
  }
  if (plan.pairs !== null && plan.expected.evaluations > 0) {
    const { costText } = await import('../dashboard/audit-view.js');
    talk(`finish of ${plan.name}: ${costText(plan.revision.metric, plan.expected)}`);
  }
  const ended = await whileMeasuring('finish', (listener) =>
    finishExperiment({ experiment, repository, plan, ...listener }),
  );
  if (ended.result === null) return ended.exitCode;
  out(
    options.json
      ? finishJson(plan, { state: 'written', ...ended.result })
      : renderFinished(plan, { ...ended.result, home }, style),
  );
  return 0;
}

async function planOf(
  { experiment, repository }: OpenedExperiment,
  options: FinishCommandOptions,
): Promise<FinishPlan> {
  const name = formatExperimentName(experiment.name);
  const { store } = readExperiment(experiment, repository, Date.now());
  if (store === null) {
    throw new AppError('usage', `${name} has never run: there is nothing to finish`, {
      hint: `autoresearch run --experiment ${name} --loop`,
    });
  }
  try {
    return await planFinish(
      { name, store, repository, refs: new ExperimentRefs(repository, experiment.name) },
      {
        branch: options.branch ?? `finish/${name}`,
        split: options.split === true,
        without: options.without ?? [],
        pairs: options.measure ? options.pairs : null,
      },
    );
  } finally {
    store.close();
  }
}
