import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type DiscoveryPlace,
  findProjectFolder,
  listExperiments,
  resolveExperiment,
} from '../../src/config/discovery.js';
import { appErrorOf, MINIMAL_CONFIG, put, temporaryFolder } from '../helpers/config.js';

let home: string;
let repository: string;
let place: DiscoveryPlace;
const inProject = (path: string) => join(repository, '.autoresearch', path);
const inUser = (path: string) => join(home, '.autoresearch', path);

beforeEach(() => {
  const root = temporaryFolder();
  home = join(root, 'home');
  repository = join(root, 'a repository');
  mkdirSync(home);
  mkdirSync(join(repository, 'src', 'deep'), { recursive: true });
  place = { from: repository, repository, home };
});

/** Runs `action` as a user without rights; root may read everything. */
function withoutRights<T>(action: () => T): T {
  if (process.getuid?.() !== 0 || !process.seteuid) return action();
  process.seteuid(65534);
  try {
    return action();
  } finally {
    process.seteuid(0);
  }
}

describe('finding the project folder', () => {
  it('goes upwards, and no further than the repository', () => {
    put(join(repository, '..', '.autoresearch', 'd', 'outside', 'config.cfg'));
    const deep = { ...place, from: join(repository, 'src', 'deep') };
    expect(findProjectFolder(deep)).toBeNull();
    put(inProject('d/n/config.cfg'));
    expect(findProjectFolder(deep)).toBe(join(repository, '.autoresearch'));
    mkdirSync(join(repository, 'src', '.autoresearch'));
    expect(findProjectFolder(deep)).toBe(join(repository, 'src', '.autoresearch'));
  });

  it('works from a link, from a workspace elsewhere, and from outside any repository', () => {
    put(inProject('d/n/config.cfg'));
    const link = join(home, 'link');
    symlinkSync(repository, link);
    expect(findProjectFolder({ ...place, from: join(link, 'src'), repository: link })).toBe(
      join(repository, '.autoresearch'),
    );
    expect(findProjectFolder({ ...place, from: home })).toBe(join(repository, '.autoresearch'));
    expect(findProjectFolder({ ...place, repository: null })).toBeNull();
  });

  it('is never the folder of the user, even when the home is a repository', () => {
    put(inUser('d/n/config.cfg'));
    expect(findProjectFolder({ from: home, repository: home, home })).toBeNull();
    const listed = listExperiments({ from: home, repository: home, home });
    expect(listed.map((each) => [each.label, each.scope, each.ok])).toEqual([['d/n', 'user', true]]);
  });
});

describe('loading', () => {
  it('gives the paths, the settings and the text', () => {
    const text = '# mine\r\ntarget = a.ts\r\nevaluate_cmd = make\r\nmetric = m\r\n';
    put(inProject('engineering/api-speed/config.cfg'), text);
    const experiment = resolveExperiment('engineering/api-speed', { ...place, from: join(repository, 'src') });
    const folder = inProject('engineering/api-speed');
    expect(experiment).toMatchObject({
      name: { domain: 'engineering', name: 'api-speed' },
      scope: 'project',
      root: repository,
      folder,
      configPath: join(folder, 'config.cfg'),
      programPath: join(folder, 'program.md'),
      resultsPath: join(folder, 'results.tsv'),
      runLogPath: join(folder, 'run.log'),
      configText: text,
    });
    expect(experiment.settings.target).toEqual(['a.ts']);
  });

  it.each<[string, () => void, RegExp]>([
    ['no config', () => mkdirSync(inProject('d/n'), { recursive: true }), /d\/n has no config\.cfg/],
    ['a folder', () => mkdirSync(inProject('d/n/config.cfg'), { recursive: true }), /is not a file/],
    ['a file in place of the experiment', () => put(inProject('d/n')), /d\/n has no config\.cfg/],
    ['10 MB', () => put(inProject('d/n/config.cfg'), '# x\n'.repeat(2_500_000)), /larger than 1024 KiB/],
    ['an endless file', () => link('/dev/zero'), /is not a file/],
    ['a named pipe', () => pipe(), /is not a file/],
    ['a loop of links', () => link('config.cfg'), /symbolic link that leads back to itself/],
    ['a dangling link', () => link('gone'), /has no config\.cfg/],
    ['NUL bytes', () => put(inProject('d/n/config.cfg'), `${MINIMAL_CONFIG}\0\0`), /config\.cfg:4: .*U\+0000/],
    ['no UTF-8', () => put(inProject('d/n/config.cfg'), Uint8Array.of(0x61, 0x3a, 0xff)), /not UTF-8 text \(line 1\)/],
    ['nothing', () => put(inProject('d/n/config.cfg'), ''), /target is missing/],
    [
      'foreign keys',
      () => put(inProject('d/n/config.cfg'), `${MINIMAL_CONFIG}repository: /x`),
      /:4: repository is only/,
    ],
  ])('of %s is a clear error, in the list too', (_, prepare, message) => {
    prepare();
    const error = appErrorOf(() => resolveExperiment('d/n', place));
    expect(error.code).toBe('config');
    expect(error.message).toMatch(message);
    expect(error.hint).not.toBe('');
    const others = listExperiments(place).flatMap((listed) => (listed.ok ? [] : [listed.error.message]));
    if (others.length > 0) expect(others).toEqual([error.message]);
  });

  function link(to: string): void {
    mkdirSync(inProject('d/n'), { recursive: true });
    symlinkSync(to, inProject('d/n/config.cfg'));
  }
  function pipe(): void {
    mkdirSync(inProject('d/n'), { recursive: true });
    execFileSync('mkfifo', [inProject('d/n/config.cfg')]);
  }

  it('of an unreadable file or folder says so, and the list goes on', () => {
    put(inProject('d/good/config.cfg'));
    chmodSync(put(inProject('d/secret/config.cfg')), 0o000);
    put(inProject('hidden/n/config.cfg'));
    chmodSync(join(home, '..'), 0o755);
    chmodSync(inProject('hidden'), 0o000);
    try {
      withoutRights(() => {
        expect(appErrorOf(() => resolveExperiment('d/secret', place)).message).toMatch(
          /cannot be read: permission denied/,
        );
        expect(appErrorOf(() => resolveExperiment('hidden/n', place)).message).toMatch(/permission denied/);
        expect(listExperiments(place).map((listed) => [listed.label, listed.ok])).toEqual([
          ['d/good', true],
          ['d/secret', false],
          ['hidden', false],
        ]);
      });
    } finally {
      chmodSync(inProject('hidden'), 0o755);
    }
  });
});

