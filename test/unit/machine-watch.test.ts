import { afterEach, describe, expect, it, vi } from 'vitest';
import type { RunEvent } from '../../src/core/events.js';
import { MachineWatch, sleptReason } from '../../src/loop/machine-watch.js';
import { watchMachine } from '../../src/process/machine.js';

const report = (changes = {}) => ({ loadAverage: 0, cpuMhz: 2400, otherCores: 0, sleptMs: 0, ...changes });

afterEach(() => {
  vi.useRealTimers();
});

describe('a machine that is watched', () => {
  it('slept when the wall clock went ahead of the time that passed', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    const end = watchMachine();
    vi.setSystemTime(1_041_000);
    const { sleptMs } = end(null);
    expect(sleptMs).toBeGreaterThan(40_000);
    expect(sleptReason(report({ sleptMs }))).toBe('the machine slept for 41 s during the measurement');
  });

  it('did not sleep when the clock was set back, or went ahead by a moment', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    const end = watchMachine();
    vi.setSystemTime(900_000);
    expect(end(null).sleptMs).toBe(0);
    expect(sleptReason(report({ sleptMs: 500 }))).toBeNull();
  });

  it('is not told to be busy by what was measured itself', () => {
    const end = watchMachine();
    const until = performance.now() + 250;
    while (performance.now() < until);
    const own = end(0.25).otherCores;
    expect(own).not.toBeNull();
  });

  it('says nothing of others where it was looked at for a moment only, or nobody knows what the command used', () => {
    expect(watchMachine()(0.01).otherCores).toBeNull();
  });
});

describe('a busy machine', () => {
  const watched = async (tellsTime: boolean, otherCores: number, times: number) => {
    const events: RunEvent[] = [];
    let now = 0;
    const machine = () => () => report({ otherCores });
    const watch = new MachineWatch({ emit: (event) => events.push(event), now: () => now }, tellsTime, machine);
    for (let i = 0; i < times; i += 1) {
      await watch.during(async () => ({ cpuSeconds: 1 }));
      now += 10 * 60_000;
    }
    return events;
  };

  it('is warned of where the metric tells time, and at most every half hour', async () => {
    const events = await watched(true, 1.3, 4);
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({ level: 'warning', text: expect.stringContaining('1.3 cores busy') });
  });

  it("is nobody's business where the metric tells none, or little else ran", async () => {
    expect(await watched(false, 1.3, 2)).toEqual([]);
    expect(await watched(true, 0.2, 2)).toEqual([]);
  });
});
