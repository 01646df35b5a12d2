import { afterAll, describe, expect, it } from 'vitest';
import { Battery, FULL, failuresOf, MANUAL, seedOf, spread, WORKTREE, writeCases } from '../helpers/faults.js';

const LIMIT_MS = 600_000;
const battery = new Battery();
afterAll(() => battery.remove());

describe('a runner that is killed at a write, sync, rename or unlink', () => {
  it(
    'ends like one that was not',
    async () => {
      const cases = await writeCases(battery, WORKTREE, { write: 'kill', programs: 'node' });
      expect(cases.length).toBeGreaterThan(200);
      expect(await failuresOf(battery, WORKTREE, spread(cases, 5, seedOf(1)))).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'ends like one that was not when half of the bytes were written',
    async () => {
      const cases = await writeCases(battery, FULL, { write: 'tear', programs: 'node' });
      expect(await failuresOf(battery, FULL, spread(cases, 1, seedOf(2)))).toEqual([]);
      const manual = await writeCases(battery, MANUAL, { write: 'tear', programs: 'node' });
      expect(await failuresOf(battery, MANUAL, spread(manual, 1, seedOf(3)))).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'ends like one that was not when its git died with it, in the middle of a write',
    async () => {
      const cases = await writeCases(battery, WORKTREE, { write: 'kill', programs: 'node,git' });
      expect(await failuresOf(battery, WORKTREE, spread(cases, 5, seedOf(4)))).toEqual([]);
    },
    LIMIT_MS,
  );
});
