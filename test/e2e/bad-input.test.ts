/**
 * What people get wrong: each row must end with the documented exit code, name what is wrong, say what to type next, show
 * no stack, and leave the repository as it was.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES, type ExitName, errorMessage } from '../../src/core/errors.js';
import { autoresearch, builtProgram, type CommandEnd } from '../helpers/command.js';
import { EXPERIMENT, scores, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';

interface Row {
  readonly what: string;
  readonly args: readonly string[];
  readonly exit: ExitName;
  /** The message must match all of these; default: nothing more than the general rules. */
  readonly says: readonly RegExp[];
}

/** Files, refs and configuration; mirrors of the experiment and the state folder aside. */
function pictureOf(experiment: TestExperiment): string {
  const { path } = experiment.repository;
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(join(path, '.git/')))
    .map((file) => `${file} ${statSync(file).mode} ${readFileSync(file, 'base64')}`);
  return [...files.sort(), experiment.fingerprint()].join('\n');
}

function expectRefusal({ code, stdout, stderr }: CommandEnd, { exit, says }: Pick<Row, 'exit' | 'says'>): void {
  expect(stderr).not.toMatch(/^\s+at |this is a bug|node:internal|undefined|\[object/m);
  for (const pattern of says) expect(stderr).toMatch(pattern);
  expect({ code, stdout }).toEqual({ code: EXIT_CODES[exit], stdout: '' });
  // One sentence, then the cure on a line of its own.
  expect(stderr.trim().split('\n').length).toBeGreaterThan(1);
}

/** All rows on one repository: none may change it. */
async function refuse(experiment: TestExperiment, rows: readonly Row[]): Promise<void> {
  expect(await notRefused(experiment, rows)).toEqual([]);
}

/** What is wrong with the answers to the rows. */
async function notRefused(experiment: TestExperiment, rows: readonly Row[]): Promise<readonly string[]> {
  const before = pictureOf(experiment);
  const failures: string[] = [];
  for (const row of rows) {
    const result = await autoresearch({ cwd: experiment.repository.path }, row.args);
    try {
      expectRefusal(result, row);
    } catch (error) {
      failures.push(`${row.what}: ${errorMessage(error)}\n${result.stderr}`);
    }
  }
  expect(pictureOf(experiment)).toBe(before);
  expect(readdirSync(join(experiment.repository.path, '..')).sort()).toEqual(['cache', 'repository']);
  return failures;
}

describe('words that are not understood', () => {
  it('options, commands and numbers', async () => {
    const run = (...args: string[]) => ['run', ...args];
    const usage = 'usage' as const;
    await refuse(new TestExperiment(), [
      { what: 'a command', args: ['rnu'], exit: usage, says: [/rnu/, /Did you mean run\?/] },
      { what: 'an option', args: run('--lop'), exit: usage, says: [/--lop/, /Did you mean --loop\?/] },
      { what: 'an option of another command', args: ['status', '--loop'], exit: usage, says: [/--loop/] },
      { what: 'a surplus word', args: run('everything'), exit: usage, says: [/too many arguments/] },
      { what: 'a missing value', args: run('--max-experiments'), exit: usage, says: [/argument missing/] },
      ...['0', '-1', '1.5', 'ten', '99999999999999999999'].map((text) => ({
        what: `so many trials: ${text}`,
        args: run('--loop', `--max-experiments=${text}`),
        exit: usage,
        says: [/max-experiments/, /whole number from 1/],
      })),
      { what: 'two modes', args: run('--loop', '--single'), exit: usage, says: [/--single.*--loop/] },
      { what: 'a trial by name', args: ['retry', 'best'], exit: usage, says: [/number of a trial/] },
      { what: 'a trial that never was', args: ['retry', '7'], exit: usage, says: [/no trial 7/, /results/] },
      { what: 'a folder', args: run('--path', '/no/such/folder'), exit: usage, says: [/\/no\/such\/folder/, /--path/] },
      { what: 'a long folder', args: run('--path', '/x'.repeat(5000)), exit: usage, says: [/ENAMETOOLONG/, /--path/] },
      { what: 'a format', args: ['results', '--format', 'pdf'], exit: usage, says: [/pdf/, /markdown/] },
    ]);
  });

  it('names of experiments', async () => {
    const names = [
      '../../x',
      '-rf',
      'custom/-rf',
      'custom/größe',
      'custom/x y',
      'custom/',
      '/score',
      'a/b/c',
      'custom/.hidden',
    ];
    const rows = [
      ...names,
      `custom/${'n'.repeat(300)}`,
      'custom/x.lock',
      'custom/a..b',
      'Custom/Score',
      'custom/$(touch x)',
      '',
    ];
    await refuse(
      new TestExperiment(),
      rows.map((name) => ({
        what: `the name ${JSON.stringify(name.slice(0, 40))}`,
        args: ['run', `--experiment=${name}`],
        exit: 'usage' as const,
        says: [/name/, /engineering\/api-speed|domain\/name/],
      })),
    );
  });

  it('an experiment that is not there, with the one that is near', async () => {
    const experiment = new TestExperiment();
    await refuse(experiment, [
      {
        what: 'a typing error',
        args: ['run', '-e', 'custom/scroe'],
        exit: 'config',
        says: [/did you mean custom\/score\?/, /--experiment custom\/score/],
      },
      {
        what: 'nothing alike',
        args: ['status', '-e', 'marketing/titles'],
        exit: 'config',
        says: [/there are: custom\/score/, /autoresearch init/],
      },
    ]);
    experiment.repository.write(
      '.autoresearch/custom/second/config.cfg',
      experiment.repository.read(`${experiment.folder}/config.cfg`),
    );
    await refuse(experiment, [
      { what: 'two of them', args: ['run'], exit: 'usage', says: [/custom\/score, custom\/second/, /--experiment/] },
    ]);
  });
});

describe('configurations', () => {
  const GOOD = ['target = value.sh', 'evaluate_cmd = sh bench.sh', 'metric = score', 'metric_direction = lower'];
  const WRONG: readonly (readonly [what: string, lines: readonly string[], says: RegExp])[] = [
    ['an empty file', [], /config\.cfg/],
    ['no target', GOOD.slice(1), /target/],
    ['no command', ['target = value.sh', 'metric = score'], /evaluate_cmd/],
    ['an unknown key', [...GOOD, 'metrc = p50'], /config\.cfg:5.*metrc.*did you mean metric/],
    ['a key twice', [...GOOD, 'metric = p50'], /config\.cfg:5/],
    ['an unknown section', [...GOOD, '[limit]', 'max_trials = 3'], /config\.cfg:[56].*\[limits\]/],
    ['a key in the wrong section', [...GOOD, '[limits]', 'tie = simpler'], /config\.cfg:6/],
    ['a direction', [...GOOD.slice(0, 3), 'metric_direction = faster'], /config\.cfg:4.*lower, higher/],
    ['a negative time', [...GOOD, 'time_budget_minutes = -5'], /config\.cfg:5/],
    ['a time in words', [...GOOD, 'time_budget_minutes = five'], /config\.cfg:5/],
    ['an endless time', [...GOOD, 'time_budget_minutes = inf'], /config\.cfg:5/],
    ['a limit of nothing', [...GOOD, '[limits]', 'max_trials = 0'], /config\.cfg:6/],
    ['a broken expression', [...GOOD, 'metric_grep = ^score: ([0-9'], /metric_grep.*regular expression/],
    [
      'a value that INI would cut',
      ['target = value.sh', 'evaluate_cmd = make; ./bench', 'metric = score'],
      /config\.cfg:2[\s\S]*quote/,
    ],
    ['a line without a key', [...GOOD, 'just some words'], /config\.cfg:5/],
    ['a target outside', ['target = ../../etc/passwd', ...GOOD.slice(1)], /target|outside/],
    ['an absolute target', ['target = /etc/passwd', ...GOOD.slice(1)], /target|\/etc\/passwd/],
    ['a metric with a space', [...GOOD.slice(0, 2), 'metric = my score'], /config\.cfg:3/],
    ['an agent without a name', [...GOOD, '[proposer]', 'kind = agent'], /which agent|preset/],
    [
      'a command agent without command',
      [...GOOD, '[proposer]', 'kind = agent', '[agent]', 'preset = command'],
      /command/,
    ],
    ['protected files that are not there', [...GOOD, '[protect]', 'paths = no/such/file'], /no\/such\/file/],
    ['a repository in project scope', [...GOOD, 'repository = /tmp'], /config\.cfg:5/],
    ['binary', ['target = \u0000\u0001', ...GOOD.slice(1)], /config\.cfg/],
  ];

  it('each wrong one names its line and the cure', async () => {
    const experiment = new TestExperiment();
    experiment.repository.git('switch', '-c', `autoresearch/${EXPERIMENT}`);
    const path = `${experiment.folder}/config.cfg`;
    const failures: string[] = [];
    for (const [what, lines, says] of WRONG) {
      experiment.repository.write(path, lines.length === 0 ? '' : `${lines.join('\n')}\n`);
      experiment.repository.git('commit', '-am', what);
      const row = { what, args: ['run', '--quiet'], exit: 'config', says: [says] } as const;
      failures.push(...(await notRefused(experiment, [row])));
    }
    expect(failures).toEqual([]);
  }, 120_000);

  it('a configuration that is a folder, a pipe, a loop, not UTF-8, or endless', () => {
    const experiment = new TestExperiment();
    const path = join(experiment.repository.path, experiment.folder, 'config.cfg');
    const odd: Readonly<Record<string, () => void>> = {
      'a folder': () => mkdirSync(path),
      'a pipe': () => spawnSync('mkfifo', [path]),
      'a loop': () => symlinkSync(path, path),
      endless: () => symlinkSync('/dev/zero', path),
      'not UTF-8': () => writeFileSync(path, Buffer.from([0x74, 0xff, 0xfe, 0x3d, 0x31, 0x0a])),
      huge: () => writeFileSync(path, Buffer.alloc(2 * 1024 * 1024, 0x61)),
    };
    for (const [what, make] of Object.entries(odd)) {
      rmSync(path, { recursive: true });
      make();
      // In a process that can be ended: whoever waits at such a file waits for ever.
      const result = builtProgram({ cwd: experiment.repository.path }, ['run', '-e', EXPERIMENT]);
      expectRefusal(result, { exit: 'config', says: [/config\.cfg/] });
      expect(result.stderr.length, what).toBeLessThan(2_000);
    }
  });

  it('a target that git does not know, or an evaluator that is not there', async () => {
    const untracked = new TestExperiment({ config: { target: 'new.sh', 'proposer.kind': 'search' } });
    untracked.repository.write('new.sh', 'echo "score: 1"\n');
    const refused = await autoresearch({ cwd: untracked.repository.path }, ['run', '--quiet']);
    expect(refused.code).toBe(EXIT_CODES.config);
    expect(refused.stdout + refused.stderr).toMatch(/new\.sh[\s\S]*git add new\.sh/);

    const missing = new TestExperiment({
      config: { evaluate_cmd: 'no-such-benchmark --fast', 'workspace.kind': 'worktree' },
    });
    const { code, stderr, stdout } = await autoresearch({ cwd: missing.repository.path }, ['run', '--quiet']);
    expect(code).toBe(EXIT_CODES.baseline);
    expect(stdout + stderr).toMatch(/no-such-benchmark/);
    expect(stdout + stderr).toMatch(/mend evaluate_cmd/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('repositories', () => {
  it('that are none, bare, empty, or below a git folder', async () => {
    const folder = temporaryFolder();
    const home = temporaryFolder();
    const git = (...args: string[]) => spawnSync('git', args, { cwd: folder });
    mkdirSync(join(folder, 'plain'));
    git('init', '--bare', 'bare');
    git('init', 'empty');
    for (const [name, exit, says] of [
      ['plain', 'config', /no experiment|not inside a git repository/],
      ['bare', 'repository', /bare repository/],
      ['empty', 'repository', /no commit yet/],
      ['empty/.git', 'repository', /git folder/],
    ] as const) {
      const result = await autoresearch({ cwd: join(folder, name), env: { HOME: home } }, ['run']);
      expectRefusal(result, { exit, says: [says] });
    }
  });

  it('whose branch is in the way', async () => {
    const experiment = new TestExperiment({ config: { 'proposer.kind': 'search' } });
    experiment.repository.git('branch', 'autoresearch');
    const { code, stderr, stdout } = await autoresearch({ cwd: experiment.repository.path }, ['run', '--quiet']);
    expect(code).toBe(EXIT_CODES.repository);
    expect(stdout + stderr).toMatch(/the branch autoresearch is in the way/);
    expect(stdout + stderr).toMatch(/git branch -m autoresearch autoresearch-old/);
  });

  it('of another owner, or without the right to write', () => {
    const experiment = new TestExperiment({ config: { 'proposer.kind': 'search' } });
    const { path } = experiment.repository;
    const home = temporaryFolder();
    chmodSync(home, 0o777);
    const nobody = (args: readonly string[], config: string) => {
      const global = join(home, 'gitconfig');
      writeFileSync(global, config);
      const env = { HOME: home, XDG_CACHE_HOME: home, XDG_RUNTIME_DIR: home, GIT_CONFIG_GLOBAL: global };
      const user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
      return builtProgram({ cwd: path, env }, args, user);
    };
    const before = pictureOf(experiment);
    expectRefusal(nobody(['run'], ''), { exit: 'usage', says: [/EACCES/, /--path/] });
    for (const above of [path, dirname(path)]) chmodSync(above, statSync(above).mode | 0o055);
    expectRefusal(nobody(['run', '--quiet'], ''), {
      exit: 'repository',
      says: [/dubious ownership/, /safe\.directory/],
    });
    const readOnly = nobody(['run', '--quiet'], `[safe]\n\tdirectory = *\n`);
    expectRefusal(readOnly, { exit: 'store', says: [/EACCES|permission denied/i, /check who owns/] });
    expect(nobody(['status'], `[safe]\n\tdirectory = *\n`).code).toBe(EXIT_CODES.not_running);
    expect(pictureOf(experiment)).toBe(before);
  });
});

describe('stores', () => {
  const store = (experiment: TestExperiment) => join(experiment.state, 'store.sqlite');

  it('that are garbage, newer, or cannot be opened', async () => {
    const experiment = new TestExperiment({ value: scores(10), config: { 'proposer.kind': 'search' } });
    await experiment.run({ mode: 'baseline' });
    const good = readFileSync(store(experiment));
    const newer = Buffer.from(good);
    newer.writeUInt32BE(99, 60); // user_version
    const broken: readonly (readonly [string, () => void, RegExp])[] = [
      [
        'garbage',
        () => writeFileSync(store(experiment), 'this is no database, but long enough to be looked at\n'.repeat(40)),
        /not a database/,
      ],
      [
        'a newer one',
        () => writeFileSync(store(experiment), newer),
        /schema 99.*npm install|schema 99[\s\S]*update autoresearch/,
      ],
      ['a folder', () => mkdirSync(store(experiment)), /store\.sqlite/],
      [
        'cut short',
        () => writeFileSync(store(experiment), good.subarray(0, 5000)),
        /malformed|not a database|corrupt|disk image/,
      ],
    ];
    for (const [what, make, says] of broken) {
      rmSync(store(experiment), { recursive: true, force: true });
      for (const suffix of ['-wal', '-shm']) rmSync(store(experiment) + suffix, { force: true });
      make();
      for (const args of [['run', '--quiet'], ['status'], ['results'], ['show', '0']]) {
        const result = await autoresearch({ cwd: experiment.repository.path }, args);
        expect(result.stderr, `${what}: ${args}`).toMatch(says);
        expectRefusal(result, { exit: 'store', says: [] });
      }
    }
    // With the store back all is as it was.
    rmSync(store(experiment), { recursive: true, force: true });
    writeFileSync(store(experiment), good);
    expect(experiment.trial(0)).toMatchObject({ metric: 10 });
  }, 120_000);

  it('of which one process is missing: stop and status say that nothing runs', async () => {
    await refuse(new TestExperiment(), [
      { what: 'stop', args: ['stop'], exit: 'not_running', says: [/custom\/score is not running/, /autoresearch run/] },
    ]);
  });
});
