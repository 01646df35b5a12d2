/** What the original loop got wrong, one test each: proof that it does not happen here. */
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Git } from '../../src/git/git.js';
import { autoresearch, builtProgram } from '../helpers/command.js';
import {
  BackgroundRun,
  type ConfigKeys,
  configText,
  EXPERIMENT,
  rewrites,
  scores,
  TestExperiment,
} from '../helpers/experiments.js';
import { temporaryFolder, temporaryRepository } from '../helpers/git.js';
import { newTag, present, processesWith, until } from '../helpers/process.js';

const QUICK_LIMIT: ConfigKeys = { time_budget_minutes: 0.004 };

/** A baseline that measures as `value` does, through the product. */
async function baselineOf(value: string, config: ConfigKeys = {}) {
  const experiment = new TestExperiment({ value, config });
  const run = await experiment.run({ mode: 'baseline' });
  return { experiment, run };
}

describe('process', () => {
  it('a time-out ended only the shell: grandchildren measured on, into the next trial', async () => {
    const tag = newTag();
    const leaves = `sleep ${tag} & setsid sleep ${tag} & (setsid sh -c 'sleep ${tag} & sleep ${tag}' &)\nsleep ${tag}`;
    const experiment = new TestExperiment({
      config: QUICK_LIMIT,
      steps: [rewrites(leaves), `${rewrites(scores(9))}\n`],
    });
    const left: number[] = [];
    await experiment.run({
      maxExperiments: 2,
      onEvent: ({ kind }) => {
        if (kind === 'settled') left.push(processesWith(`sleep\0${tag}`).length);
      },
    });
    expect(experiment.course()).toEqual(['timed_out crash', 'measured keep']);
    expect(left).toEqual([0, 0, 0]);
  });

  it('a time-out and a death by SIGHUP were the same -1', async () => {
    const experiment = new TestExperiment({
      config: QUICK_LIMIT,
      steps: [rewrites('sleep 600'), rewrites('kill -HUP $$')],
    });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['timed_out crash', 'crashed crash']);
    expect(experiment.measurements(2)[0]).toMatchObject({ signal: 'SIGHUP', exitCode: null });
  });

  it('a stop in the middle left the candidate checked out and no row', async () => {
    const place = temporaryFolder();
    const value = `touch ${place}/begun; [ -e ${place}/go ] || sleep 600\n${scores(9)}`;
    const experiment = new TestExperiment({ steps: [rewrites(value)] });
    const before = experiment.fingerprint();
    const background = new BackgroundRun(experiment, { maxExperiments: 1 });
    await until('the candidate is measured', () => existsSync(join(place, 'begun')));
    background.stop.now('terminated');
    expect((await background.finished).exitCode).toBe(143);
    expect(experiment.fingerprint()).toBe(before);
    expect(experiment.valueAt(experiment.ref('incumbent'))).toBe(scores(10));
    expect(experiment.read((store) => store.openTrial())).toMatchObject({ number: 1, phase: 'measuring' });
    writeFileSync(join(place, 'go'), '');
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['measured keep']);
    expect(experiment.results()).toHaveLength(2);
  });

  it('there was no lock: two runs wrote into each other', async () => {
    const experiment = new TestExperiment({ steps: ['sleep 600'] });
    const background = new BackgroundRun(experiment);
    await background.seen('proposing');
    await expect(experiment.run()).rejects.toMatchObject({ code: 'locked' });
    expect(builtProgram({ cwd: experiment.repository.path }, ['run', '--loop'])).toMatchObject({
      code: 12,
      stdout: '',
    });
  });

  it('a git call that hung was a traceback', async () => {
    const place = temporaryFolder();
    writeFileSync(join(place, 'git'), '#!/bin/sh\nsleep 600\n', { mode: 0o755 });
    const { path } = temporaryRepository();
    vi.stubEnv('PATH', `${place}:${process.env['PATH']}`);
    const hung = new Git(path, { timeoutMs: 300 }).run(['status']);
    await expect(hung).rejects.toMatchObject({ code: 'repository', message: expect.stringContaining('no end after') });
  });
});

