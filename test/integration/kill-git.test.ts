import { afterAll, describe, expect, it } from 'vitest';
import {
  Battery,
  CHECKOUT,
  failuresOf,
  gitCases,
  seedOf,
  spread,
  trialsOf,
  violationsOf,
  WORKTREE,
} from '../helpers/faults.js';

const LIMIT_MS = 600_000;
const battery = new Battery();
afterAll(() => battery.remove());

/** A killed runner is started again, and nobody can tell from the result. */
describe('a runner that is killed around a git command', () => {
  it(
    'ends like one that was not: after commands that change something, before some that only read',
    async () => {
      const cases = await gitCases(battery, WORKTREE, 'kill-after');
      expect(cases.length).toBeGreaterThan(50);
      const changing = cases.filter(({ mutating }) => mutating);
      const reading = (await gitCases(battery, WORKTREE, 'kill-before')).filter(({ mutating }) => !mutating);
      // Every one of them: test/soak/every-operation.test.ts.
      const chosen = [...spread(changing, 5, seedOf(5)), ...spread(reading, 1, seedOf(1))];
      expect(await failuresOf(battery, WORKTREE, chosen)).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'has its open trial finished before other commits are taken in',
    async () => {
      const args = WORKTREE.steps[0]?.args ?? [];
      const world = battery.world(WORKTREE);
      await world.run(args, { git: 'kill-before', at: 0 });
      const moves = world
        .gitCalls()
        .flatMap((call, index) => (call.includes('update-ref --create') ? [index + 1] : []));
      const other = battery.world(WORKTREE);
      await other.run(args, { git: 'kill-before', at: moves[2] ?? 0 });
      expect(trialsOf(other).at(-1)).toMatchObject({ number: 1, phase: 'judged', verdict: 'keep' });
      other.repository.write('other.txt', 'theirs\n');
      other.repository.commit('theirs');
      const refused = await other.run([...args, '--rebase-onto', 'main']);
      expect(refused.code).toBe(18);
      expect(refused.output).toContain('trial 1 of the last run is not finished');
      expect((await other.run(args.filter((word) => word !== '--loop'))).code).toBe(0);
      const taken = await other.run([...args, '--rebase-onto', 'main']);
      expect(taken.code, taken.output).toBe(0);
      expect(violationsOf(other)).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    "ends like one that was not in the user's checkout",
    async () => {
      const cases = (await gitCases(battery, CHECKOUT, 'kill-after')).filter(({ mutating }) => mutating);
      expect(await failuresOf(battery, CHECKOUT, spread(cases, 1, seedOf(2)))).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'ends like one that was not when the restart is killed too',
    async () => {
      const cases = await gitCases(battery, WORKTREE, 'kill-before');
      const twice = spread(cases, 1, seedOf(4)).map(({ step, faults }, index) => ({
        step,
        faults: [...faults, { git: 'kill-after' as const, at: 9 + 8 * index }],
      }));
      expect(await failuresOf(battery, WORKTREE, twice)).toEqual([]);
    },
    LIMIT_MS,
  );
});
