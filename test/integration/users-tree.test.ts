/**
 * Trials of every kind in a repository that is in the middle of somebody's work: what is not the candidate line
 * stays as it is, to the byte, the mode and the time of writing.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeEach, expect, it, vi } from 'vitest';
import { EXPERIMENT, rewrites, scores, TestExperiment } from '../helpers/experiments.js';

/** Every kind of step once and again; more where there is time: USERS_TREE_TRIALS=50. */
const TRIALS = Number(process.env['USERS_TREE_TRIALS'] ?? 20);
const BRANCH = `autoresearch/${EXPERIMENT}`;

beforeEach(() => {
  // Looking at the repository must not refresh its index.
  vi.stubEnv('GIT_OPTIONAL_LOCKS', '0');
});

/** A keep, a discard, a crash, a time-out, ... in turn; each tree is another one. */
function step(trial: number): string {
  const unique = `: trial ${trial}`;
  switch (trial % 10) {
    case 1:
      return rewrites(`${unique}\n${scores(1000 - trial)}`);
    case 2:
      return rewrites(`${unique}\n${scores(2000)}`);
    case 3:
      return rewrites(`${unique}\nexit 7`);
    case 4:
      return rewrites(`${unique}\nsleep 600`);
    case 5:
      return `${rewrites(`${unique}\n${scores(1000 - trial)}`)}\necho stray > stray-${trial}.txt\nmkdir -p node_modules && echo x > node_modules/x`;
    case 6:
      return rewrites(`${unique}\necho "score: nan"`);
    case 7:
      return `${rewrites(`${unique}\n${scores(1)}`)}\necho spoilt >> README.md\nrm -f docs/*\nrm -rf src`;
    case 8:
      return `${rewrites(`${unique}\n${scores(1000 - trial)}`)}\ngit -c user.name=A -c user.email=a@b commit -qm 'committed by the agent itself' -- value.sh || :`;
    case 9:
      return 'rm value.sh; mkdir value.sh; echo "score: 1" > value.sh/x';
    default:
      return ':';
  }
}

function workOfTheUser(experiment: TestExperiment): void {
  const { repository } = experiment;
  repository.write('src/run.sh', '#!/bin/sh\n', 0o755);
  repository.write('docs/a b.md', 'spaces\n');
  repository.write('docs/edited.md', 'one\n');
  repository.write('docs/staged.md', 'one\n');
  repository.write('.gitignore', 'node_modules/\n*.log\n.env\n');
  repository.commit('more files');
  repository.git('tag', '-a', 'v1', '-m', 'release');
  repository.git('branch', 'feature');
  repository.git('config', 'alias.co', 'checkout');
  for (const hook of ['pre-commit', 'post-commit', 'post-checkout', 'commit-msg', 'reference-transaction']) {
    repository.write(`.git/hooks/${hook}`, `#!/bin/sh\ntouch "$(git rev-parse --git-common-dir)/ran-${hook}"\n`, 0o644);
  }
  repository.write('README.md', 'stashed words\n');
  repository.git('stash', 'push', '-m', 'half done');
  repository.write('notes.txt', 'untracked\n');
  repository.write('naïve "quoted" name', 'untracked too\n', 0o600);
  repository.write('node_modules/lib/index.js', 'ignored\n');
  repository.write('.env', 'SECRET=1\n', 0o600);
  symlinkSync('/nowhere/at/all', join(repository.path, 'dangling'));
}

function dirtyEdits({ repository }: TestExperiment): void {
  repository.write('docs/edited.md', 'two, not staged\n');
  repository.write('docs/staged.md', 'two, staged\n');
  repository.git('add', 'docs/staged.md');
  repository.write('docs/staged.md', 'three, on top of the staged one\n');
}

