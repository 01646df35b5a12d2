import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Battery,
  livingProcesses,
  type Outcome,
  outcomeOf,
  playWell,
  trialsOf,
  violationsOf,
  WORKTREE,
} from '../helpers/faults.js';
import { until } from '../helpers/process.js';

const LIMIT_MS = 300_000;
const [RUN] = WORKTREE.steps;
const args = RUN?.args ?? [];
const battery = new Battery();
afterAll(() => battery.remove());

let reference: Outcome;
beforeAll(async () => {
  const uninterrupted = battery.world(WORKTREE);
  await playWell(uninterrupted, WORKTREE);
  reference = outcomeOf(uninterrupted);
});

/** A world whose evaluator writes down each trial it measures, and hangs at trial 3. */
function hangingWorld(containment: string) {
  const world = battery.world(WORKTREE);
  const evaluating = join(world.folder, 'evaluating');
  const environment = { FAULT_EVALUATING: evaluating, FAULT_HANG: '3', AUTORESEARCH_CONTAINMENT: containment };
  const started = () => readFileSync(evaluating, { encoding: 'utf8', flag: 'a+' }).split('\n').filter(Boolean);
  return { world, environment, started };
}

describe.each(['pid_namespace', 'process_group'])('a runner that is killed while it measures (%s)', (containment) => {
  it(
    'ends the evaluator at the next start, measures the candidate once more and ends like one that was not killed',
    async () => {
      const { world, environment, started } = hangingWorld(containment);
      const { pid, ended } = world.start(args, environment);
      await until('trial 3 is measured', () => started().includes('3'));
      process.kill(pid, 'SIGKILL');
      await ended;
      expect((await world.run(args, null, { ...environment, FAULT_HANG: '' })).code).toBe(0);
      expect(outcomeOf(world)).toEqual(reference);
      expect(violationsOf(world)).toEqual([]);
      expect(started()).toEqual(['0', '1', '2', '3', '3']);
    },
    LIMIT_MS,
  );

  it(
    'blames the candidate when it was killed at it twice',
    async () => {
      const { world, environment, started } = hangingWorld(containment);
      for (const count of [1, 2]) {
        const { pid, ended } = world.start(args, environment);
        await until(
          `trial 3 is measured for time ${count}`,
          () => started().filter((trial) => trial === '3').length === count,
        );
        process.kill(pid, 'SIGKILL');
        await ended;
      }
      expect((await world.run(args, null, environment)).code).toBe(0);
      const blamed = trialsOf(world).find(({ number }) => number === 3);
      expect(blamed).toMatchObject({
        verdict: 'crash',
        metric: null,
        reason: 'measuring it killed the runner 2 times',
      });
      expect(violationsOf(world)).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'blames nobody when it was told to end, however often',
    async () => {
      const { world, environment, started } = hangingWorld(containment);
      for (const count of [1, 2, 3]) {
        const { pid, ended } = world.start(args, environment);
        await until(
          `trial 3 is measured for time ${count}`,
          () => started().filter((trial) => trial === '3').length === count,
        );
        process.kill(pid, 'SIGTERM');
        expect((await ended).code).toBe(143);
        expect(livingProcesses(trialsOf(world))).toEqual([]);
      }
      expect((await world.run(args, null, { ...environment, FAULT_HANG: '' })).code).toBe(0);
      expect(outcomeOf(world)).toEqual(reference);
      expect(violationsOf(world)).toEqual([]);
    },
    LIMIT_MS,
  );
});

describe('a git command that outlives its killed runner', () => {
  it(
    'has ended before the next runner touches anything',
    async () => {
      const world = battery.world(WORKTREE);
      await world.run(args, { git: 'kill-before', at: 0 });
      const resets = world.gitCalls().flatMap((call, index) => (call.startsWith('reset') ? [index + 1] : []));
      const other = battery.world(WORKTREE);
      const killed = await other.run(args, { git: 'outlive', at: resets.at(-2) ?? 0 });
      expect(killed.signal).toBe('SIGKILL');
      const evaluating = join(other.folder, 'evaluating');
      const restarted = other.run(args, null, { FAULT_EVALUATING: evaluating, FAULT_SLOW: '1' });
      // The worst moment for a reset; a runner that waits for the old git never comes to it before.
      await Promise.race([until('it measures', () => existsSync(evaluating)), delay(2_000)]);
      other.letGitGoOn();
      expect((await restarted).code).toBe(0);
      expect(other.livingGits()).toEqual([]);
      expect(outcomeOf(other)).toEqual(reference);
      expect(violationsOf(other)).toEqual([]);
    },
    LIMIT_MS,
  );
});
