import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { median } from '../../src/core/statistics.js';
import { openRepository } from '../../src/git/open.js';
import { ExperimentRefs } from '../../src/git/refs.js';
import { StoreReader } from '../../src/store/reader.js';
import { Battery, ENDLESS, type Scenario, trialsOf, violationsOf, type World } from '../helpers/faults.js';
import { runGit, temporaryRepository } from '../helpers/git.js';
import { HOUR_MS, SetClock } from '../helpers/set-clock.js';

/**
 * A week of a quick experiment, as fast as the loop can go: nothing may grow but what is on record. Where libfaketime is
 * installed it is a week by the clock too, with seven midnights, hours between trials, and a clock that is set.
 */
const TRIALS = Number(process.env['WEEK_TRIALS'] ?? 10_000);
const LOGS = 200;
const REFS = Math.floor(TRIALS * 0.8);
/** Refs are let go of, and packed, in batches of so many trials. */
const BATCH = 200;
const LIMIT_MS = 12 * HOUR_MS;
const SAMPLE_MS = 500;
const MIB = 1024 * 1024;
/** Where there is one, a folder in memory: most of a trial is git and SQLite waiting for the disk. */
const FOLDER = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'week-of-trials-'));
const battery = new Battery();
afterAll(() => {
  battery.remove();
  rmSync(FOLDER, { recursive: true, force: true });
});

const clock = SetClock.find(join(FOLDER, 'clock'));
if (!clock) console.warn('no libfaketime (apt-get install faketime): this week has no midnights');
const TRIALS_PER_DAY = Math.ceil(TRIALS / 7);
const INTERVAL_HOURS = 6;
/** So many trials have to wait for their turn. */
const SPACED_TRIALS = 12;

const WEEK: Scenario = {
  ...ENDLESS,
  name: 'week',
  config: ENDLESS.config
    .replace(/evaluate_cmd = .*/, 'evaluate_cmd = read -r x is value rest < params.txt && echo "score: $value"')
    .replace(/log_trials = \d+/, `log_trials = ${LOGS}\nref_trials = ${REFS}`)
    // By the clock the week takes a hundred hours, of work it has few.
    .replace('[limits]\n', `[limits]\nmax_hours = 12\n${clock ? `max_trials_per_day = ${TRIALS_PER_DAY}\n` : ''}`),
  prepare: (repository) => {
    repository.write('params.txt', 'x = 5 # autoresearch: int 0..9999999\ny = 3 # autoresearch: int 0..9999999\n');
    repository.commit('more to choose from');
  },
};

interface Sample {
  readonly at: number;
  readonly trials: number;
  readonly memoryMib: number;
  readonly heapMib: number;
  readonly files: number;
  readonly watches: number;
  readonly folders: number;
}

const MEASURED = ['memoryMib', 'heapMib', 'files', 'watches', 'folders'] as const;

