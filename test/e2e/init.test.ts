import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadExperiment } from '../../src/config/experiment.js';
import { autoresearch, builtProgram, type CommandEnd, filesBelow, placeOf } from '../helpers/command.js';
import { repositoryAt, type TemporaryRepository, temporaryFolder, temporaryRepository } from '../helpers/git.js';

const BENCH = "import { a } from './src/a.mjs';\nconsole.log(`p50_ms: \x24{a}`);\n";
const FILES = { 'src/a.mjs': 'export const a = 12;\n', 'src/b.mjs': 'export const b = 1;\n', 'bench.mjs': BENCH };
const COMPLETE = [
  '--domain',
  'engineering',
  '--name',
  'speed',
  '--target',
  'src/a.mjs',
  '--eval',
  'node bench.mjs',
  '--metric',
  'p50_ms',
];
const UNMEASURED = [...COMPLETE, '--no-measure'];

function init(repository: TemporaryRepository, args: readonly string[], cwd = repository.path): Promise<CommandEnd> {
  return autoresearch(placeOf(repository, cwd), ['init', ...args]);
}

function load(repository: TemporaryRepository, name = 'speed') {
  const folder = join(repository.path, '.autoresearch/engineering', name);
  return loadExperiment({
    name: { domain: 'engineering', name },
    scope: 'project',
    folder,
    repository: repository.path,
    home: null,
  });
}

