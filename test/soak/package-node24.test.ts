import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryRepository } from '../helpers/git.js';
import { install, pack, runInstalled, versionOf } from '../helpers/package.js';

/** The packed package on Node 24, installed by the npm that Node 24 runs: there the native module needs no compiler. */
let top = '';
let folder = '';
let path = '';

beforeAll(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'autoresearch-node24-')));
  const tools = join(top, 'tools');
  mkdirSync(tools);
  writeFileSync(join(tools, 'package.json'), '{ "name": "tools", "private": true }\n');
  const flags = ['--no-audit', '--no-fund', '--prefer-offline'];
  execFileSync('npm', ['install', ...flags, 'node@24', 'npm@11'], { cwd: tools, stdio: 'ignore' });
  const node = realpathSync(join(tools, 'node_modules/.bin/node'));
  path = `${dirname(node)}:${process.env['PATH'] ?? ''}`;
  folder = join(top, 'installed');
  const npm: [string, string] = [node, join(tools, 'node_modules/npm/bin/npm-cli.js')];
  install(folder, pack(join(top, 'packed')).tarball, { npm, path, scripts: true });
}, 900_000);

afterAll(() => rmSync(top, { recursive: true, force: true }));

it('runs an experiment on Node 24 with the native module made for it', () => {
  expect(execFileSync('node', ['--version'], { encoding: 'utf8', env: { ...process.env, PATH: path } })).toMatch(
    /^v24\./,
  );
  expect(versionOf(join(folder, 'node_modules/better-sqlite3'))).toMatch(/^13\./);
  const repository = temporaryRepository({
    files: { 'target.txt': 'value 5 # autoresearch: int 1..9\n' },
  });
  const config = [
    'target = target.txt',
    `evaluate_cmd = 'read -r _ value _ < target.txt; echo "score: $value"'`,
    'metric = score',
    'metric_direction = lower',
    '[proposer]',
    'kind = search',
    '[workspace]',
    'warmup_runs = 0',
  ];
  repository.write('.autoresearch/a/b/config.cfg', `${config.join('\n')}\n`);
  const place = { cwd: repository.path, home: join(top, 'home'), path };
  const run = runInstalled(folder, place, ['run', '--loop', '--max-experiments', '3']);
  expect(run).toMatchObject({ exitCode: 0 });
  expect(repository.read('.autoresearch/a/b/results.tsv').trimEnd().split('\n')).toHaveLength(5);
  expect(runInstalled(folder, place, ['status'])).toMatchObject({ exitCode: 0 });
});