describe('a runner that lives for a week', () => {
  it(
    `keeps memory, handles, logs and refs as they are for ${TRIALS} trials`,
    async () => {
      const world = battery.world(WEEK, join(FOLDER, 'world'));
      const args = [...(WEEK.steps[0]?.args ?? []), '--max-experiments', String(TRIALS)];
      const startedAt = performance.now();
      const { pid, ended } = world.start(args, clock?.environment ?? {}, LIMIT_MS);
      const calendar = clock && new Calendar(world, clock);
      const samples = await samplesOf(world, { pid, ended, calendar });
      const { code, output } = await ended;
      expect(code, output.slice(-3000)).toBe(0);
      const seconds = (performance.now() - startedAt) / 1000;
      const quarters = [0, 1, 2, 3].map((quarter) =>
        samples.filter(({ trials }) => trials > (TRIALS * quarter) / 4 && trials <= (TRIALS * (quarter + 1)) / 4),
      );
      report(world, { quarters, seconds });

      const [, second = [], , last = []] = quarters;
      const typical = (of: readonly Sample[], key: (typeof MEASURED)[number]) => median(of.map((each) => each[key]));
      expect(typical(last, 'memoryMib')).toBeLessThan(typical(second, 'memoryMib') * 1.25 + 10);
      expect(typical(last, 'heapMib')).toBeLessThan(typical(second, 'heapMib') * 1.25 + 10);
      expect(typical(last, 'files')).toBeLessThanOrEqual(typical(second, 'files') + 2);
      expect(typical(last, 'watches')).toBeLessThanOrEqual(typical(second, 'watches'));

      const trials = trialsOf(world);
      const kept = trials.filter(({ verdict }) => verdict === 'keep').length;
      const numbered = trials.filter(({ number, kind }) => number !== null && kind === 'trial');
      expect(numbered).toHaveLength(TRIALS);
      if (calendar) expect(calendar.problems(numbered)).toEqual([]);
      expect(activeSecondsOf(world)).toBeLessThanOrEqual(seconds);
      expect(activeSecondsOf(world)).toBeGreaterThan(seconds / 2);
      expect(readdirSync(join(world.state, 'trials')).length).toBeLessThanOrEqual(LOGS + kept + 1);
      const refs = world.repository.git('for-each-ref', '--format=%(refname)', 'refs/autoresearch').split('\n').length;
      expect(refs).toBeLessThanOrEqual(REFS + BATCH + kept + 1);
      expect(refs).toBeGreaterThanOrEqual(Math.min(TRIALS, REFS));
      expect(looseTrials(world.repository.path).length).toBeLessThan(BATCH);
      // Everything else that must hold; the refs of old trials were let go of.
      const violations = violationsOf(world);
      expect(violations.filter((violation) => !/^the ref of trial \d+ is undefined/.test(violation))).toEqual([]);
    },
    LIMIT_MS,
  );

  it('with 10 000 refs of trials costs git little, as they are packed (measured, not asserted)', async () => {
    const [loose, packed, few] = [temporaryRepository(), temporaryRepository(), temporaryRepository()];
    const repository = await openRepository(packed.path);
    const refs = new ExperimentRefs(repository, { domain: 'engineering', name: 'fault' });
    const [head, looseHead] = [packed.head(), loose.head()];
    const packing: number[] = [];
    for (let number = 1; number <= 10_000; number += 1) {
      loose.write(`.git/${TRIAL_REFS}/${number}`, `${looseHead}\n`);
      await refs.createTrialRef(number, head);
      if (number % BATCH !== 0) continue;
      const startedAt = performance.now();
      expect(await refs.packTrials()).toBe(true);
      packing.push(performance.now() - startedAt);
    }
    expect(looseTrials(packed.path)).toEqual([]);
    console.info(
      `packing ${BATCH} more: ${median(packing).toFixed(0)} ms, at most ${Math.max(...packing).toFixed(0)} ms`,
    );
    for (const [how, { path }] of Object.entries({ loose, packed })) {
      console.info(`10 000 refs, times without: ${how} ${JSON.stringify(compare(path, few.path))}`);
    }
  });
});

const TRIAL_REFS = 'refs/autoresearch/engineering/fault/trials';

function looseTrials(repository: string): string[] {
  const folder = join(repository, '.git', TRIAL_REFS);
  return existsSync(folder) ? readdirSync(folder) : [];
}

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  status: ['status', '--porcelain'],
  log: ['log', '-1', '--format=%h'],
  'log --all': ['log', '-1', '--all', '--format=%h'],
  // The default format reads an object for every ref, packed or not.
  'for-each-ref': ['for-each-ref', '--format=%(refname) %(objectname)'],
  'rev-parse': ['rev-parse', 'HEAD'],
  'update-ref': ['update-ref', 'refs/heads/other', 'HEAD'],
  fetch: ['fetch', '--quiet', '--dry-run', '.', 'HEAD'],
};

