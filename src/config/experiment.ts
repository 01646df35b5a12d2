/**
 * One experiment as it lies on disk: its folder, its files and its settings. Reading it changes nothing, and whatever
 * is wrong with the file is an error that a person can act on.
 */

import { isAbsolute, join, resolve } from 'node:path';
import { AppError, errnoOf, errorMessage } from '../core/errors.js';
import { type ExperimentName, formatExperimentName } from '../core/names.js';
import { quoted } from '../core/text.js';
import { readPlainFile } from '../process/plain-file.js';
import { configError } from './config-error.js';
import { isFolder } from './paths.js';
import { type ConfigLine, decodeConfig, readConfigLines } from './read-lines.js';
import { type ExperimentSettings, parseSettings } from './settings.js';

export type ExperimentScope = 'project' | 'user';

/** Where an experiment is looked for. */
interface ExperimentPlace {
  readonly name: ExperimentName;
  readonly scope: ExperimentScope;
  /** `.autoresearch/<domain>/<name>`, absolute. */
  readonly folder: string;
  /** The repository's toplevel; null outside of one. An experiment in user scope may name another. */
  readonly repository: string | null;
  /** For `~/` in paths. */
  readonly home: string | null;
}

export interface Experiment {
  readonly name: ExperimentName;
  readonly scope: ExperimentScope;
  /** The operator's root: the absolute folder of the repository that the experiment works in. */
  readonly root: string;
  readonly folder: string;
  readonly configPath: string;
  readonly programPath: string;
  readonly resultsPath: string;
  readonly runLogPath: string;
  readonly settings: ExperimentSettings;
  readonly configText: string;
}

export const CONFIG_FILE = 'config.cfg';
export const PROGRAM_FILE = 'program.md';
const LARGEST_CONFIG_BYTES = 1024 * 1024;

/** @throws AppError config when the file is missing, unreadable or wrong, or names no repository to work in. */
export function loadExperiment(place: ExperimentPlace): Experiment {
  const configPath = join(place.folder, CONFIG_FILE);
  const configText = decodeConfig(readConfigFile(configPath, place.name), configPath);
  const lines = readConfigLines(configText, configPath);
  const settings = parseSettings(lines, configPath);
  refuseForeignKeys(place.scope, lines, configPath);
  return {
    name: place.name,
    scope: place.scope,
    root: place.scope === 'user' ? userRoot(place, settings, configPath) : projectRoot(place),
    folder: place.folder,
    configPath,
    programPath: join(place.folder, PROGRAM_FILE),
    resultsPath: join(place.folder, 'results.tsv'),
    runLogPath: join(place.folder, 'run.log'),
    settings,
    configText,
  };
}

/** `~/x` with the home folder in place of `~`. */
function expandHome(path: string, home: string | null): string {
  return home !== null && path.startsWith('~/') ? join(home, path.slice(2)) : path;
}

function readConfigFile(path: string, name: ExperimentName): Buffer {
  const look = (flag: string) => ({ hint: `look at what it is: ls ${flag} ${quoted(path)}` });
  let bytes: Buffer | null;
  try {
    bytes = readPlainFile(path, { maxBytes: LARGEST_CONFIG_BYTES + 1 });
  } catch (error) {
    throw unreadable(path, name, error);
  }
  if (bytes === null) throw new AppError('config', `${path} is not a file`, look('-ld'));
  if (bytes.length <= LARGEST_CONFIG_BYTES) return bytes;
  const limit = `${LARGEST_CONFIG_BYTES / 1024} KiB`;
  throw new AppError('config', `${path} is larger than ${limit}: that is no configuration`, look('-l'));
}

function unreadable(path: string, name: ExperimentName, cause: unknown): AppError {
  const { domain, name: own } = name;
  switch (errnoOf(cause)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new AppError('config', `${formatExperimentName(name)} has no ${CONFIG_FILE}: ${path} does not exist`, {
        hint: `create it: autoresearch init --domain ${domain} --name ${own}`,
        cause,
      });
    case 'EACCES':
    case 'EPERM':
      return new AppError('config', `${path} cannot be read: permission denied`, {
        hint: `make it readable: chmod u+r ${quoted(path)}`,
        cause,
      });
    case 'ELOOP':
      return new AppError('config', `${path} is a symbolic link that leads back to itself`, {
        hint: `remove the link: rm ${quoted(path)}`,
        cause,
      });
    default:
      return new AppError('config', `${path} cannot be read: ${errorMessage(cause)}`, {
        hint: `look at the file: ls -l ${quoted(path)}`,
        cause,
      });
  }
}

const USER_SCOPE_KEYS: readonly string[] = ['repository', 'repository_root_commit'];

function refuseForeignKeys(scope: ExperimentScope, lines: readonly ConfigLine[], path: string): void {
  const foreign = lines.find((line) => line.section === '' && USER_SCOPE_KEYS.includes(line.key));
  if (scope === 'user' || !foreign) return;
  throw configError(path, [
    {
      line: foreign.line,
      message: `${foreign.key} is only for experiments in ~/.autoresearch; this one works in its own repository`,
      hint: 'delete the line, or move the experiment to ~/.autoresearch',
    },
  ]);
}

function projectRoot({ name, folder, repository }: ExperimentPlace): string {
  if (repository !== null) return repository;
  throw new AppError('config', `${formatExperimentName(name)} in ${folder} is not inside a git repository`, {
    hint: 'make it one: git init && git add . && git commit -m initial',
  });
}

function userRoot(place: ExperimentPlace, settings: ExperimentSettings, path: string): string {
  const name = formatExperimentName(place.name);
  if (settings.repository === null) {
    if (place.repository !== null) return place.repository;
    throw new AppError('config', `${name} in ~/.autoresearch is not bound to a repository yet`, {
      hint: `run it once inside its repository, or add to ${path}: repository = /path/of/it`,
    });
  }
  const root = expandHome(settings.repository, place.home);
  if (isAbsolute(root) && isFolder(root)) return resolve(root);
  throw new AppError('config', `${path}: the repository ${root} does not exist`, {
    hint: 'mend the line "repository", or bring the folder back',
  });
}
