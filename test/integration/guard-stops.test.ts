/**
 * What a cheater can take away or leave behind that the runner must not mend by itself: the run stops with everything kept
 * and the command that restores it. And what people do in the same repository meanwhile, which is none of it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type Cheater, knowing, planOf, populated, usersThings } from '../helpers/cheaters.js';
import { EXPERIMENT, rewrites, scores, TestExperiment } from '../helpers/experiments.js';

/** Something of the user's is lost: it is kept, the trial is refused, and the run stops with the command that restores it. */
const STOPS: readonly (Cheater & { readonly ref: string })[] = [
  {
    name: "rewinds the user's branch",
    ref: 'refs/heads/main',
    step: 'git update-ref refs/heads/main main^',
    outcome: '',
    reason: /moved away/,
  },
  {
    name: "deletes the user's branch",
    ref: 'refs/heads/feature',
    step: 'git branch -D feature',
    outcome: '',
    reason: /deleted/,
  },
  { name: 'deletes a tag', ref: 'refs/tags/v1', step: 'git tag -d v1', outcome: '', reason: /deleted/ },
  { name: "drops the user's stash", ref: 'refs/stash', step: 'git stash drop', outcome: '', reason: /deleted/ },
  {
    name: "deletes the user's branch while it is measured",
    ref: 'refs/heads/feature',
    code: 'git branch -D feature',
    outcome: '',
    reason: /deleted/,
  },
];

describe('stops the run with everything kept and the command that restores it, when an agent or its code', () => {
  it.each(STOPS)('$name', async (cheater) => {
    const experiment = populated({ steps: [] });
    const before = usersThings(experiment);
    planOf(experiment, [cheater]);
    const run = await experiment.run({ maxExperiments: 2 });
    expect([run.stop.reason, run.exitCode]).toEqual(['conflict', 18]);
    expect(run.stop.detail).toContain(cheater.ref);
    const [cheat] = experiment.trials();
    expect(cheat).toMatchObject({ outcome: 'tampered', verdict: 'discard', metric: null });
    expect(cheat?.reason).toMatch(cheater.reason);
    expect(experiment.valueAt(experiment.ref('incumbent'))).toBe(scores(10));
    const rescued = experiment.repository.git('for-each-ref', '--format=%(objectname)', 'refs/autoresearch/rescue');
    expect(before).toContain(rescued);
    const [, command = ''] = /(git (?:update-ref|stash store) [^;]+);/.exec(run.stop.hint ?? '') ?? [];
    experiment.repository.git(...command.split(' ').slice(1));
    expect(usersThings(experiment)).toBe(before);
    // Restored, the next run goes on with the honest trial.
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['tampered discard', 'measured keep']);
  });
});

describe('programs that outlive a measurement', () => {
  it('stop the run when a candidate replaces one in a linked folder', async () => {
    const experiment = populated({ steps: [], config: { 'workspace.link': 'tools' } });
    const tool = join(experiment.repository.path, 'tools/bin/helper');
    mkdirSync(join(experiment.repository.path, 'tools/bin'), { recursive: true });
    writeFileSync(tool, 'true\n');
    planOf(experiment, [{ name: '', code: 'echo "echo score: 0" > tools/bin/helper', outcome: '', reason: /./ }]);
    const run = await experiment.run({ maxExperiments: 2 });
    expect(run.stop).toMatchObject({ reason: 'conflict', detail: expect.stringContaining('tools/bin/helper') });
    expect(experiment.course()).toEqual(['tampered discard']);
    expect(experiment.trial(1).reason).toContain('tools/bin/helper');
  });

  it('are the measurement’s own affair where the unmodified code writes them too', async () => {
    const config = {
      evaluate_cmd: 'mkdir -p out/bin && date +%N > out/bin/built && sh bench.sh',
      'workspace.keep': 'out',
    };
    const experiment = populated({ steps: [], config });
    planOf(experiment, [{ name: '', outcome: '', reason: /./ }]);
    const run = await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['measured keep']);
    expect(run.notices).toContainEqual(expect.stringContaining('out/bin'));
  });
});

