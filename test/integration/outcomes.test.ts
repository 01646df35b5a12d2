import { once } from 'node:events';
import { cpSync, existsSync, lstatSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { RunEvent } from '../../src/core/events.js';
import { CLI } from '../helpers/command.js';
import { BackgroundRun, configText, EXPERIMENT, rewrites, scores, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';
import { present, startHelper, until } from '../helpers/process.js';

/** Runs `act` when the n-th trial (the baseline is the first) has settled. */
function onceSettled(count: number, act: () => void): (event: RunEvent) => void {
  let left = count;
  return ({ kind }) => {
    if (kind !== 'settled') return;
    left -= 1;
    if (left === 0) act();
  };
}

describe('what happens to a candidate', () => {
  it('measured: kept when better, discarded when worse or equal, and only a keep moves the refs', async () => {
    const experiment = new TestExperiment({
      steps: [rewrites(scores(8), 'better'), rewrites(scores(9), 'worse'), rewrites(`: again\n${scores(8)}`, 'equal')],
    });
    const { repository } = experiment;
    const before = experiment.fingerprint();
    const run = await experiment.run({ maxExperiments: 3 });
    expect(run.stop.reason).toBe('max_experiments');
    expect(run.exitCode).toBe(0);
    expect(experiment.course()).toEqual(['measured keep', 'measured discard', 'measured discard']);
    const incumbent = experiment.ref('incumbent');
    expect(incumbent).toBe(experiment.trial(1).candidateCommit);
    expect(repository.git('rev-parse', `autoresearch/${EXPERIMENT}`)).toBe(incumbent);
    expect(experiment.valueAt(incumbent)).toBe(scores(8));
    expect(experiment.valueAt(experiment.ref('trials/3'))).toContain(': again');
    expect(experiment.results().map(([, metric, status, description]) => [metric, status, description])).toEqual([
      ['10.000000', 'keep', 'baseline'],
      ['8.000000', 'keep', 'better'],
      ['9.000000', 'discard', 'worse'],
      ['8.000000', 'discard', 'equal'],
    ]);
    expect(experiment.fingerprint()).toBe(before);
  });

  it('a tie is kept with tie = simpler, and only when it removes lines', async () => {
    const experiment = new TestExperiment({
      value: `: one\n: two\n${scores(10)}`,
      config: { 'gate.tie': 'simpler' },
      steps: [rewrites(`: one\n: two\n: three\n${scores(10)}`), rewrites(scores(10))],
    });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['measured discard', 'measured keep']);
    expect(experiment.trial(2).reason).toContain('simpler by 2 lines');
  });

  it('crashed, timed out, without a number, skipped, refused by a check: each its own outcome without a metric', async () => {
    const experiment = new TestExperiment({
      config: {
        time_budget_minutes: 0.01,
        'checks.types': 'test ! -e value.sh || ! grep -q forbidden value.sh',
        'limits.max_consecutive_crashes': 4,
      },
      steps: [
        rewrites('echo "the last words"; exit 3'),
        rewrites('exit 125'),
        rewrites('sleep 600'),
        rewrites('echo "score: 12ms"'),
        rewrites(`: forbidden\n${scores(1)}`),
        rewrites('kill -9 $$'),
      ],
    });
    await experiment.run({ maxExperiments: 6 });
    expect(experiment.course()).toEqual([
      'crashed crash',
      'skipped discard',
      'timed_out crash',
      'metric_error crash',
      'check_failed discard',
      'crashed crash',
    ]);
    expect(experiment.trials().map(({ metric }) => metric)).toEqual([null, null, null, null, null, null]);
    expect(experiment.results().map(([, metric]) => metric)).toEqual(['10.000000', ...Array(6).fill('N/A')]);
    expect(experiment.trial(1)).toMatchObject({ crashTail: 'the last words', reason: 'exit code 3' });
    expect(experiment.trial(3).reason).toContain('hard limit of 1.5 s');
    expect(experiment.trial(4).reason).toContain('"12ms"');
    expect(experiment.trial(5).reason).toContain('the check "types" failed');
    expect(experiment.trial(6).reason).toContain('SIGKILL');
    // Skipped leaves the streak alone, a failed check ends it.
    expect(experiment.read((store) => store.newestSession())).toMatchObject({ crashStreak: 1, trials: 6 });
  });

  it('is out of scope when it changes a tracked file outside the target', async () => {
    const experiment = new TestExperiment({ steps: [`echo x >> README.md\n${rewrites(scores(1))}`] });
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['out_of_scope discard']);
    expect(experiment.trial(1).reason).toContain('README.md');
    expect(experiment.measurements(1)).toEqual([]);
    expect(experiment.repository.read('README.md')).toBe('# sample\n');
  });

  it('leaves a new file outside the target behind and says so; strict refuses it', async () => {
    const stray = `echo x > stray.txt\n${rewrites(scores(9))}`;
    const lenient = new TestExperiment({ steps: [stray, `[ ! -e stray.txt ] || exit 1\n${rewrites(scores(8))}`] });
    await lenient.run({ maxExperiments: 2 });
    expect(lenient.course()).toEqual(['measured keep', 'measured keep']);
    expect(lenient.trial(1).notes.join()).toContain('stray.txt');
    expect(lenient.repository.git('ls-tree', '--name-only', lenient.ref('incumbent'))).not.toContain('stray');

    const strict = new TestExperiment({ steps: [stray], config: { 'workspace.scope': 'strict' } });
    await strict.run({ maxExperiments: 1 });
    expect(strict.course()).toEqual(['out_of_scope discard']);
  });

  it('tampers when it edits its evaluator or its configuration, also where a glob target matches them', async () => {
    const experiment = new TestExperiment({
      config: { target: '**' },
      steps: [
        'echo \'echo "score: 0"\' > bench.sh',
        `sed -i 's/lower/higher/; s/^metric = .*/metric = other/' .autoresearch/${EXPERIMENT}/config.cfg`,
        rewrites(scores(9)),
      ],
    });
    await experiment.run({ maxExperiments: 3 });
    expect(experiment.course()).toEqual(['tampered discard', 'tampered discard', 'measured keep']);
    expect(experiment.measurements(1)).toEqual([]);
  });

  it('is a duplicate of a measured trial and not measured twice; retry measures it again', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(11)), rewrites(scores(11))] });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['measured discard', 'duplicate discard']);
    expect(experiment.trial(2).reason).toContain('trial 1');
    expect(experiment.measurements(2)).toEqual([]);

    const retried = await experiment.run({ mode: 'single', retry: 1 });
    expect(retried.stop.reason).toBe('trial_done');
    expect(experiment.trial(3)).toMatchObject({ outcome: 'measured', retryOf: 1, metric: 11 });
    expect(experiment.trial(3).description).toMatch(/^retry of trial 1: /);
  });

  it('a crash is no measurement: the same tree is measured again', async () => {
    const flag = join(temporaryFolder(), 'flag');
    const value = `[ -e ${flag} ] || { touch ${flag}; exit 1; }\n${scores(5)}`;
    const experiment = new TestExperiment({ steps: [rewrites(value), rewrites(value)] });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['crashed crash', 'measured keep']);
  });

  it('retry applies the old change to the incumbent of today, or says that it does not fit', async () => {
    const experiment = new TestExperiment({
      config: { target: 'value.sh, other.sh', 'gate.kind': 'single' },
      value: `. ./other.sh\n${scores('$((10 - X))')}`,
      files: { 'other.sh': 'X=0\n' },
      steps: [`printf '%s\\n' '. ./other.sh' 'echo "score: $((12 - 2 * X))"' > value.sh`, `echo X=3 > other.sh`],
    });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['measured discard', 'measured keep']);
    await experiment.run({ mode: 'single', retry: 1 });
    expect(experiment.trial(3)).toMatchObject({ outcome: 'measured', verdict: 'keep', metric: 6 });
    const again = await experiment.run({ mode: 'single', retry: 1 });
    expect(again.stop).toMatchObject({ reason: 'proposer_finished' });
    expect(again.stop.detail).toContain('does not apply');
    await expect(experiment.run({ mode: 'single', retry: 99 })).rejects.toMatchObject({ code: 'usage' });
    await expect(experiment.run({ mode: 'single', retry: 0 })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('trial 0 is the baseline'),
    });
  });

  it('no change takes no number, and so many in a row end the run', async () => {
    const experiment = new TestExperiment({
      steps: [':', rewrites(scores(9))],
      config: { 'limits.max_idle_proposals': 3 },
    });
    const run = await experiment.run();
    expect(experiment.course()).toEqual(['no_change', 'measured keep', 'no_change', 'no_change', 'no_change']);
    expect(run.stop.reason).toBe('proposer_gave_up');
    expect(run.exitCode).toBe(15);
    expect(experiment.results()).toHaveLength(2);
  });

  it('an agent that fails leaves its unfinished change as a patch', async () => {
    const experiment = new TestExperiment({
      steps: [`${rewrites(scores(1))}\nexit 4`],
      config: { 'limits.max_idle_proposals': 1 },
    });
    const run = await experiment.run();
    expect(experiment.course()).toEqual(['agent_error']);
    expect(run.exitCode).toBe(15);
    const attempt = present(experiment.attempts()[1]);
    const patch = present(/saved in (\S+)/.exec(attempt.notes.join())?.[1]);
    expect(readFileSync(patch, 'utf8')).toContain('+echo "score: 1"');
    expect(experiment.ref('incumbent')).toBe(experiment.repository.head());
  });
});