describe('init writes', () => {
  it('a complete experiment and says what may change, what is protected and what to type next', async () => {
    const repository = temporaryRepository({ files: FILES });
    const before = repository.fingerprint();
    const { code, stdout } = await init(repository, [
      ...UNMEASURED,
      '--goal',
      'Make it quick.',
      '--constraints',
      'No caches.\nNo threads.',
    ]);
    expect(code).toBe(0);
    expect(filesBelow(join(repository.path, '.autoresearch'))).toEqual([
      '.gitignore',
      'engineering/speed/config.cfg',
      'engineering/speed/program.md',
    ]);
    const { settings } = load(repository);
    expect(settings).toMatchObject({
      target: ['src/a.mjs'],
      evaluateCmd: 'node bench.mjs',
      metric: 'p50_ms',
      metricDirection: 'lower',
    });
    expect(settings.proposer.explicit).toBe(false);
    const program = repository.read('.autoresearch/engineering/speed/program.md');
    expect(program).toContain('Make it quick.');
    expect(program).toContain('- No caches.\n- No threads.');
    expect(stdout).toMatch(/May change: 1 file .*\n {2}src\/a\.mjs\nProtected: .*\n {2}bench\.mjs\n/);
    expect(stdout.trimEnd().split('\n').slice(-2)).toEqual([
      '  git switch -c autoresearch/engineering/speed',
      '  autoresearch run --experiment engineering/speed --loop',
    ]);
    repository.git('clean', '-fdq', '.autoresearch');
    expect(repository.fingerprint()).toBe(before);
  });

  it('every option into the key that it stands for', async () => {
    const repository = temporaryRepository({ files: { ...FILES, '.gitignore': 'deps\n' } });
    repository.write('deps/x', '1');
    const agent = "my-agent --say 'it''s; # fine'";
    const more = [
      '--direction',
      'MAXIMIZE',
      '--time-budget',
      '0.5',
      '--agent',
      agent,
      '--workspace',
      'worktree',
      '--link',
      'deps',
    ];
    const { code } = await init(repository, [
      ...UNMEASURED,
      ...more,
      '--setup',
      'make; make deps',
      '--keep',
      'build,.cache',
      '--skip-branch',
    ]);
    expect(code).toBe(0);
    expect(load(repository).settings).toMatchObject({
      metricDirection: 'higher',
      timeBudgetMinutes: 0.5,
      proposer: { kind: 'agent', explicit: true },
      agent: { preset: 'command', command: agent },
      workspace: {
        kind: 'worktree',
        link: ['deps'],
        setupCmd: 'make; make deps',
        keep: ['build', '.cache'],
        branch: false,
      },
    });
  });

  it('what a program reads with --json, and nothing else to stdout', async () => {
    const repository = temporaryRepository({ files: FILES });
    const { stdout } = await init(repository, [...UNMEASURED, '--proposer', 'search', '--json']);
    const folder = join(repository.path, '.autoresearch/engineering/speed');
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      experiment: 'engineering/speed',
      folder,
      files: [
        join(repository.path, '.autoresearch/.gitignore'),
        join(folder, 'program.md'),
        join(folder, 'config.cfg'),
      ],
      target: { patterns: ['src/a.mjs'], files: ['src/a.mjs'] },
      protected: ['bench.mjs'],
      baseline: null,
      next: ['autoresearch run --experiment engineering/speed --loop'],
    });
  });

  it('the command of a built-in evaluator, with its metric and direction', async () => {
    const repository = temporaryRepository({ files: FILES });
    const args = ['--experiment', 'engineering/speed', '--target', 'src/*', '--no-measure'];
    const { code } = await init(repository, [
      ...args,
      '--evaluator',
      'test_pass_rate',
      '--eval',
      "node bench.mjs 'a b'",
      '--',
      '--format',
      'tap',
    ]);
    expect(code).toBe(0);
    const { settings } = load(repository);
    expect(settings.evaluateCmd).toBe(
      "autoresearch evaluate test_pass_rate --command 'node bench.mjs '\\''a b'\\''' --format tap",
    );
    expect(settings).toMatchObject({ metric: 'pass_rate', metricDirection: 'higher' });
  });

  it('to the home folder with --scope user, bound to the repository', async () => {
    const repository = temporaryRepository({ files: FILES });
    const { code } = await init(repository, [...UNMEASURED, '--scope', 'user']);
    expect(code).toBe(0);
    expect(repository.has('.autoresearch')).toBe(false);
    const config = readFileSync(
      join(placeOf(repository).env.HOME, '.autoresearch/engineering/speed/config.cfg'),
      'utf8',
    );
    expect(config).toContain(`\nrepository = ${repository.path}\n`);
    expect((await init(repository, ['--list'])).stdout).toContain('engineering/speed  p50_ms');
  });

  it('a protection for the script behind npm run when the target would include it', async () => {
    const files = { ...FILES, 'package.json': '{"scripts":{"bench":"node bench.mjs"}}' };
    const repository = temporaryRepository({ files });
    await init(repository, [
      '--experiment',
      'engineering/speed',
      '--target',
      '**',
      '--eval',
      'npm run bench',
      '--metric',
      'p50_ms',
      '--no-measure',
    ]);
    expect([...load(repository).settings.protect.paths].sort()).toEqual(['bench.mjs', 'package.json']);
  });

  it('a link to installed packages that git does not track, unless told otherwise', async () => {
    const repository = temporaryRepository({ files: { ...FILES, '.gitignore': 'node_modules\n' } });
    repository.write('node_modules/x/index.js', '1');
    const { stdout } = await init(repository, UNMEASURED);
    expect(load(repository).settings.workspace.link).toEqual(['node_modules']);
    expect(stdout).toContain('note: link: the clean worktree borrows your node_modules');
    await init(repository, [...UNMEASURED, '--name', 'other', '--link', '']);
    expect(load(repository, 'other').settings.workspace.link).toEqual([]);
  });
});

