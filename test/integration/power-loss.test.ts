/** The machine loses its power: what was not on the disk is gone. The soak test does it at random moments. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EVENING, type Moment, PowerBattery, whyNoPowerLoss } from '../helpers/power.js';

const obstacle = whyNoPowerLoss();
const battery = obstacle === null ? new PowerBattery(EVENING) : null;
afterAll(() => battery?.remove());

/** The candidate of this trial has its ref, and is about to be measured. */
function committed(trial: number): Moment {
  return ({ repository }) =>
    existsSync(join(repository.path, `.git/refs/autoresearch/engineering/fault/trials/${trial}`));
}

describe.skipIf(battery === null)(`power loss${obstacle === null ? '' : ` (skipped: ${obstacle})`}`, () => {
  it('loses nothing that was shown, and the run ends like one without', async () => {
    if (battery === null) return;
    const { outcome } = await battery.reference();
    expect(await battery.problemsAfter([committed(1), committed(2)], outcome)).toEqual([]);
  });
});
