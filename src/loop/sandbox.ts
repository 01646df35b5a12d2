import { existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Experiment } from '../config/experiment.js';
import type { ExperimentSettings } from '../config/settings.js';
import { AppError } from '../core/errors.js';
import { linkedGitDir } from '../git/own-worktree.js';
import type { Repository } from '../git/repository.js';
import { copyIndex } from '../git/staging.js';
import { makeWritable } from '../git/worktree-home.js';
import { type Mount, type SandboxPlan, sandboxProblem } from '../process/sandbox.js';
import type { RunContext } from './context.js';
import { modelAdapters } from './model-roles.js';
import {
  existingPlace,
  foldersAbove,
  homeFolder,
  isInside,
  outermost,
  readOnly,
  realPlace,
  writable,
} from './sandbox-paths.js';
import { AGENT_PLACES, SECRETS, SERVICES, SHOWN_SERVICES, TEMPORARY } from './sandbox-places.js';
import type { StateFolder } from './state-folder.js';

/**
 * What `[sandbox] kind = bwrap` lets the agent, the evaluator, checks and set-up see and change. Everything is read-only
 * unless it is named here; whatever decides (git folder, state, definitions) comes last, so that nothing before reopens it.
 */
type Place = Pick<RunContext, 'experiment' | 'repository' | 'workspace' | 'state' | 'revision'>;

/** What git itself writes in a worktree's own folder when an agent adds files; all the rest there stays as it is. */
const WRITTEN_BY_GIT = new Set(['index', 'index.lock', 'COMMIT_EDITMSG', 'ORIG_HEAD', 'FETCH_HEAD']);
const SUBMODULE_MODE = '160000';
/** Of all experiments of a project. */
const FOLDER = '.autoresearch';
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
  const fixed = await fixedInCheckout(place);
  const mounts = [
    ...surroundings(place, { own, fixed, agents: modelAdapters(place.experiment.settings) }),
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
  const git = place.workspace.kind === 'worktree' ? await worktreeGit(place, own) : NO_GIT;
  const fixed = await fixedInCheckout(place);
  const mounts = [
    ...surroundings(place, { own, fixed, agents: agent.preset === null ? [] : [agent.preset] }),
    ...state(place, [writable(recordFolder)]),
    ...git.mounts,
  ];
  return { mounts, network: sandbox.agentNetwork, env: { ...temporaryVariables(), ...git.env } };
}

interface OwnFolders {
  readonly temporary: string;
  /** What an agent's `git add` stores; thrown away, because the runner stages the files itself. */
  readonly objects: string;
  /** Seen in place of the worktree's git folder: what an agent leaves there is never met by a git outside. */
  readonly gitDir: string;
  /** An empty file. */
  readonly nothing: string;
}

async function freshFolders(stateFolder: StateFolder): Promise<OwnFolders> {
  await removeSandboxes(stateFolder);
  await mkdir(stateFolder.sandboxes, { recursive: true });
  const folder = await mkdtemp(join(stateFolder.sandboxes, 'run-'));
  const inside = (name: string) => join(folder, name);
  const own = {
    temporary: inside('tmp'),
    objects: inside('objects'),
    gitDir: inside('git'),
    nothing: inside('nothing'),
  };
  for (const path of [own.temporary, own.objects, own.gitDir]) await mkdir(path);
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

interface Surroundings {
  readonly own: OwnFolders;
  /** Adapters whose login and settings are theirs to use. */
  readonly agents: readonly string[];
  /** Paths in the workspace that stay as they are. */
  readonly fixed: readonly string[];
}

/** All but git and state: what is hidden, what may be written, the workspace. */
function surroundings(place: Place, { own, agents, fixed }: Surroundings): readonly Mount[] {
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
    ...foldersAbove(workspace.path, fixed).map(writable),
    ...fixed.map(readOnly),
    // A file that leads to the git folder, or that folder.
    ...existingPlace(join(workspace.path, '.git')).map(readOnly),
    // As a whole, for a folder above what is read-only could be moved away with it.
    ...[join(root, FOLDER), experiment.folder].flatMap(existingPlace).map(readOnly),
    ...hiddenInRoot.map((path) => hiding(path, own)),
  ];
}

/** Real paths that are hidden unless somebody has named them as his. */
function hiddenPlaces({ sandbox }: ExperimentSettings, named: readonly string[]): readonly string[] {
  const agents = Object.keys(AGENT_PLACES).flatMap(agentPlaces);
  const sockets = [process.env['XDG_RUNTIME_DIR'], process.env['SSH_AUTH_SOCK']].filter((path) => path !== undefined);
  const asked = [...SECRETS.map((path) => `~/${path}`), ...sandbox.hide, ...sockets, ...SERVICES, ...TEMPORARY];
  return [...new Set([...asked.flatMap(existingPlace), ...agents])].filter((path) => !named.includes(path));
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

/**
 * What lies in the workspace where that is the operator's checkout: his own definitions, and what leads git into
 * submodules, by whose settings a git outside would run programs.
 */
async function fixedInCheckout({ repository, workspace, revision }: Place): Promise<readonly string[]> {
  const { root } = repository;
  if (workspace.path !== root) return [];
  const own = revision.files
    .map(({ source }) => source)
    .filter((source) => isInside(root, source) && !isInside(join(root, FOLDER), source));
  const links = existsSync(join(root, '.gitmodules')) ? await submodulesOf(repository) : [];
  return [...new Set([...own, ...links].flatMap(existingPlace))];
}

/** What an agent could put there decides how git works in it: also where a submodule was never fetched. */
async function submodulesOf(repository: Repository): Promise<readonly string[]> {
  const tracked = await repository.trackedPaths((await repository.head()).commit, []);
  const folders = tracked.filter(({ mode }) => mode === SUBMODULE_MODE).map(({ path }) => join(repository.root, path));
  return folders.map((folder) => (existsSync(join(folder, '.git')) ? join(folder, '.git') : folder));
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

/** `git add` works, into an index and objects of its own; refs, HEAD, settings and hooks cannot be written. */
async function worktreeGit({ workspace, repository }: Place, own: OwnFolders): Promise<AgentGit> {
  const gitDir = await linkedGitDir(workspace.path);
  if (gitDir === null) return NO_GIT;
  const { objects } = own;
  const names = await readdir(gitDir);
  if (names.includes('index')) await copyIndex(join(gitDir, 'index'), join(own.gitDir, 'index'));
  const fixed = names.filter((name) => !WRITTEN_BY_GIT.has(name));
  return {
    mounts: [
      { kind: 'writable', path: gitDir, source: own.gitDir },
      ...fixed.map((name) => readOnly(join(gitDir, name))),
      writable(objects),
    ],
    env: {
      GIT_OBJECT_DIRECTORY: objects,
      GIT_ALTERNATE_OBJECT_DIRECTORIES: JSON.stringify(join(repository.commonDir, 'objects')),
    },
  };
}

function temporaryVariables(): Readonly<Record<string, string>> {
  return { TMPDIR: '/tmp', TMP: '/tmp', TEMP: '/tmp' };
}

function onOff(value: boolean): string {
  return value ? 'on' : 'off';
}
