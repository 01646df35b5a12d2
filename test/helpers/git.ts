/**
 * Temporary git repositories for tests: real git, an identity from local configuration, everything removed when the
 * test that made them ends. Call inside a test or a `beforeEach`.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export interface TemporaryRepository {
  /** Top folder of the working copy, symlinks resolved. */
  readonly path: string;
  /** An empty folder beside the repository: pass it as `XDG_CACHE_HOME`. It goes away with the repository. */
  readonly cacheHome: string;
  /** Runs git in the repository and returns its trimmed output. Throws when git fails. */
  git(...args: string[]): string;
  /** Writes a file (and its folders) below the repository; `mode` is set when given. */
  write(path: string, content: string | Buffer, mode?: number): void;
  read(path: string): string;
  has(path: string): boolean;
  /** Stages everything and commits it; returns the new commit. */
  commit(message?: string): string;
  head(): string;
  /** Everything a person would miss: HEAD, refs outside `refs/autoresearch`, index, stashes, config, status. */
  fingerprint(): string;
}

/** A folder below the system's temporary folder, removed when the test ends. */
export function temporaryFolder(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'autoresearch-test-')));
  onTestFinished(() => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  return path;
}

export function runGit(cwd: string, args: readonly string[], env: Record<string, string> = {}): string {
  return execFileSync('git', ['-c', 'maintenance.auto=false', ...args], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  }).replace(/\n$/, '');
}

/** Wraps an existing working copy in the same handy methods. */
export function repositoryAt(path: string, cacheHome: string): TemporaryRepository {
  const git = (...args: string[]) => runGit(path, args);
  return {
    path,
    cacheHome,
    git,
    write(file, content, mode) {
      const full = join(path, file);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, content);
      if (mode !== undefined) chmodSync(full, mode);
    },
    read: (file) => readFileSync(join(path, file), 'utf8'),
    has: (file) => existsSync(join(path, file)),
    commit(message = 'change') {
      git('add', '-A');
      git('commit', '--allow-empty', '-m', message);
      return git('rev-parse', 'HEAD');
    },
    head: () => git('rev-parse', 'HEAD'),
    fingerprint: () => {
      const refs = git('for-each-ref', '--format=%(refname) %(objectname)')
        .split('\n')
        .filter((line) => !/^refs\/(heads\/)?autoresearch\//.test(line));
      const head = git('rev-parse', '--symbolic-full-name', 'HEAD');
      const index = git('ls-files', '--stage', '-v');
      const status = git('status', '--porcelain=v2', '--untracked-files=all', '--ignored');
      const config = readFileSync(git('rev-parse', '--path-format=absolute', '--git-path', 'config'), 'utf8');
      return [head, git('rev-parse', 'HEAD'), ...refs, index, status, git('stash', 'list'), config].join('\n---\n');
    },
  };
}

let unborn: string | null = null;

/** Made once for all tests of this process, which copy it: a copy costs less than three processes of git. */
function unbornRepository(): string {
  if (unborn !== null) return unborn;
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'autoresearch-test-')));
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  runGit(path, ['init', '--quiet', '--initial-branch=main']);
  runGit(path, ['config', 'user.name', 'Test Person']);
  runGit(path, ['config', 'user.email', 'person@example.org']);
  unborn = path;
  return path;
}

/**
 * A repository on branch `main` with one commit (`README.md`, and `files` when given). `empty` leaves it unborn.
 */
export function temporaryRepository(
  options: { files?: Record<string, string>; empty?: boolean } = {},
): TemporaryRepository {
  const folder = temporaryFolder();
  const repository = repositoryAt(join(folder, 'repository'), join(folder, 'cache'));
  cpSync(unbornRepository(), repository.path, { recursive: true });
  mkdirSync(repository.cacheHome);
  if (options.empty) return repository;
  repository.write('README.md', '# sample\n');
  for (const [path, content] of Object.entries(options.files ?? {})) repository.write(path, content);
  repository.commit('first');
  return repository;
}