describe('an evaluator that asks to be tried later', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is waited for, and the candidate is not to blame', async () => {
    // Only the wall clock: waiting then is a matter of moving it.
    vi.useFakeTimers({ toFake: ['Date'] });
    const tries = join(temporaryFolder(), 'tries');
    const experiment = new TestExperiment({
      steps: [rewrites(`echo x >> ${tries}; [ "$(wc -l < ${tries})" -ge 3 ] || exit 75\n${scores(9)}`)],
    });
    const waits: number[] = [];
    const run = await experiment.run({
      maxExperiments: 1,
      onEvent: (event) => {
        if (event.kind !== 'waiting') return;
        waits.push(event.untilMs - Date.now());
        vi.setSystemTime(event.untilMs);
      },
    });
    expect(waits).toEqual([30_000, 120_000]);
    expect(experiment.course()).toEqual(['measured keep']);
    expect(run.stop.reason).toBe('max_experiments');
    const outcomes = experiment.measurements(1).map(({ outcome }) => outcome);
    // Candidate, incumbent and candidate again: a keep of an exact metric is measured three times.
    expect(outcomes).toEqual(['try_later', 'try_later', 'measured', 'measured', 'measured']);
  });

  it('is not waited for when the run is told to end, and the trial is resumed', async () => {
    const flag = join(temporaryFolder(), 'flag');
    const experiment = new TestExperiment({
      steps: [rewrites(`[ -e ${flag} ] || { touch ${flag}; exit 75; }\n${scores(9)}`)],
    });
    const background = new BackgroundRun(experiment, { maxExperiments: 1 });
    await background.seen('waiting');
    background.stop.now('terminated');
    const ended = await background.finished;
    expect(ended.stop.reason).toBe('terminated');
    expect(ended.exitCode).toBe(143);
    expect(experiment.read((store) => store.openTrial())).toMatchObject({ number: 1, attempt: 0 });
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['measured keep']);
    expect(experiment.calls).toBe(1);
  });
});

