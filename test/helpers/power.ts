/**
 * Power loss: a world on a disk of its own, a file with an ext4 file system mounted as root. A cut takes away at once
 * everything that is not on the disk yet, also in the middle of a sync; then every process of the world is killed, and
 * the disk is mounted anew, as after a boot.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Random } from '../../src/core/random.js';
import {
  Battery,
  differencesOf,
  type Outcome,
  outcomeOf,
  type Scenario,
  trialsOf,
  violationsOf,
  type World,
} from './faults.js';
import { until } from './process.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/power', import.meta.url));
const DISK_MIB = 64;
/** The journal is committed by what asks for it, and by nothing else. */
const LAZY = 'loop,commit=300';
const EXPERIMENT = 'engineering/fault';
const RUN = ['run', '--experiment', EXPERIMENT, '--loop'];

/** Keeps, discards and crashes of an agent that makes folders and files, notes and a check. */
export const NIGHT: Scenario = {
  name: 'night',
  trials: 9,
  config: `target = params.txt, data/**
evaluate_cmd = sh measure.sh
metric = score
metric_direction = higher
time_budget_minutes = 1
[proposer]
kind = agent
[agent]
preset = command
command = sh agent.sh
[gate]
kind = single
baseline_runs = 1
probe = off
[workspace]
warmup_runs = 0
setup_cmd = echo set up
[checks]
reads = test -s params.txt
[limits]
max_trials = 9
min_free_mb = 1
`,
  prepare: (repository) => {
    repository.write('params.txt', 'x = 5\n');
    repository.write('data/0/numbers.txt', '1\n');
    for (const name of ['agent.sh', 'measure.sh']) repository.write(name, readFileSync(join(FIXTURES, name)));
    repository.commit('an agent');
  },
  steps: [{ args: RUN }],
};

/** Its first trials. */
export const EVENING: Scenario = { ...NIGHT, name: 'evening', trials: 3, config: NIGHT.config.replace('= 9', '= 3') };

