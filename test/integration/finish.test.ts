import { describe, expect, it } from 'vitest';
import { audit, finish, plan, sumExperiment } from '../helpers/audits.js';
import type { TestExperiment } from '../helpers/experiments.js';

const BRANCH = 'finish/custom/score';

/** All that is the operator's, without the branch that was asked for. */
function rest(experiment: TestExperiment): string {
  const lines = experiment.fingerprint().split('\n');
  return lines.filter((line) => !line.startsWith('refs/heads/finish/') && line !== '---').join('\n');
}

function subjects({ repository }: TestExperiment, range: string): string[] {
  return repository.git('log', '--reverse', '--format=%s', range).split('\n');
}

describe('a finished branch', () => {
  it("is one commit in the operator's name with exactly the best files, and touches nothing else", async () => {
    const experiment = await sumExperiment({
      noisy: false,
      trials: [{ 'a.sh': 'a=60' }, { 'b.sh': 'b=70', 'with space.sh': '# ü' }],
    });
    const { repository } = experiment;
    repository.write('parts/a.sh', 'a=1 # my own edit\n');
    repository.write('new file.txt', 'mine\n');
    repository.git('add', 'new file.txt');
    repository.write('.git/hooks/reference-transaction', '#!/bin/sh\nexit 1\n', 0o755);
    const before = rest(experiment);
    const { proofs, plan: planned } = await finish(experiment);
    expect(rest(experiment)).toBe(before);
    expect(repository.git('rev-parse', `${BRANCH}^`)).toBe(repository.head());
    expect(repository.git('rev-parse', `${BRANCH}^{tree}`)).toBe(
      repository.git('rev-parse', `${experiment.ref('incumbent')}^{tree}`),
    );
    expect(repository.git('log', '-1', '--format=%an <%ae> %cn', BRANCH)).toBe(
      'Test Person <person@example.org> Test Person',
    );
    const [start, end] = [planned.start.slice(0, 7), planned.end.slice(0, 7)];
    expect(repository.git('log', '-1', '--format=%B', BRANCH).trim().split('\n')).toEqual([
      'score -23.3 %: 2 kept trials of custom/score',
      '',
      '- trial 1: change 1 (score -13.3 % when it was kept)',
      '- trial 2: change 2 (score -11.5 % when it was kept)',
      '',
      `Verified: score -23.3 % exactly, the same in 2 interleaved pairs of ${start} and ${end}.`,
    ]);
    expect(proofs.whole).toMatchObject({ isFromRecord: false, compared: { from: [300, 300], to: [230, 230] } });
    // Asked for again it is there; a branch of something else is left alone.
    expect(await finish(experiment)).toMatchObject({ isThere: true, commits: [] });
    await expect(finish(experiment, { split: true })).rejects.toMatchObject({
      code: 'repository',
      hint: expect.stringContaining(`--branch ${BRANCH}-2`),
    });
    await expect(finish(experiment, { branch: 'main' })).rejects.toMatchObject({ code: 'repository' });
    await expect(finish(experiment, { branch: `${BRANCH}/more` })).rejects.toThrow('in the way');
    await expect(finish(experiment, { branch: 'autoresearch/mine' })).rejects.toMatchObject({ code: 'usage' });
    await expect(finish(experiment, { branch: 'no..name' })).rejects.toMatchObject({ code: 'usage' });
    expect(rest(experiment)).toBe(before);
  });

  it('takes the numbers of an audit of the same commits instead of measuring again', async () => {
    const experiment = await sumExperiment({ noisy: true, trials: [{ 'a.sh': 'a=50' }] });
    const { whole } = await audit(experiment, { pairs: 5, only: 'whole' });
    const rows = experiment.attempts().length;
    const { proofs } = await finish(experiment);
    expect(experiment.attempts()).toHaveLength(rows);
    expect(proofs.whole).toEqual({ compared: whole, isFromRecord: true });
    const message = experiment.repository.git('log', '-1', '--format=%B', BRANCH);
    expect(message).toMatch(/^score -1\d\.\d %: 1 kept trial of custom\/score\n/);
    expect(message).toMatch(/Verified: score -1\d\.\d % \[-\d+\.\d %, -\d+\.\d %\] in 5 interleaved pairs of/);
  });

  it('split has one commit per group of files, each with its gain, and the same files at its end', async () => {
    const experiment = await sumExperiment({
      noisy: false,
      trials: [
        { 'a.sh': 'a=60' },
        { 'b.sh': 'b=90' },
        { 'a.sh': 'a=50', 'c.sh': 'c=80' },
        { 'b.sh': 'b=70', 'd e.sh': '' },
      ],
    });
    const { repository } = experiment;
    const { plan: planned, commits } = await finish(experiment, { split: true });
    expect(planned.steps.map(({ changes }) => changes.map(({ number }) => number))).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(commits).toHaveLength(2);
    expect(repository.git('diff', BRANCH, experiment.ref('incumbent'))).toBe('');
    expect(subjects(experiment, `main..${BRANCH}`)).toEqual([
      '2 of 4 kept trials of custom/score (1)',
      '2 of 4 kept trials of custom/score (2)',
    ]);
    expect(repository.git('diff', '--name-only', 'main', `${BRANCH}^`)).toBe('parts/a.sh\nparts/c.sh');
    const [first, second] = [`${BRANCH}^`, BRANCH].map((ref) => repository.git('log', '-1', '--format=%B', ref));
    expect(first).toContain('Measured against the commit before this one: score -23.3 % exactly');
    expect(second).toContain('Measured against the commit before this one: score -13.0 % exactly');
    expect(first).not.toContain('Verified');
    expect(second).toContain('Verified: score -33.3 % exactly');
  });

  it('leaves changes out, and is not written where that is worse, does not come apart or fails a check', async () => {
    const experiment = await sumExperiment({
      noisy: false,
      trials: [{ 'a.sh': 'a=60' }, { 'a.sh': 'a=50' }, { 'c.sh': 'c=100 # faster' }, { 'b.sh': 'b=110' }],
      config: { 'checks.noted': 'cat parts/*.sh | grep -q faster || ! cat parts/*.sh | grep -q 110' },
    });
    const { repository } = experiment;
    const written = () => repository.git('for-each-ref', 'refs/heads/finish');
    await expect(finish(experiment, { without: [1] })).rejects.toMatchObject({
      message: expect.stringContaining('trial 1 does not come off cleanly'),
      hint: expect.stringContaining('--without 1,2'),
    });
    await expect(finish(experiment, { without: [1, 2] })).rejects.toThrow(/the code is worse: score \+19\.2 %/);
    await expect(finish(experiment, { without: [3] })).rejects.toThrow('the check "noted" fails');
    await expect(finish(experiment, { without: [9] })).rejects.toMatchObject({ code: 'usage' });
    await expect(finish(experiment, { without: [1, 2, 3, 4] })).rejects.toMatchObject({ code: 'usage' });
    expect(written()).toBe('');
    const { proofs } = await finish(experiment, { without: [4] });
    expect(proofs.againstBest).toMatchObject({ from: [260, 260], to: [250, 250] });
    const message = repository.git('log', '-1', '--format=%B', BRANCH);
    expect(message).toContain('3 kept trials of custom/score');
    expect(message).toContain('Left out: trial 4.');
    expect(message).toMatch(/Verified: score -16\.7 % exactly, .* and this code \(tree [0-9a-f]{7}\)/);
    expect(repository.git('diff', '--name-only', 'main', BRANCH)).toBe('parts/a.sh\nparts/c.sh');
    await finish(experiment, { without: [3, 4], pairs: null, branch: 'unproved' });
    expect(repository.git('log', '-1', '--format=%B', 'unproved')).toContain('Not verified');
  });

  it('starts where other commits were taken in, and refuses where they would pass for its own', async () => {
    const experiment = await sumExperiment({ noisy: false, trials: [{ 'a.sh': 'a=60' }] });
    const { repository } = experiment;
    const old = repository.head();
    repository.write('other.txt', 'of somebody else\n');
    const theirs = repository.commit('other work');
    experiment.plan([`printf 'b=70\\n' > parts/b.sh`]);
    await experiment.run({ maxExperiments: 1, rebaseOnto: 'main' });
    const planned = await plan(experiment);
    expect(planned).toMatchObject({ start: theirs, isWholeRun: false });
    expect(planned.left.map(({ number }) => number)).toEqual([1, 2]);
    await finish(experiment, { split: true });
    expect(repository.git('diff', '--name-only', 'main', BRANCH)).toBe('parts/a.sh\nparts/b.sh');
    repository.git('switch', '-q', '--detach', old);
    await expect(plan(experiment)).rejects.toMatchObject({
      message: expect.stringContaining(`${theirs.slice(0, 7)} (other work)`),
      hint: expect.stringContaining('git branch --contains'),
    });
  });

  it('starts at the first baseline where the branch of the experiment itself is checked out', async () => {
    const experiment = await sumExperiment({
      noisy: false,
      trials: [{ 'a.sh': 'a=60' }],
    });
    const { repository } = experiment;
    const start = repository.head();
    repository.git('switch', '-q', 'autoresearch/custom/score');
    const before = rest(experiment);
    const { plan: planned } = await finish(experiment);
    expect(planned.start).toBe(start);
    expect(repository.git('rev-parse', `${BRANCH}^`)).toBe(start);
    expect(rest(experiment)).toBe(before);
  });
});
