import { setTimeout as delay } from 'node:timers/promises';
import { RunAborted, type RunContext } from './context.js';
import { lastMidnight, nextMidnight, nextStart } from './schedule.js';

/** What a loop waits for between two trials: a pause, the trials of the day, the interval. Ends at once when told to stop. */
const SLICE_MS = 500;

interface Wait {
  /** Ms since 1970; null while nobody knows. */
  readonly untilMs: number | null;
  readonly reason: string;
}

/** True when it had to wait: then definitions and stop rules are to be looked at again. @throws RunAborted */
export function waitAtBorder(context: RunContext, notBefore: number | null): Promise<boolean> {
  return context.session.discount(() => waitForNext(context, notBefore));
}

async function waitForNext(context: RunContext, notBefore: number | null): Promise<boolean> {
  let announced: Wait | null = null;
  for (;;) {
    const wait = whatToWaitFor(context, notBefore);
    if (wait === null || context.stopSoon.aborted) break;
    if (wait.reason !== announced?.reason || wait.untilMs !== announced.untilMs) announce(context, wait);
    announced = wait;
    // Short slices: the wall clock decides, also after the machine slept or the clock was set.
    const left = wait.untilMs === null ? SLICE_MS : Math.max(0, wait.untilMs - context.now());
    await delay(Math.min(left, SLICE_MS), undefined, { signal: context.signal }).catch((error: unknown) => {
      throw context.signal.aborted ? new RunAborted() : error;
    });
  }
  return announced !== null;
}

function whatToWaitFor({ experiment, store, now, isPaused }: RunContext, notBefore: number | null): Wait | null {
  const { loop, limits } = experiment.settings;
  if (isPaused()) return { untilMs: null, reason: 'paused' };
  if (notBefore !== null && notBefore > now()) return { untilMs: notBefore, reason: 'the agent is at its rate limit' };
  const [morning, midnight] = [lastMidnight(now()), nextMidnight(now())];
  const today = limits.maxTrialsPerDay === null ? 0 : store.trialsBetween(morning, midnight);
  if (limits.maxTrialsPerDay !== null && today >= limits.maxTrialsPerDay) {
    return { untilMs: midnight, reason: `the ${limits.maxTrialsPerDay} trials of the day are done` };
  }
  if (loop.interval === null) return null;
  const untilMs = nextStart(loop.interval, store.lastTrialStart(), now());
  return untilMs > now() ? { untilMs, reason: 'the next trial is not due before' } : null;
}

function announce({ emit, name }: RunContext, { untilMs, reason }: Wait): void {
  if (untilMs !== null) emit({ kind: 'waiting', reason, untilMs });
  else emit({ kind: 'paused', hint: `autoresearch resume --experiment ${name}` });
}
