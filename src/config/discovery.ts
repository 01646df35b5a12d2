/**
 * Finds experiments: in the repository's `.autoresearch` (project scope) and in `~/.autoresearch` (user scope). A broken
 * experiment is listed with its error and never hides the others.
 */

import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError, errorMessage } from '../core/errors.js';
import { type ExperimentName, formatExperimentName, parseExperimentName } from '../core/names.js';
import { suggest } from '../core/suggest.js';
import { quoted } from '../core/text.js';
import { CONFIG_FILE, type Experiment, type ExperimentScope, loadExperiment } from './experiment.js';
import { canonical, entryExists, isFolder } from './paths.js';

export const AUTORESEARCH_FOLDER = '.autoresearch';

/** Where to look. */
export interface DiscoveryPlace {
  /** Absolute folder to begin at: the current one, or `--path`. */
  readonly from: string;
  /** The toplevel of the repository's main worktree, absolute; null outside of a repository. */
  readonly repository: string | null;
  /** The user's home folder; null when there is none. */
  readonly home: string | null;
}

/** A folder that holds, or should hold, an experiment. */
interface Candidate {
  /** `domain/name` as the folders spell it; the folder itself where that cannot be read. */
  readonly label: string;
  readonly scope: ExperimentScope;
  readonly folder: string;
}

export type ListedExperiment = Candidate &
  ({ readonly ok: true; readonly experiment: Experiment } | { readonly ok: false; readonly error: AppError });

/**
 * The project's `.autoresearch` folder: the nearest one from `from` upwards to the repository's toplevel, which is also
 * where it is looked for when `from` lies outside (in a workspace). The user's own `~/.autoresearch` is never it.
 */
export function findProjectFolder({ from, repository, home }: DiscoveryPlace): string | null {
  if (repository === null) return null;
  const top = canonical(repository);
  const user = home === null ? null : canonical(join(home, AUTORESEARCH_FOLDER));
  const start = canonical(from);
  let folder = start === top || start.startsWith(`${top}/`) ? start : top;
  for (;;) {
    const found = join(folder, AUTORESEARCH_FOLDER);
    if (isFolder(found) && canonical(found) !== user) return found;
    if (folder === top) return null;
    folder = dirname(folder);
  }
}

/** All experiments of both scopes: the project's first, each scope in the order of its names. */
export function listExperiments(place: DiscoveryPlace): ListedExperiment[] {
  return roots(place).flatMap(({ root, scope }) => experimentsIn(root, scope, place));
}

/**
 * The experiment called `text`.
 * @throws AppError usage for a malformed name; config when there is none, when both scopes have it for this repository,
 * or when it is broken.
 */
export function resolveExperiment(text: string, place: DiscoveryPlace): Experiment {
  const name = parseExperimentName(text);
  const matches = roots(place).flatMap(({ root, scope }) => {
    const folder = join(root, name.domain, name.name);
    return entryExists(folder) ? [load({ label: text, scope, folder }, place)] : [];
  });
  const [first, second] = matches;
  if (!first) throw unknownExperiment(name, place);
  if (!first.ok) throw first.error;
  if (second?.ok && canonical(second.experiment.root) === canonical(first.experiment.root)) {
    throw new AppError('config', `${text} exists twice for this repository: in ${first.folder} and ${second.folder}`, {
      hint: `rename one of them, for example: mv '${second.folder}' '${second.folder}-2'`,
    });
  }
  return first.experiment;
}

function roots(place: DiscoveryPlace): { root: string; scope: ExperimentScope }[] {
  const project = findProjectFolder(place);
  const user = place.home === null ? null : join(place.home, AUTORESEARCH_FOLDER);
  return [
    ...(project === null ? [] : [{ root: project, scope: 'project' as const }]),
    ...(user === null || !isFolder(user) ? [] : [{ root: user, scope: 'user' as const }]),
  ];
}

function experimentsIn(root: string, scope: ExperimentScope, place: DiscoveryPlace): ListedExperiment[] {
  const found: ListedExperiment[] = [];
  const visit = (folder: string, label: string, use: (child: string) => void): void => {
    const children = childrenOf(folder);
    if (children instanceof AppError) found.push({ ok: false, error: children, label, scope, folder });
    else children.forEach(use);
  };
  visit(root, root, (domain) => {
    if (!isFolder(join(root, domain))) return;
    visit(join(root, domain), domain, (name) => {
      const folder = join(root, domain, name);
      const label = `${domain}/${name}`;
      if (!isFolder(folder)) return;
      visit(folder, label, (file) => {
        if (file === CONFIG_FILE) found.push(load({ label, scope, folder }, place));
      });
    });
  });
  return found;
}

function load(candidate: Candidate, { repository, home }: DiscoveryPlace): ListedExperiment {
  try {
    const name = parseExperimentName(candidate.label);
    const { scope, folder } = candidate;
    return { ...candidate, ok: true, experiment: loadExperiment({ name, scope, folder, repository, home }) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code !== 'usage') return { ...candidate, ok: false, error };
    const named = new AppError('config', `${candidate.folder}: ${error.message}`, {
      hint: 'rename the folder',
      cause: error,
    });
    return { ...candidate, ok: false, error: named };
  }
}

function unknownExperiment(name: ExperimentName, place: DiscoveryPlace): AppError {
  const wanted = formatExperimentName(name);
  const labels = [...new Set(listExperiments(place).map((listed) => listed.label))];
  const create = `create it: autoresearch init --domain ${name.domain} --name ${name.name}`;
  if (labels.length === 0) {
    return new AppError('config', `there is no experiment ${wanted}; there is none at all yet`, { hint: create });
  }
  const near = suggest(wanted, labels);
  const list = `there are: ${labels.join(', ')}`;
  return new AppError('config', `there is no experiment ${wanted}; ${near ? `did you mean ${near}? ` : ''}${list}`, {
    hint: near ? `use --experiment ${near}, or ${create}` : create,
  });
}

/** Names of the visible entries, sorted; an error where the folder cannot be read. */
function childrenOf(folder: string): string[] | AppError {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch (error) {
    const hint = `look at its rights: ls -ld ${quoted(folder)}`;
    return new AppError('config', `${folder} cannot be read: ${errorMessage(error)}`, { hint, cause: error });
  }
}