describe('git', () => {
  it('reset --hard HEAD~1 removed the kept commit before a crash', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9)), rewrites('exit 1'), rewrites(scores(11))] });
    await experiment.run({ maxExperiments: 3 });
    expect(experiment.course()).toEqual(['measured keep', 'crashed crash', 'measured discard']);
    expect(experiment.ref('incumbent')).toBe(experiment.trial(1).candidateCommit);
    expect(experiment.repository.read('value.sh')).toBe(`${scores(10)}\n`);
  });

  it("reset --hard HEAD~1 removed the user's own commit on main", async () => {
    const experiment = new TestExperiment({ steps: [rewrites('exit 1'), rewrites(scores(11))] });
    const users: string[] = [];
    await experiment.run({
      maxExperiments: 2,
      onEvent: ({ kind }) => {
        if (kind !== 'proposing') return;
        experiment.repository.write('README.md', `written during trial ${users.length}\n`);
        users.push(experiment.repository.commit('mine'));
      },
    });
    expect(users).toHaveLength(2);
    expect(experiment.repository.git('rev-parse', 'main')).toBe(users[1]);
    expect(experiment.repository.git('rev-parse', 'HEAD')).toBe(users[1]);
    expect(experiment.repository.git('rev-parse', 'HEAD~1')).toBe(users[0]);
  });

  it("reset --hard HEAD~1 removed the user's commit when the very first run crashed", async () => {
    const { experiment, run } = await baselineOf('exit 1');
    expect(run.exitCode).toBe(13);
    expect(experiment.repository.git('log', '--format=%s')).toBe('first');
    expect(experiment.repository.git('status', '--porcelain')).toBe('');
  });

  it('reset --hard HEAD~1 removed a commit of the repository that the shell stood in', async () => {
    const experiment = new TestExperiment({ steps: [rewrites('exit 1')] });
    const other = temporaryRepository();
    other.write('value.sh', 'of another repository\n');
    other.commit('theirs');
    const before = other.fingerprint();
    const home = join(present(process.env['HOME']), `.autoresearch/${EXPERIMENT}`);
    mkdirSync(home, { recursive: true });
    const keys = {
      target: 'value.sh',
      evaluate_cmd: 'sh bench.sh',
      metric: 'score',
      repository: experiment.repository.path,
    };
    writeFileSync(join(home, 'config.cfg'), configText({ ...keys, 'proposer.kind': 'search' }));
    await autoresearch({ cwd: other.path }, ['run', '--experiment', EXPERIMENT]);
    expect(other.fingerprint()).toBe(before);
    expect(experiment.ref('incumbent')).not.toBe('');
  });

  it('of two commits by the agent one was lost', async () => {
    const commit = (name: string, text: string) =>
      `echo '${text}' > ${name}; git add ${name}; git -c user.name=A -c user.email=a@b commit -qm ${name}`;
    const experiment = new TestExperiment({
      config: { target: 'value.sh, cost.sh' },
      files: { 'cost.sh': 'COST=5\n' },
      value: `. ./cost.sh\n${scores('$((10 + COST))')}`,
      steps: [
        `${commit('cost.sh', 'COST=1')}\n${rewrites(`. ./cost.sh\n${scores('$((9 + COST))')}`)}\ngit add .; git -c user.name=A -c user.email=a@b commit -qm two`,
        `${commit('cost.sh', 'COST=70')}\n${commit('cost.sh', 'COST=80')}`,
      ],
    });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.trials().map(({ metric, verdict }) => [metric, verdict])).toEqual([
      [10, 'keep'],
      [89, 'discard'],
    ]);
    const incumbent = experiment.ref('incumbent');
    expect(experiment.repository.git('show', `${incumbent}:cost.sh`)).toBe('COST=1');
    expect(experiment.valueAt(incumbent)).toContain('9 + COST');
  });

  it('a failure of git was ignored: the row said one thing, the repository another', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9))] });
    const lock = join(
      experiment.repository.path,
      `.git/refs/heads/${EXPERIMENT}`.replace('custom', 'autoresearch/custom'),
    );
    const run = await experiment.run({
      maxExperiments: 1,
      // A lock of somebody else on the branch: the two refs cannot move together.
      onEvent: ({ kind }) => (kind === 'proposing' ? writeFileSync(`${lock}.lock`, '') : undefined),
    });
    expect(run.exitCode).not.toBe(0);
    expect(run.stop.detail).toMatch(/lock/);
    expect(experiment.course()).toEqual([]);
    expect(experiment.valueAt(experiment.ref('incumbent'))).toBe(scores(10));
    rmSync(`${lock}.lock`);
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['measured keep']);
    expect(experiment.valueAt(experiment.ref('incumbent'))).toBe(scores(9));
    expect(experiment.measurements(1)).toHaveLength(3);
  }, 90_000);

  it("the user's uncommitted edits were destroyed by a discard", async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(11)), rewrites('exit 1')] });
    experiment.repository.write('README.md', 'not committed yet\n');
    experiment.repository.write('value.sh', `${scores(3)}\n`);
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.repository.read('README.md')).toBe('not committed yet\n');
    expect(experiment.repository.read('value.sh')).toBe(`${scores(3)}\n`);
    expect(experiment.trial(0).metric).toBe(10);
  });

  it('untracked leftovers of a discarded try made the next one a false keep', async () => {
    const experiment = new TestExperiment({
      value: `echo "score: $(cat cache 2>/dev/null || echo 10)"`,
      files: { '.gitignore': 'cache\n' },
      steps: [
        `echo 1 > cache; ${rewrites('exit 1')}`,
        rewrites(`: try\necho "score: $(cat cache 2>/dev/null || echo 12)"`),
      ],
    });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.trials().map(({ metric, verdict }) => [metric, verdict])).toEqual([
      [null, 'crash'],
      [12, 'discard'],
    ]);
  });

  it('the diff of a discarded trial was lost', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(11)), rewrites(scores(9))] });
    await experiment.run({ maxExperiments: 2 });
    experiment.repository.git('reflog', 'expire', '--expire=now', '--all');
    experiment.repository.git('gc', '--prune=now');
    expect(experiment.valueAt(present(experiment.trial(1).candidateCommit))).toBe(scores(11));
    expect((await autoresearch({ cwd: experiment.repository.path }, ['show', '1'])).stdout).toContain(
      '+echo "score: 11"',
    );
  });
});

