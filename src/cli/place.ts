import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { DiscoveryPlace } from '../config/discovery.js';
import type { Experiment } from '../config/experiment.js';
import { AppError, errnoOf } from '../core/errors.js';
import { formatExperimentName } from '../core/names.js';
import type { Repository } from '../git/repository.js';

/** From the current folder and the options to an experiment: the first step of nearly every command. */
export interface PlaceOptions {
  readonly path?: string | undefined;
}

export interface Place {
  /** Null outside of a repository. */
  readonly repository: Repository | null;
  readonly discovery: DiscoveryPlace;
}

export async function openPlace(options: PlaceOptions): Promise<Place> {
  const from = resolve(options.path ?? '.');
  refuseNoFolder(from);
  const repository = await openIfRepository(from);
  return { repository, discovery: { from, repository: repository?.root ?? null, home: homedir() || null } };
}

function refuseNoFolder(path: string): void {
  const hint = 'name the repository with --path <folder>';
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new AppError('usage', `${path} is no folder that can be opened (${errno})`, { hint, cause: error });
  }
  throw new AppError('usage', `${path} is not a folder`, { hint });
}

async function openIfRepository(from: string): Promise<Repository | null> {
  const { openRepository } = await import('../git/open.js');
  try {
    return await openRepository(from);
  } catch (error) {
    if (error instanceof AppError && /is not inside a git repository/.test(error.message)) return null;
    throw error;
  }
}

export interface OpenedExperiment {
  readonly experiment: Experiment;
  readonly repository: Repository;
}

/** The named experiment; without a name the only one there is. */
export async function openExperiment(name: string | undefined, options: PlaceOptions): Promise<OpenedExperiment> {
  const { repository, discovery } = await openPlace(options);
  const { resolveExperiment } = await import('../config/discovery.js');
  const experiment = name === undefined ? await onlyExperiment(discovery) : resolveExperiment(name, discovery);
  if (repository && repository.root === experiment.root) return { experiment, repository };
  const { openRepository } = await import('../git/open.js');
  return { experiment, repository: await openRepository(experiment.root) };
}

async function onlyExperiment(discovery: DiscoveryPlace): Promise<Experiment> {
  const { listExperiments, resolveExperiment } = await import('../config/discovery.js');
  const listed = listExperiments(discovery);
  const [first, ...others] = listed;
  if (!first) {
    throw new AppError('config', 'there is no experiment here', { hint: 'make one: autoresearch init' });
  }
  if (others.length > 0) {
    throw new AppError(
      'usage',
      `which experiment? There are ${listed.length}: ${listed.map(({ label }) => label).join(', ')}`,
      {
        hint: `add --experiment ${first.label}`,
      },
    );
  }
  if (!first.ok) throw first.error;
  return resolveExperiment(formatExperimentName(first.experiment.name), discovery);
}
