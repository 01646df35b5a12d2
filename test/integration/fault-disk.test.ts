import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Battery, commandLine, outcomeOf, playWell, violationsOf, WORKTREE } from '../helpers/faults.js';

const SCRIPT = fileURLToPath(new URL('../fixtures/faults/full-disk.sh', import.meta.url));
/** A mount of one's own, as root or by a user namespace. */
const UNSHARE = [
  ['unshare', '-m'],
  ['unshare', '-rm'],
].find(
  ([program = '', ...args]) => spawnSync(program, [...args, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0,
);
const LIMIT_MS = 300_000;
const args = WORKTREE.steps[0]?.args ?? [];
const battery = new Battery();
afterAll(() => battery.remove());

describe.runIf(UNSHARE !== undefined)('a disk that is full', () => {
  it.each([40, 250, 500])(
    'with %i KiB left ends the run with words; once there is space the next run ends it well',
    async (leftKib) => {
      const uninterrupted = battery.world(WORKTREE);
      await playWell(uninterrupted, WORKTREE);
      const world = battery.world(WORKTREE);
      cpSync(world.folder, `${world.folder}.seed`, { recursive: true });
      const [program = '', ...options] = UNSHARE ?? [];
      const script = ['sh', SCRIPT, world.folder, '8', String(leftKib), ...commandLine(args)];
      const codes = execFileSync(program, [...options, ...script], { env: world.environment(), encoding: 'utf8' });
      const [first, second] = codes.trim().split(' ').map(Number);
      const words = readFileSync(`${world.folder}.first`, 'utf8');
      expect([0, 11, 14, 17], words).toContain(first);
      expect(words).not.toMatch(/this is a bug|^\s+at /m);
      if (leftKib < 100) expect(first).not.toBe(0);
      if (first !== 0) expect(words).toMatch(/space|full/i);
      expect(second, readFileSync(`${world.folder}.second`, 'utf8')).toBe(0);
      world.remove();
      mkdirSync(world.folder, { recursive: true });
      cpSync(`${world.folder}.end`, world.folder, { recursive: true, preserveTimestamps: true });
      expect(outcomeOf(world)).toEqual(outcomeOf(uninterrupted));
      expect(violationsOf(world)).toEqual([]);
    },
    LIMIT_MS,
  );
});
