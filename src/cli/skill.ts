import { createHash, randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { AppError, errnoOf, errorMessage } from '../core/errors.js';
import type { AddCommands } from './main.js';
import { out } from './output.js';
import { VERSION } from './version.js';

/**
 * `skill install`: the Agent Skill that tells any coding agent how to use this program, put where agents look for skills.
 * A file that somebody edited is not overwritten.
 */
interface SkillOptions {
  readonly dir?: string;
  readonly user?: boolean;
  readonly print?: boolean;
  readonly force?: boolean;
  readonly path?: string;
}

const NAME = 'autoresearch';
const TEMPLATE = new URL('../../templates/skill/SKILL.md', import.meta.url);
/** Ends an installed file: which text it was when we wrote it. */
const SEAL = /\n<!-- installed by autoresearch \S+, sha256 ([0-9a-f]{64}) -->\n$/;

export const addSkill: AddCommands = (program: Command) => {
  const skill = program.command('skill').description('teach coding agents to use autoresearch');
  skill
    .command('install')
    .description('write the Agent Skill into .agents/skills, and into .claude/skills where there is .claude')
    .option('--dir <folder>', 'a folder of skills, instead of those')
    .option('--user', 'for all repositories: ~/.agents/skills, and ~/.claude/skills where there is ~/.claude')
    .option('--print', 'print it and write nothing')
    .option('--force', 'also over a file that was edited')
    .option('--path <folder>', 'the repository, when not the current folder')
    .action(async (options: SkillOptions) => {
      const text = sealed(readFileSync(TEMPLATE, 'utf8'));
      if (options.print) out(text);
      else for (const folder of await skillFolders(options)) install(join(folder, NAME, 'SKILL.md'), text, options);
    });
};

async function skillFolders({ dir, user, path }: SkillOptions): Promise<readonly string[]> {
  if (dir !== undefined && user) {
    throw new AppError('usage', '--dir and --user name different places', { hint: 'leave one of them out' });
  }
  if (dir !== undefined) return [resolve(dir)];
  const root = user ? homedir() : await repositoryRoot(path);
  const claude = existsSync(join(root, '.claude')) ? [join(root, '.claude', 'skills')] : [];
  return [join(root, '.agents', 'skills'), ...claude];
}

async function repositoryRoot(path: string | undefined): Promise<string> {
  const { openPlace } = await import('./place.js');
  const { repository } = await openPlace({ path });
  if (repository !== null) return repository.root;
  throw new AppError('usage', 'this is not inside a git repository', {
    hint: 'autoresearch skill install --user, or name a folder of skills with --dir <folder>',
  });
}

function install(path: string, text: string, { force = false }: SkillOptions): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  const old = found?.isFile() ? readFileSync(path, 'utf8') : null;
  if (old === text) {
    out(`unchanged  ${path}`);
    return;
  }
  if (found && old === null) {
    throw new AppError('usage', `${path} is no ordinary file`, { hint: 'move it away, or choose another --dir' });
  }
  if (old !== null && !force && isEdited(old)) {
    throw new AppError('usage', `${path} was edited: it was left as it is`, {
      hint: `autoresearch skill install --force overwrites it; --print shows the new text`,
    });
  }
  write(path, text);
  out(`${old === null ? 'wrote    ' : 'replaced '}  ${path}`);
}

function write(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, text, { flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (errnoOf(error) === undefined) throw error;
    throw new AppError('usage', `${path} cannot be written: ${errorMessage(error)}`, {
      hint: 'choose another folder with --dir <folder>',
      cause: error,
    });
  }
}

function sealed(text: string): string {
  return `${text}\n<!-- installed by autoresearch ${VERSION}, sha256 ${hashOf(text)} -->\n`;
}

/** A file that we never wrote counts as edited. */
function isEdited(text: string): boolean {
  const seal = SEAL.exec(text);
  return seal === null || hashOf(text.slice(0, seal.index)) !== seal[1];
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