describe('listing', () => {
  it('shows both scopes, broken ones with their error, and nothing that is no experiment', () => {
    put(inProject('b/one/config.cfg'));
    put(inProject('a/two/config.cfg'), 'metric: x\n');
    put(inProject('a/Three/config.cfg'));
    put(inProject('a/üñ/config.cfg'));
    put(inProject('config.yaml'), 'default_scope: project\n');
    put(inProject('.hidden/x/config.cfg'));
    put(inProject('a/empty/notes.txt'));
    put(inUser('mine/bound/config.cfg'), `${MINIMAL_CONFIG}repository: ${repository}\n`);
    put(inUser('mine/gone/config.cfg'), `${MINIMAL_CONFIG}repository: /does/not/exist\n`);
    put(inUser('mine/home/config.cfg'), `${MINIMAL_CONFIG}repository: ~/\n`);
    const listed = listExperiments(place);
    expect(listed.map((each) => [each.scope, each.label, each.ok ? each.experiment.root : each.error.code])).toEqual([
      ['project', 'a/Three', 'config'],
      ['project', 'a/two', 'config'],
      ['project', 'a/üñ', 'config'],
      ['project', 'b/one', repository],
      ['user', 'mine/bound', repository],
      ['user', 'mine/gone', 'config'],
      ['user', 'mine/home', home],
    ]);
  });

  it('is empty where there is nothing', () => {
    expect(listExperiments(place)).toEqual([]);
    expect(listExperiments({ from: home, repository: null, home: null })).toEqual([]);
    writeFileSync(join(home, '.autoresearch'), 'a file');
    expect(listExperiments(place)).toEqual([]);
  });
});

describe('resolving a name', () => {
  it('suggests the nearest of the experiments there are', () => {
    put(inProject('engineering/api-speed/config.cfg'));
    put(inUser('content/titles/config.cfg'));
    const error = appErrorOf(() => resolveExperiment('engineering/api-sped', place));
    expect(error.message).toBe(
      'there is no experiment engineering/api-sped; did you mean engineering/api-speed? there are: engineering/api-speed, content/titles',
    );
    expect(error.hint).toContain('--experiment engineering/api-speed');
    expect(appErrorOf(() => resolveExperiment('zzz/yyy', place)).message).not.toContain('did you mean');
    expect(appErrorOf(() => resolveExperiment('a/b', { ...place, repository: null, home: null })).hint).toContain(
      'init',
    );
  });

  it.each(['../../x', '-rf', 'a/-rf', 'a/../b', 'größe/x', `a/${'x'.repeat(300)}`, 'a', 'a/b/c', '', 'a/.git', 'A/b'])(
    'refuses the name %s',
    (name) => {
      expect(appErrorOf(() => resolveExperiment(name, place)).code).toBe('usage');
    },
  );

  it('refuses a name that both scopes have for this repository', () => {
    put(inProject('d/n/config.cfg'));
    put(inUser('d/n/config.cfg'));
    const error = appErrorOf(() => resolveExperiment('d/n', place));
    expect(error.message).toBe(`d/n exists twice for this repository: in ${inProject('d/n')} and ${inUser('d/n')}`);
    put(inUser('d/n/config.cfg'), `${MINIMAL_CONFIG}repository = ${home}\n`);
    expect(resolveExperiment('d/n', place).scope).toBe('project');
    expect(resolveExperiment('d/n', { ...place, repository: null }).root).toBe(home);
  });

  it('an experiment of the user without a repository works in the current one', () => {
    put(inUser('d/n/config.cfg'));
    expect(resolveExperiment('d/n', place)).toMatchObject({ scope: 'user', root: repository });
    expect(appErrorOf(() => resolveExperiment('d/n', { ...place, repository: null })).message).toContain('not bound');
  });
});
