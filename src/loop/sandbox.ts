import { existsSync, realpathSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Experiment } from '../config/experiment.js';
import type { ExperimentSettings } from '../config/settings.js';
import { AppError } from '../core/errors.js';
import { linkedGitDir } from '../git/own-worktree.js';
import { makeWritable } from '../git/worktree-home.js';
import { type Mount, type SandboxPlan, sandboxProblem } from '../process/sandbox.js';
import type { RunContext } from './context.js';
import { modelAdapters } from './model-roles.js';
import { AGENT_PLACES, SECRETS, SERVICES, SHOWN_SERVICES, TEMPORARY } from './sandbox-places.js';
import type { StateFolder } from './state-folder.js';

/**
 * What `[sandbox] kind = bwrap` lets the agent, the evaluator, checks and set-up see and change. Everything is read-only
 * unless it is named here; whatever decides (git folder, state, definitions) comes last, so that nothing before reopens it.
 */
type Place = Pick<RunContext, 'experiment' | 'repository' | 'workspace' | 'state' | 'revision'>;

/** What git itself writes in a worktree's own folder when an agent adds files; all the rest there stays as it is. */
const WRITTEN_BY_GIT = new Set(['index', 'index.lock', 'COMMIT_EDITMSG', 'ORIG_HEAD', 'FETCH_HEAD']);
const PACKAGE = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** For people: `sandbox bwrap, network off`; null where there is none. */
export function sandboxText({ sandbox, proposer }: ExperimentSettings): string | null {
  const { kind, network, agentNetwork } = sandbox;
  if (kind === 'none') return null;
  const agent = proposer.kind === 'agent' && agentNetwork !== network ? `, agent network ${onOff(agentNetwork)}` : '';
  return `sandbox ${kind}, network ${onOff(network)}${agent}`;
}

/** What of the settings changes measured numbers; the agent's network does not. */
export function sandboxDefinition({ sandbox }: ExperimentSettings): readonly unknown[] {
  const { kind, network, write, hide, device } = sandbox;
  return kind === 'none' ? [] : [['sandbox', kind, network, write, hide, device]];
}

/** @throws AppError environment when no sandbox can be had here, config when a path in it cannot be. */
export async function requireSandbox({ settings, root, configPath }: Experiment, gitFolder: string): Promise<void> {
  const { kind, write, device } = settings.sandbox;
  if (kind === 'none') return;
  const problem = await sandboxProblem();
  if (problem !== null) {
    throw new AppError('environment', `[sandbox] kind = ${kind} in ${configPath}: ${problem}`, {
      hint: 'install it (apt-get install bubblewrap; a container must allow user namespaces), or set kind = none under [sandbox]',
    });
  }
  for (const written of [...write, ...device]) {
    const path = realPlace(written);
    const trouble = path === null ? 'does not exist' : troubleOf(path, { root, gitFolder });
    if (trouble === null) continue;
    const hint = path === null ? `mkdir -p ${written}, or delete it from the line` : 'name only the folders it needs';
    throw new AppError('config', `[sandbox] in ${configPath} names ${written}, which ${trouble}`, { hint });
  }
}

function troubleOf(path: string, { root, gitFolder }: { root: string; gitFolder: string }): string | null {
  if (isInside(path, root) || isInside(path, realPlace(homeFolder()) ?? '/'))
    return 'holds your repository or your whole home folder';
  return isInside(gitFolder, path) ? "is inside the repository's git folder" : null;
}

/** For the evaluator, checks and set-up. `outputFolder`: where the evaluator leaves its reports. */
export async function measuringSandbox(place: Place, outputFolder: string | null): Promise<SandboxPlan | undefined> {
  const { sandbox } = place.experiment.settings;
  if (sandbox.kind === 'none') return undefined;
  const own = await freshFolders(place.state);
  const definitions = place.state.definitions(place.revision.number);
  const mounts = [
    ...surroundings(place, { own, agents: modelAdapters(place.experiment.settings) }),
    ...operatorsDefinitions(place),
    ...state(place, [definitions, place.state.programs].filter((path) => existsSync(path)).map(readOnly)),
    ...(outputFolder === null ? [] : [writable(outputFolder)]),
  ];
  return { mounts, network: sandbox.network, env: temporaryVariables() };
}

