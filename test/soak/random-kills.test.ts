import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { Battery, ENDLESS, livingProcesses, seedOf, trialsOf, violationsOf } from '../helpers/faults.js';

const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 15);
const KILLS = 1000;
const SEED = seedOf(Math.floor(Math.random() * 1_000_000));
const LIMIT_MS = (MINUTES + 10) * 60_000;
const TRIALS = 500;
const battery = new Battery();
afterAll(() => battery.remove());

describe('a runner that lives long', () => {
  it(
    `survives ${KILLS} kills at random moments (FAULT_SEED=${SEED}, at most ${MINUTES} minutes)`,
    async () => {
      const random = new Random(SEED);
      const world = battery.world(ENDLESS);
      const args = ENDLESS.steps[0]?.args ?? [];
      const deadline = performance.now() + MINUTES * 60_000;
      let kills = 0;
      let settled = new Map<number, string>();
      while (kills < KILLS && performance.now() < deadline) {
        const { pid, ended } = world.start(args);
        const early = await Promise.race([ended, delay(5 + random.next() * 795, null)]);
        expect(early, 'it ended before it was killed').toBeNull();
        process.kill(pid, 'SIGKILL');
        await ended;
        kills += 1;
        const now = settledTrials(world);
        for (const [id, row] of settled) expect(now.get(id), `row ${id} after ${kills} kills`).toBe(row);
        settled = now;
      }
      const count = trialsOf(world).filter(({ number }) => number !== null).length;
      const last = await world.run([...args, '--max-experiments', String(count + 2)]);
      expect(last.code, last.output).toBe(0);
      expect(violationsOf(world)).toEqual([]);
      expect(livingProcesses(trialsOf(world))).toEqual([]);
      console.info(`${kills} kills, ${trialsOf(world).length} attempts, seed ${SEED}`);
    },
    LIMIT_MS,
  );

  it(
    `needs no more memory and no more open files after ${TRIALS} trials`,
    async () => {
      const world = battery.world(ENDLESS);
      const args = [...(ENDLESS.steps[0]?.args ?? []), '--max-experiments', String(TRIALS)];
      const { pid, ended } = world.start(args, {}, LIMIT_MS);
      const samples: { trials: number; memoryKib: number; files: number }[] = [];
      let isRunning = true;
      void ended.then(() => {
        isRunning = false;
      });
      while (isRunning) {
        const sample = sampleOf(pid);
        if (sample) samples.push({ ...sample, trials: countOf(world.state) });
        await delay(250);
      }
      const { code, output } = await ended;
      expect(code, output).toBe(0);
      expect(violationsOf(world)).toEqual([]);
      const early = samples.filter(({ trials }) => trials > TRIALS * 0.2 && trials < TRIALS * 0.4);
      const late = samples.filter(({ trials }) => trials > TRIALS * 0.8);
      const most = (of: typeof samples, key: 'memoryKib' | 'files') => Math.max(...of.map((sample) => sample[key]));
      console.info(`memory ${most(early, 'memoryKib')} -> ${most(late, 'memoryKib')} KiB`);
      expect(most(late, 'files')).toBeLessThanOrEqual(most(early, 'files') + 2);
      expect(most(late, 'memoryKib')).toBeLessThan(most(early, 'memoryKib') * 1.25);
    },
    LIMIT_MS,
  );
});

/** Settled rows as text: whatever is killed later must not change them. */
function settledTrials(world: Parameters<typeof trialsOf>[0]): Map<number, string> {
  const settled = trialsOf(world).filter(({ phase }) => phase === 'settled');
  return new Map(settled.map((trial) => [trial.id, JSON.stringify(trial)]));
}

function sampleOf(pid: number): { memoryKib: number; files: number } | null {
  try {
    const memory = /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return memory === undefined ? null : { memoryKib: Number(memory), files: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return null; // ended meanwhile
  }
}

function countOf(state: string): number {
  try {
    return readdirSync(join(state, 'trials')).length;
  } catch {
    return 0; // not yet there
  }
}
