/**
 * The files by which a repository tells git how to behave: configuration, hooks, attributes, grafts, alternates. Notes
 * them and names what changed; never changes one. Without a change no git is started.
 */
import { createHash } from 'node:crypto';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { errnoOf } from '../core/errors.js';
import { oneLine, quoted } from '../core/text.js';
import { readPlainFile } from '../process/plain-file.js';
import { records } from './parse.js';
import type { Repository } from './repository.js';
import { entriesOf, stampOf } from './stamps.js';

export interface SettingsChange {
  /** `core.hookspath in .git/config`. */
  readonly what: string;
  /** The command that shows it. */
  readonly look: string;
}

interface NotedFile {
  readonly stamp: string | null;
  readonly sha256: string;
  /** Kept for configuration only: what was there has to be compared key by key. */
  readonly content: Buffer | null;
}

/** What people's git commands and editors write into a configuration all day; nothing of it decides how files look. */
const HARMLESS =
  /^(?:(?:branch|remote|user|gui|pull|push|credential)\.|submodule\..*\.(?:url|active|branch)$|lfs\.(?:repositoryformatversion$|.*\.(?:access|locksverify)$))/i;

const NAMED_AT_MOST = 4;

export class SettingsWatch {
  readonly #repository: Repository;
  #noted = new Map<string, NotedFile>();
  #hooksPath: { readonly configs: string; readonly folder: string | null } | null = null;

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  /** What is there now counts from here on. */
  async note(): Promise<void> {
    this.#noted = await this.#look();
  }

  /** What differs from what was noted. */
  async changes(): Promise<SettingsChange[]> {
    const now = await this.#look();
    const changes: SettingsChange[] = [];
    for (const path of new Set([...this.#noted.keys(), ...now.keys()])) {
      const [was, is] = [this.#noted.get(path), now.get(path)];
      if (was?.sha256 === is?.sha256) continue;
      const shown = this.#shown(path);
      if (!isConfig(path)) {
        changes.push({ what: shown, look: `ls -l ${quoted(dirname(path))} && cat ${quoted(path)}` });
        continue;
      }
      const keys = await this.#changedKeys(was?.content ?? null, is?.content ?? null);
      if (keys.length === 0) continue;
      const more = keys.length > NAMED_AT_MOST ? ` and ${keys.length - NAMED_AT_MOST} more` : '';
      const named = keys.slice(0, NAMED_AT_MOST).map((key) => oneLine(key, 60));
      changes.push({ what: `${named.join(', ')}${more} in ${shown}`, look: 'git config --list --show-origin' });
    }
    return changes;
  }

  async #look(): Promise<Map<string, NotedFile>> {
    const { commonDir, gitDir } = this.#repository;
    const worktrees = entriesOf(join(commonDir, 'worktrees')).map(({ name }) => join(commonDir, 'worktrees', name));
    const folders = [...new Set([commonDir, gitDir, ...worktrees])];
    const configs = [join(commonDir, 'config'), ...folders.map((folder) => join(folder, 'config.worktree'))];
    const seen = new Map(configs.map((path) => [path, this.#read(path)]));
    const others = ['info/attributes', 'info/grafts', 'objects/info/alternates'].map((path) => join(commonDir, path));
    for (const folder of new Set([join(commonDir, 'hooks'), await this.#ownHooksFolder(seen)])) {
      if (folder === null) continue;
      const hooks = entriesOf(folder).filter((entry) => !entry.isDirectory() && !entry.name.endsWith('.sample'));
      others.push(...hooks.map(({ name }) => join(folder, name)));
    }
    for (const path of others) seen.set(path, this.#read(path));
    return seen;
  }

  #read(path: string): NotedFile {
    const stamp = stampOf(path);
    const noted = this.#noted.get(path);
    if (noted !== undefined && noted.stamp === stamp) return noted;
    const content = stamp === null ? null : contentOf(path);
    const mode = stamp?.split(':')[0] ?? '';
    const sha256 =
      content === null
        ? ''
        : createHash('sha256')
            .update(`${isConfig(path) ? '' : mode}\0`)
            .update(content)
            .digest('hex');
    return { stamp, sha256, content: isConfig(path) ? content : null };
  }

  /** The folder of core.hooksPath, where it lies inside the repository. Asked again only when a configuration changed. */
  async #ownHooksFolder(configs: ReadonlyMap<string, NotedFile>): Promise<string | null> {
    const state = [...configs.values()].map(({ sha256 }) => sha256).join();
    if (this.#hooksPath?.configs === state) return this.#hooksPath.folder;
    const { root, git } = this.#repository;
    let folder: string | null = null;
    if (
      [...configs.values()].some(({ content }) => content !== null && /hookspath/i.test(content.toString('latin1')))
    ) {
      const args = ['config', '--file', join(this.#repository.commonDir, 'config'), '--type=path', 'core.hooksPath'];
      const answer = await git.run(args, { okExitCodes: [0, 1, 128] });
      const named = answer.exitCode === 0 ? answer.stdout.toString('utf8').trimEnd() : '';
      const path = resolve(root, named);
      if (named !== '' && path.startsWith(`${root}/`)) folder = path;
    }
    this.#hooksPath = { configs: state, folder };
    return folder;
  }

  async #changedKeys(was: Buffer | null, is: Buffer | null): Promise<string[]> {
    const [before, after] = [await this.#entries(was), await this.#entries(is)];
    const differ = [
      ...before.filter((entry) => !after.includes(entry)),
      ...after.filter((entry) => !before.includes(entry)),
    ];
    // The last of several values counts: the same entries in another order are another configuration.
    const isReordered = differ.length === 0 && before.join('\0') !== after.join('\0');
    const keys = (isReordered ? after : differ).map((entry) => entry.split('\n', 1)[0] ?? '');
    return [...new Set(keys)].filter((key) => !HARMLESS.test(key));
  }

  /** `key`, line feed, value of each setting; a file that git cannot read is one setting of its own. */
  async #entries(content: Buffer | null): Promise<string[]> {
    if (content === null || content.length === 0) return [];
    const answer = await this.#repository.git.run(['config', '--file', '-', '--no-includes', '--list', '-z'], {
      input: content,
      okExitCodes: [0, 1, 128],
    });
    if (answer.exitCode === 0) return records(answer.stdout).map((record) => record.toString('utf8'));
    return [`(unreadable)\n${content.toString('latin1')}`];
  }

  #shown(path: string): string {
    const inside = relative(this.#repository.root, path);
    return inside.startsWith('..') || isAbsolute(inside) ? path : inside;
  }
}

function isConfig(path: string): boolean {
  return /\/config(?:\.worktree)?$/.test(path);
}

/** Null for what cannot be read as a file, which then differs from any file. */
function contentOf(path: string): Buffer | null {
  try {
    return readPlainFile(path, { maxBytes: Number.POSITIVE_INFINITY }) ?? Buffer.from('(no file)');
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return Buffer.from(`(${errnoOf(error)})`);
  }
}
