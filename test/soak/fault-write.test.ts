import { afterAll, describe, expect, it } from 'vitest';
import { Battery, FULL, failuresOf, seedOf, spread, WORKTREE, writeCases } from '../helpers/faults.js';

const LIMIT_MS = 600_000;
const battery = new Battery();
afterAll(() => battery.remove());

describe('a write that fails', () => {
  it(
    'for want of space ends the run with words or is only a warning, and the next run ends well',
    async () => {
      const once = await writeCases(battery, WORKTREE, { write: 'ENOSPC', programs: 'node' });
      expect(await failuresOf(battery, WORKTREE, spread(once, 4, seedOf(1)))).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'together with every later one, of git too, ends the run with words, and the next run ends well',
    async () => {
      const onwards = await writeCases(battery, FULL, { write: 'ENOSPC', programs: 'node,git', onwards: true });
      expect(await failuresOf(battery, FULL, spread(onwards, 2, seedOf(2)))).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'with an input/output error ends the run with words or is only a warning, and the next run ends well',
    async () => {
      const cases = await writeCases(battery, WORKTREE, { write: 'EIO', programs: 'node' });
      expect(await failuresOf(battery, WORKTREE, spread(cases, 4, seedOf(3)))).toEqual([]);
    },
    LIMIT_MS,
  );
});
