import { readFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { probeContainment } from '../../src/process/containment.js';
import { runCommand } from '../../src/process/run-command.js';
import type { CommandResult, Containment } from '../../src/process/types.js';
import { EVADERS, evader, newTag, processesWith, Scratch, until } from '../helpers/process.js';

/** What each containment cannot hold. A pid namespace holds everything. */
const LEAKS: Record<Containment, readonly string[]> = { pid_namespace: [], process_group: ['full-daemon'] };

type End = 'limit' | 'normal end' | 'abort';

const best = await probeContainment();

const available: readonly Containment[] = best === 'pid_namespace' ? [best, 'process_group'] : [best];

describe.each(available)('under %s', (containment) => {
  const scratch = new Scratch();
  afterAll(() => scratch.remove());
  afterEach(() => {
    delete process.env['AUTORESEARCH_CONTAINMENT'];
  });

  it.each<End>(['limit', 'normal end', 'abort'])(
    'after the end by %s no process is left, except the documented leaks',
    async (end) => {
      if (containment === 'process_group') process.env['AUTORESEARCH_CONTAINMENT'] = 'process_group';
      const runs = await Promise.all(EVADERS.map((name) => runEvader(scratch, name, end)));
      const left = runs.filter((run) => run.left.length > 0).map((run) => run.name);
      for (const pid of runs.flatMap((run) => run.left)) process.kill(pid, 'SIGKILL');

      expect(left.filter((name) => !LEAKS[containment].includes(name))).toEqual([]);
      for (const { name, result } of runs) {
        expect(result, name).toMatchObject({ containment, survivors: [], end: expectedEnd(end) });
        if (end === 'normal end' && !LEAKS[containment].includes(name)) expect(result.swept, name).toBeGreaterThan(0);
      }
    },
  );
});

async function runEvader(
  scratch: Scratch,
  name: string,
  end: End,
): Promise<{ name: string; left: readonly number[]; result: CommandResult }> {
  const tag = newTag();
  const controller = new AbortController();
  const spec = scratch.spec(['/bin/sh', evader(name), tag, end === 'normal end' ? 'leave' : 'stay'], {
    hardLimitMs: end === 'limit' ? 1_500 : 20_000,
  });
  const running = runCommand(spec, controller.signal);
  if (end === 'abort') {
    await until(`${name} is ready`, () => readFileSync(spec.logPath, 'utf8').includes('ready'));
    controller.abort();
  }
  const result = await running;
  return { name, left: processesWith(tag), result };
}

function expectedEnd(end: End): CommandResult['end'] {
  if (end === 'limit') return 'timed_out';
  return end === 'abort' ? 'aborted' : 'exited';
}
