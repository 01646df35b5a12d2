/** What `init` finds out about a repository before it asks or writes anything. Reads only. */

import { realpathSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { AppError } from '../../core/errors.js';
import { quoted } from '../../core/text.js';
import type { Repository } from '../../git/repository.js';
import { findProgram } from '../../process/shell.js';
import { readMarkedFiles } from '../../propose/search/files.js';
import { collectParameters } from '../../propose/search/markers.js';
import { findCaches, type WorkspaceIdea } from './caches.js';
import { type EvaluationIdea, findEvaluations, type ProjectFolder } from './evaluation.js';

export interface Surroundings {
  readonly repository: Repository;
  /** The commit that a new experiment starts from. */
  readonly commit: string;
  /** Where the command was called, inside the repository; '' at its top. */
  readonly prefix: string;
  /** Every tracked path of the commit. */
  readonly tracked: readonly string[];
  readonly project: ProjectFolder;
  readonly evaluations: readonly EvaluationIdea[];
  readonly workspace: WorkspaceIdea;
  /** Agent command lines that are installed. */
  readonly agents: readonly AgentPreset[];
}

export const AGENT_PRESETS = ['claude', 'codex', 'gemini', 'opencode', 'aider', 'pi'] as const;
export type AgentPreset = (typeof AGENT_PRESETS)[number];

export async function lookAround(repository: Repository, from: string): Promise<Surroundings> {
  const commit = (await repository.head()).commit;
  const tracked = (await repository.trackedPaths(commit)).map(({ path }) => path);
  const prefix = prefixOf(repository.root, from);
  const project: ProjectFolder = {
    folder: join(repository.root, prefix),
    files: prefix === '' ? tracked : below(tracked, prefix),
  };
  const found = findEvaluations(project);
  const evaluations = found.map((idea) => ({ ...idea, command: fromTop(idea.command, prefix) }));
  const workspace = await findCaches(repository, { prefix, tracked });
  const agents = agentsOnPath();
  return { repository, commit, prefix, tracked, project, evaluations, workspace, agents };
}

/** `pi` is the name of other programs too: it is hired by name only. */
export function agentsOnPath(): readonly AgentPreset[] {
  return AGENT_PRESETS.filter((agent) => agent !== 'pi' && findProgram(agent, process.env['PATH'] ?? '') !== null);
}

/** '' also where `from` lies outside, in a workspace of ours. */
function prefixOf(root: string, from: string): string {
  const path = relative(root, realpathSync(from)).split(sep).join('/');
  return path === '..' || path.startsWith('../') ? '' : path;
}

function below(paths: readonly string[], prefix: string): string[] {
  return paths.filter((path) => path.startsWith(`${prefix}/`)).map((path) => path.slice(prefix.length + 1));
}

/** Commands run in the top folder of the repository. */
function fromTop(command: string, prefix: string): string {
  return prefix === '' ? command : `cd ${quoted(prefix)} && ${command}`;
}

const SOURCE = /\.(?:[cm]?[jt]sx?|py|rs|go|c|cc|cpp|h|hpp|java|kt|rb|php|swift|zig|lua|jl|sql|md|txt)$/;
const NOT_A_TARGET =
  /(?:^|\/)(?:tests?|specs?|bench(?:es|marks?)?|docs?|examples?|scripts|vendor|\.[^/]+)\/|(?:^|\/)(?:(?:test_|bench|eval|measure|perf|conftest|setup|readme|license|changelog)[^/]*|[^/]*[._](?:test|spec|bench|config)\.[^/]+)$/i;

/** What may be meant to be changed: the folder of sources, else a single source file; relative to `prefix`. */
export function guessTarget({ project, evaluations }: Pick<Surroundings, 'project' | 'evaluations'>): string | null {
  const commands = evaluations.map(({ command }) => command).join(' ');
  const sources = project.files.filter(
    (path) => SOURCE.test(path) && !NOT_A_TARGET.test(path) && !commands.includes(path),
  );
  const code = sources.filter((path) => !/\.(?:md|txt)$/.test(path));
  const candidates = code.length > 0 ? code : sources;
  const folder = ['src', 'lib', 'app', 'pkg'].find((name) => candidates.some((path) => path.startsWith(`${name}/`)));
  if (folder === undefined) return candidates.find((path) => !/[,*?[\]]/.test(path)) ?? null;
  const inside = candidates.filter((path) => path.startsWith(`${folder}/`));
  return inside.length === 1 && !/[,*?[\]]/.test(inside[0] ?? '') ? (inside[0] ?? null) : `${folder}/**`;
}

/** How many literals of the target are marked for the search; null when a marker is wrong, with what is wrong. */
export async function countParameters(
  root: string,
  targets: readonly string[],
): Promise<{ readonly count: number; readonly problem: AppError | null }> {
  try {
    return { count: collectParameters(await readMarkedFiles(root, targets)).length, problem: null };
  } catch (error) {
    if (error instanceof AppError) return { count: 0, problem: error };
    throw error;
  }
}

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/(?:^|_)(?:ns|us|ms|s|sec|seconds|minutes|time|latency)(?:_|$)/, 'speed'],
  [/(?:^|_)(?:bytes|size)(?:_|$)/, 'size'],
  [/(?:^|_)(?:kb|mb|gb|memory)(?:_|$)/, 'memory'],
  [/(?:^|_)(?:pass|passed|rate)(?:_|$)/, 'tests'],
];

/** `parse-speed` for `src/parse.mjs` and `p50_ms`: a valid name for an experiment. */
export function guessName(target: string | null, metric: string | null, root: string): string {
  const stem = target === null || /[*?[\]]/.test(target) ? basename(root) : basename(target).replace(/\.[^.]*$/, '');
  const kind = KINDS.find(([pattern]) => pattern.test(metric?.toLowerCase() ?? ''))?.[1] ?? metric ?? 'experiment';
  const slug = `${stem}-${kind}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64)
    .replace(/-+$/, '');
  return slug === '' ? 'first-experiment' : slug;
}