describe('a candidate or the machine', () => {
  it('a program that only the candidate misses is its crash', async () => {
    const experiment = new TestExperiment({ steps: [rewrites('no-such-program-anywhere')] });
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['crashed crash']);
    expect(experiment.measurements(1).map(({ side, outcome }) => [side, outcome])).toEqual([
      ['candidate', 'not_started'],
      ['incumbent', 'measured'],
    ]);
  });

  it('a program that the incumbent misses too stops the run, and the trial is measured once that is mended', async () => {
    const tool = join(temporaryFolder(), 'tool');
    const experiment = new TestExperiment({
      value: `. ${tool}\n${scores(10)}`,
      files: { 'bench.sh': `command -v ${tool} > /dev/null || exit 127\n. ./value.sh\n` },
      steps: [`rm ${tool}\n${rewrites(scores(9))}`],
    });
    writeFileSync(tool, '', { mode: 0o755 });
    const run = await experiment.run({ maxExperiments: 1 });
    expect(run.stop.reason).toBe('environment_broken');
    expect(run.exitCode).toBe(17);
    expect(experiment.course()).toEqual([]);
    writeFileSync(tool, '', { mode: 0o755 });
    const resumed = await experiment.run({ maxExperiments: 1 });
    expect(resumed.stop.reason).toBe('max_experiments');
    expect(experiment.course()).toEqual(['measured keep']);
    expect(experiment.calls).toBe(1);
  });

  it('a streak of crashes stops the run after the incumbent was measured', async () => {
    const experiment = new TestExperiment({
      steps: [rewrites('exit 1'), rewrites('exit 2'), rewrites('exit 3'), rewrites(scores(9))],
      config: { 'limits.max_consecutive_crashes': 2 },
    });
    const run = await experiment.run();
    expect(run.stop.reason).toBe('crash_streak');
    expect(run.exitCode).toBe(16);
    expect(experiment.course()).toEqual(['crashed crash', 'crashed crash']);
    expect(experiment.measurements(2).map(({ side }) => side)).toEqual(['candidate', 'incumbent']);
    // The next session begins without the streak.
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course().slice(2)).toEqual(['crashed crash', 'measured keep']);
  });

  it('a streak that the incumbent shares blames the machine, not the candidate', async () => {
    const broken = join(temporaryFolder(), 'broken');
    const experiment = new TestExperiment({
      value: `[ ! -e ${broken} ] || exit 9\n${scores(10)}`,
      steps: [rewrites('exit 1'), `touch ${broken}\n${rewrites('exit 2')}`],
      config: { 'limits.max_consecutive_crashes': 2 },
    });
    const run = await experiment.run();
    expect(run.exitCode).toBe(17);
    expect(run.stop.detail).toContain('exit code 9');
    expect(experiment.course()).toEqual(['crashed crash']);
  });
});