describe('metric', () => {
  it('nan as the first value blocked every later keep', async () => {
    const { experiment, run } = await baselineOf(scores('nan'));
    expect(run.exitCode).toBe(13);
    expect(run.stop.detail).toContain('"nan"');
    expect(experiment.ref('incumbent')).toBe('');
  });

  it('inf was kept', async () => {
    const values = ['inf', '-inf', 'Infinity', '1e999', '0x10', '1,234', '12ms', ''];
    const experiment = new TestExperiment({
      config: { metric_direction: 'higher', 'limits.max_consecutive_crashes': 100 },
      steps: values.map((value) => rewrites(scores(value))),
    });
    await experiment.run({ maxExperiments: values.length });
    expect(experiment.course()).toEqual(values.map(() => 'metric_error crash'));
  });

  it('metric_grep was no grep', async () => {
    const value = 'echo "the result is p50=12.5ms, p95=80ms"; echo "score: 99"';
    const { experiment } = await baselineOf(value, { metric_grep: '.*\\bp50=([0-9.]+)' });
    expect(experiment.trial(0).metric).toBe(12.5);
  });

  it('the text after the last colon of the line was the value', async () => {
    const { experiment } = await baselineOf(`echo "score: 5"; echo "note score: 7"; echo "other: 1: 2"`);
    expect(experiment.trial(0).metric).toBe(5);
    const { run } = await baselineOf('echo "score: 12:34"');
    expect(run.stop.detail).toContain('"12:34"');
  });

  it('"Lower" silently meant higher', async () => {
    const experiment = new TestExperiment({ config: { metric_direction: 'Lower' }, steps: [rewrites(scores(9))] });
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['measured keep']);
    experiment.configure({ metric_direction: 'lowest' });
    expect(await autoresearch({ cwd: experiment.repository.path }, ['run'])).toMatchObject({
      code: 10,
      stderr: expect.stringContaining('config.cfg:5'),
    });
  });

  it('six decimals made 5e-8 after 1e-7 a discard', async () => {
    const experiment = new TestExperiment({ value: scores('1e-7'), steps: [rewrites(scores('5e-8'))] });
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.trial(1)).toMatchObject({ verdict: 'keep', metric: 5e-8, incumbentMetric: 1e-7 });
  });

  it('the bar was the luckiest value ever seen, not the value of the code at HEAD', async () => {
    const place = temporaryFolder();
    // A little noise, and one absurdly lucky first measurement of the first candidate.
    const value = (base: number, first = '') =>
      [
        `n=$(($(cat ${place}/n 2>/dev/null || echo 0) + 1)); echo $n > ${place}/n`,
        `[ -z "${first}" ] || [ -e ${place}/spent ] || { : > ${place}/spent; echo "score: ${first}"; exit 0; }`,
        `echo "score: $((${base} + n % 3))"`,
      ].join('\n');
    const experiment = new TestExperiment({
      value: value(1000),
      config: { 'gate.baseline_runs': 2 },
      steps: [rewrites(value(800, '1')), rewrites(value(700))],
    });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['measured keep', 'measured keep']);
    const { incumbentMetric } = experiment.read((store) => store.totals());
    expect(incumbentMetric).toBeGreaterThanOrEqual(700);
    expect(incumbentMetric).toBeLessThan(710);
  });

  it('a candidate that edits its evaluator was kept', async () => {
    const experiment = new TestExperiment({
      config: { target: '*.sh' },
      steps: [
        `echo 'echo "score: 0"' > bench.sh`,
        rewrites(`echo 'echo "score: 0"' > new; mv new bench.sh\n${scores(11)}`),
        rewrites(scores(12)),
      ],
    });
    await experiment.run({ maxExperiments: 3 });
    expect(experiment.course()).toEqual(['tampered discard', 'tampered discard', 'measured discard']);
    expect(experiment.trial(2).reason).toContain('it changed bench.sh');
    expect(experiment.trial(3).metric).toBe(12);
  });
});

