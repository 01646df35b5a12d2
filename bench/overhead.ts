/**
 * What the runner itself costs: time per trial beside the same steps by hand, beside longer and longer histories; memory;
 * start-up beside a bare Node. Everything is measured in turns in the same minutes, so that a busy machine slows all of
 * it alike. `npm run bench:overhead -- --trials 200 --json`
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EXIT_CODES } from '../src/core/errors.js';
import { median } from '../src/core/statistics.js';
import { addHistory } from './history.js';
import { CLI, createSample, runTrials, type Sample, type TimedRun } from './sample.js';

const FLOOR = fileURLToPath(new URL('floor.mjs', import.meta.url));
const HISTORIES = [10, 10_000, 100_000];
const TRIALS_PER_TURN = 20;
const STARTS = 15;

interface Row {
  readonly what: string;
  readonly median: number;
  readonly p95: number;
  readonly unit: string;
  /** Beside the row that it is compared with: the floor, or bare Node. */
  readonly ratio: number | null;
  readonly p95Ratio: number | null;
}

function percentile95(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Number.NaN;
}

function row(what: string, values: readonly number[], beside: readonly number[] | null, unit = 'ms'): Row {
  const [middle, high] = [median(values), percentile95(values)];
  return {
    ...{ what, unit, median: middle, p95: high },
    ratio: beside === null ? null : middle / median(beside),
    p95Ratio: beside === null ? null : high / percentile95(beside),
  };
}

/** A repository of its own for the trials by hand. */
function floorOf(sample: Sample): (trials: number, first: number) => number[] {
  const worktree = join(sample.root, '..', 'floor');
  sample.git(['worktree', 'add', '--quiet', '--detach', worktree]);
  const store = join(sample.root, '..', 'floor.sqlite');
  return (trials, first) => {
    const args = [FLOOR, sample.root, worktree, store, String(trials), String(first)];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', env: sample.env })) as number[];
  };
}

async function trialRows(trials: number): Promise<Row[]> {
  const samples: Sample[] = [];
  try {
    for (const count of HISTORIES) {
      const sample = await createSample();
      samples.push(sample);
      addHistory(sample, count);
    }
    const own = await createSample();
    samples.push(own);
    const byHand = floorOf(own);
    const floor: number[] = [];
    const runs = samples.slice(0, HISTORIES.length).map((): TimedRun[] => []);
    for (let done = 0; done < trials; done += TRIALS_PER_TURN) {
      const turn = Math.min(TRIALS_PER_TURN, trials - done);
      floor.push(...byHand(turn, done));
      for (const [index, list] of runs.entries()) {
        const sample = samples[index];
        if (sample) list.push(await runTrials(sample, turn));
      }
    }
    const long = await runTrials(own, trials);
    return [
      row('a trial by hand (the floor)', floor, null),
      ...runs.map((list, index) => {
        const what = `a trial after ${HISTORIES[index]?.toLocaleString('en')} earlier trials`;
        return row(
          what,
          list.flatMap(({ trialMs }) => trialMs),
          floor,
        );
      }),
      ...runs.map((list, index) => {
        const sizes = list.map(({ residentBytes }) => residentBytes / 1e6);
        return row(`memory after ${HISTORIES[index]?.toLocaleString('en')} earlier trials`, sizes, null, 'MB');
      }),
      row(`memory at the end of ${trials} trials in one run`, [long.residentBytes / 1e6], null, 'MB'),
      row('the largest memory of that run', [long.peakBytes / 1e6], null, 'MB'),
    ];
  } finally {
    for (const sample of samples) sample.remove();
  }
}

async function startRows(): Promise<Row[]> {
  const sample = await createSample();
  try {
    const commands = { 'node -e 0': ['-e', '0'], '--help': [CLI, '--help'], status: [CLI, 'status'] };
    const times = new Map(Object.keys(commands).map((name): [string, number[]] => [name, []]));
    for (let round = 0; round < STARTS; round += 1) {
      for (const [name, args] of Object.entries(commands)) {
        const start = performance.now();
        const { status } = spawnSync(process.execPath, args, { cwd: sample.root, env: sample.env, stdio: 'ignore' });
        // `status` says with exit code 3 that nothing is running.
        if (status !== 0 && status !== EXIT_CODES.not_running) throw new Error(`${name}: exit code ${status}`);
        times.get(name)?.push(performance.now() - start);
      }
    }
    const bare = times.get('node -e 0') ?? [];
    return [...times].map(([name, values]) => row(`start of ${name}`, values, values === bare ? null : bare));
  } finally {
    sample.remove();
  }
}

function table(rows: readonly Row[]): string {
  const number = (value: number | null, digits: number) => (value === null ? '' : value.toFixed(digits));
  const cells = rows.map(({ what, median: middle, p95, unit, ratio, p95Ratio }) => [
    what,
    `${number(middle, 1)} ${unit}`,
    `${number(p95, 1)} ${unit}`,
    number(ratio, 2),
    number(p95Ratio, 2),
  ]);
  const head = ['', 'median', 'p95', 'ratio', 'ratio of p95'];
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)));
  const line = (parts: readonly string[]) =>
    parts.map((part, i) => (i === 0 ? part.padEnd(widths[i] ?? 0) : part.padStart(widths[i] ?? 0))).join('  ');
  return [head, ...cells].map(line).join('\n');
}

const { values } = parseArgs({ options: { trials: { type: 'string' }, json: { type: 'boolean' } } });
const trials = Number(values.trials ?? 200);
if (!Number.isInteger(trials) || trials < 1) throw new RangeError('--trials must be a whole number from 1 up');
const rows = [...(await trialRows(trials)), ...(await startRows())];
console.log(values.json ? JSON.stringify({ trials, node: process.version, rows }, null, 2) : table(rows));
if (!values.json) console.log(`\nrepeat: npm run bench:overhead -- --trials ${trials}`);