describe('init works', () => {
  it('in paths with blanks and quotes', async () => {
    const plain = temporaryRepository({ files: { ...FILES, "src/it's a b.mjs": 'x' } });
    const path = join(dirname(plain.path), 'it\'s a "repository"');
    renameSync(plain.path, path);
    const repository = repositoryAt(path, plain.cacheHome);
    const { code, stdout } = await init(repository, [...UNMEASURED, '--target', "src/it's a b.mjs"]);
    expect(code).toBe(0);
    expect(stdout).toContain("\n  src/it's a b.mjs\n");
    expect(load(repository).settings.target).toEqual(["src/it's a b.mjs"]);
  });

  it('in a subfolder of a monorepo, by cwd and by --path', async () => {
    const files = { 'packages/one/src/a.mjs': '1', 'src/a.mjs': '2', 'packages/one/bench.mjs': '3' };
    const repository = temporaryRepository({ files });
    const folder = join(repository.path, 'packages/one');
    const command = ['--eval', 'node packages/one/bench.mjs'];
    expect((await init(repository, [...UNMEASURED, ...command], folder)).code).toBe(0);
    expect(load(repository).settings.target).toEqual(['packages/one/src/a.mjs']);
    const outside = await init(repository, [...UNMEASURED, ...command, '--name', 'two', '--path', folder], '/');
    expect(outside.code).toBe(0);
    expect(load(repository, 'two').settings.target).toEqual(['packages/one/src/a.mjs']);
    expect(outside.stdout.trimEnd().split('\n').at(-1)).toBe(
      `  autoresearch run --experiment engineering/two --path ${repository.path} --loop`,
    );
    expect(
      (await init(repository, [...UNMEASURED, '--name', 'three', '--target', 'packages/one/bench.mjs'], folder)).code,
    ).toBe(0);
  });

  it('on a detached HEAD', async () => {
    const repository = temporaryRepository({ files: FILES });
    repository.git('checkout', '--quiet', '--detach');
    expect((await init(repository, COMPLETE)).code).toBe(0);
    expect(repository.git('rev-parse', 'refs/heads/autoresearch/engineering/speed')).toBe(repository.head());
  });

  it('with a target of several globs, and lists ten of its files', async () => {
    const many = Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`lib/f${index}.mjs`, '1']));
    const repository = temporaryRepository({ files: { ...FILES, ...many } });
    const { stdout } = await init(repository, [...UNMEASURED, '--target', 'src/*.mjs, lib/**']);
    expect(stdout).toContain('May change: 16 files (target src/*.mjs, lib/**)');
    expect(stdout).toContain('\n  and 6 more\n');
  });

  it('after a first try that was interrupted before it wrote the configuration', async () => {
    const repository = temporaryRepository({ files: FILES });
    repository.write('.autoresearch/engineering/speed/program.md', 'my own words\n');
    expect((await init(repository, UNMEASURED)).code).toBe(0);
    expect(repository.read('.autoresearch/engineering/speed/program.md')).toBe('my own words\n');
  });
});

describe('init notes', () => {
  it('uncommitted changes of the target, which the baseline does not have', async () => {
    const repository = temporaryRepository({ files: FILES });
    repository.write('src/a.mjs', 'export const a = 99;\n');
    const { stdout } = await init(repository, COMPLETE);
    expect(stdout).toContain('note: uncommitted changes in src/a.mjs: the baseline is the last commit, without them');
    expect(stdout).toContain('p50_ms: 12\n');
    expect(repository.read('src/a.mjs')).toBe('export const a = 99;\n');
  });

  it('the record of an earlier experiment of the same name', async () => {
    const repository = temporaryRepository({ files: FILES });
    await init(repository, COMPLETE);
    rmSync(join(repository.path, '.autoresearch'), { recursive: true });
    expect((await init(repository, UNMEASURED)).stdout).toContain(
      'note: an earlier experiment of this name left its record',
    );
  });

  it('values that a search could vary, and marks that are wrong', async () => {
    const good = 'export const a = 12; // autoresearch: int 1..20\n';
    const repository = temporaryRepository({
      files: { ...FILES, 'src/a.mjs': good, 'src/b.mjs': good.replace('20', '2') },
    });
    expect((await init(repository, UNMEASURED)).stdout).toContain(
      'note: 1 value is marked for the search: --proposer search',
    );
    const wrong = await init(repository, [...UNMEASURED, '--name', 'other', '--target', 'src/b.mjs']);
    expect(wrong.stdout).toMatch(
      /note: a mark for the search is wrong: src\/b\.mjs:1: the current value 12 is outside/,
    );
  });
});