describe('store', () => {
  it('a tracked results.tsv lost its keeps by the reset', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9)), rewrites(scores(11)), rewrites(scores(8))] });
    const path = `${experiment.folder}/results.tsv`;
    experiment.repository.write(path, 'commit\tmetric\tstatus\tdescription\n');
    experiment.repository.git('add', '-f', path);
    experiment.repository.git('commit', '-m', 'track the results');
    await experiment.run({ maxExperiments: 3 });
    expect(experiment.course()).toEqual(['measured keep', 'measured discard', 'measured keep']);
    expect(experiment.results().map(([, , status]) => status)).toEqual(['keep', 'keep', 'discard', 'keep']);
  });

  it('a tab or a newline in a description forged rows', async () => {
    const text = 'faster\\tkeep\\tforged\\nabc1234\\t0.000001\\tkeep\\tnever happened\\r\\n\\033[31mred';
    const experiment = new TestExperiment({
      steps: [`${rewrites(scores(9))}\nprintf '${text}' > "$AUTORESEARCH_DESCRIPTION_FILE"`],
    });
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.results()).toHaveLength(2);
    expect(experiment.results().every((columns) => columns.length === 4)).toBe(true);
    expect(experiment.repository.read(`${experiment.folder}/results.tsv`)).not.toMatch(/\u001b|\r/);
  });

  it('without a header the first row was swallowed', async () => {
    const experiment = new TestExperiment();
    experiment.repository.write(`${experiment.folder}/results.tsv`, 'abc1234\t3.000000\tkeep\tthe first row\n');
    await experiment.run({ mode: 'baseline' });
    expect(experiment.results().map(([commit]) => commit)).toEqual([
      'abc1234',
      experiment.repository.head().slice(0, 7),
    ]);
  });

  it('output that is not UTF-8 was a traceback without row and roll-back', async () => {
    const bytes = "printf '\\377\\376\\000\\351 \\200\\n'";
    const experiment = new TestExperiment({
      steps: [rewrites(`${bytes}; exit 1`), rewrites(`${bytes}; ${scores(9)}; ${bytes}`)],
    });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['crashed crash', 'measured keep']);
    expect(experiment.results()).toHaveLength(3);
  });

  it('the description of a discard was overwritten: the agent forgot what it had tried', async () => {
    const experiment = new TestExperiment({
      steps: [rewrites(scores(11), 'unroll the loop'), rewrites(scores(12), 'cache it'), rewrites(scores(13), 'third')],
    });
    await experiment.run({ maxExperiments: 3 });
    expect(experiment.trials().map(({ description }) => description)).toEqual(['unroll the loop', 'cache it', 'third']);
    expect(experiment.prompt(3)).toContain('unroll the loop');
    expect(experiment.prompt(3)).toContain('cache it');
  });
});