describe('the operator edits while the loop runs', () => {
  it('a changed evaluator is a new baseline, and nothing is compared across', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9)), rewrites(scores(8))] });
    const run = await experiment.run({
      maxExperiments: 2,
      onEvent: onceSettled(2, () => {
        experiment.repository.write('bench.sh', '. ./value.sh | sed "s/score: /score: 10/"\n');
      }),
    });
    expect(run.notices.join()).toContain('a new baseline is measured');
    const rows = experiment.attempts().map(({ kind, number, metric, verdict }) => [kind, number, metric, verdict]);
    expect(rows).toEqual([
      ['baseline', 0, 10, 'keep'],
      ['trial', 1, 9, 'keep'],
      ['baseline', null, 109, 'keep'],
      ['trial', 2, 108, 'keep'],
    ]);
    expect(experiment.trial(2).incumbentMetric).toBe(109);
  });

  it('a broken configuration changes nothing until it is mended, and is told once', async () => {
    const experiment = new TestExperiment({ steps: [9, 8, 7, 6].map((value) => rewrites(scores(value))) });
    const path = `${experiment.folder}/config.cfg`;
    const good = experiment.repository.read(path);
    const settled: (() => void)[] = [() => undefined, () => experiment.repository.write(path, 'target = \n= = =\n')];
    settled.push(
      () => undefined,
      () => experiment.repository.write(path, good),
    );
    const run = await experiment.run({
      maxExperiments: 4,
      onEvent: ({ kind }) => (kind === 'settled' ? settled.shift()?.() : undefined),
    });
    expect(experiment.course()).toEqual(Array.from({ length: 4 }, () => 'measured keep'));
    expect(run.notices.filter((text) => text.includes('is not used'))).toHaveLength(1);
    expect(experiment.attempts().filter(({ kind }) => kind === 'baseline')).toHaveLength(1);
  });

  it('a deleted evaluator does not stop the run either', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9)), rewrites(scores(8))] });
    const run = await experiment.run({
      maxExperiments: 2,
      onEvent: onceSettled(2, () => rmSync(join(experiment.repository.path, 'bench.sh'))),
    });
    expect([run.stop.reason, ...experiment.course()]).toEqual(['max_experiments', 'measured keep', 'measured keep']);
  });

  it('program.md and the limits apply at the next trial', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9)), rewrites(scores(8)), rewrites(scores(7))] });
    const run = await experiment.run({
      onEvent: onceSettled(2, () => {
        experiment.repository.write(`${experiment.folder}/program.md`, 'Prefer small steps, said the human.\n');
        experiment.configure({ 'limits.max_trials': 2 });
      }),
    });
    expect(experiment.prompt(1)).not.toContain('said the human');
    expect(experiment.prompt(2)).toContain('Prefer small steps, said the human.');
    expect(run.stop.reason).toBe('max_trials');
    expect(experiment.course()).toHaveLength(2);
    expect(experiment.attempts().filter(({ kind }) => kind === 'baseline')).toHaveLength(1);
  });
});

