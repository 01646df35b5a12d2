import { AppError } from '../core/errors.js';
import { formatExperimentName } from '../core/names.js';
import { plainLines } from '../core/text.js';
import { diffLines } from '../dashboard/diff.js';
import { jsonDocument } from '../dashboard/formats.js';
import { isBelowProposal, withFinalValues, withoutHeldOutNumber, withoutHoldout } from '../dashboard/held-out.js';
import { renderTrial } from '../dashboard/trial-view.js';
import { ExperimentRefs } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import type { StoreReader } from '../store/reader.js';
import type { TrialRow } from '../store/rows.js';
import type { ExperimentOptions } from './inspect.js';
import { isTerminal, out, styleOf } from './output.js';
import { type OpenedExperiment, openExperiment } from './place.js';
import { openStore, requireTrial } from './trials.js';

/** `show` and `diff`: one trial in full, and patches. A pipe gets a patch byte by byte, a terminal a printable one. */
export async function show(number: number, options: ExperimentOptions): Promise<void> {
  const { experiment, repository } = await openExperiment(options.experiment, options);
  const { store } = openStore(experiment, repository);
  try {
    const trial = requireTrial(store, number);
    const revision = store.newestRevision();
    const patch = await patchOf(repository, trial);
    const measurements = store.measurementsOf(trial.id);
    const heldOut = experiment.settings.holdout?.metric ?? null;
    const hides = isBelowProposal(process.env);
    const [known = trial] = withFinalValues(store, [trial]);
    const details = {
      experiment: experiment.name,
      metric: revision?.metric ?? experiment.settings.metric,
      direction: revision?.direction ?? experiment.settings.metricDirection,
      trial: hides ? withoutHoldout(trial) : known,
      measurements: hides ? measurements.map((row) => withoutHeldOutNumber(row, heldOut)) : measurements,
      diff: patch?.toString('utf8') ?? null,
    };
    out(renderTrial(details, options.json ? 'json' : 'terminal', styleOf(process.stdout)));
  } finally {
    store.close();
  }
}

/** The candidate against the incumbent it was built on; null where there is no candidate, or its commit is gone. */
async function patchOf(repository: Repository, trial: TrialRow): Promise<Buffer | null> {
  const { incumbentCommit, candidateCommit } = trial;
  if (trial.kind === 'baseline' || candidateCommit === null) return null;
  const [from, to] = await Promise.all([repository.resolve(incumbentCommit), repository.resolve(candidateCommit)]);
  return from === null || to === null ? null : repository.patch(from, to);
}

export interface DiffRequest {
  readonly number: number | null;
  readonly other: number | null;
}

interface Side {
  /** Trial number, or null for the incumbent. */
  readonly trial: number | null;
  readonly commit: string;
}

export async function diff(request: DiffRequest, options: ExperimentOptions): Promise<void> {
  const opened = await openExperiment(options.experiment, options);
  const { repository } = opened;
  const { store } = openStore(opened.experiment, repository);
  let sides: { from: Side; to: Side };
  try {
    sides = await sidesOf(request, opened, store);
  } finally {
    store.close();
  }
  const { from, to } = sides;
  for (const side of [from, to]) await requireCommit(repository, side);
  const patch = await repository.patch(from.commit, to.commit);
  if (options.json) {
    const name = formatExperimentName(opened.experiment.name);
    out(
      jsonDocument({ experiment: name, from: { ...from }, to: { ...to }, patch: plainLines(patch.toString('utf8')) }),
    );
  } else if (isTerminal(process.stdout)) {
    const layout = { maxLines: Number.POSITIVE_INFINITY, width: null };
    const lines = patch.length === 0 ? [] : diffLines(patch.toString('utf8'), styleOf(process.stdout), layout);
    out(lines.length === 0 ? 'No difference.' : lines.join('\n'));
  } else if (patch.length > 0) {
    process.stdout.write(patch);
  }
}

async function sidesOf(
  { number, other }: DiffRequest,
  { experiment, repository }: OpenedExperiment,
  store: StoreReader,
): Promise<{ from: Side; to: Side }> {
  if (number === null) {
    const incumbent = await new ExperimentRefs(repository, experiment.name).incumbent();
    const to = { trial: null, commit: incumbent ?? candidateOf(requireTrial(store, 0)) };
    return { from: { trial: 0, commit: candidateOf(requireTrial(store, 0)) }, to };
  }
  const trial = requireTrial(store, number);
  const commit = candidateOf(trial);
  if (other !== null) {
    return { from: { trial: number, commit }, to: { trial: other, commit: candidateOf(requireTrial(store, other)) } };
  }
  return { from: { trial: null, commit: trial.incumbentCommit }, to: { trial: number, commit } };
}

function candidateOf(trial: TrialRow): string {
  if (trial.candidateCommit !== null) return trial.candidateCommit;
  throw new AppError('usage', `trial ${trial.number ?? '-'} has no commit: ${trial.reason || 'it is still open'}`, {
    hint: 'autoresearch results',
  });
}

async function requireCommit(repository: Repository, { trial, commit }: Side): Promise<void> {
  if ((await repository.resolve(commit)) !== null) return;
  const whose = trial === null ? 'the incumbent of that time' : `trial ${trial}`;
  throw new AppError(
    'repository',
    `${commit.slice(0, 12)}, the commit of ${whose}, is no longer in ${repository.root}`,
    {
      hint: 'fetch it from where the experiment ran, or: git fsck --lost-found',
    },
  );
}
