/** Puts a checked plan on disk and finds out what became of it: what may change, and what is protected. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { AUTORESEARCH_FOLDER, type DiscoveryPlace, findProjectFolder } from '../config/discovery.js';
import { loadExperiment } from '../config/experiment.js';
import { createExperimentFiles, renderConfig, renderProgram } from '../config/write.js';
import type { Repository } from '../git/repository.js';
import { countParameters } from './detect/surroundings.js';
import { noteUncommitted } from './init-checks.js';
import { configValues, type Plan, pathsMatching } from './init-plan.js';
import { type Created, protectedPaths } from './init-report.js';

interface Writing {
  readonly repository: Repository;
  readonly discovery: DiscoveryPlace;
  readonly notes: string[];
}

export async function writeExperiment(plan: Plan, { repository, discovery, notes }: Writing): Promise<Created> {
  const { name, scope, target, evaluateCmd, metric, direction, goal, constraints } = plan;
  const configText = renderConfig(name, configValues(plan, repository.root, localMinute(new Date())));
  const answers = { name, target, evaluateCmd, metric, direction, constraints };
  const programText = renderProgram(goal === null ? answers : { ...answers, goal });
  const autoresearchFolder = folderFor(scope, discovery, repository);
  const { folder, created } = createExperimentFiles({ name, autoresearchFolder, configText, programText });
  const experiment = loadExperiment({ name, scope, folder, repository: repository.root, home: discovery.home });
  const protectedFiles = await protectedPaths(experiment);
  const matching = await pathsMatching(repository, (await repository.head()).commit, plan.target);
  const mayChange = matching.filter((path) => !protectedFiles.includes(path));
  await noteUncommitted(repository, matching, notes);
  await noteSearch(plan, { root: repository.root, mayChange, notes });
  return { experiment, repository, files: created, mayChange, protectedFiles, notes };
}

function folderFor(scope: Plan['scope'], discovery: DiscoveryPlace, repository: Repository): string {
  if (scope === 'user') return join(discovery.home ?? homedir(), AUTORESEARCH_FOLDER);
  return findProjectFolder(discovery) ?? join(repository.root, AUTORESEARCH_FOLDER);
}

/** `2026-01-31 09:30`, as people write it. */
function localMinute(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

async function noteSearch(
  { proposer }: Plan,
  { root, mayChange, notes }: { root: string; mayChange: readonly string[]; notes: string[] },
): Promise<void> {
  const { count, problem } = await countParameters(root, mayChange);
  if (problem) notes.push(`a mark for the search is wrong: ${problem.message}; ${problem.hint}`);
  else if (proposer === null && count > 0) {
    notes.push(
      `${count} value${count === 1 ? ' is' : 's are'} marked for the search: --proposer search varies them without a model`,
    );
  } else if (proposer === 'search' && count === 0) {
    notes.push('the search needs marked values, such as: const SIZE = 64; // autoresearch: int 16..4096 log');
  }
}