describe('when a run stops', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('patience counts trials since the last keep; target_value is reached by the incumbent', async () => {
    const experiment = new TestExperiment({
      steps: [
        rewrites(scores(9)),
        rewrites(scores(11)),
        rewrites(scores(12)),
        rewrites(scores(4)),
        rewrites(scores(3)),
      ],
      config: { 'limits.patience': 2, 'limits.target_value': 5 },
    });
    expect((await experiment.run()).stop.reason).toBe('patience');
    expect(experiment.course()).toHaveLength(3);
    experiment.configure({ 'limits.patience': null });
    expect((await experiment.run()).stop.reason).toBe('target_reached');
    expect(experiment.course()).toHaveLength(4);
    // Reached is reached: another start tries nothing.
    expect((await experiment.run()).stop.reason).toBe('target_reached');
    expect(experiment.calls).toBe(4);
  });

  it('max_trials is for the life of the experiment, max_experiments for the session', async () => {
    const steps = [9, 8, 7, 6, 5].map((value) => rewrites(scores(value)));
    const experiment = new TestExperiment({ steps, config: { 'limits.max_trials': 3 } });
    expect((await experiment.run({ maxExperiments: 2 })).stop.reason).toBe('max_experiments');
    expect((await experiment.run({ maxExperiments: 2 })).stop.reason).toBe('max_trials');
    expect(experiment.course()).toHaveLength(3);
  });

  it('max_experiments goes on counting when the runner was killed in between', async () => {
    const [first, second, third, fourth] = [9, 8, 7, 6].map((value) => rewrites(scores(value)));
    const experiment = new TestExperiment({
      steps: [present(first), present(second), 'sleep 600', present(third), present(fourth)],
    });
    const { path } = experiment.repository;
    const runner = startHelper(process.execPath, [CLI, 'run', '--loop', '--max-experiments=3', `--path=${path}`]);
    const ended = once(runner, 'exit');
    present(runner.stdout).resume();
    await until('the third proposal', () => experiment.calls === 3);
    runner.kill('SIGKILL');
    await ended;
    expect((await experiment.run({ maxExperiments: 3 })).stop.reason).toBe('max_experiments');
    expect(experiment.course()).toEqual(['measured keep', 'measured keep', 'interrupted', 'measured keep']);
    // That session ended as planned: the next one counts from the beginning.
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.trials()).toHaveLength(4);
  });

  it('max_hours is time that the session was alive', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const experiment = new TestExperiment({
      steps: [rewrites(scores(9)), rewrites(scores(8)), rewrites(scores(7))],
      config: { 'limits.max_hours': 2 },
    });
    const run = await experiment.run({
      onEvent: ({ kind }) => {
        if (kind === 'settled') vi.advanceTimersByTime(50 * 60_000);
      },
    });
    expect(run.stop.reason).toBe('max_hours');
    expect(experiment.course()).toHaveLength(2);
  });
});

