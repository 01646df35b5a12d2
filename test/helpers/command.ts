/**
 * The command in tests: `autoresearch()` calls it in this process, `builtProgram()` starts it as people do. Most tests ask
 * for words, files and exit codes, and need no process; signals, pipes, terminals and other users do.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { main } from '../../src/cli/main.js';
import type { TemporaryRepository } from './git.js';

/** The built program's entry. */
export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

const PATIENCE_MS = 10_000;

export interface CommandPlace {
  readonly cwd: string;
  /** On top of this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface CommandEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** In the repository, or in `cwd`, with a home folder and a cache beside the repository. */
export function placeOf(repository: TemporaryRepository, cwd = repository.path) {
  const home = join(dirname(repository.path), 'home');
  mkdirSync(home, { recursive: true });
  return { cwd, env: { HOME: home, XDG_CACHE_HOME: repository.cacheHome } };
}

/** `autoresearch <args>` as a process of its own; `prefix` runs it by way of another program. A hang fails. */
export function builtProgram(
  { cwd, env }: CommandPlace,
  args: readonly string[],
  prefix: readonly string[] = [],
): CommandEnd {
  const [program = process.execPath, ...rest] = [...prefix, process.execPath, CLI, ...args];
  const { status, stdout, stderr } = spawnSync(program, rest, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 50_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return { code: status, stdout, stderr };
}

let isRunning = false;

/**
 * `autoresearch <args>` in this process: from its sources, without a terminal, with nothing on stdin. Fails when the
 * command leaves something behind that would keep a process alive, or a listener, or an exit code set.
 */
export async function autoresearch(place: CommandPlace, args: readonly string[]): Promise<CommandEnd> {
  if (isRunning) throw new Error(`autoresearch ${args.join(' ')}: an earlier call has not come back yet`);
  const before = traces();
  const stdout = new Captured();
  const stderr = new Captured();
  const giveBack = disguise({ ...place, argv: [process.execPath, CLI, ...args], stdout, stderr });
  isRunning = true;
  try {
    const code = await main(args);
    await nothingLeft(before, args);
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    giveBack();
    isRunning = false;
  }
}

class Captured extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

interface Disguise extends CommandPlace {
  readonly argv: readonly string[];
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Makes this process look as the command's own would; returns what undoes it. Changes nothing when the folder is missing. */
function disguise({ cwd, env = {}, argv, stdout, stderr }: Disguise): () => void {
  const here = process.cwd();
  const ambient = { ...process.env };
  const ownArgv = process.argv;
  const streams = (['stdin', 'stdout', 'stderr'] as const).map(
    (name) => [name, Object.getOwnPropertyDescriptor(process, name) as PropertyDescriptor] as const,
  );
  process.chdir(cwd);
  Object.assign(process.env, env);
  process.argv = [...argv];
  for (const [name, value] of Object.entries({ stdin: Readable.from([]), stdout, stderr })) {
    Object.defineProperty(process, name, { configurable: true, enumerable: true, value });
  }
  return () => {
    for (const [name, descriptor] of streams) Object.defineProperty(process, name, descriptor);
    process.argv = ownArgv;
    for (const name of Object.keys(process.env)) if (!(name in ambient)) delete process.env[name];
    Object.assign(process.env, ambient);
    process.chdir(here);
  };
}

/** What a command must leave as it was: counts by name. */
function traces(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const event of process.eventNames()) counts.set(`listener for ${String(event)}`, process.listenerCount(event));
  for (const resource of process.getActiveResourcesInfo()) counts.set(resource, (counts.get(resource) ?? 0) + 1);
  if (process.exitCode !== undefined) counts.set('exit code', 1);
  return counts;
}

/** Waits for what is just ending; a process of its own would wait for it as well. */
async function nothingLeft(before: ReadonlyMap<string, number>, args: readonly string[]): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const left = [...traces()].filter(([name, count]) => count > (before.get(name) ?? 0)).map(([name]) => name);
    if (left.length === 0) return;
    if (performance.now() > deadline) throw new Error(`autoresearch ${args.join(' ')} left behind: ${left.join(', ')}`);
    await setTimeout(1);
  }
}

/** Files below `folder`, sorted; none when there is no folder. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
