import { realpathSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { autoresearch, builtProgram, placeOf } from '../helpers/command.js';
import { SampleExperiment } from '../helpers/experiment.js';
import { temporaryRepository } from '../helpers/git.js';

describe('the command', () => {
  it('says the same in this process as the built program', async () => {
    const experiment = new SampleExperiment();
    experiment.trial({ description: 'cache it', verdict: 'keep', metric: 80 });
    experiment.endSession();
    const place = placeOf(experiment.repository);
    for (const args of [
      ['--version'],
      ['status'],
      ['results', '--formta', 'csv'],
      ['status', '--json', '--experiment', 'engineering/api-sped'],
      ['init', '--eval', 'true'],
    ]) {
      expect(await autoresearch(place, args), args.join(' ')).toEqual(builtProgram(place, args));
    }
  });

  it('leaves this process as it was, and runs in it once at a time', async () => {
    const picture = () => ({ cwd: process.cwd(), argv: process.argv, env: { ...process.env } });
    const before = [picture(), process.stdin, process.stdout, process.stderr];
    const { cwd, env } = placeOf(temporaryRepository());
    const first = autoresearch({ cwd, env: { ...env, NEW_HERE: '1' } }, ['list']);
    expect(realpathSync('.')).toBe(cwd);
    await expect(autoresearch({ cwd, env }, ['list'])).rejects.toThrow('has not come back');
    expect(await first).toMatchObject({ code: 0, stderr: '' });
    await expect(autoresearch({ cwd: `${cwd}/missing`, env }, ['list'])).rejects.toThrow('ENOENT');
    expect([picture(), process.stdin, process.stdout, process.stderr]).toEqual(before);
    expect(await autoresearch({ cwd, env }, ['list'])).toMatchObject({ code: 0 });
  });
});
