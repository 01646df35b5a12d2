import { type ListedExperiment, listExperiments } from '../config/discovery.js';
import type { ExperimentScope } from '../config/experiment.js';
import { AppError } from '../core/errors.js';
import type { ExperimentView } from '../dashboard/experiment-view.js';
import { readExperiment } from '../dashboard/read-view.js';
import { openRepository } from '../git/open.js';
import type { Repository } from '../git/repository.js';
import type { Place } from './place.js';

/** All experiments with their state, a broken one with its error: never one that hides the others. */
interface Found {
  readonly label: string;
  readonly scope: ExperimentScope;
  readonly folder: string;
}

interface FoundExperiment extends Found {
  readonly ok: true;
  /** The repository it works in. */
  readonly root: string;
  readonly view: ExperimentView;
}

interface BrokenExperiment extends Found {
  readonly ok: false;
  readonly error: AppError;
}

export interface Experiments {
  readonly found: readonly (FoundExperiment | BrokenExperiment)[];
  /** Experiments of other repositories that were left out. */
  readonly elsewhere: number;
}

export interface Selection {
  readonly domain?: string | undefined;
  /** Also experiments in user scope that belong to other repositories. */
  readonly everywhere: boolean;
}

/** @throws AppError usage when no experiment has the domain. */
export async function readExperiments({ repository, discovery }: Place, selection: Selection): Promise<Experiments> {
  const all = listExperiments(discovery);
  const listed = selection.domain === undefined ? all : ofDomain(all, selection.domain);
  const isHere = (each: ListedExperiment) =>
    !each.ok || repository === null || each.experiment.root === repository.root;
  const chosen = selection.everywhere ? listed : listed.filter(isHere);
  const repositories = new Map<string, Repository>(repository ? [[repository.root, repository]] : []);
  const found: (FoundExperiment | BrokenExperiment)[] = [];
  for (const each of chosen) found.push(await read(each, repositories));
  return { found, elsewhere: listed.length - chosen.length };
}

function ofDomain(listed: readonly ListedExperiment[], domain: string): ListedExperiment[] {
  const chosen = listed.filter(({ label }) => label.startsWith(`${domain}/`));
  if (chosen.length > 0) return chosen;
  const domains = [...new Set(listed.map(({ label }) => label.split('/')[0] ?? ''))].join(', ');
  throw new AppError('usage', `no experiment is in the domain "${domain}"`, {
    hint: domains === '' ? 'make one: autoresearch init' : `domains with experiments: ${domains}`,
  });
}

async function read(
  listed: ListedExperiment,
  repositories: Map<string, Repository>,
): Promise<FoundExperiment | BrokenExperiment> {
  const { label, scope, folder } = listed;
  if (!listed.ok) return { label, scope, folder, ok: false, error: listed.error };
  const { root } = listed.experiment;
  try {
    const repository = repositories.get(root) ?? (await openRepository(root));
    repositories.set(root, repository);
    const { view, store } = readExperiment(listed.experiment, repository, Date.now());
    store?.close();
    return { label, scope, folder, ok: true, root, view };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { label, scope, folder, ok: false, error };
  }
}
