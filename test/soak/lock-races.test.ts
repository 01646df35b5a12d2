import { afterAll, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { Battery, ENDLESS, seedOf, trialsOf, violationsOf } from '../helpers/faults.js';
import { present } from '../helpers/process.js';
import { racesWithKills } from '../helpers/races.js';

/** Many starts of two and of five runners at the same moment, each winner killed for the next start. */
const RACES = Number(process.env['LOCK_RACES'] ?? 200);
const SEED = seedOf(Math.floor(Math.random() * 1_000_000));
const RUN = present(ENDLESS.steps[0]).args;
const battery = new Battery();
afterAll(() => battery.remove());

it(`one of several runners wins each of ${RACES} races (FAULT_SEED=${SEED})`, async () => {
  const random = new Random(SEED);
  const world = battery.world(ENDLESS);
  const counts = Array.from({ length: RACES }, () => (random.next() < 0.25 ? 5 : 2));
  expect(await racesWithKills(world, counts, RUN)).toEqual([]);
  const done = trialsOf(world).filter(({ number }) => number !== null).length;
  const last = await world.run([...RUN, '--max-experiments', String(done + 1)]);
  expect(last.code, last.output).toBe(0);
  expect(violationsOf(world)).toEqual([]);
  console.info(`${RACES} races, ${counts.filter((count) => count === 5).length} of them of five; ${done} trials`);
});
