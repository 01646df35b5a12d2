import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openRepository } from '../../src/git/open.js';
import { ExperimentRefs } from '../../src/git/refs.js';
import { Surroundings } from '../../src/git/surroundings.js';
import { WorktreeWorkspace } from '../../src/git/worktree-workspace.js';
import { repositoryAt, type TemporaryRepository, temporaryRepository } from '../helpers/git.js';

const NAME = { domain: 'custom', name: 'score' } as const;
const INCUMBENT = 'refs/autoresearch/custom/score/incumbent';
const BRANCH = 'refs/heads/autoresearch/custom/score';

interface Bench {
  readonly user: TemporaryRepository;
  readonly start: string;
  readonly second: string;
  readonly surroundings: Surroundings;
  readonly workspace: TemporaryRepository;
  /** How many git processes the surroundings have started. */
  readonly gits: () => number;
}

/** `main` and `feature` at the second of two commits, a tag, the experiment's refs at the second, its worktree. */
async function bench(user = temporaryRepository()): Promise<Bench> {
  vi.stubEnv('XDG_CACHE_HOME', user.cacheHome);
  const start = user.head();
  const second = user.commit('second');
  user.git('branch', 'feature');
  user.git('tag', '-a', 'v1', '-m', 'release');
  const repository = await openRepository(user.path);
  const refs = new ExperimentRefs(repository, NAME);
  await refs.initialise(second, { branch: true });
  const workspace = new WorktreeWorkspace(repository, NAME);
  await workspace.prepare(second);
  const run = vi.spyOn(repository.git, 'run');
  const surroundings = new Surroundings({ repository, refs, workspace });
  await surroundings.note();
  const at = repositoryAt(workspace.path, user.cacheHome);
  return { user, start, second, surroundings, workspace: at, gits: () => run.mock.calls.length };
}

const rescued = (user: TemporaryRepository) =>
  user.git('for-each-ref', '--format=%(refname) %(objectname)', 'refs/autoresearch/rescue').split('\n').filter(Boolean);

describe('a window in which nothing happens', () => {
  it('finds nothing and starts no git, however often', async () => {
    const b = await bench();
    const before = b.gits();
    for (let round = 0; round < 3; round += 1) {
      expect(await b.surroundings.findings()).toEqual([]);
      await b.surroundings.note();
    }
    expect(b.gits()).toBe(before);
  });

  it('does not mind that refs are packed meanwhile, nor a lock of somebody’s git', async () => {
    const b = await bench();
    b.user.git('pack-refs', '--all');
    b.user.write('.git/refs/heads/feature.lock', '');
    expect(await b.surroundings.findings()).toEqual([]);
    await b.surroundings.note();
    const before = b.gits();
    await b.surroundings.note();
    expect(await b.surroundings.findings()).toEqual([]);
    expect(b.gits()).toBe(before);
  });

  it('asks git each time where refs are not kept as files', async () => {
    const b = await bench();
    mkdirSync(join(b.user.path, '.git/reftable'));
    await b.surroundings.note();
    expect(await b.surroundings.findings()).toEqual([]);
    b.user.git('branch', '-D', 'feature');
    b.user.git('update-ref', '-d', INCUMBENT);
    expect((await b.surroundings.findings()).map(({ kind }) => kind)).toEqual(['own_ref_restored', 'ref_lost']);
    expect(b.user.git('rev-parse', INCUMBENT)).toBe(b.second);
  });
});

