/** What `init` made, for people and for programs: files, what may change, what is protected, and what to type next. */
import { relative } from 'node:path';
import type { Experiment } from '../config/experiment.js';
import { commandsOf } from '../config/keep-conditions.js';
import { formatExperimentName } from '../core/names.js';
import { oneLine, quoted } from '../core/text.js';
import { collectDefinitions } from '../evaluate/definitions.js';
import type { Repository } from '../git/repository.js';
import { workspacePath } from '../git/worktree-home.js';
import { probeContainment } from '../process/containment.js';
import type { Baseline } from './init-measure.js';

export interface Created {
  readonly experiment: Experiment;
  readonly repository: Repository;
  /** Absolute paths of the new files. */
  readonly files: readonly string[];
  /** Tracked files that match the target, none of which decides the measurement. */
  readonly mayChange: readonly string[];
  readonly protectedFiles: readonly string[];
  readonly notes: readonly string[];
}

const SHOWN_PATHS = 10;

/** What no candidate can change, as the runner will see it. */
export async function protectedPaths(experiment: Experiment): Promise<string[]> {
  const { settings, name } = experiment;
  const files = await collectDefinitions({
    root: experiment.root,
    experimentFolder: experiment.folder,
    experimentPath: `.autoresearch/${formatExperimentName(name)}`,
    evaluateCmd: settings.evaluateCmd,
    checks: commandsOf(settings),
    literalTargets: settings.target.filter((target) => !/[*?[\]]/.test(target)),
    protect: settings.protect.paths,
  });
  return files.map(({ path }) => path);
}

export async function createdText(created: Created): Promise<string> {
  const { experiment, repository, files, mayChange, protectedFiles, notes } = created;
  const { settings } = experiment;
  const containment = (await probeContainment()) === 'pid_namespace' ? 'a pid namespace' : 'a process group';
  const count = `${mayChange.length} file${mayChange.length === 1 ? '' : 's'}`;
  return [
    `Created ${formatExperimentName(experiment.name)}`,
    ...files.map((path) => `  ${shortPath(path, repository.root)}`),
    `May change: ${count} (target ${oneLine(settings.target.join(', '))})`,
    ...listed(mayChange),
    protectedFiles.length > 0
      ? 'Protected: they decide the measurement, and no change of them counts'
      : 'Protected: only the configuration, as evaluate_cmd names no other file here; add more under [protect] paths',
    ...listed(protectedFiles),
    `Measured by: ${oneLine(settings.evaluateCmd, 300)}`,
    `  ${settings.metric}, ${settings.metricDirection} is better; up to ${settings.timeBudgetMinutes} min, in ${containment}`,
    `Workspace: ${workspaceText(created)}`,
    ...notes.map((note) => `note: ${oneLine(note, 600)}`),
  ].join('\n');
}

function listed(paths: readonly string[]): string[] {
  const rows = paths.slice(0, SHOWN_PATHS).map((path) => `  ${oneLine(path)}`);
  return paths.length > SHOWN_PATHS ? [...rows, `  and ${paths.length - SHOWN_PATHS} more`] : rows;
}

function shortPath(path: string, root: string): string {
  const inside = relative(root, path);
  return oneLine(inside.startsWith('..') ? path : inside, 400);
}

function isByHand({ settings }: Experiment): boolean {
  return settings.proposer.kind === 'manual' || settings.proposer.kind === 'watch';
}

function workspaceKind(experiment: Experiment): 'worktree' | 'checkout' {
  return experiment.settings.workspace.kind ?? (isByHand(experiment) ? 'checkout' : 'worktree');
}

function workspaceText({ experiment, repository }: Created): string {
  const { link, setupCmd } = experiment.settings.workspace;
  if (workspaceKind(experiment) === 'checkout') {
    return `you edit your checkout ${oneLine(repository.root, 400)}`;
  }
  const parts = [
    `a worktree of its own, ${oneLine(workspacePath(repository, experiment.name), 400)}`,
    ...(link.length > 0 ? [`borrowing ${link.join(', ')}`] : []),
    ...(setupCmd ? [`prepared by ${oneLine(setupCmd)}`] : []),
  ];
  return parts.join(', ');
}

/** The commands to type next, in order, as they work from the current folder. @param branchExists the baseline makes it. */
export function nextCommands({ experiment, repository }: Created, branchExists: boolean): string[] {
  const name = formatExperimentName(experiment.name);
  const isInside = `${process.cwd()}/`.startsWith(`${repository.root}/`);
  const top = quoted(repository.root);
  const run = `autoresearch run --experiment ${name}${isInside ? '' : ` --path ${top}`} --loop`;
  const needsBranch = isByHand(experiment) && workspaceKind(experiment) === 'checkout';
  if (!needsBranch || !experiment.settings.workspace.branch) return [run];
  return [`git ${isInside ? '' : `-C ${top} `}switch ${branchExists ? '' : '-c '}autoresearch/${name}`, run];
}

export function nextText(created: Created, commands: readonly string[]): string {
  const { experiment, repository } = created;
  const lines = ['', 'Next:'];
  if (isByHand(experiment)) {
    const where =
      workspaceKind(experiment) === 'worktree' ? workspacePath(repository, experiment.name) : 'your checkout';
    lines[1] = `Next (the loop measures what you edit in ${oneLine(where, 400)}):`;
  }
  return [...lines, ...commands.map((command) => `  ${command}`)].join('\n');
}

export function createdJson(
  created: Created,
  { baseline, next }: { baseline: Baseline | null; next: readonly string[] },
) {
  const { experiment, files, mayChange, protectedFiles, notes } = created;
  return {
    schemaVersion: 1,
    experiment: formatExperimentName(experiment.name),
    folder: experiment.folder,
    files,
    target: { patterns: experiment.settings.target, files: mayChange },
    protected: protectedFiles,
    workspace: workspaceKind(experiment),
    notes,
    baseline,
    next,
  };
}