describe('init measures', () => {
  it('the baseline, creates the branch and ends with the next command', async () => {
    const repository = temporaryRepository({ files: FILES });
    const { code, stdout } = await init(repository, COMPLETE);
    expect(code).toBe(0);
    expect(stdout).toContain('p50_ms: 12\n');
    expect(stdout.trimEnd().split('\n').slice(-2)).toEqual([
      '  git switch autoresearch/engineering/speed',
      '  autoresearch run --experiment engineering/speed --loop',
    ]);
    expect(repository.git('rev-parse', 'autoresearch/engineering/speed')).toBe(repository.head());
    repository.git('switch', '--quiet', 'autoresearch/engineering/speed');
  });

  it('with --json as a value', async () => {
    const repository = temporaryRepository({ files: FILES });
    const { code, stdout } = await init(repository, [...COMPLETE, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).baseline).toMatchObject({
      metric: 'p50_ms',
      value: 12,
      values: [12, 12],
      noisePercent: 0,
      commit: repository.head(),
    });
  });

  it.each([
    ['the command fails', 'node missing.mjs', /missing\.mjs/],
    ['the metric is not printed', 'echo nothing', /metric error/],
    ['the target does not matter', 'echo p50_ms: 1', /does not read the target/],
  ])('and keeps the files when %s', async (_, command, message) => {
    const repository = temporaryRepository({ files: FILES });
    const { code, stderr } = await init(repository, [...COMPLETE, '--eval', command, '--proposer', 'search']);
    expect(code).toBe(13);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('  autoresearch run --experiment engineering/speed --loop');
    expect(load(repository).settings.evaluateCmd).toBe(command);
  });

  it('and reports a failure to a program as one JSON error, warnings included, the document complete', () => {
    const repository = temporaryRepository({ files: FILES });
    repository.write('.autoresearch/engineering/speed/run.log.new/in-the-way', '1');
    const { code, stdout, stderr } = builtProgram(placeOf(repository), [
      ...['init', ...COMPLETE, '--eval', 'exit 3', '--json'],
    ]);
    expect(code).toBe(13);
    expect(JSON.parse(stdout)).toMatchObject({ baseline: null, experiment: 'engineering/speed' });
    const { error } = JSON.parse(stderr);
    expect(error.code).toBe('baseline');
    expect(error.hint).toMatch(/^warning: run\.log cannot be linked[\s\S]*\n {2}autoresearch run /m);
  });
});

