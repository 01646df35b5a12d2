import { formatSeconds } from '../core/units.js';
import type { RawMeasurement } from '../evaluate/command-evaluator.js';
import { type MachineReport, watchMachine } from '../process/machine.js';
import type { RunContext } from './context.js';

/** What the machine did while something was measured: a number from a machine that slept meanwhile tells nothing. */
const LONGEST_GAP_MS = 3_000;
/** Half a core of somebody else's work is seen in most timings. */
const BUSY_CORES = 0.5;
const WARNING_PAUSE_MS = 30 * 60_000;

export class MachineWatch {
  readonly #context: Pick<RunContext, 'emit' | 'now'>;
  readonly #tellsTime: boolean;
  readonly #watch: typeof watchMachine;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(context: Pick<RunContext, 'emit' | 'now'>, tellsTime: boolean, watch = watchMachine) {
    this.#context = context;
    this.#watch = watch;
    this.#tellsTime = tellsTime;
  }

  /** Runs the measurement and reports what the machine did. */
  async during<T extends Pick<RawMeasurement, 'cpuSeconds'>>(
    work: () => Promise<T>,
  ): Promise<{ result: T; machine: MachineReport }> {
    const end = this.#watch();
    const result = await work();
    const machine = end(result.cpuSeconds);
    this.#warnIfBusy(machine);
    return { result, machine };
  }

  #warnIfBusy({ otherCores }: MachineReport): void {
    const { emit, now } = this.#context;
    if (!this.#tellsTime || otherCores === null || otherCores < BUSY_CORES) return;
    if (now() - this.#warnedAt < WARNING_PAUSE_MS) return;
    this.#warnedAt = now();
    const text = `other programs kept ${otherCores.toFixed(1)} cores busy during a measurement: timings taken now are noisy`;
    emit({ kind: 'notice', level: 'warning', text, hint: 'see what runs: top' });
  }
}

/** Why such a measurement counts for nothing; null where the machine was awake all the time. */
export function sleptReason({ sleptMs }: MachineReport): string | null {
  if (sleptMs < LONGEST_GAP_MS) return null;
  return `the machine slept for ${formatSeconds(sleptMs / 1000)} during the measurement`;
}