/** For each command: how many times as long it takes in the first repository, and its ms there. */
function compare(one: string, other: string): Record<string, string> {
  const entries = Object.entries(COMMANDS).map(([name, args]) => {
    const [slow = 0, quick = 1] = typicalMs([one, other], args);
    return [name, `${(slow / quick).toFixed(1)}x (${slow.toFixed(1)} ms)`];
  });
  return Object.fromEntries([...entries, ['fetch from it', fetchRatio(one, other)]]);
}

/** In turns, so that whatever else the machine does slows down all alike. */
function typicalMs(places: readonly string[], args: readonly string[]): number[] {
  const times = places.map(() => [] as number[]);
  for (let round = 0; round < 15; round += 1) {
    for (const [index, cwd] of places.entries()) {
      const startedAt = performance.now();
      runGit(cwd, args);
      times[index]?.push(performance.now() - startedAt);
    }
  }
  return times.map(median);
}

/** A clone of a person who fetches again: refs/autoresearch are looked through, and not taken. */
function fetchRatio(one: string, other: string): string {
  const clones = [one, other].map((origin) => {
    const clone = join(origin, '..', 'clone');
    rmSync(clone, { recursive: true, force: true });
    runGit(join(origin, '..'), ['clone', '--quiet', `file://${origin}`, clone]);
    return clone;
  });
  const [slow = 0, quick = 1] = typicalMs(clones, ['fetch', '--quiet']);
  return `${(slow / quick).toFixed(1)}x (${slow.toFixed(1)} ms)`;
}

interface Living {
  readonly pid: number;
  readonly ended: Promise<unknown>;
  readonly calendar: Calendar | null;
}

async function samplesOf(world: World, { pid, ended, calendar }: Living): Promise<Sample[]> {
  const samples: Sample[] = [];
  let isRunning = true;
  void ended.then(() => {
    isRunning = false;
  });
  while (isRunning) {
    const sample = sampleOf(world, pid);
    if (sample) {
      samples.push(sample);
      calendar?.passTime(sample.trials);
    }
    await delay(SAMPLE_MS);
  }
  return samples;
}

/**
 * Time goes by in steps: to the end of whatever the runner waits for, and, at some trials, to where nobody expects it. In
 * the middle of the week the operator wants hours between the trials for a while.
 */