describe('other', () => {
  it('the exit code was always 0', async () => {
    const experiment = new TestExperiment({ value: 'exit 1' });
    const { path } = experiment.repository;
    expect((await autoresearch({ cwd: path }, ['run', '--loop'])).code).toBe(11);
    experiment.repository.git('switch', '-c', `autoresearch/${EXPERIMENT}`);
    expect((await autoresearch({ cwd: path }, ['run'])).code).toBe(13);
    expect((await autoresearch({ cwd: path }, ['run', '--experiment', 'no/such'])).code).toBe(10);
    expect((await autoresearch({ cwd: path }, ['run', '--unknown'])).code).toBe(2);
  });

  it('--path was ignored when .autoresearch was looked for', async () => {
    const experiment = new TestExperiment();
    const elsewhere = temporaryFolder();
    const found = await autoresearch({ cwd: elsewhere }, ['run', '--dry-run', '--path', experiment.repository.path]);
    expect(found).toMatchObject({ code: 0, stdout: expect.stringContaining('sh bench.sh') });
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  it('a colon in a comment of the configuration made a key', async () => {
    const experiment = new TestExperiment();
    const text =
      '# note: the target: this one\ntarget: value.sh\n  ; metric: other\nevaluate_cmd: sh bench.sh\nmetric: score\n';
    experiment.repository.write(`${experiment.folder}/config.cfg`, text);
    const { stdout } = await autoresearch({ cwd: experiment.repository.path }, ['run', '--dry-run']);
    expect(stdout).toMatch(/target +value\.sh\n/);
    expect(stdout).toMatch(/metric +score, lower is better/);
  });

  it('the change of a negative baseline had the wrong sign', async () => {
    const experiment = new TestExperiment({ value: scores(-10), steps: [rewrites(scores(-20))] });
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['measured keep']);
    expect(experiment.trial(1).reason).toContain('-100 %');
    expect((await autoresearch({ cwd: experiment.repository.path }, ['results'])).stdout).toContain('-100 %');
  });

  it('a "|" was not escaped in Markdown, and a formula was not guarded in CSV', async () => {
    const experiment = new TestExperiment({
      steps: [rewrites(scores(9), 'a | b'), rewrites(scores(8), '=HYPERLINK("http://x","y")')],
    });
    await experiment.run({ maxExperiments: 2 });
    const { path } = experiment.repository;
    const markdown = (await autoresearch({ cwd: path }, ['results', '--format', 'markdown'])).stdout;
    expect(markdown).toContain('a \\| b');
    const csv = (await autoresearch({ cwd: path }, ['results', '--format', 'csv'])).stdout;
    expect(csv).toContain('HYPERLINK');
    expect(csv).not.toMatch(/(^|,)"?=HYPERLINK/m);
  });

  it('--max-experiments counted the rows of earlier runs, and ran one more', async () => {
    const experiment = new TestExperiment({ steps: [9, 8, 7, 6].map((value) => rewrites(scores(value))) });
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.calls).toBe(1);
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.calls).toBe(3);
  });

  it('--resume chose by the time of the configuration, not by the last trial', async () => {
    const experiment = new TestExperiment({ steps: [rewrites(scores(9))] });
    const other = experiment.repository.read(`${experiment.folder}/config.cfg`);
    experiment.repository.write('.autoresearch/custom/other/config.cfg', other);
    await experiment.run({ name: 'custom/other', mode: 'baseline' });
    await experiment.run({ mode: 'baseline' });
    const soon = new Date(Date.now() + 3_600_000);
    utimesSync(join(experiment.repository.path, '.autoresearch/custom/other/config.cfg'), soon, soon);
    const { stderr } = await autoresearch({ cwd: experiment.repository.path }, ['run', '--resume', '--dry-run']);
    expect(stderr).toContain(`${EXPERIMENT}: score`);
  });
});
