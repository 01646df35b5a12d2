import { statSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Battery, MISBEHAVING, measurementsOfTrial, trialsOf, violationsOf } from '../helpers/faults.js';
import { newTag, processesWith } from '../helpers/process.js';

const LIMIT_MS = 300_000;
const HARD_LIMIT_SECONDS = 2.4;
/** SIGTERM, two seconds, SIGKILL; five more for a machine that is busy. */
const GRACE_SECONDS = 2 + 5;
const LOG_LIMIT_BYTES = 17 * 1024 * 1024;
const FLOOD_BYTES = 60_000_000;

/** What becomes of each odd trial; the even ones between them are measured as if nothing had been. */
const ENDS: Readonly<Record<number, readonly [what: string, outcome: string, verdict: string]>> = {
  1: ['leaves a child in the background', 'measured', 'keep'],
  3: ['leaves grandchildren without a parent', 'measured', 'keep'],
  5: ['leaves a child in a session of its own', 'measured', 'keep'],
  7: ['hangs and ignores SIGTERM', 'timed_out', 'crash'],
  9: ['stops itself', 'timed_out', 'crash'],
  11: ['is ended by SIGKILL, as for want of memory', 'crashed', 'crash'],
  13: ['prints nothing', 'metric_error', 'crash'],
  15: ['prints noise before the metric', 'measured', 'keep'],
  17: ['closes its output', 'metric_error', 'crash'],
  19: ['prints far more than is kept before the metric', 'measured', 'keep'],
  21: ['exits with an impossible code', 'crashed', 'crash'],
  23: ['prints a metric that is no number', 'metric_error', 'crash'],
};

const battery = new Battery();
afterAll(() => battery.remove());

describe.concurrent.each(['pid_namespace', 'process_group'])('evaluators that behave badly (%s)', (containment) => {
  it(
    'end as the table of outcomes says, in time, and the next trial finds nothing of them',
    async () => {
      const world = battery.world(MISBEHAVING);
      const tag = newTag();
      const environment = {
        FAULT_TAG: tag,
        FAULT_FLOOD_BYTES: String(FLOOD_BYTES),
        AUTORESEARCH_CONTAINMENT: containment,
      };
      const ended = await world.run(MISBEHAVING.steps[0]?.args ?? [], null, environment);
      expect(ended.code, ended.output).toBe(0);
      expect(processesWith(tag)).toEqual([]);
      expect(violationsOf(world)).toEqual([]);
      for (const { number, outcome, verdict, metric } of trialsOf(world)) {
        if (number === null || number === 0) continue;
        const [what, wanted, judged] = ENDS[number] ?? ['behaves well', 'measured', 'keep'];
        expect({ number, what, outcome, verdict }).toEqual({ number, what, outcome: wanted, verdict: judged });
        expect(metric, what).toBe(wanted === 'measured' ? 100 + number : null);
        const [measurement] = measurementsOfTrial(world, number);
        if (number % 2 === 0) expect(measurement?.secondary['leftovers'], `after ${number - 1}`).toBe(0);
        expect(measurement?.wallSeconds, what).toBeLessThan(HARD_LIMIT_SECONDS + GRACE_SECONDS);
        expect(statSync(measurement?.logPath ?? '').size, what).toBeLessThan(LOG_LIMIT_BYTES);
        if (wanted === 'timed_out') expect(measurement?.wallSeconds, what).toBeGreaterThanOrEqual(HARD_LIMIT_SECONDS);
      }
      expect(trialsOf(world).filter(({ number }) => number !== null)).toHaveLength(MISBEHAVING.trials + 1);
    },
    LIMIT_MS,
  );
});
