import { EXIT_CODES } from '../core/errors.js';
import type { RunEvent } from '../core/events.js';
import { formatSeconds } from '../core/units.js';
import type { Progress } from '../loop/compare.js';
import { RunAborted } from '../loop/context.js';
import { StopSwitch } from '../loop/stop-switch.js';
import { LiveLine } from './live-line.js';
import { talk } from './output.js';

/** Measurements that a person waits for: a live line, and Ctrl-C that ends them at once without losing anything. */
export interface Listener {
  readonly stop: StopSwitch;
  readonly emit: (event: RunEvent) => void;
  readonly tell: (progress: Progress) => void;
}

/** Null and the exit code where it was told to end. */
export async function whileMeasuring<T>(
  name: string,
  work: (listener: Listener) => Promise<T>,
): Promise<{ readonly result: T } | { readonly result: null; readonly exitCode: number }> {
  const stop = new StopSwitch();
  const live = new LiveLine(process.stderr);
  const onInterrupt = () => stop.now('interrupted');
  const onTerminate = () => stop.now('terminated');
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate).on('SIGHUP', onTerminate);
  try {
    return {
      result: await work({ stop, emit: (event) => show(live, event), tell: (at) => live.show(progressText(name, at)) }),
    };
  } catch (error) {
    if (!(error instanceof RunAborted)) throw error;
    live.close();
    talk(`${name}: ended before its end; what was half measured is thrown away, nothing else has changed.`);
    const exitCode = EXIT_CODES[stop.cause === null || stop.cause === 'stopped' ? 'done' : stop.cause];
    return { result: null, exitCode };
  } finally {
    live.close();
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate).off('SIGHUP', onTerminate);
  }
}

function show(live: LiveLine, event: RunEvent): void {
  if (event.kind === 'waiting') {
    live.show(`waiting until ${new Date(event.untilMs).toLocaleTimeString()}: ${event.reason}`);
    return;
  }
  if (event.kind !== 'notice') return;
  live.print(event.level === 'warning' ? `warning: ${event.text}` : event.text);
  if (event.hint) live.print(`  ${event.hint}`);
}

/** `audit: change 3 of 7, pair 5 of 20, about 4 min left`. */
export function progressText(name: string, { what, pair, pairs, secondsLeft }: Progress): string {
  const left = secondsLeft === null ? '' : `, about ${formatSeconds(secondsLeft)} left`;
  return `${name}: ${what}, pair ${pair} of ${pairs}${left}`;
}
