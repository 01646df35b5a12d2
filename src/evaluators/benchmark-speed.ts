/** Wall-clock time of a command over repeated runs. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandFailure, reportFailure, runTimed } from './commands.js';
import { OptionReader } from './options.js';
import { decimals, mean, quantile } from './summary.js';
import type { BuiltInEvaluator, EvaluatorIo } from './types.js';

const SHELL_RUNS = 5;

interface SpeedPlan {
  readonly command: string;
  readonly setup: string | null;
  readonly prepare: string | null;
  readonly runs: number;
  readonly warmup: number;
}

export const benchmarkSpeed: BuiltInEvaluator = {
  name: 'benchmark_speed',
  summary: 'Time a command over repeated runs; prints p50_ms, p95_ms, mean_ms, min_ms and runs.',
  metric: 'p50_ms',
  direction: 'lower',
  example: "autoresearch evaluate benchmark_speed --command 'node bench.js' --runs 10 --warmup 2",
  options: [
    {
      flag: '--command',
      value: '<command>',
      help: 'Shell command to time; it must exit 0. Times are wall-clock and include starting the shell (about 2 ms)',
      required: true,
    },
    { flag: '--runs', value: '<count>', help: 'Number of timed runs', default: '10', required: false },
    {
      flag: '--warmup',
      value: '<count>',
      help: 'Runs before them that are not counted',
      default: '2',
      required: false,
    },
    {
      flag: '--setup',
      value: '<command>',
      help: 'Run once before everything, not timed; what it starts in the background stays',
      required: false,
    },
    { flag: '--prepare', value: '<command>', help: 'Run before each run, not timed', required: false },
  ],
  async run(options, io) {
    const read = new OptionReader(benchmarkSpeed, options);
    const plan: SpeedPlan = {
      command: read.requiredText('command'),
      setup: read.text('setup'),
      prepare: read.text('prepare'),
      runs: read.count('runs', { min: 1, max: 100_000 }),
      warmup: read.count('warmup', { min: 0, max: 100_000 }),
    };
    const folder = await mkdtemp(join(tmpdir(), 'autoresearch-speed-'));
    try {
      const times = await measure(plan, folder, io);
      if ('what' in times) return reportFailure(times, io);
      io.print(`p50_ms: ${decimals(quantile(times, 0.5))}`);
      io.print(`p95_ms: ${decimals(quantile(times, 0.95))}`);
      io.print(`mean_ms: ${decimals(mean(times))}`);
      io.print(`min_ms: ${decimals(Math.min(...times))}`);
      io.print(`runs: ${times.length}`);
      await noteShellTime(join(folder, 'shell'), io);
      return 0;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function measure(plan: SpeedPlan, folder: string, io: EvaluatorIo): Promise<readonly number[] | CommandFailure> {
  // A file each: a server that the set-up left running goes on writing to its own.
  const output = { setup: join(folder, 'setup'), prepare: join(folder, 'prepare'), command: join(folder, 'command') };
  if (plan.setup !== null) {
    const done = await runTimed(plan.setup, { role: 'the set-up command', outputPath: output.setup }, io);
    if ('what' in done) return done;
  }
  const times: number[] = [];
  for (let run = 1 - plan.warmup; run <= plan.runs; run += 1) {
    if (plan.prepare !== null) {
      const prepared = await runTimed(plan.prepare, { role: 'the prepare command', outputPath: output.prepare }, io);
      if ('what' in prepared) return prepared;
    }
    const role = run < 1 ? `warm-up run ${run + plan.warmup}` : `run ${run}`;
    const timed = await runTimed(plan.command, { role, outputPath: output.command }, io);
    if ('what' in timed) return timed;
    if (run >= 1) times.push(timed.wallMs);
  }
  return times;
}

/** Told, not subtracted: a constant that both sides of a comparison have would only add its own noise. */
async function noteShellTime(outputPath: string, io: EvaluatorIo): Promise<void> {
  const times: number[] = [];
  for (let run = 0; run < SHELL_RUNS; run += 1) {
    const timed = await runTimed(':', { role: 'an empty command', outputPath }, io);
    if ('wallMs' in timed) times.push(timed.wallMs);
  }
  if (times.length > 0)
    io.note(`every time includes about ${quantile(times, 0.5).toFixed(1)} ms for starting the shell`);
}
