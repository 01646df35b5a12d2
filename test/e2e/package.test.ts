import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TemporaryRepository, temporaryRepository } from '../helpers/git.js';
import {
  install,
  lendNativeModule,
  nativeModule,
  type Packed,
  pack,
  ROOT,
  runInstalled,
  versionOf,
} from '../helpers/package.js';

const FILES = {
  'speed.mjs': 'export const delay = 10; // autoresearch: int 1..20\n',
  'bench.mjs': "import { delay } from './speed.mjs';\nconsole.log(`p50_ms: \x24{delay}`);\n",
};
const INIT = [
  ...['init', '--domain', 'engineering', '--name', 'speed', '--target', 'speed.mjs', '--eval', 'node bench.mjs'],
  ...['--metric', 'p50_ms', '--no-measure'],
];

const CONFIG = '.autoresearch/engineering/speed/config.cfg';

let folder = '';
let home = '';
let packed: Packed;

// One installation for all tests: no scripts, the compiled module lent, so that it takes seconds.
beforeAll(() => {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'autoresearch-package-')));
  folder = join(top, 'installed here');
  home = join(top, 'home');
  packed = pack(join(top, 'packed'));
  install(folder, packed.tarball, { scripts: false });
  lendNativeModule(folder);
}, 180_000);

afterAll(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

function autoresearch(cwd: string, ...args: string[]) {
  return runInstalled(folder, { cwd, home }, args);
}

/** As `init` wrote it, but the search needs no agent. */
function proposeBySearch(repository: TemporaryRepository): void {
  const basic = repository
    .read(CONFIG)
    .split('\n')
    .filter((line) => /^(target|evaluate_cmd|metric|metric_direction)\s*[=:]/.test(line));
  repository.write(CONFIG, [...basic, '[proposer]', 'kind = search', '[workspace]', 'warmup_runs = 0', ''].join('\n'));
}

describe('the package', () => {
  it('holds the program, its templates, examples and licence, and nothing else', () => {
    const { files } = packed;
    for (const needed of ['dist/cli.js', 'LICENSE', 'README.md', 'package.json', 'templates/config.cfg']) {
      expect(files).toContain(needed);
    }
    expect(files.some((path) => path.startsWith('.autoresearch.example/'))).toBe(true);
    const places =
      /^(dist|templates|evaluators|\.autoresearch\.example)\/|^(package\.json|LICENSE|README\.md|CHANGELOG\.md|ARCHITECTURE\.md)$/;
    expect(files.filter((path) => !places.test(path))).toEqual([]);
    expect(
      files.filter((path) => /\.test\.|(^|\/)(test|bench|node_modules)\/|\.sqlite|results\.tsv|run\.log/.test(path)),
    ).toEqual([]);
    expect(files.filter((path) => path.startsWith('dist/') && !path.endsWith('.js'))).toEqual([]);
  });

  it('starts by its name from any folder', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    const said = autoresearch(tmpdir(), '--version');
    expect(said).toMatchObject({ code: 0, stderr: '' });
    expect(said.stdout).toMatch(new RegExp(`^autoresearch ${version}\nnode .*, git .*, SQLite .*\n`));
    const help = autoresearch('/', '--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const command of ['init', 'run', 'status', 'results']) expect(help.stdout).toContain(command);
  });

  it('depends only on what it was tested with', () => {
    expect(versionOf(join(folder, 'node_modules/autoresearch'))).toBe(versionOf(ROOT));
    expect(() => versionOf(join(folder, 'node_modules/vitest'))).toThrow(/ENOENT/);
  });

  it('makes an experiment and runs it, from a folder that is not its own', () => {
    const repository = temporaryRepository({ files: FILES });
    expect(autoresearch(repository.path, ...INIT)).toMatchObject({ code: 0 });
    proposeBySearch(repository);
    const before = repository.head();
    const place = ['--path', repository.path];
    const run = autoresearch(tmpdir(), 'run', '-e', 'engineering/speed', '--loop', '--max-experiments', '3', ...place);
    expect(run).toMatchObject({ code: 0 });
    const lines = repository.read('.autoresearch/engineering/speed/results.tsv').trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[1]).toMatch(/^[0-9a-f]{7}\t10\.000000\tkeep\tbaseline$/);
    expect(repository.head()).toBe(before);
    expect(repository.read('speed.mjs')).toBe(FILES['speed.mjs']);
  });
});

describe('with a native module that cannot be loaded', () => {
  it.each([
    ['that is not there', () => rmSync(nativeModule(folder))],
    ['that is no program', () => writeFileSync(nativeModule(folder), 'rubbish')],
    ['whose whole package is gone', () => rmSync(join(folder, 'node_modules/better-sqlite3'), { recursive: true })],
  ])('%s, says what cures it in a line, and ends with the store’s exit code', (_, spoil) => {
    const keys = 'target = speed.mjs\nevaluate_cmd = node bench.mjs\nmetric = p50_ms\nmetric_direction = lower\n';
    const repository = temporaryRepository({ files: { ...FILES, [CONFIG]: `${keys}[proposer]\nkind = search\n` } });
    const aside = join(folder, 'aside');
    cpSync(join(folder, 'node_modules/better-sqlite3'), aside, { recursive: true });
    try {
      spoil();
      const run = autoresearch(repository.path, 'run', '-e', 'engineering/speed');
      expect(run.code).toBe(14);
      expect(run.stderr).toContain('npm rebuild better-sqlite3');
      expect(run.stderr).not.toMatch(/\n\s+at |node:internal|Error:/);
      const told = run.stderr.split('\n').filter((line) => line.includes('better-sqlite3'));
      expect(told.length).toBeLessThanOrEqual(2);
      expect(autoresearch(repository.path, '--help').code).toBe(0);
    } finally {
      rmSync(join(folder, 'node_modules/better-sqlite3'), { recursive: true, force: true });
      cpSync(aside, join(folder, 'node_modules/better-sqlite3'), { recursive: true });
      rmSync(aside, { recursive: true });
    }
  });
});