describe('the incumbent', () => {
  it('moved by somebody else between two measurements is a conflict, and their move stands', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9))] });
    const theirs = () => experiment.repository.git('commit-tree', '-p', 'HEAD', '-m', 'theirs', 'HEAD^{tree}');
    const moved: string[] = [];
    let isBegun = false;
    const run = await experiment.run({
      maxExperiments: 1,
      onEvent: ({ kind }) => {
        if (kind === 'proposing') isBegun = true;
        if (kind !== 'measured' || !isBegun || moved.length > 0) return;
        moved.push(theirs());
        experiment.repository.git('update-ref', `refs/autoresearch/${EXPERIMENT}/incumbent`, present(moved[0]));
      },
    });
    expect(run.stop.reason).toBe('conflict');
    expect(run.exitCode).toBe(18);
    expect(run.stop.hint).toContain('git update-ref');
    expect(experiment.ref('incumbent')).toBe(moved[0]);
    // Put back as the hint says, the trial is settled without another measurement.
    const command = present(/git update-ref (\S+) (\S+) (\S+)/.exec(run.stop.hint ?? ''));
    experiment.repository.git('update-ref', ...command.slice(1));
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['measured keep']);
    expect(experiment.measurements(1).filter(({ state }) => state === 'done')).toHaveLength(3);
  });

  it('moved by somebody else between two runs is a conflict', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9)), rewrites(scores(8))] });
    await experiment.run({ maxExperiments: 1 });
    const theirs = experiment.repository.git('commit-tree', '-p', 'HEAD', '-m', 'theirs', 'HEAD^{tree}');
    const ours = experiment.ref('incumbent');
    experiment.repository.git('update-ref', `refs/autoresearch/${EXPERIMENT}/incumbent`, theirs);
    const run = await experiment.run({ maxExperiments: 1 });
    expect(run.exitCode).toBe(18);
    expect(run.stop.hint).toContain(ours);
    expect(experiment.calls).toBe(1);
  });

  it('deleted by somebody else is a conflict', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9))] });
    await experiment.run({ maxExperiments: 1 });
    experiment.repository.git('update-ref', '-d', `refs/autoresearch/${EXPERIMENT}/incumbent`);
    const run = await experiment.run({ maxExperiments: 1 });
    expect(run.exitCode).toBe(18);
    expect(experiment.ref('incumbent')).toBe('');
  });

  it('takes in commits of others with --rebase-onto, and is measured anew', async () => {
    const experiment = new TestExperiment({
      files: { 'cost.sh': 'COST=0\n' },
      value: `. ./cost.sh\n${scores('$((10 + COST))')}`,
      steps: [rewrites(`. ./cost.sh\n${scores('$((9 + COST))')}`), rewrites(`. ./cost.sh\n${scores('$((8 + COST))')}`)],
    });
    await experiment.run({ maxExperiments: 1 });
    const kept = experiment.ref('incumbent');
    experiment.repository.write('cost.sh', 'COST=5\n');
    experiment.repository.commit('everything got slower');
    await experiment.run({ maxExperiments: 1, rebaseOnto: 'main' });
    const merged = present(experiment.attempts()[2]);
    expect(merged).toMatchObject({ kind: 'baseline', number: null, metric: 14 });
    expect(merged.description).toBe('the best code with the commits that were taken in');
    experiment.configure({ time_budget_minutes: 2 });
    await experiment.run({ mode: 'baseline' });
    const shown = experiment.read((store) => store.recentTrials({ limit: 9, counted: true }));
    expect(shown.map(({ number }) => number)).toEqual([0, 1, null, 2, null]);
    expect(shown[4]?.description).toBe('the best code by the changed definitions (revision 3)');
    expect(experiment.repository.git('rev-parse', `${merged.candidateCommit}^1`)).toBe(kept);
    expect(experiment.trial(2)).toMatchObject({ metric: 13, incumbentMetric: 14, verdict: 'keep' });
    const branch = experiment.repository.git('rev-parse', `autoresearch/${EXPERIMENT}`);
    expect(branch).toBe(experiment.ref('incumbent'));
  });
});

