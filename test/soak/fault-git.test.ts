import { afterAll, describe, expect, it } from 'vitest';
import { Battery, CHECKOUT, failuresOf, gitCases, seedOf, spread, WORKTREE } from '../helpers/faults.js';

const LIMIT_MS = 600_000;
const battery = new Battery();
afterAll(() => battery.remove());

/** The run says what to mend or copes, and the next one ends like a run in which nothing failed. */
describe('a git command that fails', () => {
  it(
    'leaves the state before it when it did nothing',
    async () => {
      const cases = await gitCases(battery, WORKTREE, 'fail-before');
      expect(await failuresOf(battery, WORKTREE, spread(cases, 6, seedOf(1)))).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'leaves the state after it when it did its work',
    async () => {
      const cases = (await gitCases(battery, WORKTREE, 'fail-after')).filter(({ mutating }) => mutating);
      expect(await failuresOf(battery, WORKTREE, spread(cases, 4, seedOf(2)))).toEqual([]);
      const checkout = (await gitCases(battery, CHECKOUT, 'fail-after')).filter(({ mutating }) => mutating);
      expect(await failuresOf(battery, CHECKOUT, spread(checkout, 2, seedOf(3)))).toEqual([]);
    },
    LIMIT_MS,
  );
});