class Calendar {
  readonly #world: World;
  readonly #clock: SetClock;
  readonly #settings = [0.1, 0.25, 0.4, 0.6, 0.75].map((share, index) => ({
    atTrial: Math.floor(TRIALS * share),
    hours: [3, -2, 24, -24, -7 * 24][index] ?? 0,
  }));
  readonly #spacedFrom = Math.floor(TRIALS / 2);
  #config: string | null = null;
  #waited = '';
  readonly #spaced: number[] = [];
  #midnights = 0;

  constructor(world: World, clock: SetClock) {
    this.#world = world;
    this.#clock = clock;
  }

  passTime(trials: number): void {
    const next = this.#settings[0];
    if (next && trials >= next.atTrial) {
      this.#settings.shift();
      this.#clock.turn(next.hours * HOUR_MS);
    }
    this.#space(trials);
    const line = lastLine(join(this.#world.state, 'daemon.log'));
    if (line === this.#waited || !line.includes('"kind":"waiting"')) return;
    this.#waited = line;
    const { untilMs, reason } = JSON.parse(line) as { untilMs: number; reason: string };
    if (reason.includes('of the day')) this.#midnights += 1;
    else this.#spaced.push(untilMs);
    this.#clock.turn(untilMs + 1000 - this.#clock.now());
  }

  #space(trials: number): void {
    const path = join(this.#world.experimentFolder, 'config.cfg');
    if (this.#config === null && trials >= this.#spacedFrom) {
      this.#config = readFileSync(path, 'utf8');
      writeFileSync(path, `${this.#config}[loop]\ninterval = ${INTERVAL_HOURS}h\n`);
    }
    if (this.#spaced.length < SPACED_TRIALS || this.#config === null) return;
    if (readFileSync(path, 'utf8') !== this.#config) writeFileSync(path, this.#config);
  }

  /** What did not go by the clock. */
  problems(trials: readonly { readonly startedAt: number }[]): string[] {
    const problems: string[] = [];
    if (this.#settings.length > 0) problems.push(`the clock was not set to ${JSON.stringify(this.#settings)}`);
    if (this.#midnights < 6) problems.push(`${this.#midnights} midnights were waited for`);
    if (this.#spaced.length < SPACED_TRIALS) problems.push(`${this.#spaced.length} trials waited for their turn`);
    for (const due of this.#spaced.slice(0, SPACED_TRIALS - 1)) {
      const started = trials.find(({ startedAt }) => startedAt >= due)?.startedAt ?? Number.NaN;
      if (!(started - due < HOUR_MS)) problems.push(`the trial due at ${due} began at ${started}`);
    }
    const perDay = new Map<number, number>();
    for (const { startedAt } of trials) {
      const day = Math.floor(startedAt / (24 * HOUR_MS));
      perDay.set(day, (perDay.get(day) ?? 0) + 1);
    }
    for (const [day, count] of perDay) if (count > TRIALS_PER_DAY) problems.push(`${count} trials on day ${day}`);
    console.info(`${perDay.size} days, ${this.#midnights} midnights waited for, ${this.#spaced.length} turns`);
    return problems;
  }
}

function lastLine(path: string): string {
  if (!existsSync(path)) return '';
  const descriptor = openSync(path, 'r');
  const end = Buffer.alloc(4096);
  const bytes = readSync(descriptor, end, 0, end.length, Math.max(0, statSync(path).size - end.length));
  closeSync(descriptor);
  return end.toString('utf8', 0, bytes).trimEnd().split('\n').at(-1) ?? '';
}

function activeSecondsOf(world: World): number {
  const store = StoreReader.open(join(world.state, 'store.sqlite'));
  const seconds = store?.newestSession()?.activeSeconds ?? Number.NaN;
  store?.close();
  return seconds;
}

function sampleOf(world: World, pid: number): Sample | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN);
    const descriptors = readdirSync(`/proc/${pid}/fdinfo`);
    const watches = descriptors.flatMap((name) => infoOf(pid, name).match(/^inotify /gm) ?? []);
    const lines = readFileSync(join(world.experimentFolder, 'results.tsv'), 'utf8').split('\n').length - 3;
    return {
      at: performance.now(),
      trials: Math.max(0, lines),
      memoryMib: kib('VmRSS') / 1024,
      heapMib: kib('RssAnon') / 1024,
      files: descriptors.length,
      watches: watches.length,
      folders: readdirSync(join(world.state, 'trials')).length,
    };
  } catch {
    return null; // not yet there, or ended meanwhile
  }
}

function infoOf(pid: number, descriptor: string): string {
  try {
    return readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8');
  } catch {
    return ''; // closed meanwhile
  }
}

function report(
  world: World,
  { quarters, seconds }: { quarters: readonly (readonly Sample[])[]; seconds: number },
): void {
  console.info(`${TRIALS} trials in ${seconds.toFixed(0)} s: ${(TRIALS / seconds).toFixed(2)} a second`);
  for (const [index, quarter] of quarters.entries()) {
    const [first, last] = [quarter[0], quarter.at(-1)];
    if (!first || !last) continue;
    const rate = (last.trials - first.trials) / ((last.at - first.at) / 1000);
    const values = MEASURED.map((key) => `${key} ${median(quarter.map((each) => each[key])).toFixed(1)}`);
    console.info(`quarter ${index + 1}: ${rate.toFixed(2)} trials a second, ${values.join(', ')}`);
  }
  const sizes = ['store.sqlite', 'daemon.log', 'trials', 'definitions'].map((name) => {
    return `${name} ${(sizeOf(join(world.state, name)) / MIB).toFixed(2)} MiB`;
  });
  console.info(
    `on disk: ${sizes.join(', ')}; all of .git ${(sizeOf(join(world.repository.path, '.git')) / MIB).toFixed(1)} MiB`,
  );
}

function sizeOf(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return 0;
  if (!found.isDirectory()) return found.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
