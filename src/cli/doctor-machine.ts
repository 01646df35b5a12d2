import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Experiment } from '../config/experiment.js';
import { errorMessage } from '../core/errors.js';
import type { Finding } from '../core/finding.js';
import { formatExperimentName } from '../core/names.js';
import { oneLine } from '../core/text.js';
import { formatBytes } from '../core/units.js';
import { readExperiment } from '../dashboard/read-view.js';
import { workspacePath } from '../git/worktree-home.js';
import { ADAPTERS } from '../model/adapters/index.js';
import { probeContainment } from '../process/containment.js';
import { listProcesses, markLookup } from '../process/proc-table.js';
import { sandboxProblem } from '../process/sandbox.js';
import { findProgram } from '../process/shell.js';
import { runTool } from '../process/tool.js';
import { runManager, type ServiceState } from '../service/manager.js';
import { goneSince } from '../service/record.js';
import { lingers } from '../service/systemd.js';
import { sqliteVersion } from '../store/database.js';
import type { OpenedExperiment } from './place.js';
import { openTarget } from './service-target.js';

/** What `doctor` can tell without measuring: the machine, git, the repository, the agent, the service, what was left over. */
const OLDEST_NODE = [20, 19] as const;
/** From here on histories can be brought together (audit, finish, --rebase-onto). */
const MERGING_GIT = [2, 38] as const;
const FEW_WATCHES_PER_FILE = 2;

export async function machineFindings(opened: OpenedExperiment): Promise<readonly Finding[]> {
  const parts = [programs, repository, disk, agent, containment, watches, runner, service];
  const found: Finding[] = [];
  for (const part of parts) found.push(...(await part(opened)));
  return found;
}

function finding(level: Finding['level'], text: string, cure?: string): Finding {
  return { area: 'machine', level, text, ...(cure === undefined ? {} : { cure }) };
}

function isOlder(version: readonly number[], than: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version;
  return major < than[0] || (major === than[0] && minor < than[1]);
}

async function programs({ repository: { git, gitVersion } }: OpenedExperiment): Promise<Finding[]> {
  const node = process.versions.node.split('.').map(Number);
  const found = isOlder(node, OLDEST_NODE)
    ? [
        finding(
          'problem',
          `Node ${process.versions.node} is older than ${OLDEST_NODE.join('.')}`,
          'install a newer Node',
        ),
      ]
    : [finding('ok', `Node ${process.versions.node}, SQLite ${sqliteVersion()}, git ${gitVersion.join('.')}`)];
  if (isOlder(gitVersion, MERGING_GIT)) {
    const text = `git ${gitVersion.join('.')} cannot bring two histories together: audit of single changes, finish --without and --rebase-onto need ${MERGING_GIT.join('.')}`;
    found.push(finding('note', text, 'install a newer git'));
  }
  const name = await git.run(['config', 'user.email'], { okExitCodes: [0, 1] });
  if (name.exitCode !== 0) {
    const text = 'git does not know who you are: `finish` makes commits in your name';
    found.push(
      finding('note', text, 'git config --global user.email you@example.org && git config --global user.name You'),
    );
  }
  return found;
}

async function repository({ experiment, repository: repo }: OpenedExperiment): Promise<Finding[]> {
  const found: Finding[] = [];
  const kind = experiment.settings.workspace.kind ?? (byHand(experiment) ? 'checkout' : 'worktree');
  const { commit } = await repo.head();
  if (kind === 'worktree' && (await repo.hasSubmodules(commit))) {
    found.push(
      finding(
        'problem',
        'the repository has submodules, which a worktree would leave empty',
        `set kind = checkout under [workspace] in ${experiment.configPath}`,
      ),
    );
  }
  const shallow = await repo.git.text(['rev-parse', '--is-shallow-repository']);
  if (shallow.trim() === 'true')
    found.push(finding('note', 'the clone is shallow: its history ends early', 'git fetch --unshallow'));
  const operation = await repo.operationInProgress();
  if (operation !== null) {
    const end = operation === 'bisect' ? 'git bisect reset' : `git ${operation} --abort`;
    found.push(finding('warning', `a ${operation} is in progress in ${repo.root}`, `${end}, or finish it`));
  }
  if (existsSync(join(repo.gitDir, 'index.lock'))) {
    const text = `${join(repo.gitDir, 'index.lock')} is there: a git command runs, or one died`;
    found.push(finding('warning', text, 'when no git is running, delete that file'));
  }
  const uses = await repo.git.run(['config', '--get', 'filter.lfs.process'], { okExitCodes: [0, 1] });
  if (uses.exitCode === 0 && findProgram('git-lfs', process.env['PATH'] ?? '') === null) {
    found.push(
      finding(
        'warning',
        'git is set up for LFS, but git-lfs is not installed: large files would be pointers',
        'install git-lfs',
      ),
    );
  }
  return found;
}

function byHand({ settings }: Experiment): boolean {
  return settings.proposer.kind === 'manual' || settings.proposer.kind === 'watch';
}

function disk({ experiment, repository: repo }: OpenedExperiment): Finding[] {
  const floor = experiment.settings.limits.minFreeMb * 1024 * 1024;
  const places = [repo.commonDir, workspacePath(repo, experiment.name)].filter(existsSync);
  return places.flatMap((path) => {
    const { bavail, bsize } = statfsSync(path);
    const free = bavail * bsize;
    if (free >= floor * 2) return [];
    const text = `${formatBytes(free)} are free on the disk of ${path}; no trial begins below ${formatBytes(floor)}`;
    return [
      finding(free < floor ? 'problem' : 'warning', text, 'free some space, or lower min_free_mb under [limits]'),
    ];
  });
}