describe('init refuses, and writes nothing:', () => {
  const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    [
      'nothing given',
      [],
      2,
      /--domain, --name, --target, --eval, --metric are missing\n {2}for example: autoresearch init --domain engineering --name repository-speed --target 'src\/\*\*' --eval 'node bench\.mjs' --metric p50_ms\n/,
    ],
    [
      'one flag missing',
      ['--experiment', 'a/b', '--target', 'src/a.mjs', '--eval', 'true'],
      2,
      /--metric is missing\n {2}for example: autoresearch init --experiment a\/b /,
    ],
    [
      'a metric that sounds like higher is better',
      [...UNMEASURED, '--metric', 'accuracy'],
      2,
      /--direction is missing\n.* --direction higher\n/,
    ],
    [
      'a bad direction',
      [...UNMEASURED, '--direction', 'Lowest'],
      2,
      /--direction "Lowest" is not allowed.*\n {2}allowed: lower, higher/,
    ],
    ['a bad scope', [...UNMEASURED, '--scope', 'global'], 2, /--scope/],
    ['an unknown flag', [...UNMEASURED, '--metrik', 'x'], 2, /Did you mean --metric\?/],
    ['a stray word', [...UNMEASURED, 'now'], 2, /"now" is not expected here/],
    [
      'an evaluator without its options',
      ['--experiment', 'a/b', '--target', 'src/a.mjs', '--evaluator', 'benchmark_size'],
      2,
      /for example: autoresearch init .* --evaluator benchmark_size -- --build/,
    ],
    [
      'a target that is not there',
      [...UNMEASURED, '--target', 'src/c.mjs'],
      11,
      /matches no file .*did you mean src\/a\.mjs\?/,
    ],
    [
      'a target of which a part is not there',
      [...UNMEASURED, '--target', 'src/a.mjs, nowhere/**'],
      11,
      /the target nowhere\/\*\* matches no file/,
    ],
    [
      'an untracked target',
      [...UNMEASURED, '--target', 'new file.mjs'],
      11,
      /not tracked by git.*\n {2}cd .* && git add -- 'new file\.mjs' && git commit/,
    ],
    ['a staged target', [...UNMEASURED, '--target', 'staged.mjs'], 11, /in no commit yet/],
    [
      'an ignored target',
      [...UNMEASURED, '--target', 'ignored.log'],
      11,
      /ignored by git.*\n.*git add --force -- ignored\.log/,
    ],
    ['no such folder', [...UNMEASURED, '--path', 'nowhere'], 2, /nowhere is not a folder/],
  ];

  it.each(cases)('%s', async (_, args, code, message) => {
    const repository = temporaryRepository({ files: { ...FILES, '.gitignore': '*.log\n' } });
    for (const file of ['new file.mjs', 'staged.mjs', 'ignored.log']) repository.write(file, '1');
    repository.git('add', 'staged.mjs');
    const before = repository.fingerprint();
    const end = await init(repository, args);
    expect(end.stderr).toMatch(message);
    expect(end.code).toBe(code);
    expect(end.stdout).toBe('');
    expect(repository.fingerprint()).toBe(before);
    expect(filesBelow(placeOf(repository).env.HOME)).toEqual([]);
  });

  it('a second experiment of the same name, in either scope', async () => {
    const repository = temporaryRepository({ files: FILES });
    await init(repository, UNMEASURED);
    const config = repository.read('.autoresearch/engineering/speed/config.cfg');
    for (const scope of ['project', 'user']) {
      const { code, stderr } = await init(repository, [...UNMEASURED, '--eval', 'other', '--scope', scope]);
      expect(code).toBe(10);
      expect(stderr).toContain('exists already');
      expect(stderr).toContain('autoresearch run --experiment engineering/speed --loop');
    }
    expect(repository.read('.autoresearch/engineering/speed/config.cfg')).toBe(config);
  });

  it('a folder outside of a repository, and a repository without a commit', async () => {
    const folder = temporaryFolder();
    const place = { cwd: folder, env: { HOME: join(folder, 'home'), XDG_CACHE_HOME: join(folder, 'cache') } };
    const outside = await autoresearch(place, ['init', ...UNMEASURED]);
    expect(outside.code).toBe(11);
    expect(outside.stderr).toContain('is not inside a git repository');
    expect(outside.stderr).toContain('git init');
    const unborn = temporaryRepository({ empty: true });
    const end = await init(unborn, UNMEASURED);
    expect(end.code).toBe(11);
    expect(end.stderr).toContain('has no commit yet');
    expect(unborn.has('.autoresearch')).toBe(false);
  });

  it('a branch in the way of its own', async () => {
    const repository = temporaryRepository({ files: FILES });
    repository.git('branch', 'autoresearch');
    const { code, stderr } = await init(repository, UNMEASURED);
    expect(code).toBe(11);
    expect(stderr).toContain('git branch -m autoresearch');
    expect(repository.has('.autoresearch')).toBe(false);
    expect((await init(repository, [...UNMEASURED, '--skip-branch'])).code).toBe(0);
  });

  it('where it cannot write', async () => {
    const repository = temporaryRepository({ files: FILES });
    writeFileSync(join(repository.path, '.autoresearch'), 'a file in the way\n');
    const { code, stderr } = await init(repository, UNMEASURED);
    expect(code).toBe(10);
    expect(stderr).toContain('engineering/speed cannot be created');
    expect(repository.read('.autoresearch')).toBe('a file in the way\n');
  });

  it.runIf(process.getuid?.() === 0)('in a read-only folder', () => {
    const repository = temporaryRepository({ files: FILES });
    const mount = [
      'unshare',
      '--mount',
      'sh',
      '-c',
      'mount --bind -o ro "$0" "$0" && cd "$0" && exec "$@"',
      repository.path,
    ];
    const end = builtProgram(placeOf(repository), ['init', ...UNMEASURED], mount);
    expect(end.stderr).toMatch(/engineering\/speed cannot be created/);
    expect(end.code).toBe(10);
    expect(repository.has('.autoresearch')).toBe(false);
  });
});

describe('init lists', () => {
  it('experiments, the broken ones too, and the built-in evaluators', async () => {
    const repository = temporaryRepository({ files: FILES });
    expect(await init(repository, ['--list'])).toMatchObject({ code: 0, stdout: '' });
    await init(repository, UNMEASURED);
    mkdirSync(join(repository.path, '.autoresearch/engineering/torn'));
    repository.write('.autoresearch/engineering/torn/config.cfg', 'target = x\n');
    const { stdout } = await init(repository, ['--list']);
    expect(stdout).toMatch(/^engineering\/speed {2}p50_ms, lower is better {2}src\/a\.mjs$/m);
    expect(stdout).toMatch(/^engineering\/torn {3}broken: .*evaluate_cmd is missing/m);
    const { evaluators } = JSON.parse((await init(repository, ['--list-evaluators', '--json'])).stdout);
    expect(evaluators.map(({ name }: { name: string }) => name)).toContain('benchmark_speed');
  });
});