/** For the agent. `recordFolder`: where it finds its prompt and leaves its description. */
export async function agentSandbox(place: Place, recordFolder: string): Promise<SandboxPlan | undefined> {
  const { sandbox, agent } = place.experiment.settings;
  if (sandbox.kind === 'none') return undefined;
  const own = await freshFolders(place.state);
  const git = place.workspace.kind === 'worktree' ? await worktreeGit(place, own.objects) : NO_GIT;
  const mounts = [
    ...surroundings(place, { own, agents: agent.preset === null ? [] : [agent.preset] }),
    ...operatorsDefinitions(place),
    ...state(place, [writable(recordFolder)]),
    ...git.mounts,
  ];
  return { mounts, network: sandbox.agentNetwork, env: { ...temporaryVariables(), ...git.env } };
}

interface OwnFolders {
  readonly temporary: string;
  /** What an agent's `git add` stores; thrown away, because the runner stages the files itself. */
  readonly objects: string;
  /** An empty file. */
  readonly nothing: string;
}

async function freshFolders(stateFolder: StateFolder): Promise<OwnFolders> {
  await removeSandboxes(stateFolder);
  await mkdir(stateFolder.sandboxes, { recursive: true });
  const folder = await mkdtemp(join(stateFolder.sandboxes, 'run-'));
  const own = { temporary: join(folder, 'tmp'), objects: join(folder, 'objects'), nothing: join(folder, 'nothing') };
  await mkdir(own.temporary);
  await mkdir(own.objects);
  await writeFile(own.nothing, '', { mode: 0o444 });
  return own;
}