/** Null where power loss can be simulated, else why not. */
export function whyNoPowerLoss(): string | null {
  if (process.platform !== 'linux') return 'only Linux mounts files';
  if (process.getuid?.() !== 0) return 'only root mounts file systems';
  const folder = mkdtempSync(join(tmpdir(), 'autoresearch-disk-'));
  try {
    const disk = new Disk(join(folder, 'probe'), join(folder, 'cut'));
    disk.cut();
    disk.boot();
    disk.remove();
    return null;
  } catch (error) {
    return `no disk can be made, mounted and cut off here: ${String(error).split('\n').slice(0, 3).join(' ')}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file system in a file, mounted at `path`. */
export class Disk {
  readonly path: string;
  readonly #cutter: string;
  #boots = 0;

  constructor(path: string, cutter: string) {
    this.path = path;
    this.#cutter = cutter;
    if (!existsSync(cutter)) execFileSync('cc', ['-o', cutter, join(FIXTURES, 'cut.c')]);
    mkdirSync(path);
    execFileSync('sh', ['-c', `truncate -s ${DISK_MIB}M "$1" && mkfs.ext4 -q -F "$1"`, 'mkfs', this.#image], {
      stdio: 'pipe',
    });
    this.#mount();
  }

  get #image(): string {
    return `${this.path}.${this.#boots}`;
  }

  cut(): void {
    execFileSync(this.#cutter, [this.path], { stdio: 'pipe' });
  }

  /**
   * After a cut, with nobody using it: replays the journal and mounts what is there. Always a copy, because a mount
   * namespace that was made meanwhile, by anybody, keeps the old file system alive.
   * @throws Error with what e2fsck finds, which would be nobody's fault but ours or the kernel's.
   */
  boot(): void {
    command('umount', '--lazy', this.path);
    const before = this.#image;
    this.#boots += 1;
    execFileSync('cp', ['--sparse=always', before, this.#image]);
    rmSync(before);
    command('e2fsck', '-y', '-E', 'journal_only', this.#image);
    const { status, stdout } = command('e2fsck', '-fn', this.#image);
    if (status !== 0) throw new Error(`the file system itself: ${stdout}`);
    this.#mount();
  }

  #mount(): void {
    const { status, stderr } = command('mount', '-o', LAZY, this.#image, this.path);
    if (status !== 0) throw new Error(`mount: ${stderr}`);
  }

  remove(): void {
    command('umount', '--lazy', this.path);
    rmSync(this.#image, { force: true });
    rmSync(this.path, { recursive: true, force: true });
  }
}

function command(program: string, ...args: readonly string[]) {
  return spawnSync(program, args, { encoding: 'utf8' });
}

/** Milliseconds from the start of a run, or as soon as something is there. */
export type Moment = number | ((world: World) => boolean);

/** Cuts the power at chosen moments of one scenario and says what is wrong with how each world ends. */
export class PowerBattery {
  readonly #battery = new Battery();
  readonly #scenario: Scenario;
  /** Where it fits, the disks are in memory: whether they are real makes no difference to what is on them. */
  readonly #folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'autoresearch-power-'));
  #count = 0;
  /** The others came after the end of a run. */
  cutsWhileRunning = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  /** How an uninterrupted run ends, and how long it takes. */
  async reference(): Promise<{ outcome: Outcome; ms: number }> {
    const world = this.#battery.world(this.#scenario);
    const startedAt = performance.now();
    await runToEnd(world);
    const ms = performance.now() - startedAt;
    const violations = violationsOf(world);
    if (violations.length > 0) throw new Error(`uninterrupted: ${violations.join('\n')}`);
    const outcome = outcomeOf(world);
    world.remove();
    return { outcome, ms };
  }

  /** One world, cut off once for each moment, then run to its end. */
  async problemsAfter(moments: readonly Moment[], reference: Outcome): Promise<string[]> {
    this.#count += 1;
    const disk = new Disk(join(this.#folder, String(this.#count)), join(this.#folder, 'cut'));
    const problems: string[] = [];
    let isOver = false;
    try {
      const world = this.#battery.world(this.#scenario, join(disk.path, 'world'));
      execFileSync('sync', ['--file-system', disk.path]);
      for (const moment of moments) {
        const shown = await cutAt(world, disk, moment);
        disk.boot();
        problems.push(...lossesOf(world, shown), ...damagesOf(world));
        isOver = isDone(world, this.#scenario);
        if (!isOver) this.cutsWhileRunning += 1;
        const open = trialsOf(world).find(({ phase }) => phase === 'measuring');
        // Two runners died of the same candidate: it gets the blame, as it should.
        if (open && open.attempt > 1) return problems;
      }
      await runToEnd(world);
      problems.push(...differencesOf(outcomeOf(world), reference), ...damagesOf(world));
      // A run that was over has nothing left to do: the next trial will put the workspace right.
      problems.push(...violationsOf(world).filter((violation) => !isOver || !violation.startsWith('the worktree:')));
      await endAll(world);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    } finally {
      disk.remove();
    }
    return problems;
  }

  remove(): void {
    this.#battery.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Moments of `cuts` worlds: mostly one each, now and then a second cut, soon after the first. */
export function momentsOf(cuts: number, { seed, longestMs }: { seed: number; longestMs: number }): number[][] {
  const random = new Random(seed);
  return Array.from({ length: cuts }, () => {
    const first = 100 + random.next() * longestMs;
    return random.next() < 0.3 ? [first, 100 + random.next() * 1000] : [first];
  });
}

/** What a person could have seen just before the power went. */
interface Shown {
  readonly results: readonly string[];
  readonly refs: readonly string[];
}

async function cutAt(world: World, disk: Disk, moment: Moment): Promise<Shown> {
  const { ended } = world.start(RUN);
  const reached = typeof moment === 'number' ? delay(moment) : until('the moment of the cut', () => moment(world));
  await Promise.race([ended, reached]);
  const shown = { refs: refsOf(world), results: resultsOf(world) };
  disk.cut();
  await endAll(world);
  await ended;
  return shown;
}

/** Every trial is settled: what comes next only says so. */
function isDone(world: World, { trials: wanted }: Scenario): boolean {
  const trials = trialsOf(world);
  return trials.every(({ phase }) => phase === 'settled') && trials.some(({ number }) => number === wanted);
}

async function runToEnd(world: World): Promise<void> {
  const { code, signal, output } = await world.run(RUN);
  if (code !== 0) throw new Error(`the healthy run ended with ${code ?? signal}:\n${output}`);
}

/** No line of results.tsv and no ref that was shown may be gone or say something else. */
function lossesOf(world: World, shown: Shown): string[] {
  const trials = trialsOf(world);
  const lines = shown.results.filter((line) => !line.startsWith('commit\t'));
  const lost = lines.filter((line) => {
    const commit = line.split('\t')[0] ?? '';
    const found = trials.filter(({ candidateCommit, incumbentCommit, phase }) => {
      return phase === 'settled' && (candidateCommit ?? incumbentCommit).startsWith(commit);
    });
    return found.length === 0;
  });
  const problems = lost.map((line) => `results.tsv had shown a row that is lost: ${line}`);
  for (const line of shown.refs) {
    const [commit = '', ref = ''] = line.split(' ');
    const number = Number(/\/trials\/(\d+)$/.exec(ref)?.[1] ?? Number.NaN);
    const trial = trials.find((each) => each.number === number);
    if (Number.isInteger(number) && trial === undefined)
      problems.push(`the trial of a ref that was shown is lost: ${line}`);
    if (trial?.candidateCommit != null && trial.candidateCommit !== commit)
      problems.push(`${line} has become ${trial.candidateCommit}`);
  }
  return problems;
}

/** What is damaged right now: the store, or what our refs reach. */
function damagesOf(world: World): string[] {
  const { status, stdout, stderr } = spawnSync(
    'git',
    ['fsck', '--connectivity-only', '--no-dangling', '--no-reflogs'],
    {
      cwd: world.repository.path,
      encoding: 'utf8',
    },
  );
  return status === 0 ? [] : [`git fsck: ${stdout}${stderr}`];
}

function refsOf({ repository }: World): string[] {
  const listing = repository.git('for-each-ref', '--format=%(objectname) %(refname)', 'refs/autoresearch');
  return listing.split('\n').filter((line) => line !== '');
}

function resultsOf({ experimentFolder }: World): string[] {
  const path = join(experimentFolder, 'results.tsv');
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  // The last piece is empty, or a line that is being written.
  return lines.slice(0, -1);
}

/** Kills every process of the world and waits until all are gone. */
async function endAll(world: World): Promise<void> {
  for (;;) {
    const living = processesOf(world);
    if (living.length === 0) return;
    for (const pid of living) killIfThere(pid);
    await delay(5);
  }
}

function processesOf({ folder }: World): number[] {
  const home = `HOME=${folder}/home`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && environmentOf(name).split('\0').includes(home))
    .map(Number);
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return ''; // ended meanwhile
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ended meanwhile
  }
}
