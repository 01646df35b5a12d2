import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import {
  changedDefinitions,
  collectDefinitions,
  namedFiles,
  overlayDefinitions,
  revisionHash,
  snapshotDefinitions,
} from '../../src/evaluate/definitions.js';
import { temporaryFolder } from '../helpers/git.js';

type Sources = Parameters<typeof collectDefinitions>[0];

interface Root {
  readonly path: string;
  write(path: string, content: string): string;
  sources(more?: Partial<Sources>): Sources;
  names(more?: Partial<Sources>): Promise<string[]>;
}

/** The operator's root, with an experiment that has a configuration and an evaluator. */
function operatorRoot(): Root {
  const path = temporaryFolder();
  const write = (file: string, content: string) => {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), content);
    return join(path, file);
  };
  write('.autoresearch/a/b/config.cfg', 'x');
  write('.autoresearch/a/b/evaluate.py', 'print(1)');
  write('bench/run.py', 'run');
  write('src/train.py', 'train');
  const sources = (more: Partial<Sources> = {}): Sources => ({
    root: path,
    experimentFolder: join(path, '.autoresearch/a/b'),
    experimentPath: '.autoresearch/a/b',
    evaluateCmd: 'true',
    checks: [],
    literalTargets: [],
    protect: [],
    ...more,
  });
  const names = async (more?: Partial<Sources>) => (await collectDefinitions(sources(more))).map((file) => file.path);
  return { path, write, sources, names };
}

const EVALUATOR = '.autoresearch/a/b/evaluate.py';

describe('the files that a command names', () => {
  it.each([
    ['python bench/run.py --x', ['bench/run.py']],
    ['python ./bench/../bench/run.py', ['bench/run.py']],
    ['cd bench && python run.py', []],
    ['node "bench/run.py"', ['bench/run.py']],
    ["bash -c 'python bench/run.py; cat src/train.py'", ['bench/run.py', 'src/train.py']],
    ['python $(echo bench/run.py) | tee out', ['bench/run.py']],
    ['python `cat bench/run.py`', ['bench/run.py']],
    ['python <bench/run.py >/dev/null', ['bench/run.py']],
    ['X=bench/run.py python', ['bench/run.py']],
    ['python bench/run.py bench/run.py', ['bench/run.py']],
    ['python --config=bench/run.py', ['bench/run.py']],
    ['bench', []],
    ['../../etc/passwd /etc/passwd .. / .', []],
    ['python bench/run.py/x bench/missing.py', []],
    ['', []],
    [`echo ${'a'.repeat(5000)}`, []],
    ['echo a\u0000b', []],
  ])('%j', async (command, expected) => {
    const { path } = operatorRoot();
    expect((await namedFiles(command, path)).sort()).toEqual(expected);
  });

  it('are found by their absolute path inside the root only', async () => {
    const { path } = operatorRoot();
    expect(await namedFiles(`python ${path}/bench/run.py ${path}-other/bench/run.py`, path)).toEqual(['bench/run.py']);
  });
});

describe('the definitions', () => {
  it('are the experiment’s own files, without mirrors, guidance and caches', async () => {
    const { write, names } = operatorRoot();
    const mirrors = [
      'results.tsv',
      'results.tsv.2026.bak',
      'run.log',
      'loop.json',
      'program.md',
      'guidance.md',
      '.gitignore',
    ];
    for (const name of mirrors) write(`.autoresearch/a/b/${name}`, 'x');
    write('.autoresearch/a/b/__pycache__/evaluate.pyc', 'x');
    write('.autoresearch/a/b/node_modules/m/index.js', 'x');
    write('.autoresearch/a/b/data/cases.json', '[]');
    expect(await names()).toEqual(['.autoresearch/a/b/data/cases.json', EVALUATOR]);
  });

  it('are also what evaluate_cmd and checks name, and what is protected: files and whole folders', async () => {
    const { write, names } = operatorRoot();
    write('tests/deep/test_a.py', 'x');
    write('tests/test_b.py', 'x');
    const found = await names({
      evaluateCmd: 'python bench/run.py',
      checks: ['pytest tests/test_b.py'],
      protect: ['tests/', './src/train.py'],
    });
    expect(found).toEqual([EVALUATOR, 'bench/run.py', 'src/train.py', 'tests/deep/test_a.py', 'tests/test_b.py']);
  });

  it('never hold a file that target names literally: the classic train.py', async () => {
    const { names } = operatorRoot();
    const classic = { evaluateCmd: 'uv run src/train.py', protect: ['src'], literalTargets: ['./src/train.py'] };
    expect(await names(classic)).toEqual([EVALUATOR]);
    expect(await names({ ...classic, literalTargets: [] })).toEqual([EVALUATOR, 'src/train.py']);
  });

  it('are refused when a protected path does not exist, or a file is too large', async () => {
    const { write, names } = operatorRoot();
    await expect(names({ protect: ['nowhere'] })).rejects.toMatchObject({ code: 'config' });
    truncateSync(write('.autoresearch/a/b/weights.bin', ''), 50 * 1024 * 1024 + 1);
    const error = await names().catch((caught: unknown) => caught);
    if (!(error instanceof AppError)) throw error;
    expect(error.message).toContain('weights.bin');
    expect(error.hint).not.toBe('');
  });

  it('make another revision when a byte, a mode, a file or a setting changes, and the same when nothing does', async () => {
    const { path, write, sources } = operatorRoot();
    const hash = async (settings: unknown = ['x']) => revisionHash(settings, await collectDefinitions(sources()));
    const first = await hash();
    expect(await hash()).toBe(first);
    expect(await hash(['y'])).not.toBe(first);
    write('bench/run.py', 'changed, but nothing of the measurement');
    expect(await hash()).toBe(first);
    write(EVALUATOR, 'print(2)');
    const second = await hash();
    expect(second).not.toBe(first);
    write(EVALUATOR, 'print(1)');
    chmodSync(join(path, EVALUATOR), 0o755);
    expect(await hash()).not.toBe(first);
    chmodSync(join(path, EVALUATOR), 0o644);
    write('.autoresearch/a/b/more.txt', '');
    expect(await hash()).not.toBe(first);
  });

  it('name the files of the operator that differ from the revision', async () => {
    const { path, write, sources } = operatorRoot();
    const files = await collectDefinitions(sources({ evaluateCmd: 'python bench/run.py' }));
    expect(await changedDefinitions(path, files)).toEqual([]);
    write('bench/run.py', 'other');
    rmSync(join(path, EVALUATOR));
    expect(await changedDefinitions(path, files)).toEqual([EVALUATOR, 'bench/run.py']);
  });
});