/** Removes the temporary files of commands that are over; what cannot be removed now is tried again the next time. */
export async function removeSandboxes({ sandboxes }: StateFolder): Promise<void> {
  const names = await readdir(sandboxes).catch(() => []);
  for (const path of names.map((name) => join(sandboxes, name))) {
    await makeWritable(path).catch(() => undefined);
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** All but git and state: what is hidden, what may be written, the workspace. */
function surroundings(place: Place, { own, agents }: { own: OwnFolders; agents: readonly string[] }): readonly Mount[] {
  const { experiment, workspace, repository } = place;
  const { root } = repository;
  const { write, device } = experiment.settings.sandbox;
  const free = write.flatMap(existingPlace);
  const used = agents.flatMap(agentPlaces);
  const places = hiddenPlaces(experiment.settings, [...free, ...used]);
  const hiddenInRoot = outermost(places.filter((path) => isInside(root, path)));
  const hidden = outermost(places.filter((path) => !isInside(root, path)));
  const isBelow = (path: string) => hidden.some((above) => isInside(above, path));
  const late = [...free, ...used].filter((path) => isInside(root, path) || isBelow(path));
  const early = [...free, ...used].filter((path) => !late.includes(path));
  const shown = [...SHOWN_SERVICES.flatMap(existingPlace), root, PACKAGE, dirname(process.execPath)];
  const reopened = shown.filter(isBelow);
  // What is shown again inside a hidden place may itself hold something hidden.
  const hiddenAgain = outermost(
    places.filter((path) => reopened.some((above) => above !== path && isInside(above, path))),
  );
  return [
    ...device.flatMap(existingPlace).map((path): Mount => ({ kind: 'device', path })),
    ...early.map(writable),
    ...hidden.map((path) => hiding(path, own)),
    ...reopened.map(readOnly),
    ...hiddenAgain.map((path) => hiding(path, own)),
    ...late.map(writable),
    writable(workspace.path),
    ...(workspace.path === root ? [] : [readOnly(join(workspace.path, '.git'))]),
    ...existingPlace(experiment.folder).map(readOnly),
    ...hiddenInRoot.map((path) => hiding(path, own)),
  ];
}

/** Real paths that are hidden unless somebody has named them as his. */
function hiddenPlaces({ sandbox }: ExperimentSettings, named: readonly string[]): readonly string[] {
  const agents = Object.keys(AGENT_PLACES).flatMap(agentPlaces);
  const sockets = [process.env['XDG_RUNTIME_DIR'], process.env['SSH_AUTH_SOCK']].filter((path) => path !== undefined);
  const asked = [...SECRETS.map((path) => `~/${path}`), ...sandbox.hide, ...sockets, SERVICES, ...TEMPORARY];
  return [...new Set([...asked.flatMap(existingPlace), ...agents])].filter((path) => !named.includes(path));
}

function outermost(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => !paths.some((other) => other !== path && isInside(other, path)));
}

function hiding(path: string, { temporary, nothing }: OwnFolders): Mount {
  if (TEMPORARY.flatMap(existingPlace).includes(path)) return { kind: 'writable', path, source: temporary };
  return statSync(path).isDirectory() ? { kind: 'empty', path } : { kind: 'read_only', path, source: nothing };
}

function agentPlaces(preset: string): readonly string[] {
  const { home, variables } = AGENT_PLACES[preset] ?? { home: [], variables: [] };
  const named = variables.flatMap((variable) => process.env[variable] ?? []);
  return [...home.map((path) => `~/${path}`), ...named].flatMap(existingPlace);
}

/** In a checkout the operator's own definitions lie in the workspace. */
function operatorsDefinitions({ repository, workspace, revision }: Place): readonly Mount[] {
  if (workspace.path !== repository.root) return [];
  const own = revision.files.map(({ source }) => source).filter((source) => isInside(repository.root, source));
  return own.flatMap(existingPlace).map(readOnly);
}

/** The git folder without what other experiments, and this one, have on record; `shown` is seen all the same. */
function state({ repository }: Place, shown: readonly Mount[]): readonly Mount[] {
  const { commonDir } = repository;
  return [readOnly(commonDir), { kind: 'empty', path: join(commonDir, 'autoresearch') }, ...shown];
}

interface AgentGit {
  readonly mounts: readonly Mount[];
  readonly env: Readonly<Record<string, string>>;
}

const NO_GIT: AgentGit = { mounts: [], env: {} };

/** `git add` works, into objects of its own; refs, HEAD, settings and hooks cannot be written. */
async function worktreeGit({ workspace, repository }: Place, objects: string): Promise<AgentGit> {
  const gitDir = await linkedGitDir(workspace.path);
  if (gitDir === null) return NO_GIT;
  const fixed = (await readdir(gitDir)).filter((name) => !WRITTEN_BY_GIT.has(name));
  return {
    mounts: [writable(gitDir), ...fixed.map((name) => readOnly(join(gitDir, name))), writable(objects)],
    env: {
      GIT_OBJECT_DIRECTORY: objects,
      GIT_ALTERNATE_OBJECT_DIRECTORIES: JSON.stringify(join(repository.commonDir, 'objects')),
    },
  };
}

function temporaryVariables(): Readonly<Record<string, string>> {
  return { TMPDIR: '/tmp', TMP: '/tmp', TEMP: '/tmp' };
}

function readOnly(path: string): Mount {
  return { kind: 'read_only', path };
}

function writable(path: string): Mount {
  return { kind: 'writable', path };
}

function existingPlace(path: string): readonly string[] {
  const real = realPlace(path);
  return real === null ? [] : [real];
}

/** `~/` and symlinks resolved; null when it does not exist. */
function realPlace(path: string): string | null {
  try {
    return realpathSync(path.startsWith('~/') ? join(homeFolder(), path.slice(2)) : resolve(path));
  } catch {
    return null; // absent, or behind a folder that this user may not enter: then nobody inside may either
  }
}

function homeFolder(): string {
  return process.env['HOME'] || homedir();
}

function isInside(folder: string, path: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`);
}

function onOff(value: boolean): string {
  return value ? 'on' : 'off';
}
