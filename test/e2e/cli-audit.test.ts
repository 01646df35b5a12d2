import { describe, expect, it } from 'vitest';
import { autoresearch, builtProgram, placeOf } from '../helpers/command.js';
import { SampleExperiment } from '../helpers/experiment.js';

/** Two kept trials that share no file. */
function sample(): SampleExperiment {
  const experiment = new SampleExperiment();
  experiment.trial({ description: 'cache it', verdict: 'keep', metric: 80, files: { 'src/a.js': 'kept\n' } });
  experiment.trial({ description: 'worse', verdict: 'discard', metric: 120 });
  experiment.trial({ description: 'split \u001b[31mit', verdict: 'keep', metric: 70, files: { 'src/new.js': 'n\n' } });
  experiment.endSession();
  return experiment;
}

describe('audit and finish on the command line', () => {
  it('say what they would measure, and change nothing', async () => {
    const experiment = sample();
    const run = (...args: string[]) => autoresearch(placeOf(experiment.repository), args);
    const before = experiment.repository.fingerprint();
    const audit = await run('audit', '--dry-run');
    expect(audit).toMatchObject({ code: 0, stderr: '' });
    expect(audit.stdout).toMatch(/^the whole: .*\nchange 1: .* cache it\nchange 3: .* split it\n/);
    expect(audit.stdout).toContain('evaluations of p50_ms');
    const finish = await run('finish', '--dry-run', '--split', '--json');
    expect(JSON.parse(finish.stdout)).toMatchObject({
      schemaVersion: 1,
      state: 'planned',
      branch: 'finish/engineering/api-speed',
      commits: [
        { commit: null, trials: [1] },
        { commit: null, trials: [3] },
      ],
    });
    expect(experiment.repository.fingerprint()).toBe(before);
  });

  it('finish without measuring makes a branch that the printed commands show', () => {
    const experiment = sample();
    const { repository } = experiment;
    const { stdout, code } = builtProgram(placeOf(repository), ['finish', '--no-measure', '--branch', 'faster']);
    expect(code).toBe(0);
    expect(stdout).toContain('Not verified');
    const [log = '', change = ''] = [...stdout.matchAll(/^ {2}git (.*)$/gm)].map(([, args]) => args ?? '');
    expect(repository.git(...log.split(' '))).toContain('2 kept trials of engineering/api-speed');
    repository.git(...change.split(' '));
    expect(repository.git('diff', experiment.incumbent)).toBe('');
    expect(repository.git('log', '-1', '--format=%B')).toContain('- trial 3: split it');
  });

  it('tell what to do where there is nothing to show, and what a wrong option should be', async () => {
    const experiment = new SampleExperiment();
    const run = (...args: string[]) => autoresearch(placeOf(experiment.repository), args);
    for (const args of [['audit'], ['audit', '--last'], ['finish']]) {
      const { stderr, code } = await run(...args);
      expect({ args, code }).toEqual({ args, code: 2 });
      expect(stderr).toContain('autoresearch ');
    }
    expect((await run('audit', '--pairs', '1')).stderr).toContain('from 2 up');
    expect((await run('finish', '--without', '3;7')).stderr).toContain('such as 3,7');
  });
});