/** Every file's kind, mode, time and content, and all of git that is not the experiment's. */
function pictureOf({ repository }: TestExperiment, except: RegExp): string[] {
  const files = readdirSync(repository.path, { recursive: true, withFileTypes: true })
    .map((entry) => relative(repository.path, join(entry.parentPath, entry.name)))
    .filter((path) => !/^\.git(\/|$)/.test(path) && !except.test(path));
  const lines = files.sort().map((path) => {
    const full = join(repository.path, path);
    const { mode, mtimeNs } = lstatSync(full, { bigint: true });
    const kind = (Number(mode) & 0o170000).toString(8);
    const content = kind === '100000' ? readFileSync(full, 'base64') : kind === '120000' ? readlinkSync(full) : '';
    // A folder's time tells only that a mirror in it was replaced.
    return `${path} ${mode.toString(8)} ${kind === '40000' ? '' : mtimeNs} ${content}`;
  });
  const git = (...args: string[]) => repository.git(...args);
  const refs = git('for-each-ref', '--format=%(refname) %(objectname)').split('\n');
  const inGit = (path: string) => `${path} ${readFileSync(join(repository.path, '.git', path), 'base64')}`;
  const hooks = readdirSync(join(repository.path, '.git/hooks')).map((name) => inGit(`hooks/${name}`));
  const index = git('ls-files', '--stage', '-v').split('\n');
  return [
    ...lines,
    ...refs.filter((line) => !/^refs\/(heads\/)?autoresearch\//.test(line)),
    ...[...hooks, inGit('config'), inGit('logs/refs/heads/main'), inGit('logs/refs/stash')],
    ...index.filter((line) => !except.test(line.split('\t')[1] ?? '')),
    git('stash', 'list'),
    git('stash', 'show', '-p'),
    ...readdirSync(join(repository.path, '.git')).filter((name) => /^ran-|\.lock$|_HEAD$/.test(name)),
  ];
}

const MIRRORS = /(^|\/)(results\.tsv|run\.log)$/;

it('in the default workspace nothing of the user changes, whatever the candidates do', {
  timeout: 240_000,
}, async () => {
  const experiment = new TestExperiment({
    value: scores(1000),
    config: { time_budget_minutes: 0.002, 'limits.max_consecutive_crashes': 100 },
    steps: Array.from({ length: TRIALS + 15 }, (_, index) => step(index + 1)),
  });
  workOfTheUser(experiment);
  dirtyEdits(experiment);
  for (const hook of readdirSync(join(experiment.repository.path, '.git/hooks'))) {
    if (!hook.endsWith('.sample'))
      experiment.repository.write(`.git/hooks/${hook}`, '#!/bin/sh\ntouch "$GIT_DIR/ran-hook"\nexit 1\n', 0o755);
  }
  const more = () => ({
    index: readFileSync(join(experiment.repository.path, '.git/index'), 'base64'),
    head: readFileSync(join(experiment.repository.path, '.git/HEAD'), 'utf8'),
    headLog: readFileSync(join(experiment.repository.path, '.git/logs/HEAD'), 'utf8'),
  });
  const before = { files: pictureOf(experiment, MIRRORS), ...more() };
  const run = await experiment.run({ maxExperiments: TRIALS });
  expect(run.stop.reason).toBe('max_experiments');
  expect({ files: pictureOf(experiment, MIRRORS), ...more() }).toEqual(before);
  const outcomes = new Set(experiment.attempts().map(({ outcome, verdict }) => `${outcome} ${verdict ?? ''}`.trim()));
  expect([...outcomes].sort()).toEqual(
    [
      'crashed crash',
      'measured discard',
      'measured keep',
      'metric_error crash',
      'no_change',
      'out_of_scope discard',
      'timed_out crash',
    ].sort(),
  );
  // No trial is lost and none is doubled, and each can be looked at for ever.
  expect(experiment.results()).toHaveLength(TRIALS + 1);
  for (const { number, candidateCommit } of experiment.trials()) {
    expect(experiment.ref(`trials/${number}`)).toBe(candidateCommit);
  }
  expect(experiment.repository.git('fsck', '--connectivity-only', '--no-dangling')).toBe('');
});

it('in a checkout nothing outside the candidate line changes, and edits made meanwhile survive', {
  timeout: 240_000,
}, async () => {
  const kinds = [1, 2, 3, 4, 6, 8];
  const steps = Array.from({ length: TRIALS + 10 }, (_, index) =>
    step(10 * index + (kinds[index % kinds.length] ?? 1)),
  );
  const experiment = new TestExperiment({
    value: scores(1000),
    config: { 'workspace.kind': 'checkout', time_budget_minutes: 0.002, 'limits.max_consecutive_crashes': 100 },
    steps,
  });
  workOfTheUser(experiment);
  experiment.repository.git('switch', '-c', BRANCH);
  const target = new RegExp(`${MIRRORS.source}|^value\\.sh$`);
  const before = pictureOf(experiment, target);
  await experiment.run({ maxExperiments: TRIALS - 10 });
  expect(pictureOf(experiment, target)).toEqual(before);
  expect(experiment.repository.git('status', '--porcelain', '--untracked-files=no')).toBe('');
  expect(experiment.repository.head()).toBe(experiment.ref('incumbent'));
  expect(experiment.attempts().flatMap(({ notes }) => notes)).toEqual([]);
  const verdicts = experiment.trials().map(({ verdict }) => verdict);
  expect(new Set(verdicts)).toEqual(new Set(['keep', 'discard', 'crash']));

  let meanwhile: readonly string[] = [];
  await experiment.run({
    maxExperiments: 10,
    onEvent: ({ kind }) => {
      if (kind !== 'measured' || meanwhile.length > 0) return;
      dirtyEdits(experiment);
      experiment.repository.write('src/new.sh', 'of the user\n');
      meanwhile = pictureOf(experiment, target);
    },
  });
  expect(meanwhile).not.toEqual(before);
  expect(pictureOf(experiment, target)).toEqual(meanwhile);
  expect(experiment.repository.head()).toBe(experiment.ref('incumbent'));
});