describe('refs of the user', () => {
  it('that are new or moved forward are theirs', async () => {
    const b = await bench();
    b.user.commit('third');
    b.user.git('branch', 'new');
    b.user.git('tag', 'v2');
    expect(await b.surroundings.findings()).toEqual([]);
  });

  it('that are rewound, replaced or deleted are lost: each is kept, with the command that restores it', async () => {
    const b = await bench();
    b.user.git('commit', '--amend', '--allow-empty', '-m', 'other');
    b.user.git('update-ref', 'refs/heads/feature', b.start);
    const tag = b.user.git('rev-parse', 'v1');
    b.user.git('tag', '-d', 'v1');
    const findings = await b.surroundings.findings();
    expect(findings).toMatchObject([
      { kind: 'ref_lost', ref: 'refs/heads/feature', was: b.second, now: b.start },
      { kind: 'ref_lost', ref: 'refs/heads/main', was: b.second },
      { kind: 'ref_lost', ref: 'refs/tags/v1', was: tag, now: null },
    ]);
    expect(rescued(b.user)).toEqual([
      `refs/autoresearch/rescue/heads-feature/${b.second} ${b.second}`,
      `refs/autoresearch/rescue/heads-main/${b.second} ${b.second}`,
      `refs/autoresearch/rescue/tags-v1/${tag} ${tag}`,
    ]);
    for (const finding of findings) {
      if ('restore' in finding) b.user.git(...finding.restore.split(' ').slice(1));
    }
    expect(b.user.git('rev-parse', 'main', 'feature', 'v1').split('\n')).toEqual([b.second, b.second, tag]);
    // Asked again, the same is found and kept once.
    b.user.git('update-ref', 'refs/heads/feature', b.start);
    await b.surroundings.findings();
    expect(rescued(b.user)).toHaveLength(3);
  });

  it('with strange names are kept under plain ones', async () => {
    const b = await bench();
    const name = `refs/heads/a'b/ü..x`.replace('..', '.');
    b.user.git('update-ref', name, b.second);
    await b.surroundings.note();
    b.user.git('update-ref', '-d', name);
    const [finding] = await b.surroundings.findings();
    expect(finding).toMatchObject({
      kind: 'ref_lost',
      ref: name,
      rescue: `refs/autoresearch/rescue/heads-a-b-x/${b.second}`,
    });
    expect(finding).toMatchObject({ restore: expect.stringContaining(`'refs/heads/a'\\''b/`) });
  });

  it('what a fetch or another experiment moves is kept, but no reason to stop', async () => {
    const b = await bench();
    const others = [
      'refs/remotes/origin/main',
      'refs/autoresearch/custom/other/incumbent',
      'refs/heads/autoresearch/custom/other',
    ];
    for (const ref of others) b.user.git('update-ref', ref, b.second);
    await b.surroundings.note();
    for (const ref of others) b.user.git('update-ref', ref, b.start);
    expect((await b.surroundings.findings()).map(({ kind }) => kind)).toEqual([
      'ref_rescued',
      'ref_rescued',
      'ref_rescued',
    ]);
    expect(rescued(b.user)).toHaveLength(3);
  });

  it('a bisect of the user is nobody’s loss', async () => {
    const b = await bench();
    b.user.git('bisect', 'start', 'HEAD', b.start);
    await b.surroundings.note();
    b.user.git('bisect', 'reset');
    expect(await b.surroundings.findings()).toEqual([]);
  });

  it('a stash on top of another loses nothing; a dropped one is kept, wherever it lay', async () => {
    const b = await bench();
    const stash = (content: string) => {
      b.user.write('README.md', content);
      b.user.git('stash', 'push');
      return b.user.git('rev-parse', 'stash');
    };
    const first = stash('one');
    await b.surroundings.note();
    const top = stash('two');
    expect(await b.surroundings.findings()).toEqual([]);
    await b.surroundings.note();
    b.user.git('stash', 'drop', 'stash@{1}');
    expect(await b.surroundings.findings()).toMatchObject([
      { kind: 'ref_lost', ref: 'refs/stash', was: first, now: top },
    ]);
    b.user.git('stash', 'clear');
    const findings = await b.surroundings.findings();
    expect(findings).toMatchObject([
      { was: first },
      { was: top, now: null, restore: expect.stringContaining('git stash store') },
    ]);
  });

  it('a commit made in the workspace on a branch of the user is told from their own', async () => {
    const b = await bench();
    b.workspace.git('switch', 'feature');
    b.workspace.git('commit', '--allow-empty', '-m', 'not mine');
    expect(await b.surroundings.findings()).toMatchObject([
      { kind: 'ref_moved_from_workspace', ref: 'refs/heads/feature' },
    ]);
    expect(rescued(b.user)).toEqual([]);
  });
});

describe('own refs', () => {
  it('moved or deleted are put back, and what was there instead is kept', async () => {
    const b = await bench();
    b.user.git('update-ref', INCUMBENT, b.start);
    b.user.git('update-ref', '-d', BRANCH);
    expect(await b.surroundings.findings()).toEqual([
      { kind: 'own_ref_restored', ref: INCUMBENT, was: b.second, found: b.start },
      { kind: 'own_ref_restored', ref: BRANCH, was: b.second, found: null },
    ]);
    expect(b.user.git('rev-parse', INCUMBENT, BRANCH).split('\n')).toEqual([b.second, b.second]);
    expect(rescued(b.user)).toEqual([expect.stringContaining(b.start)]);
    expect(await b.surroundings.findings()).toEqual([]);
  });

  it('that are packed are known too', async () => {
    const b = await bench();
    b.user.git('pack-refs', '--all');
    await b.surroundings.note();
    b.user.git('update-ref', '-d', INCUMBENT);
    expect(await b.surroundings.findings()).toMatchObject([{ kind: 'own_ref_restored', ref: INCUMBENT, found: null }]);
    expect(b.user.git('rev-parse', INCUMBENT)).toBe(b.second);
  });

  it('the branch belongs to whom has it checked out', async () => {
    const b = await bench();
    b.user.git('switch', 'autoresearch/custom/score');
    await b.surroundings.note();
    const commit = b.user.commit('by a person');
    expect(await b.surroundings.findings()).toEqual([]);
    expect(b.user.git('rev-parse', BRANCH)).toBe(commit);
  });

  it('that the runner itself moves between windows are no finding', async () => {
    const b = await bench();
    b.user.git('update-ref', 'refs/autoresearch/custom/score/trials/1', b.start);
    b.user.git('update-ref', INCUMBENT, b.user.git('commit-tree', '-p', b.second, '-m', 'x', 'HEAD^{tree}'));
    await b.surroundings.note();
    expect(await b.surroundings.findings()).toEqual([]);
  });
});

