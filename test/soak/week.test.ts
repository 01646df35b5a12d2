import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { median } from '../../src/core/statistics.js';
import { Battery, ENDLESS, type Scenario, trialsOf, violationsOf, type World } from '../helpers/faults.js';
import { runGit, temporaryRepository } from '../helpers/git.js';

/** A week of a quick experiment, as fast as the loop can go: nothing may grow but what is on record. */
const TRIALS = Number(process.env['WEEK_TRIALS'] ?? 10_000);
const LOGS = 200;
const REFS = 1_000;
/** Refs are let go of in batches of so many trials. */
const BATCH = 200;
const LIMIT_MS = 12 * 3_600_000;
const SAMPLE_MS = 500;
const MIB = 1024 * 1024;
const battery = new Battery();
afterAll(() => battery.remove());

const WEEK: Scenario = {
  ...ENDLESS,
  name: 'week',
  config: ENDLESS.config.replace(
    /\[retention\]\nlog_trials = \d+/,
    `[retention]\nlog_trials = ${LOGS}\nref_trials = ${REFS}`,
  ),
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
      const world = battery.world(WEEK);
      const args = [...(WEEK.steps[0]?.args ?? []), '--max-experiments', String(TRIALS)];
      const startedAt = performance.now();
      const { pid, ended } = world.start(args, {}, LIMIT_MS);
      const samples = await samplesOf(world, pid, ended);
      const { code, output } = await ended;
      expect(code, output.slice(-3000)).toBe(0);
      const quarters = [0, 1, 2, 3].map((quarter) =>
        samples.filter(({ trials }) => trials > (TRIALS * quarter) / 4 && trials <= (TRIALS * (quarter + 1)) / 4),
      );
      report(world, { quarters, seconds: (performance.now() - startedAt) / 1000 });

      const [, second = [], , last = []] = quarters;
      const typical = (of: readonly Sample[], key: (typeof MEASURED)[number]) => median(of.map((each) => each[key]));
      expect(typical(last, 'memoryMib')).toBeLessThan(typical(second, 'memoryMib') * 1.25 + 10);
      expect(typical(last, 'heapMib')).toBeLessThan(typical(second, 'heapMib') * 1.25 + 10);
      expect(typical(last, 'files')).toBeLessThanOrEqual(typical(second, 'files') + 2);
      expect(typical(last, 'watches')).toBeLessThanOrEqual(typical(second, 'watches'));

      const trials = trialsOf(world);
      const kept = trials.filter(({ verdict }) => verdict === 'keep').length;
      expect(trials.filter(({ number, kind }) => number !== null && kind === 'trial')).toHaveLength(TRIALS);
      expect(readdirSync(join(world.state, 'trials')).length).toBeLessThanOrEqual(LOGS + kept + 1);
      const refs = world.repository.git('for-each-ref', '--format=%(refname)', 'refs/autoresearch').split('\n').length;
      expect(refs).toBeLessThanOrEqual(REFS + BATCH + kept + 1);
      expect(refs).toBeGreaterThanOrEqual(Math.min(TRIALS, REFS));
      // Everything else that must hold; the refs of old trials were let go of.
      const violations = violationsOf(world);
      expect(violations.filter((violation) => !/^the ref of trial \d+ is undefined/.test(violation))).toEqual([]);
    },
    LIMIT_MS,
  );

  it('with 10 000 refs of trials costs git little (measured, not asserted)', () => {
    const many = temporaryRepository();
    const few = temporaryRepository();
    const head = many.head();
    for (let number = 1; number <= 10_000; number += 1) {
      many.write(`.git/refs/autoresearch/a/b/trials/${number}`, `${head}\n`);
    }
    const loose = compare(many.path, few.path);
    many.git('pack-refs', '--all');
    const packed = compare(many.path, few.path);
    console.info(`10 000 refs, times without: loose ${JSON.stringify(loose)}, packed ${JSON.stringify(packed)}`);
  });
});

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  status: ['status', '--porcelain'],
  log: ['log', '-1', '--format=%h'],
  'log --all': ['log', '-1', '--all', '--format=%h'],
  'for-each-ref': ['for-each-ref'],
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

async function samplesOf(world: World, pid: number, ended: Promise<unknown>): Promise<Sample[]> {
  const samples: Sample[] = [];
  let isRunning = true;
  void ended.then(() => {
    isRunning = false;
  });
  while (isRunning) {
    const sample = sampleOf(world, pid);
    if (sample) samples.push(sample);
    await delay(SAMPLE_MS);
  }
  return samples;
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
