import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { bindRepository, checkRepository } from '../../src/config/bind-repository.js';
import { resolveExperiment } from '../../src/config/discovery.js';
import { createExperimentFiles, renderConfig, renderProgram } from '../../src/config/write.js';
import { appErrorOf, MINIMAL_CONFIG, put, temporaryFolder } from '../helpers/config.js';

const NAME = { domain: 'engineering', name: 'api-speed' };
let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

describe('creating an experiment', () => {
  const create = () =>
    createExperimentFiles({
      name: NAME,
      autoresearchFolder: join(root, '.autoresearch'),
      configText: renderConfig(NAME, { target: 'a.ts', evaluate_cmd: 'make; true', metric: 'm' }),
      programText: renderProgram({
        name: NAME,
        target: ['a.ts'],
        evaluateCmd: 'make',
        metric: 'm',
        direction: 'lower',
      }),
    });
  const folder = () => join(root, '.autoresearch', 'engineering', 'api-speed');

  it('writes config, program and .gitignore, and the config can be loaded', () => {
    const { created, kept } = create();
    expect(created).toEqual([
      join(root, '.autoresearch', '.gitignore'),
      join(folder(), 'program.md'),
      join(folder(), 'config.cfg'),
    ]);
    expect(kept).toEqual([]);
    expect(readFileSync(join(root, '.autoresearch', '.gitignore'), 'utf8')).toContain('**/results.tsv');
    const experiment = resolveExperiment('engineering/api-speed', { from: root, repository: root, home: null });
    expect(experiment.settings.evaluateCmd).toBe('make; true');
  });

  it('overwrites nothing: an existing experiment is an error and stays as it was', () => {
    put(join(folder(), 'config.cfg'), 'mine');
    const error = appErrorOf(create);
    expect(error.message).toContain('exists already');
    expect(error.hint).toBe('run it: autoresearch run --experiment engineering/api-speed --loop');
    expect(readdirSync(folder())).toEqual(['config.cfg']);
    expect(readFileSync(join(folder(), 'config.cfg'), 'utf8')).toBe('mine');
  });

  it('keeps a program, a .gitignore and a config.yaml that are there', () => {
    put(join(folder(), 'program.md'), 'my program');
    put(join(root, '.autoresearch', '.gitignore'), 'my rules');
    put(join(root, '.autoresearch', 'config.yaml'), 'default_scope: user');
    const { created, kept } = create();
    expect([created.length, kept.length]).toEqual([1, 2]);
    expect(readFileSync(join(folder(), 'program.md'), 'utf8')).toBe('my program');
    expect(readFileSync(join(root, '.autoresearch', '.gitignore'), 'utf8')).toBe('my rules');
    expect(readFileSync(join(root, '.autoresearch', 'config.yaml'), 'utf8')).toBe('default_scope: user');
  });

  it('never writes through a dangling link, and names what is in the way', () => {
    mkdirSync(folder(), { recursive: true });
    symlinkSync(join(root, 'elsewhere'), join(folder(), 'config.cfg'));
    expect(appErrorOf(create).message).toContain('exists already');
    expect(readdirSync(root)).toEqual(['.autoresearch']);
    const other = temporaryFolder();
    put(join(other, '.autoresearch'), 'a file');
    root = other;
    const error = appErrorOf(create);
    expect([error.code, error.hint.startsWith('look at what is in the way')]).toEqual(['config', true]);
  });
});

describe('binding an experiment of the user to a repository', () => {
  const COMMIT = 'a'.repeat(40);
  const OTHER = 'b'.repeat(40);
  let home: string;
  let repository: string;
  const config = () => join(home, '.autoresearch', 'd', 'n', 'config.cfg');
  const load = () => resolveExperiment('d/n', { from: repository, repository, home });

  beforeEach(() => {
    home = join(root, 'home');
    repository = join(root, 'some; "odd" #repo');
    mkdirSync(repository);
    put(config(), `${MINIMAL_CONFIG}# about the gate\n[gate]\nkind: single`);
  });

  it('writes folder and first commit once, and leaves the rest of the file alone', () => {
    chmodSync(config(), 0o640);
    expect(bindRepository(load(), { path: repository, rootCommits: [COMMIT] })).toBe(true);
    const text = readFileSync(config(), 'utf8');
    expect(text.startsWith(`${MINIMAL_CONFIG}repository = `)).toBe(true);
    expect(text.endsWith(`repository_root_commit = ${COMMIT}\n# about the gate\n[gate]\nkind: single`)).toBe(true);
    expect(statSync(config()).mode & 0o777).toBe(0o640);
    expect(readdirSync(join(config(), '..'))).toEqual(['config.cfg']);
    const again = load();
    expect(again.settings).toMatchObject({ repository, repositoryRootCommit: COMMIT, gate: { kind: 'single' } });
    expect(again.root).toBe(repository);
    expect(bindRepository(again, { path: repository, rootCommits: [OTHER, COMMIT] })).toBe(false);
    expect(readFileSync(config(), 'utf8')).toBe(text);
  });

  it('adds only what is missing, in the line ends of the file, through a link', () => {
    const real = put(
      join(root, 'dotfiles', 'n.cfg'),
      `${MINIMAL_CONFIG}repository: ${repository}`.replace(/\n/g, '\r\n'),
    );
    mkdirSync(join(home, '.autoresearch', 'd', 'linked'), { recursive: true });
    const linked = join(home, '.autoresearch', 'd', 'linked', 'config.cfg');
    symlinkSync(real, linked);
    const experiment = resolveExperiment('d/linked', { from: root, repository: null, home });
    bindRepository(experiment, { path: repository, rootCommits: [COMMIT] });
    expect(lstatSync(linked).isSymbolicLink()).toBe(true);
    expect(
      readFileSync(real, 'utf8').endsWith(`repository: ${repository}\r\nrepository_root_commit = ${COMMIT}\r\n`),
    ).toBe(true);
    expect(resolveExperiment('d/linked', { from: root, repository: null, home }).settings.repository).toBe(repository);
  });

  it('refuses another folder and another history, and writes nothing then', () => {
    bindRepository(load(), { path: repository, rootCommits: [COMMIT] });
    const text = readFileSync(config(), 'utf8');
    const elsewhere = appErrorOf(() => bindRepository(load(), { path: home, rootCommits: [COMMIT] }));
    expect([elsewhere.code, elsewhere.message]).toEqual([
      'repository',
      `d/n belongs to the repository ${repository}, not to ${home}`,
    ]);
    const replaced = appErrorOf(() => checkRepository(load(), { path: repository, rootCommits: [OTHER] }));
    expect(replaced.message).toContain('began with commit aaaaaaaaaaaa; the one in');
    expect(readFileSync(config(), 'utf8')).toBe(text);
  });

  it('does not concern experiments of the project', () => {
    put(join(repository, '.autoresearch', 'p', 'q', 'config.cfg'));
    const experiment = resolveExperiment('p/q', { from: repository, repository, home: null });
    expect(bindRepository(experiment, { path: home, rootCommits: [COMMIT] })).toBe(false);
  });
});