async function agent({ experiment }: OpenedExperiment): Promise<Finding[]> {
  const { proposer, agent: hired } = experiment.settings;
  if (proposer.kind !== 'agent') return [];
  if (hired.preset === null)
    return [
      finding(
        'problem',
        'kind = agent under [proposer], but no agent is named',
        'add [agent] preset = claude, or command = ...',
      ),
    ];
  if (hired.preset === 'command')
    return [finding('ok', `the agent is a command of your own: ${oneLine(hired.command ?? '', 100)}`)];
  const { program, install } = ADAPTERS[hired.preset];
  const path = findProgram(program ?? '', process.env['PATH'] ?? '');
  if (path === null) return [finding('problem', `${program} is not on PATH`, install)];
  const version = await runTool([path, '--version'], { timeoutMs: 20_000 });
  const said = oneLine(version.stdout.toString('utf8').split('\n')[0] ?? '', 80);
  return [finding('ok', `the agent is ${path}${said === '' ? '' : `, ${said}`}`)];
}

async function containment({ experiment }: OpenedExperiment): Promise<Finding[]> {
  const kind = await probeContainment();
  const held =
    kind === 'pid_namespace'
      ? finding('ok', 'processes are held in a pid namespace: none outlives its measurement')
      : finding('note', 'processes are held by group and mark only: one that hides from both may live on');
  if (experiment.settings.sandbox.kind === 'none') return [held];
  const problem = await sandboxProblem();
  if (problem === null) return [held, finding('ok', 'the sandbox works')];
  return [
    held,
    finding(
      'problem',
      `the sandbox does not work: ${oneLine(problem, 200)}`,
      'apt-get install bubblewrap, or set kind = none under [sandbox]',
    ),
  ];
}

async function watches({ experiment, repository: repo }: OpenedExperiment): Promise<Finding[]> {
  if (!byHand(experiment)) return [];
  const limit = Number(readFileOrEmpty('/proc/sys/fs/inotify/max_user_watches'));
  const { commit } = await repo.head();
  const files = (await repo.trackedPaths(commit)).length;
  if (limit === 0 || limit > files * FEW_WATCHES_PER_FILE) return [];
  const text = `the kernel watches at most ${limit} files for you, the repository has ${files}`;
  return [finding('warning', text, 'sudo sysctl fs.inotify.max_user_watches=524288')];
}

function readFileOrEmpty(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
}

/** Who holds the lock, and what a runner that died has left behind. */
function runner({ experiment, repository: repo }: OpenedExperiment): Finding[] {
  const { store, runner: owner } = readExperiment(experiment, repo, Date.now());
  try {
    if (owner?.alive) return [finding('note', `it is being run by process ${owner.pid}`, 'autoresearch status')];
    const open = store?.openTrial() ?? null;
    const traces = [...(open ? [open.trace] : []), ...(store?.runningMeasurements() ?? []).map(({ trace }) => trace)];
    const isMarked = traces.map(({ mark }) => markLookup(mark));
    const left = listProcesses().filter(({ pid, dead }) => !dead && isMarked.some((has) => has(pid)));
    const name = formatExperimentName(experiment.name);
    const found: Finding[] = [];
    if (open !== null)
      found.push(
        finding(
          'note',
          'the last run left something unfinished; the next one goes on with it',
          `autoresearch run --experiment ${name}`,
        ),
      );
    if (left.length > 0) {
      const pids = left.map(({ pid }) => pid).join(' ');
      found.push(finding('warning', `processes of the last run are alive: ${pids}`, 'the next run ends them'));
    }
    return found;
  } finally {
    store?.close();
  }
}

async function service({ experiment, repository: repo }: OpenedExperiment): Promise<Finding[]> {
  const name = formatExperimentName(experiment.name);
  try {
    const { manager, record } = await openTarget({ experiment: name, path: repo.root });
    if (!existsSync(manager.path)) return [];
    const again = `autoresearch service install --experiment ${name}`;
    const missing = goneSince(record);
    if (missing.length > 0)
      return [finding('problem', `the service needs ${missing.join(' and ')}, which is gone`, again)];
    const found = [standing(manager.title, (await manager.state()).activity, name)];
    if (manager.kind === 'systemd' && (await lingers(userInfo().username, runManager)) === false) {
      found.push(
        finding('warning', 'the service ends when you log out', `loginctl enable-linger ${userInfo().username}`),
      );
    }
    return [...found, ...agentOfService(experiment, readFileOrEmpty(manager.path), again)];
  } catch (error) {
    return [finding('warning', `the service cannot be looked at: ${oneLine(errorMessage(error), 200)}`)];
  }
}

function standing(title: string, activity: ServiceState['activity'], name: string): Finding {
  const start = `autoresearch service start --experiment ${name}`;
  if (activity === 'failed') return finding('problem', `the service ${title} failed and is not started again`, start);
  if (activity === 'stopped') return finding('note', `installed as a service, which is not running: ${title}`, start);
  return finding('ok', `installed as a service: ${title}`);
}

/** A service has the PATH of its installation, which may lack what was installed since. */
function agentOfService({ settings }: Experiment, unit: string, again: string): Finding[] {
  const { preset } = settings.agent;
  if (settings.proposer.kind !== 'agent' || preset === null || preset === 'command') return [];
  const path = /PATH=([^"\n]*)/.exec(unit)?.[1];
  if (path === undefined || findProgram(ADAPTERS[preset].program ?? '', path) !== null) return [];
  return [finding('problem', `${ADAPTERS[preset].program} is not on the PATH of the service`, again)];
}
