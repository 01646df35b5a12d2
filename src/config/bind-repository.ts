/**
 * Experiments in `~/.autoresearch` belong to one repository, known by its folder and its first commit. This writes that
 * bond into config.cfg once, and refuses every other repository afterwards.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { AppError, errorMessage } from '../core/errors.js';
import { formatExperimentName } from '../core/names.js';
import type { Experiment } from './experiment.js';
import { quoteIniValue } from './ini-value.js';
import { canonical } from './paths.js';
import { decodeConfig, readConfigLines } from './read-lines.js';

interface RepositoryIdentity {
  /** Absolute folder of the repository's main worktree. */
  readonly path: string;
  /** Full ids of all commits without parents; the first is written down, any of them is recognised. */
  readonly rootCommits: readonly [string, ...string[]];
}

/** @throws AppError repository when the experiment is bound to another repository. Project scope is never bound. */
export function checkRepository(experiment: Experiment, actual: RepositoryIdentity): void {
  if (experiment.scope === 'project') return;
  const { repository, repositoryRootCommit } = experiment.settings;
  const name = formatExperimentName(experiment.name);
  if (repository !== null && canonical(experiment.root) !== canonical(actual.path)) {
    throw new AppError('repository', `${name} belongs to the repository ${experiment.root}, not to ${actual.path}`, {
      hint: `work in ${experiment.root}; if the repository has moved, change "repository" in ${experiment.configPath}`,
    });
  }
  if (repositoryRootCommit !== null && !actual.rootCommits.includes(repositoryRootCommit)) {
    const found = actual.rootCommits[0].slice(0, 12);
    throw new AppError(
      'repository',
      `${name} belongs to a repository that began with commit ${repositoryRootCommit.slice(0, 12)}; the one in ` +
        `${actual.path} began with ${found}`,
      { hint: `bring the right repository back, or make a new experiment: autoresearch init --scope user` },
    );
  }
}

/**
 * Checks the bond and writes what is missing of it into config.cfg (atomically; the rest of the file stays as it is).
 * @returns whether the file was changed; load the experiment again then.
 * @throws AppError repository for another repository, config when the file cannot be written.
 */
export function bindRepository(experiment: Experiment, actual: RepositoryIdentity): boolean {
  checkRepository(experiment, actual);
  if (experiment.scope === 'project') return false;
  const { repository, repositoryRootCommit } = experiment.settings;
  const missing: string[] = [];
  if (repository === null) missing.push(`repository = ${quoteIniValue(actual.path)}`);
  if (repositoryRootCommit === null) missing.push(`repository_root_commit = ${actual.rootCommits[0]}`);
  if (missing.length === 0) return false;
  const { configPath } = experiment;
  try {
    const text = decodeConfig(readFileSync(configPath), configPath);
    replaceFile(configPath, withTopLines(text, missing, configPath));
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('config', `${configPath} cannot be written: ${errorMessage(error)}`, {
      hint: `add these lines yourself above the first [section]: ${missing.join(' and ')}`,
      cause: error,
    });
  }
  return true;
}

/** `text` with `added` behind its last key above the sections. */
function withTopLines(text: string, added: readonly string[], path: string): string {
  const lines = readConfigLines(text, path);
  const last = Math.max(0, ...lines.filter((line) => line.section === '').map((line) => line.line));
  const rows = text.split(/(?<=\n)|(?<=\r)(?!\n)/);
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const before = rows.slice(0, last).join('');
  const gap = before === '' || /[\r\n]$/.test(before) ? '' : end;
  return `${before}${gap}${added.map((line) => line + end).join('')}${rows.slice(last).join('')}`;
}

function replaceFile(path: string, text: string): void {
  const real = realpathSync(path);
  const temporary = `${real}.${randomUUID()}.tmp`;
  try {
    writeFileSync(temporary, text, { flag: 'wx', mode: statSync(real).mode & 0o777, flush: true });
    renameSync(temporary, real);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
