/** Wall-clock time of a build, the median over some runs. */
import { reportFailure, runToSuccess } from './commands.js';
import { OptionReader } from './options.js';
import { decimals, quantile } from './summary.js';
import type { BuiltInEvaluator } from './types.js';

export const buildSpeed: BuiltInEvaluator = {
  name: 'build_speed',
  summary: 'Time a build; prints build_seconds (median), min_seconds, max_seconds and runs.',
  metric: 'build_seconds',
  direction: 'lower',
  example: "autoresearch evaluate build_speed --command 'make -j4' --clean 'make clean' --runs 3",
  options: [
    {
      flag: '--command',
      value: '<command>',
      help: 'Shell command that builds; it must exit 0. Background processes it leaves are ended after each run',
      required: true,
    },
    {
      flag: '--clean',
      value: '<command>',
      help: 'Run before each build, not timed; without it builds after the first are incremental',
      required: false,
    },
    { flag: '--runs', value: '<count>', help: 'Builds to time', default: '3', required: false },
  ],
  async run(options, io) {
    const read = new OptionReader(buildSpeed, options);
    const command = read.requiredText('command');
    const clean = read.text('clean');
    const runs = read.count('runs', { min: 1, max: 10_000 });
    if (clean === null && runs > 1) io.note('no --clean: every build after the first may be incremental');
    const times: number[] = [];
    for (let run = 1; run <= runs; run += 1) {
      if (clean !== null) {
        const cleaned = await runToSuccess(clean, 'the clean command', io);
        if ('what' in cleaned) return reportFailure(cleaned, io);
      }
      const built = await runToSuccess(command, `build ${run}`, io);
      if ('what' in built) return reportFailure(built, io);
      times.push(built.result.wallSeconds);
    }
    io.print(`build_seconds: ${decimals(quantile(times, 0.5))}`);
    io.print(`min_seconds: ${decimals(Math.min(...times))}`);
    io.print(`max_seconds: ${decimals(Math.max(...times))}`);
    io.print(`runs: ${times.length}`);
    return 0;
  },
};
