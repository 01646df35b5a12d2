/** What must be true before a file is written: the name is free, git knows the target, the branch can be made. */
import { realpathSync } from 'node:fs';
import { type DiscoveryPlace, listExperiments } from '../config/discovery.js';
import { AppError } from '../core/errors.js';
import { type ExperimentName, formatExperimentName } from '../core/names.js';
import { suggest } from '../core/suggest.js';
import { oneLine, quoted } from '../core/text.js';
import { records } from '../git/parse.js';
import { ExperimentRefs } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import { globPathspec } from '../git/staging.js';
import type { Surroundings } from './detect/surroundings.js';
import { type Plan, pathsMatching } from './init-plan.js';

/** @throws AppError config when an experiment of this name would stand beside the new one, in either scope. */
export function refuseTakenName(name: ExperimentName, scope: Plan['scope'], place: DiscoveryPlace): void {
  const label = formatExperimentName(name);
  const taken = listExperiments(place).find(
    (listed) =>
      listed.label === label &&
      (listed.scope === scope || !listed.ok || isSame(listed.experiment.root, place.repository)),
  );
  if (!taken) return;
  throw new AppError('config', `the experiment ${label} exists already: ${taken.folder}`, {
    hint: `run it: autoresearch run --experiment ${label} --loop\nor choose another name for the new one, such as ${label}-2`,
  });
}

function isSame(folder: string, repository: string | null): boolean {
  return repository !== null && realpathSync(folder) === realpathSync(repository);
}

/**
 * The target as paths from the top of the repository. In a subfolder a path is looked for there first, as git does.
 * @throws AppError repository when git has no such file, with the command that gives it one.
 */
export async function resolveTarget(
  patterns: readonly string[],
  { repository, commit, prefix, tracked }: Pick<Surroundings, 'repository' | 'commit' | 'prefix' | 'tracked'>,
): Promise<string[]> {
  const resolved: string[] = [];
  for (const pattern of patterns) {
    const spellings = prefix === '' ? [pattern] : [`${prefix}/${pattern}`, pattern];
    const found = await firstMatching(repository, commit, spellings);
    if (found === null) throw await unknownTarget(repository, spellings, tracked);
    resolved.push(found);
  }
  return [...new Set(resolved)];
}

async function firstMatching(
  repository: Repository,
  commit: string,
  spellings: readonly string[],
): Promise<string | null> {
  for (const spelling of spellings) {
    if ((await pathsMatching(repository, commit, [spelling])).length > 0) return spelling;
  }
  return null;
}

async function unknownTarget(
  repository: Repository,
  spellings: readonly string[],
  tracked: readonly string[],
): Promise<AppError> {
  const top = quoted(repository.root);
  for (const spelling of spellings) {
    const shown = oneLine(spelling);
    const addition = `cd ${top} && git add -- ${quoted(spelling)} && git commit -m 'add ${/^[\w./-]+$/.test(spelling) ? spelling : 'the target'}'`;
    if ((await lists(repository, ['--others', '--exclude-standard'], spelling)) > 0) {
      return new AppError('repository', `the target ${shown} is not tracked by git: nothing could be undone`, {
        hint: addition,
      });
    }
    if ((await lists(repository, ['--cached'], spelling)) > 0) {
      return new AppError('repository', `the target ${shown} is in no commit yet: nothing could be undone`, {
        hint: addition,
      });
    }
    if ((await lists(repository, ['--others'], spelling)) > 0) {
      return new AppError('repository', `the target ${shown} is ignored by git: nothing could be undone`, {
        hint: addition.replace('git add --', 'git add --force --'),
      });
    }
  }
  const wanted = spellings.at(-1) ?? '';
  const near = suggest(wanted, tracked) ?? tracked.find((path) => path.endsWith(`/${wanted}`));
  const message = `the target ${oneLine(wanted)} matches no file in ${repository.root}`;
  return new AppError('repository', near ? `${message}; did you mean ${oneLine(near)}?` : message, {
    hint: near
      ? `use --target ${quoted(oneLine(near))}`
      : 'name paths or globs from the top of the repository; see them: git ls-files',
  });
}

async function lists(repository: Repository, which: readonly string[], pattern: string): Promise<number> {
  return records((await repository.git.run(['ls-files', '-z', ...which, '--', globPathspec(pattern)])).stdout).length;
}

/** @throws AppError repository when the experiment's branch cannot be made or went another way than HEAD. */
export async function checkBranch(plan: Plan, { repository, commit }: Surroundings, notes: string[]): Promise<void> {
  const refs = new ExperimentRefs(repository, plan.name);
  const earlier = await refs.incumbent();
  if (earlier !== null) {
    notes.push(
      `an earlier experiment of this name left its record: it goes on from its best commit ${earlier.slice(0, 7)}, not from HEAD; choose another name to begin anew`,
    );
    return;
  }
  if (!plan.branch) return;
  const blocked = await refs.blockingBranch();
  if (blocked) throw blocked;
  await refs.startPoint(commit);
}

/** Notes about work that the first measurement will not see. */
export async function noteUncommitted(
  repository: Repository,
  targetFiles: readonly string[],
  notes: string[],
): Promise<void> {
  const files = new Set(targetFiles);
  const changed = (await repository.dirtyPaths()).filter(({ path, untracked }) => !untracked && files.has(path));
  if (changed.length === 0) return;
  const shown = changed
    .slice(0, 3)
    .map(({ path }) => oneLine(path))
    .join(', ');
  notes.push(
    `uncommitted changes in ${shown}${changed.length > 3 ? ` and ${changed.length - 3} more` : ''}: the baseline is the last commit, without them`,
  );
}
