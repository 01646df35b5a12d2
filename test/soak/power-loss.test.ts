import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { seedOf, type World } from '../helpers/faults.js';
import { EVENING, momentsOf, NIGHT, PowerBattery, whyNoPowerLoss } from '../helpers/power.js';

/** The machine loses its power while the loop runs: what was not on the disk is gone. */
const CUTS = Number(process.env['POWER_CUTS'] ?? 50);
const SEED = seedOf(Math.floor(Math.random() * 1_000_000));
const obstacle = whyNoPowerLoss();
const battery = new PowerBattery(NIGHT);
afterAll(() => battery.remove());

describe.skipIf(obstacle !== null)(`power loss${obstacle === null ? '' : ` (skipped: ${obstacle})`}`, () => {
  it(`at ${CUTS} random moments loses nothing that was shown, and the run ends like one without (FAULT_SEED=${SEED})`, async () => {
    const { outcome, ms } = await battery.reference();
    const failures: string[] = [];
    for (const [index, moments] of momentsOf(CUTS, { seed: SEED, longestMs: ms }).entries()) {
      const problems = await battery.problemsAfter(moments, outcome);
      const when = moments.map((moment) => `${moment.toFixed(0)} ms`).join(', then ');
      failures.push(...problems.map((problem) => `cut ${index + 1} (${when}): ${problem}`));
      if (problems.length > 0) console.info(failures.slice(-problems.length).join('\n'));
    }
    console.info(
      `${CUTS} worlds, ${battery.cutsWhileRunning} cuts while the loop ran, an uninterrupted run takes ${ms.toFixed(0)} ms, FAULT_SEED=${SEED}`,
    );
    expect(failures).toEqual([]);
  });

  it('while git makes the worktree stops no later run', async () => {
    const early = new PowerBattery(EVENING);
    try {
      const { outcome } = await early.reference();
      for (const file of [
        '.',
        'locked',
        'gitdir',
        'commondir',
        'HEAD',
        'autoresearch-workspace',
        'autoresearch-index',
      ]) {
        const isThere = ({ repository }: World) => existsSync(join(repository.path, '.git/worktrees/fault', file));
        expect(await early.problemsAfter([isThere], outcome), file).toEqual([]);
      }
    } finally {
      early.remove();
    }
  });
});