describe('the baseline', () => {
  it('that cannot be measured stops the run with what to mend', async () => {
    const experiment = new TestExperiment({ value: 'echo "no such module: fastjson"; exit 1', steps: [] });
    const run = await experiment.run();
    expect(run.exitCode).toBe(13);
    expect(run.stop.detail).toContain('no such module: fastjson');
    expect(run.stop.hint).toContain('mend evaluate_cmd');
    expect(experiment.ref('incumbent')).toBe('');
    // Mended, the next run begins with trial 0.
    experiment.repository.write('value.sh', `${scores(10)}\n`);
    experiment.repository.commit('mend it');
    await experiment.run({ mode: 'baseline' });
    expect(experiment.trial(0)).toMatchObject({ kind: 'baseline', metric: 10 });
  });

  it('of an evaluator that does not read the target is refused', async () => {
    const experiment = new TestExperiment({
      config: { 'gate.probe': 'on' },
      files: { 'bench.sh': 'echo "score: 5"\n' },
      steps: [],
    });
    const run = await experiment.run();
    expect(run.exitCode).toBe(13);
    expect(run.stop.detail).toContain('does not read the target');
    expect(experiment.ref('incumbent')).toBe('');
    expect(experiment.repository.read('value.sh')).toBe(`${scores(10)}\n`);
  });

  it('of an evaluator whose metric line that counts never changes names the line that does', async () => {
    const experiment = new TestExperiment({
      config: { 'gate.probe': 'on' },
      files: { 'bench.sh': 'sh value.sh || true\necho "score: 5"\n' },
      steps: [],
    });
    const run = await experiment.run();
    expect(run.exitCode).toBe(13);
    expect(run.stop.detail).toContain('the first one (10) changes, but the last one, which counts, stays 5');
    expect(run.stop.hint).toContain('metric_pick = first');
  });

  it('notices noise, and an apparent win then has to be won again', async () => {
    const counter = join(temporaryFolder(), 'n');
    const noisy = (base: number) => `echo x >> ${counter}\necho "score: $((${base} + $(wc -l < ${counter}) % 2))"`;
    const experiment = new TestExperiment({
      value: noisy(100),
      config: { 'gate.baseline_runs': 2, 'gate.probe': 'on' },
      steps: [rewrites(noisy(50))],
    });
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.trial(0).reason).toContain('noise about');
    expect(experiment.course()).toEqual(['measured keep']);
    const sides = experiment.measurements(1).map(({ side }) => side);
    expect(sides).toContain('incumbent');
    expect(sides.filter((side) => side === 'candidate').length).toBeGreaterThan(1);
  });
});

describe('the workspace', () => {
  it('sees linked folders, runs setup_cmd, and keeps what is to be kept', async () => {
    const count = join(temporaryFolder(), 'count');
    const setup = `echo x >> ${count}; mkdir -p build; echo 3 > build/cost`;
    const value = (base: number) => `. ./node_modules/lib.sh\necho "score: $((${base} + LIB + $(cat build/cost)))"`;
    const options = {
      value: value(10),
      files: { '.gitignore': 'node_modules/\nbuild/\n' },
      steps: [rewrites(value(9)), rewrites(value(8))],
    };
    const runs = () => readFileSync(count, 'utf8').split('\n').length - 1;
    const config = { 'workspace.link': 'node_modules', 'workspace.setup_cmd': setup };

    const kept = new TestExperiment({ ...options, config: { ...config, 'workspace.keep': 'build/' } });
    kept.repository.write('node_modules/lib.sh', 'LIB=4\n');
    await kept.run({ maxExperiments: 2 });
    expect(kept.trials().map(({ metric }) => metric)).toEqual([16, 15]);
    expect(runs()).toBe(1);
    expect(lstatSync(join(kept.workspace, 'node_modules')).isSymbolicLink()).toBe(true);

    const cleaned = new TestExperiment({ ...options, config });
    cleaned.repository.write('node_modules/lib.sh', 'LIB=4\n');
    await cleaned.run({ maxExperiments: 2 });
    expect(cleaned.trials().map(({ metric }) => metric)).toEqual([16, 15]);
    // Twice for the baseline, three times for each keep.
    expect(runs()).toBe(8);
    expect(cleaned.repository.read('node_modules/lib.sh')).toBe('LIB=4\n');
  });

  it('a setup_cmd that fails on the candidate is its crash', async () => {
    const experiment = new TestExperiment({
      config: { 'workspace.setup_cmd': 'grep -q score value.sh || { echo cannot install; exit 6; }' },
      steps: [rewrites(': nothing')],
    });
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['crashed crash']);
    expect(experiment.trial(1)).toMatchObject({ crashTail: 'cannot install' });
    expect(experiment.trial(1).reason).toContain('setup_cmd failed: exit code 6');
  });
});