describe('settings of git', () => {
  it('that change once during a measurement cost that measurement only, those that change again the trial', async () => {
    const experiment = populated({ steps: [] });
    const known = knowing(experiment);
    experiment.plan([
      rewrites(`${known}git config alias.once x\n${scores(9)}`),
      rewrites(`${known}git config alias.again "$(date +%N)"\n${scores(8)}`),
    ]);
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['measured keep', 'tampered discard']);
    expect(experiment.measurements(1).map(({ outcome }) => outcome)).toContain('tampered');
    expect(experiment.trial(2).reason).toContain('alias.again');
  });

  it('that the unmodified code changes with each measurement fail the baseline, which names them', async () => {
    const experiment = populated({
      config: { evaluate_cmd: 'git config alias.b "$(date +%N)"; sh bench.sh' },
      steps: [],
    });
    const run = await experiment.run({ maxExperiments: 1 });
    expect(run.stop).toMatchObject({ reason: 'baseline_failed', detail: expect.stringContaining('alias.b') });
  });
});

it('refs of trials that were taken away between two runs come back, but not to commits that are gone', async () => {
  const steps = [7, 6, 9].map((value) => rewrites(scores(value)));
  const experiment = new TestExperiment({ steps });
  await experiment.run({ maxExperiments: 2 });
  const { repository } = experiment;
  const [first, second] = experiment.trials().map(({ candidateCommit }) => candidateCommit);
  const refOf = (number: number) => `refs/autoresearch/${EXPERIMENT}/trials/${number}`;
  repository.git('pack-refs', '--all');
  const packed = repository.read('.git/packed-refs').split('\n');
  repository.write('.git/packed-refs', packed.filter((line) => !line.includes('/trials/')).join('\n'));
  const { notices } = await experiment.run({ maxExperiments: 1 });
  expect(notices.join('\n')).toContain('removed refs of 2 trials since the last run: they are back, nothing is lost');
  expect([refOf(1), refOf(2)].map((ref) => repository.git('rev-parse', ref))).toEqual([first, second]);
  experiment.plan([]);
  expect((await experiment.run({ mode: 'baseline' })).notices.join('\n')).not.toContain('removed refs');
  repository.git('update-ref', '-d', refOf(3));
  repository.git('worktree', 'remove', '--force', '--force', experiment.workspace);
  repository.git('reflog', 'expire', '--expire=now', '--all');
  repository.git('prune', '--expire=now');
  expect((await experiment.run({ mode: 'baseline' })).notices.join('\n')).not.toContain('removed refs');
});

it('an honest candidate and what a person does in the repository meanwhile are left alone', async () => {
  const experiment = populated({ steps: [rewrites(scores(9)), rewrites(scores(8))] });
  const { repository } = experiment;
  const run = await experiment.run({
    maxExperiments: 2,
    onEvent: ({ kind }) => {
      if (kind !== 'proposing') return;
      repository.git('commit', '--allow-empty', '-m', 'work of the user');
      repository.git('branch', `topic-${experiment.calls}`);
      repository.git('config', `branch.topic-${experiment.calls}.description`, 'x');
      repository.write('README.md', `# ${experiment.calls}\n`);
      repository.git('stash', 'push');
    },
  });
  expect(run.stop.reason).toBe('max_experiments');
  expect(experiment.course()).toEqual(['measured keep', 'measured keep']);
  expect(run.notices.filter((text) => /refs|config/.test(text))).toEqual([]);
  expect(repository.git('for-each-ref', 'refs/autoresearch/rescue')).toBe('');
  expect(repository.git('rev-list', '--count', 'main')).toBe('4');
});

it('a candidate whose ref was deleted while it was measured stays reachable', async () => {
  const experiment = populated({ steps: [] });
  experiment.plan([rewrites(`git update-ref -d refs/autoresearch/custom/score/trials/1\n${scores(12)}`)]);
  await experiment.run({ maxExperiments: 1 });
  expect(experiment.course()).toEqual(['measured discard']);
  expect(experiment.ref('trials/1')).toBe(experiment.trial(1).candidateCommit);
});

it('an empty entry of PATH is left out of what measurements search, and said', async () => {
  vi.stubEnv('PATH', `${process.env['PATH']}::tools`);
  const experiment = populated({ steps: [rewrites(`helper || ${scores(9)}`)] });
  experiment.repository.write('helper', '#!/bin/sh\necho "score: 1"\n', 0o755);
  experiment.repository.commit('a program in the folder of the candidate');
  const run = await experiment.run({ maxExperiments: 1 });
  expect(experiment.trial(1).metric).toBe(9);
  expect(run.notices).toContainEqual(expect.stringContaining('left out of PATH for measurements'));
});
