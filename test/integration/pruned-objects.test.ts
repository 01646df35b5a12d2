import { rmSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { Battery, trialsOf, violationsOf, WORKTREE, type World } from '../helpers/faults.js';

/** Objects of a candidate have no ref until it has a commit: a prune in this window takes them. */
const battery = new Battery();
afterAll(() => battery.remove());
const LIMIT_MS = 120_000;
const args = WORKTREE.steps[0]?.args ?? [];

/** A world whose runner was killed before it made the commit of trial 1, and whose repository was pruned then. */
async function pruned(): Promise<World> {
  const counting = battery.world(WORKTREE);
  await counting.run(args, { git: 'kill-before', at: 0 });
  const at = counting.gitCalls().findIndex((call) => call.includes('commit-tree')) + 1;
  expect(at).toBeGreaterThan(0);
  const world = battery.world(WORKTREE);
  await world.run(args, { git: 'kill-before', at });
  expect(trialsOf(world).at(-1)).toMatchObject({ number: 1, phase: 'committing' });
  world.repository.git('prune', '--expire=now');
  return world;
}

describe('a prune before the candidate has its commit', () => {
  it(
    'costs nothing while the workspace has the files',
    async () => {
      const world = await pruned();
      const ended = await world.run(args);
      expect(ended.code, ended.output).toBe(0);
      expect(violationsOf(world)).toEqual([]);
      expect(trialsOf(world).find(({ number }) => number === 1)).toMatchObject({
        outcome: 'measured',
        verdict: 'keep',
      });
    },
    LIMIT_MS,
  );

  it(
    'costs the attempt where the workspace is gone too, and leaves no ref to nothing',
    async () => {
      const world = await pruned();
      const workspaces = world.repository.git('worktree', 'list', '--porcelain').match(/^worktree .*$/gm) ?? [];
      for (const line of workspaces.slice(1)) rmSync(line.slice('worktree '.length), { recursive: true });
      const [open] = trialsOf(world).filter(({ phase }) => phase === 'committing');
      const ended = await world.run(args);
      expect(ended.code, ended.output).toBe(0);
      expect(trialsOf(world).find(({ id }) => id === open?.id)).toMatchObject({ number: null, outcome: 'interrupted' });
      world.repository.git('fsck', '--strict', '--no-dangling');
    },
    LIMIT_MS,
  );
});