describe('several', () => {
  it('experiments of one repository run at once and do not disturb each other', async () => {
    const steps = [9, 8, 7].map((value) => rewrites(scores(value)));
    const experiment = new TestExperiment({ steps });
    const search = configText({
      ...{ target: 'knobs.txt', evaluate_cmd: 'sh knobs.sh', metric: 'score', metric_direction: 'higher' },
      ...{ 'proposer.kind': 'search', 'workspace.warmup_runs': 0 },
    });
    experiment.repository.write('.autoresearch/custom/knobs/config.cfg', search);
    experiment.repository.write('knobs.txt', 'x = 5 # autoresearch: int 0..99\n');
    experiment.repository.write('knobs.sh', 'sed -n "s/^x = \\([0-9]*\\).*/score: \\1/p" knobs.txt\n');
    experiment.repository.commit('a second experiment');
    const before = experiment.fingerprint();
    const [first, second] = await Promise.all([
      experiment.run({ maxExperiments: 3 }),
      experiment.run({ name: 'custom/knobs', maxExperiments: 4 }),
    ]);
    expect([first.stop.reason, second.stop.reason]).toEqual(['max_experiments', 'max_experiments']);
    expect(experiment.course()).toEqual(['measured keep', 'measured keep', 'measured keep']);
    expect(experiment.attempts('custom/knobs').filter(({ outcome }) => outcome === 'measured')).toHaveLength(5);
    expect(experiment.fingerprint()).toBe(before);
  });

  it('runners of one experiment are refused, naming the first', async () => {
    const experiment = new TestExperiment({ steps: [`sleep 600`] });
    const background = new BackgroundRun(experiment);
    await background.seen('proposing');
    await expect(experiment.run()).rejects.toMatchObject({
      code: 'locked',
      exitCode: 12,
      message: expect.stringContaining(`process ${process.pid}`),
    });
    background.stop.now('stopped');
    expect((await background.finished).stop.reason).toBe('stopped');
    expect(experiment.course()).toEqual(['interrupted']);
  });
});

describe('records for people', () => {
  it('run.log is the newest log, old logs go, and those of keeps stay', async () => {
    const experiment = new TestExperiment({
      steps: [9, 20, 21, 22].map((value) => rewrites(`echo "run ${value}"\n${scores(value)}`)),
      config: { 'retention.log_trials': 1 },
    });
    await experiment.run({ maxExperiments: 4 });
    const log = join(experiment.repository.path, experiment.folder, 'run.log');
    expect(readFileSync(log, 'utf8')).toContain('run 22');
    const folders = readdirSync(join(experiment.state, 'trials')).map(Number).sort();
    expect(folders).toEqual([1, 2, 5]);
    expect(realpathSync(log)).toBe(experiment.measurements(4)[0]?.logPath);
    // What is forgotten is only the log.
    expect(experiment.trial(2)).toMatchObject({ metric: 20 });
    expect(experiment.ref('trials/2')).not.toBe('');
  });

  it("an original's results.tsv is kept as history and never compared", async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9))] });
    const old =
      'commit\tmetric\tstatus\tdescription\nabc1234\t0.100000\tkeep\ta lucky number\ndef5678\tN/A\tcrash\tboom\n';
    experiment.repository.write(`${experiment.folder}/results.tsv`, old);
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['measured keep']);
    const text = experiment.repository.read(`${experiment.folder}/results.tsv`);
    expect(text.startsWith(old)).toBe(true);
    expect(text.split('\n')).toHaveLength(6);
    expect(experiment.read((store) => store.totals())).toMatchObject({ trials: 1, baselineMetric: 10 });
    expect(existsSync(join(experiment.repository.path, experiment.folder, 'results.tsv.bak'))).toBe(false);
  });

  it('a user-scope experiment is bound to its repository at the first run', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9))] });
    const home = present(process.env['HOME']);
    const folder = join(home, '.autoresearch/custom/mine');
    cpSync(join(experiment.repository.path, experiment.folder), folder, { recursive: true });
    rmSync(join(experiment.repository.path, '.autoresearch'), { recursive: true });
    experiment.repository.commit('nothing of it in the repository');
    const before = experiment.fingerprint();
    await experiment.run({ name: 'custom/mine', maxExperiments: 1 });
    const config = readFileSync(join(folder, 'config.cfg'), 'utf8');
    expect(config).toContain(`repository = ${experiment.repository.path}`);
    expect(config).toContain('repository_root_commit = ');
    expect(readFileSync(join(folder, 'results.tsv'), 'utf8').split('\n')).toHaveLength(4);
    expect(experiment.fingerprint()).toBe(before);
  });
});
