/**
 * Worlds for batteries that kill the runner, or let git and the disk fail, at a chosen operation: a repository with an
 * experiment, everything the product writes in one folder, and the question whether a world ended as it should.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openRaw } from '../../src/store/database.js';
import { StoreReader } from '../../src/store/reader.js';
import { resultsLine } from '../../src/store/results-tsv.js';
import type { MeasurementRow, TrialRow } from '../../src/store/rows.js';
import { repositoryAt, runGit, type TemporaryRepository } from './git.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/faults', import.meta.url));
/** The built command; another build of it can be put to the test. */
const CLI = process.env['CLI_UNDER_TEST'] ?? fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const GIT = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();

const EXPERIMENT = 'engineering/fault';
/** Exit codes that say what an operator must mend; 0 is the end of a run that coped. */
const CLEAR_EXIT_CODES = [0, 10, 11, 13, 14, 17, 18];
const RUN_LIMIT_MS = 60_000;

/** One command of the operator, and what the operator did before it. */
interface Step {
  readonly before?: (world: World) => void;
  readonly args: readonly string[];
}

export interface Scenario {
  readonly name: string;
  readonly config: string;
  /** Counted trials at the end, besides the baseline. */
  readonly trials: number;
  readonly steps: readonly Step[];
  /**
   * The search proposes from what it finds in the user's checkout; a runner that is killed during the proposal takes
   * nothing away there, so the next proposal may be another one.
   */
  readonly proposesAnew?: boolean;
  /** Changes the repository before its first use. */
  readonly prepare?: (repository: TemporaryRepository) => void;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

export interface Started {
  readonly pid: number;
  readonly ended: Promise<Ended>;
}

const RUN = ['run', '--experiment', EXPERIMENT, '--loop'];

function config(sections: string): string {
  return [
    'target = params.txt',
    'evaluate_cmd = sh evaluate.sh',
    'metric = score',
    'metric_direction = higher',
    'time_budget_minutes = 1',
    sections,
    '',
  ].join('\n');
}

const QUICK_GATE = '[gate]\nkind = single\nbaseline_runs = 1\nprobe = off';

/** A keep, a crash and a discard, in a worktree of the runner's own. */
export const WORKTREE: Scenario = {
  name: 'worktree',
  trials: 3,
  config: config(
    `[proposer]\nkind = search\n${QUICK_GATE}\n[workspace]\nwarmup_runs = 0\n[limits]\nmax_trials = 3\nmin_free_mb = 0`,
  ),
  steps: [{ args: RUN }],
};

/** The same in the user's checkout, on the experiment's branch. */
export const CHECKOUT: Scenario = {
  name: 'checkout',
  trials: 3,
  proposesAnew: true,
  config: config(
    `[proposer]\nkind = search\n${QUICK_GATE}\n[workspace]\nkind = checkout\nwarmup_runs = 0\n[limits]\nmax_trials = 3\nmin_free_mb = 0`,
  ),
  prepare: (repository) => repository.git('switch', '--quiet', '-c', `autoresearch/${EXPERIMENT}`),
  steps: [{ args: RUN }],
};

/** Everything that costs a step of its own: warm-up, two baseline runs, the broken target, set-up, a check, two keeps. */
export const FULL: Scenario = {
  name: 'full',
  trials: 5,
  config: config(
    '[proposer]\nkind = search\n[gate]\nkind = single\n[workspace]\nsetup_cmd = echo set up\nkeep = cache\n[limits]\nmax_trials = 5\n[checks]\nreads = test -s params.txt',
  ),
  steps: [{ args: RUN }],
};

/** An evaluator that behaves badly, in another way at each odd trial, under a limit of 2.4 seconds. */
export const MISBEHAVING: Scenario = {
  name: 'misbehaving',
  trials: 24,
  config: config(`[proposer]\nkind = search\n${QUICK_GATE}\n[workspace]\nwarmup_runs = 0\n[limits]\nmax_trials = 24`)
    .replace(/evaluate_cmd.*\n/, 'evaluate_cmd = sh misbehave.sh\nhard_limit_minutes = 0.04\n')
    .replace('budget_minutes = 1', 'budget_minutes = 0.01'),
  steps: [{ args: RUN }],
};

/** Trials without end, all of them measured. */
export const ENDLESS: Scenario = {
  name: 'endless',
  trials: 0,
  config: config(
    `[proposer]\nkind = search\n${QUICK_GATE}\n[workspace]\nwarmup_runs = 0\n[limits]\nmax_consecutive_crashes = 1000\n[retention]\nlog_trials = 1000000`,
  ).replace('sh evaluate.sh', `echo score: $(sed -n 's/^x = \\([0-9]*\\).*/\\1/p' params.txt)`),
  steps: [{ args: RUN }],
};

const SINGLE = ['run', '--experiment', EXPERIMENT];

/** A person proposes in the checkout: a commit that is kept, a commit that crashes, an edit that is discarded. */
export const MANUAL: Scenario = {
  name: 'manual',
  trials: 3,
  config: config(`[proposer]\nkind = manual\n${QUICK_GATE}\n[workspace]\nwarmup_runs = 0`),
  prepare: (repository) => repository.git('switch', '--quiet', '-c', `autoresearch/${EXPERIMENT}`),
  steps: [
    { args: SINGLE },
    { args: SINGLE, before: commitValue(1) },
    { args: SINGLE, before: commitValue(2) },
    { args: SINGLE, before: (world) => world.repository.write('params.txt', params(3)) },
  ],
};

function params(x: number): string {
  return `x = ${x} # autoresearch: int 0..99\ny = 3 # autoresearch: int 0..99\n`;
}

function commitValue(x: number): (world: World) => void {
  return ({ repository }) => {
    repository.write('params.txt', params(x));
    repository.git('commit', '--quiet', '--all', '-m', `value ${x}`);
  };
}

/** The preloaded library, built once per battery. */
function buildShim(folder: string): string {
  const library = join(folder, 'faults.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, join(FIXTURES, 'faults.c'), '-ldl']);
  return library;
}

/** One folder for a battery: the shim, templates, and worlds that are removed when they are done with. */
export class Battery {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'autoresearch-faults-')));
  readonly shim = buildShim(this.folder);
  #count = 0;

  /** A new world of the scenario, no command run yet; `folder` for one on a disk of its own. */
  world(scenario: Scenario, folder?: string): World {
    this.#count += 1;
    const world = new World(this, folder ?? join(this.folder, String(this.#count)));
    const template = join(this.folder, `template-${scenario.name}`);
    if (!existsSync(template)) makeTemplate(template, scenario);
    cpSync(template, world.repository.path, { recursive: true, preserveTimestamps: true });
    return world;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

function makeTemplate(path: string, { config, prepare }: Scenario): void {
  mkdirSync(path);
  const repository = repositoryAt(path, path);
  repository.git('init', '--quiet', '--initial-branch=main');
  repository.git('config', 'user.name', 'Test Person');
  repository.git('config', 'user.email', 'person@example.org');
  repository.write('params.txt', params(5));
  repository.write('other.txt', 'not in the target\n');
  for (const name of ['evaluate.sh', 'misbehave.sh']) repository.write(name, readFileSync(join(FIXTURES, name)));
  repository.write('.autoresearch/.gitignore', 'results.tsv*\nrun.log*\n');
  repository.write(`.autoresearch/${EXPERIMENT}/config.cfg`, config);
  repository.commit('first');
  prepare?.(repository);
}

/** Where and how something goes wrong during one command. */
export type Fault =
  | { readonly git: 'kill-before' | 'kill-after' | 'outlive' | 'fail-before' | 'fail-after'; readonly at: number }
  | {
      readonly write: 'kill' | 'tear' | 'ENOSPC' | 'EIO';
      readonly at: number;
      readonly programs: 'node' | 'node,git';
      readonly onwards?: boolean;
    };

function faultName(fault: Fault | null): string {
  if (fault === null) return 'no fault';
  if ('git' in fault) return `git call ${fault.at}: ${fault.git}`;
  return `operation ${fault.at} of ${fault.programs}${fault.onwards ? ' and later' : ''}: ${fault.write}`;
}

/** A repository, a home and a cache of its own. */
export class World {
  readonly repository: TemporaryRepository;
  readonly #battery: Battery;
  readonly #beside: string;
  #runs = 0;

  constructor(battery: Battery, folder: string) {
    this.#battery = battery;
    this.#beside = `${folder}.faults`;
    mkdirSync(folder);
    for (const path of ['cache', 'home', 'runtime', 'tmp']) mkdirSync(join(folder, path));
    this.repository = repositoryAt(join(folder, 'repository'), join(folder, 'cache'));
  }

  get folder(): string {
    return join(this.repository.path, '..');
  }

  get state(): string {
    return join(this.repository.path, '.git/autoresearch', EXPERIMENT);
  }

  get experimentFolder(): string {
    return join(this.repository.path, '.autoresearch', EXPERIMENT);
  }

  environment(extra: Record<string, string> = {}): Record<string, string> {
    const { PATH = '', GIT_CONFIG_GLOBAL = '', GIT_CONFIG_NOSYSTEM = '' } = process.env;
    return {
      ...{ PATH, GIT_CONFIG_GLOBAL, GIT_CONFIG_NOSYSTEM, NO_COLOR: '1' },
      HOME: join(this.folder, 'home'),
      XDG_CACHE_HOME: join(this.folder, 'cache'),
      XDG_RUNTIME_DIR: join(this.folder, 'runtime'),
      TMPDIR: join(this.folder, 'tmp'),
      ...extra,
    };
  }

  /** Runs the command to its end, or until the fault killed it. */
  async run(args: readonly string[], fault: Fault | null = null, extra: Record<string, string> = {}): Promise<Ended> {
    this.#runs += 1;
    const faults = fault === null ? {} : this.#faultEnvironment(fault);
    return start(this, args, { extra: { ...faults, ...extra }, limitMs: RUN_LIMIT_MS }).ended;
  }

  /** Starts the command; `run` for one that may be killed from outside. */
  start(args: readonly string[], extra: Record<string, string> = {}, limitMs = RUN_LIMIT_MS): Started {
    this.#runs += 1;
    return start(this, args, { extra, limitMs });
  }

  /** How many git calls the last run with a git fault made, with their arguments. */
  gitCalls(): string[] {
    const folder = join(this.#beside, String(this.#runs));
    const numbers = readdirSync(folder).filter((name) => /^\d+$/.test(name));
    return numbers
      .map(Number)
      .sort((a, b) => a - b)
      .map((number) =>
        readFileSync(join(folder, String(number)), 'utf8')
          .replace(/-c \S+ /g, '')
          .trim(),
      );
  }

  /** The operations that the last run with a write fault made; `fired` tells whether it came to the fault. */
  operations(): { count: number; fired: boolean; log: string[] } {
    const folder = join(this.#beside, String(this.#runs));
    const shared = readFileSync(join(folder, 'shared'));
    const log = existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8').trim().split('\n') : [];
    return { count: Number(shared.readBigUInt64LE(0)), fired: shared.readUInt32LE(12) === 1, log };
  }

  /** Lets a git that was to outlive its runner, in the first run of this world, go on. */
  letGitGoOn(): void {
    writeFileSync(join(this.#beside, '1', 'go'), '');
  }

  /** Processes of this world's gits: those whose folder of calls is this world's. */
  livingGits(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && environmentOf(name).includes(`FAULT_CALLS=${this.#beside}/`))
      .map(Number);
  }

  #faultEnvironment(fault: Fault): Record<string, string> {
    const folder = join(this.#beside, String(this.#runs));
    mkdirSync(folder, { recursive: true });
    if ('git' in fault) {
      const PATH = `${FIXTURES}:${process.env['PATH'] ?? ''}`;
      return { PATH, FAULT_CALLS: folder, FAULT_GIT: GIT, FAULT_AT: String(fault.at), FAULT_WHAT: fault.git };
    }
    writeFileSync(join(folder, 'shared'), Buffer.alloc(16));
    return {
      LD_PRELOAD: this.#battery.shim,
      FAULT_FILE: join(folder, 'shared'),
      FAULT_LOG: join(folder, 'log'),
      FAULT_ROOT: `${this.folder}/`,
      FAULT_PROGRAMS: fault.programs,
      FAULT_ACTION: fault.write,
      FAULT_AT: String(fault.at),
      ...(fault.onwards ? { FAULT_ONWARDS: '1' } : {}),
    };
  }

  remove(): void {
    for (const path of [this.folder, this.#beside])
      rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

/** The built command with these arguments, to be run by somebody else. */
export function commandLine(args: readonly string[]): string[] {
  return [process.execPath, CLI, ...args];
}

interface Starting {
  readonly extra: Record<string, string>;
  readonly limitMs: number;
}

function start(world: World, args: readonly string[], { extra, limitMs }: Starting): Started {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: world.repository.path,
    env: world.environment(extra),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const deadline = setTimeout(() => child.kill('SIGKILL'), limitMs);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    // A process that outlives the runner may hold its output open: `close` would wait for it.
    child.once('exit', (code, signal) => {
      clearTimeout(deadline);
      setImmediate(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        resolve({ code, signal, output });
      });
    });
  });
  return { pid: child.pid ?? 0, ended };
}

/** What an uninterrupted and an interrupted run must have in common. Commits differ by their dates, trees must not. */
type ComparedTrial = Pick<
  TrialRow,
  | 'number'
  | 'kind'
  | 'outcome'
  | 'verdict'
  | 'metric'
  | 'incumbentMetric'
  | 'description'
  | 'reason'
  | 'tree'
  | 'changedPaths'
  | 'notes'
> & { readonly measured: readonly (readonly [string, number | null])[] };

export interface Outcome {
  readonly trials: readonly ComparedTrial[];
  readonly incumbentTree: string;
  readonly results: readonly string[];
  readonly crashStreak: number;
}

export function outcomeOf(world: World): Outcome {
  const store = openStore(world);
  const counted = [...store.eachTrial()].filter(({ number }) => number !== null);
  const outcome = {
    trials: counted.map((trial) => ({
      ...{ number: trial.number, kind: trial.kind, outcome: trial.outcome, verdict: trial.verdict },
      ...{ metric: trial.metric, incumbentMetric: trial.incumbentMetric, description: trial.description },
      ...{ reason: trial.reason, tree: trial.tree, changedPaths: trial.changedPaths, notes: trial.notes },
      measured: measurementsOf(store, trial),
    })),
    incumbentTree: world.repository.git('rev-parse', `refs/autoresearch/${EXPERIMENT}/incumbent^{tree}`),
    results: resultsOf(world).map((line) => line.replace(/^[0-9a-f]+\t/, '')),
    crashStreak: store.newestSession()?.crashStreak ?? -1,
  };
  store.close();
  return outcome;
}

function measurementsOf(store: StoreReader, { id }: TrialRow): ComparedTrial['measured'] {
  // Every start warms up anew.
  const done = store.measurementsOf(id).filter(({ state, side }) => state === 'done' && side !== 'warmup');
  return done.map(({ side, metric }) => [side, metric] as const);
}

function resultsOf(world: World): string[] {
  return readFileSync(join(world.experimentFolder, 'results.tsv'), 'utf8').trimEnd().split('\n');
}

function openStore(world: World): StoreReader {
  const store = StoreReader.open(join(world.state, 'store.sqlite'));
  if (!store) throw new Error('there is no store');
  return store;
}

/** Everything that must hold whenever no runner lives and the last one ended by itself. Empty when all is well. */
export function violationsOf(world: World): string[] {
  const store = openStore(world);
  const trials = [...store.eachTrial()];
  const violations = [
    ...rowViolations(world, trials),
    ...refViolations(world, trials),
    ...workspaceViolations(world),
    ...leftoverFiles(world),
    ...livingProcesses(trials).map((pid) => `process ${pid} of a trial lives`),
  ];
  if (store.openTrial()) violations.push('a trial is open');
  if (store.runningMeasurements().length > 0) violations.push('a measurement is on record as running');
  store.close();
  const database = openRaw(join(world.state, 'store.sqlite'), { readonly: true });
  const integrity = JSON.stringify(database.pragma('integrity_check'));
  database.close();
  if (integrity !== '[{"integrity_check":"ok"}]') violations.push(`the store is damaged: ${integrity}`);
  return violations;
}

function rowViolations(world: World, trials: readonly TrialRow[]): string[] {
  const wanted = ['commit\tmetric\tstatus\tdescription', ...trials.map(resultsLine).filter((line) => line !== null)];
  const found = resultsOf(world);
  const violations = found.join('\n') === wanted.join('\n') ? [] : [`results.tsv says ${JSON.stringify(found)}`];
  const numbers = trials.flatMap(({ number }) => (number === null ? [] : [number]));
  if (numbers.some((number, index) => number !== index)) violations.push(`the trials are numbered ${numbers}`);
  return violations;
}

function refViolations({ repository }: World, trials: readonly TrialRow[]): string[] {
  const prefix = `refs/autoresearch/${EXPERIMENT}`;
  const listing = repository.git('for-each-ref', '--format=%(refname) %(objectname)');
  const refs = new Map(listing.split('\n').map((line) => line.split(' ') as [string, string]));
  const violations: string[] = [];
  for (const { number, kind, candidateCommit } of trials) {
    if (number === null || kind === 'baseline') continue;
    const ref = refs.get(`${prefix}/trials/${number}`);
    if (ref !== candidateCommit) violations.push(`the ref of trial ${number} is ${ref}, its commit ${candidateCommit}`);
  }
  const kept = trials.filter(({ verdict }) => verdict === 'keep').at(-1);
  const incumbent = refs.get(`${prefix}/incumbent`);
  if (kept?.candidateCommit !== incumbent)
    violations.push(`the incumbent is ${incumbent}, kept ${kept?.candidateCommit}`);
  const branch = refs.get(`refs/heads/autoresearch/${EXPERIMENT}`);
  if (branch !== incumbent) violations.push(`the branch is ${branch}, the incumbent ${incumbent}`);
  try {
    repository.git('fsck', '--strict', '--no-dangling');
  } catch (error) {
    violations.push(`git fsck: ${String(error)}`);
  }
  return violations;
}

function workspaceViolations(world: World): string[] {
  const { repository } = world;
  const violations: string[] = [];
  const dirty = repository.git('status', '--porcelain', '--untracked-files=all');
  if (dirty !== '') violations.push(`the user's checkout: ${dirty}`);
  const worktrees = repository
    .git('worktree', 'list', '--porcelain')
    .split('\n')
    .filter((line) => line.startsWith('worktree '));
  const folder = join(repository.path, '.git/worktrees');
  const registered = (existsSync(folder) ? readdirSync(folder) : []).filter((name) => counts(join(folder, name)));
  if (registered.length !== worktrees.length - 1) violations.push(`registered worktrees: ${registered}`);
  for (const path of worktrees
    .map((line) => line.slice('worktree '.length))
    .filter((path) => path !== repository.path)) {
    const incumbent = repository.git('rev-parse', `refs/autoresearch/${EXPERIMENT}/incumbent`);
    if (runGit(path, ['rev-parse', 'HEAD']) !== incumbent) violations.push('the worktree is not at the incumbent');
    const changed = runGit(path, ['status', '--porcelain', '--untracked-files=all', '--ignored']);
    if (changed !== '') violations.push(`the worktree: ${changed}`);
  }
  for (const name of registered) {
    const marker = readFileSync(join(folder, name, 'autoresearch-workspace'), 'utf8');
    if (marker !== repository.path) violations.push(`the marker of the worktree says "${marker}"`);
  }
  return violations;
}

/**
 * Whether git counts this folder of a worktree. A git that loses its life or its power at the very start of `worktree add`
 * leaves one without the file that names the worktree, or with nothing in it.
 */
function counts(worktreeGitDir: string): boolean {
  return (statSync(join(worktreeGitDir, 'gitdir'), { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** Locks of git, half-written files of ours, mirrors that were set aside. */
function leftoverFiles(world: World): string[] {
  const gitDir = join(world.repository.path, '.git');
  const isAbandoned = (path: string) =>
    /^worktrees\/[^/]+\//.test(path) && !counts(join(gitDir, ...path.split('/').slice(0, 2)));
  const inGit = readdirSync(gitDir, { recursive: true, encoding: 'utf8' }).filter((path) => !isAbandoned(path));
  const inExperiment = readdirSync(world.experimentFolder, { encoding: 'utf8' });
  return [...inGit, ...inExperiment]
    .filter((path) => /\.lock$|\.new$|\.bak$|workspace-intent$|owner\.json$|autoresearch-away$/.test(basename(path)))
    .map((path) => `left behind: ${path}`);
}

/** Processes that carry the mark of one of these trials. */
export function livingProcesses(trials: readonly Pick<TrialRow, 'trace'>[]): number[] {
  const marks = new Set(trials.map(({ trace }) => trace.mark));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => marksOf(pid).some((mark) => marks.has(mark)))
    .map(Number);
}

function marksOf(pid: string): string[] {
  return [...environmentOf(pid).matchAll(/AUTORESEARCH_MARK_[0-9a-f]+(?==)/g)].map(([mark]) => mark);
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return ''; // ended meanwhile
  }
}

/** The finished measurements of a trial's candidate. */
export function measurementsOfTrial(world: World, number: number): MeasurementRow[] {
  const store = openStore(world);
  const trial = store.trialByNumber(number);
  const rows = trial ? store.measurementsOf(trial.id).filter(({ state }) => state === 'done') : [];
  store.close();
  return rows;
}

/** All trials of a world, settled or not, by their marks. */
export function trialsOf(world: World): TrialRow[] {
  const store = StoreReader.open(join(world.state, 'store.sqlite'));
  if (!store) return [];
  const open = store.openTrial();
  const trials = [...store.eachTrial(), ...(open ? [open] : [])];
  store.close();
  return trials;
}

/** Runs the scenario to its end with nothing going wrong. */
export async function playWell(world: World, { steps }: Scenario): Promise<void> {
  for (const { before, args } of steps) {
    before?.(world);
    await runWell(world, args);
  }
}

async function runWell(world: World, args: readonly string[]): Promise<void> {
  let ended = await world.run(args);
  // A lock on the user's own index or HEAD may be the user's: the operator is told what to type, and types it.
  const lock = /if no git is running: rm (\S+\/\.git\/(?:index|HEAD)\.lock)$/m.exec(ended.output)?.[1];
  if (ended.code === 11 && lock?.startsWith(world.folder)) {
    rmSync(lock);
    ended = await world.run(args);
  }
  if (ended.code !== 0) throw new Error(`the healthy run ended with ${ended.code ?? ended.signal}:\n${ended.output}`);
}

/** Faults of one command, and of the command that is to mend what the first left behind. */
export interface Case {
  readonly step: number;
  readonly faults: readonly Fault[];
}

function caseName({ step, faults }: Case): string {
  return `command ${step + 1}, ${faults.map(faultName).join(', then ')}`;
}

/**
 * Plays the scenario with the faults, then well, and says what is wrong with the end; empty when it is the reference's.
 */
async function problemsOf(world: World, scenario: Scenario, { step, faults }: Case, reference: Outcome) {
  const problems: string[] = [];
  for (const [index, { before, args }] of scenario.steps.entries()) {
    before?.(world);
    for (const fault of index === step ? faults : []) problems.push(...unclearEnd(await world.run(args, fault), fault));
    // Two kills while the same candidate was measured: it gets the blame, as it should.
    const open = trialsOf(world).find(({ phase }) => phase === 'measuring');
    if (faults.length > 1 && open && open.attempt > 1) return problems;
    await runWell(world, args);
  }
  const wasCutShort = trialsOf(world).some(({ kind, outcome }) => kind === 'trial' && outcome === 'interrupted');
  const likeness = scenario.proposesAnew && wasCutShort ? verdictsOf : differencesOf;
  return [...problems, ...likeness(outcomeOf(world), reference), ...violationsOf(world)];
}

function verdictsOf(found: Outcome, reference: Outcome): string[] {
  const verdicts = ({ trials }: Outcome) => trials.map(({ number, verdict }) => `${number} ${verdict}`).join();
  return verdicts(found) === verdicts(reference) ? [] : [`the verdicts are ${verdicts(found)}`];
}

/** Field by field, so that a report is short. */
export function differencesOf(found: Outcome, reference: Outcome): string[] {
  const differences: string[] = [];
  for (const [index, wanted] of reference.trials.entries()) {
    const trial = found.trials[index];
    for (const [key, value] of Object.entries(wanted)) {
      const is = JSON.stringify(trial?.[key as keyof ComparedTrial]);
      if (is !== JSON.stringify(value))
        differences.push(`trial ${index}: ${key} is ${is}, not ${JSON.stringify(value)}`);
    }
  }
  if (found.trials.length !== reference.trials.length) differences.push(`there are ${found.trials.length} trials`);
  for (const key of ['incumbentTree', 'results', 'crashStreak'] as const) {
    const is = JSON.stringify(found[key]);
    if (is !== JSON.stringify(reference[key])) differences.push(`${key} is ${is}`);
  }
  return differences;
}

/** A kill is a kill; everything else has to end in words and with an exit code of the table. */
function unclearEnd({ code, signal, output }: Ended, fault: Fault): string[] {
  const kills = 'git' in fault ? /^kill|outlive/.test(fault.git) : fault.write === 'kill' || fault.write === 'tear';
  if (kills && signal === 'SIGKILL') return [];
  if (code === null) return [`it was ended by ${signal}: ${output}`];
  if (!CLEAR_EXIT_CODES.includes(code)) return [`it ended with ${code}: ${output}`];
  if (/this is a bug|^\s+at .*:\d+:\d+\)?$/m.test(output)) return [`it printed a stack: ${output}`];
  return [];
}

/** Does the work for every item, `width` at a time. */
async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** At most `count` of the items, spread evenly, the phase chosen by `seed`. */
export function spread<T>(items: readonly T[], count: number, seed: number): T[] {
  const stride = Math.max(1, items.length / count);
  const chosen: T[] = [];
  for (let at = seed % stride; at < items.length; at += stride)
    chosen.push(...items.slice(Math.floor(at), Math.floor(at) + 1));
  return chosen;
}

/** One case for every git call of the scenario; `mutating` for those that may change anything. */
export async function gitCases(battery: Battery, scenario: Scenario, git: Extract<Fault, { git: string }>['git']) {
  const world = battery.world(scenario);
  const cases: (Case & { readonly mutating: boolean })[] = [];
  for (const [step, { before, args }] of scenario.steps.entries()) {
    before?.(world);
    await world.run(args, { git, at: 0 });
    for (const [index, call] of world.gitCalls().entries()) {
      cases.push({ step, faults: [{ git, at: index + 1 }], mutating: !READ_ONLY.test(call) });
    }
  }
  world.remove();
  return cases;
}

const READ_ONLY =
  /^(?:version|rev-parse|rev-list|grep|for-each-ref|diff-tree|diff-index|diff|ls-tree|ls-files|merge-base|status|log|show|cat-file)\b/;

/** One case for every durable operation of the scenario. */
export async function writeCases(
  battery: Battery,
  scenario: Scenario,
  fault: Omit<Extract<Fault, { write: string }>, 'at'>,
) {
  const world = battery.world(scenario);
  const cases: Case[] = [];
  for (const [step, { before, args }] of scenario.steps.entries()) {
    before?.(world);
    await world.run(args, { ...fault, at: 0 });
    const { count } = world.operations();
    for (let at = 1; at <= count; at += 1) cases.push({ step, faults: [{ ...fault, at }] });
  }
  world.remove();
  return cases;
}

/** Plays every case in a world of its own; returns what went wrong, empty when all ended like the uninterrupted run. */
export async function failuresOf(battery: Battery, scenario: Scenario, cases: readonly Case[]): Promise<string[]> {
  const uninterrupted = battery.world(scenario);
  await playWell(uninterrupted, scenario);
  const reference = outcomeOf(uninterrupted);
  const failures = violationsOf(uninterrupted).map((violation) => `uninterrupted: ${violation}`);
  uninterrupted.remove();
  await inParallel(cases, 2, async (each) => {
    const world = battery.world(scenario);
    const problems = await problemsOf(world, scenario, each, reference).catch((error: unknown) => [String(error)]);
    failures.push(...problems.map((problem) => `${scenario.name}, ${caseName(each)}: ${problem}`));
    world.remove();
  });
  return failures;
}

/** A number that chooses a battery's sample: fixed in everyday tests, printed and repeatable by FAULT_SEED elsewhere. */
export function seedOf(fallback: number): number {
  return Number(process.env['FAULT_SEED'] ?? fallback);
}
