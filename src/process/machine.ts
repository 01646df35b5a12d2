import { cpus, loadavg } from 'node:os';

/**
 * What the machine did while a command ran: how loaded and how fast it was, what other programs took of it, and whether
 * it slept. Two looks at the kernel's counters; nothing is sampled in between.
 */
export interface MachineReport {
  /** Of the last minute, at the beginning; null where the platform tells none. */
  readonly loadAverage: number | null;
  /** Mean clock of the cores at the beginning, in MHz; null where unknown. */
  readonly cpuMhz: number | null;
  /** Cores that programs other than the command kept busy, on average; null where unknown. */
  readonly otherCores: number | null;
  /** How far the wall clock went ahead of the time that passed: the machine slept, or the clock was set. */
  readonly sleptMs: number;
}

/** Counters of busy time are kept in hundredths of a second: shorter commands say nothing. */
const SHORTEST_SECONDS = 0.2;

interface Look {
  readonly wallMs: number;
  readonly passedMs: number;
  readonly busySeconds: number;
}

/** Call before the command; the result takes what the command itself used, in seconds, null where unknown. */
export function watchMachine(): (ownCpuSeconds: number | null) => MachineReport {
  const cores = cpus();
  const before = look(cores);
  const speeds = cores.map(({ speed }) => speed).filter((speed) => speed > 0);
  const [load = 0] = loadavg();
  return (ownCpuSeconds) => {
    const after = look(cpus());
    const seconds = (after.passedMs - before.passedMs) / 1000;
    const others = after.busySeconds - before.busySeconds - (ownCpuSeconds ?? 0);
    return {
      loadAverage: process.platform === 'win32' ? null : load,
      cpuMhz: speeds.length === 0 ? null : Math.round(speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length),
      otherCores: ownCpuSeconds === null || seconds < SHORTEST_SECONDS ? null : Math.max(0, others / seconds),
      sleptMs: Math.max(0, after.wallMs - before.wallMs - (after.passedMs - before.passedMs)),
    };
  };
}

function look(cores: ReturnType<typeof cpus>): Look {
  const busyMs = cores.reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  return { wallMs: Date.now(), passedMs: performance.now(), busySeconds: busyMs / 1000 };
}