describe('the overlay', () => {
  async function prepared() {
    const root = operatorRoot();
    chmodSync(root.write('bench/run.py', 'run'), 0o755);
    const files = await collectDefinitions(root.sources({ evaluateCmd: 'python bench/run.py' }));
    const snapshot = join(temporaryFolder(), 'definitions', '1');
    await snapshotDefinitions(snapshot, files);
    const workspace = temporaryFolder();
    const outside = temporaryFolder();
    const lay = () => overlayDefinitions(snapshot, files, workspace);
    const expectInPlace = () => {
      expect(readFileSync(join(workspace, 'bench/run.py'), 'utf8')).toBe('run');
      expect(readFileSync(join(workspace, EVALUATOR), 'utf8')).toBe('print(1)');
      expect(lstatSync(join(workspace, 'bench/run.py')).isFile()).toBe(true);
      expect(statSync(join(workspace, 'bench/run.py')).mode & 0o777).toBe(0o755);
    };
    return { root, files, snapshot, workspace, outside, lay, expectInPlace };
  }

  it('puts the files of the snapshot in place, with their modes, whatever became of the operator’s', async () => {
    const { root, lay, expectInPlace, snapshot } = await prepared();
    root.write('bench/run.py', 'edited after the snapshot');
    await lay();
    expectInPlace();
    const manifest = readFileSync(join(snapshot, 'MANIFEST.json'), 'utf8');
    expect(manifest).toContain('bench/run.py');
    expect(manifest).not.toContain(root.path);
  });

  it('replaces what a candidate wrote there, also a folder', async () => {
    const { workspace, lay, expectInPlace } = await prepared();
    mkdirSync(join(workspace, 'bench/run.py/deep'), { recursive: true });
    mkdirSync(dirname(join(workspace, EVALUATOR)), { recursive: true });
    writeFileSync(join(workspace, EVALUATOR), 'print(999)');
    await lay();
    expectInPlace();
  });

  it('never writes through a symlink in the place of the file', async () => {
    const { workspace, outside, lay, expectInPlace } = await prepared();
    writeFileSync(join(outside, 'victim'), 'precious');
    mkdirSync(join(workspace, 'bench'));
    symlinkSync(join(outside, 'victim'), join(workspace, 'bench/run.py'));
    await lay();
    expectInPlace();
    expect(readFileSync(join(outside, 'victim'), 'utf8')).toBe('precious');
  });

  it('never writes through a symlink in the place of a folder above, also one that leads nowhere', async () => {
    const { workspace, outside, lay, expectInPlace } = await prepared();
    symlinkSync(outside, join(workspace, 'bench'));
    symlinkSync(join(outside, 'missing'), join(workspace, '.autoresearch'));
    await lay();
    expectInPlace();
    expect(existsSync(join(outside, 'run.py'))).toBe(false);
    expect(existsSync(join(outside, 'missing'))).toBe(false);
  });

  it('never writes through a hard link, nor where a file took a folder’s place', async () => {
    const { workspace, outside, lay, expectInPlace } = await prepared();
    writeFileSync(join(outside, 'victim'), 'precious');
    mkdirSync(join(workspace, 'bench'));
    linkSync(join(outside, 'victim'), join(workspace, 'bench/run.py'));
    writeFileSync(join(workspace, '.autoresearch'), 'a file');
    await lay();
    expectInPlace();
    expect(readFileSync(join(outside, 'victim'), 'utf8')).toBe('precious');
  });

  it('is taken from a snapshot that is whole or not there: a half-made one is made anew', async () => {
    const { files, snapshot, lay, expectInPlace } = await prepared();
    mkdirSync(`${snapshot}.new`);
    writeFileSync(join(`${snapshot}.new`, 'half'), '');
    writeFileSync(join(snapshot, 'stale'), '');
    await snapshotDefinitions(snapshot, files);
    expect(existsSync(join(snapshot, 'stale'))).toBe(false);
    expect(existsSync(`${snapshot}.new`)).toBe(false);
    expect(existsSync(join(snapshot, 'half'))).toBe(false);
    await lay();
    expectInPlace();
  });
});