describe('settings of git', () => {
  const changed = async (change: (b: Bench) => void) => {
    const b = await bench();
    change(b);
    const findings = await b.surroundings.findings();
    return findings.map((finding) => (finding.kind === 'settings_changed' ? finding.what : finding.kind));
  };

  it.each<[string, (b: Bench) => void, string]>([
    [
      'a key that decides how files look',
      ({ user }) => user.git('config', 'core.autocrlf', 'true'),
      'core.autocrlf in .git/config',
    ],
    ['a key removed', ({ user }) => user.git('config', '--unset', 'core.bare'), 'core.bare in .git/config'],
    ['an include', ({ user }) => user.git('config', 'include.path', '/tmp/x'), 'include.path in .git/config'],
    ['a file that git cannot read', ({ user }) => user.write('.git/config', '[core\n'), '(unreadable)'],
    [
      'a pipe that nobody writes to',
      ({ user }) => void execFileSync('mkfifo', [join(user.path, '.git/config.worktree')]),
      '.git/config.worktree',
    ],
    ['a hook', ({ user }) => user.write('.git/hooks/pre-commit', '', 0o755), '.git/hooks/pre-commit'],
    [
      'attributes',
      ({ user }) =>
        mkdirSync(join(user.path, '.git/info'), { recursive: true }) ?? user.write('.git/info/attributes', '* -text\n'),
      '.git/info/attributes',
    ],
    ['grafts', ({ user, second }) => user.write('.git/info/grafts', `${second}\n`), '.git/info/grafts'],
    [
      'alternates',
      ({ user }) => user.write('.git/objects/info/alternates', '/tmp/objects\n'),
      '.git/objects/info/alternates',
    ],
    ['a replaced object', ({ user, start, second }) => user.git('replace', second, start), 'refs/replace/'],
  ])('%s is named', async (_name, change, expected) => {
    expect(await changed(change)).toContainEqual(expect.stringContaining(expected));
  });

  it('a configuration of our worktree alone is watched, and a folder of hooks inside the repository', async () => {
    const b = await bench();
    b.user.git('config', 'core.hooksPath', 'tools/hooks');
    b.user.git('config', 'extensions.worktreeConfig', 'true');
    b.user.write('tools/hooks/pre-commit', 'one\n');
    await b.surroundings.note();
    b.workspace.git('config', '--worktree', 'filter.x.smudge', 'cat');
    b.user.write('tools/hooks/pre-commit', 'two\n');
    const findings = await b.surroundings.findings();
    expect(findings).toMatchObject([
      { what: expect.stringContaining('filter.x.smudge in .git/worktrees/') },
      { what: 'tools/hooks/pre-commit' },
    ]);
  });

  it('what people’s git writes all day is no finding, nor a file written anew with the same content', async () => {
    expect(
      await changed(({ user }) => {
        user.git('config', 'branch.main.remote', 'origin');
        user.git('remote', 'add', 'origin', 'https://example.org/x.git');
        user.git('config', 'user.name', 'Another');
        user.git('config', 'submodule.lib.url', 'https://example.org/lib.git');
        const hook = join(user.path, '.git/hooks/commit-msg.sample');
        writeFileSync(hook, 'sample\n');
      }),
    ).toEqual([]);
    expect(
      await changed(({ user }) => {
        const path = join(user.path, '.git/config');
        const content = readFileSync(path);
        rmSync(path);
        writeFileSync(path, content);
        utimesSync(path, 1, 1);
      }),
    ).toEqual([]);
  });

  it('a change that kept size and time of the file is seen', async () => {
    const b = await bench();
    b.user.git('config', 'core.abbrev', '12');
    await b.surroundings.note();
    const path = join(b.user.path, '.git/config');
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, before.replace('abbrev = 12', 'abbrev = 34'));
    utimesSync(path, 1, 1);
    expect(await b.surroundings.findings()).toMatchObject([{ what: 'core.abbrev in .git/config' }]);
  });
});
