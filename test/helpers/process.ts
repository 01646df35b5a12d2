/** Commands for tests of process control: a scratch folder each, and a way to see who is left without any mark. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { runCommand } from '../../src/process/run-command.js';
import type { CommandResult, CommandSpec } from '../../src/process/types.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/process', import.meta.url));

/** The twelve ways to outlive one's runner; `full-daemon` is the one that a process group cannot hold. */
export const EVADERS = [
  'plain',
  'compound',
  'pipeline',
  'background',
  'nohup',
  'traps-term',
  'stops-itself',
  'hundred-children',
  'setsid',
  'double-fork',
  'scrubbed-environment',
  'full-daemon',
] as const;

export function fixture(name: string): string {
  return join(FIXTURES, name);
}

export function evader(name: string): string {
  return fixture(`evaders/${name}.sh`);
}

export function newMark(): string {
  return `AUTORESEARCH_MARK_${randomUUID().replaceAll('-', '')}`;
}

/** A duration for `sleep` that no other process of this machine has on its command line. */
export function newTag(): string {
  return `600.${randomInt(1e6, 1e7)}${randomInt(1e6, 1e7)}`;
}

/** Living processes with this word on their command line. */
export function processesWith(tag: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && holds(name, tag))
    .map(Number);
}

/** A folder of its own whose name needs quoting, and commands that run in it. */
export class Scratch {
  readonly path = mkdtempSync(join(tmpdir(), `run 'q" $x `));
  #count = 0;

  spec(command: CommandSpec['command'], extra: Partial<CommandSpec> = {}): CommandSpec {
    this.#count += 1;
    return {
      command,
      cwd: this.path,
      env: { PATH: process.env['PATH'] ?? '' },
      logPath: join(this.path, `${this.#count}.log`),
      hardLimitMs: 20_000,
      graceMs: 200,
      mark: newMark(),
      ...extra,
    };
  }

  async run(
    command: CommandSpec['command'],
    extra: Partial<CommandSpec> = {},
    signal?: AbortSignal,
  ): Promise<CommandResult & { log: string }> {
    const spec = this.spec(command, extra);
    const result = await runCommand(spec, signal);
    return { ...result, log: readFileSync(spec.logPath, 'utf8') };
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Polls until `ready`, at most 10 s. */
export async function until(what: string, ready: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!ready()) {
    if (performance.now() > deadline) throw new Error(`waited 10 s in vain: ${what}`);
    await setTimeout(10);
  }
}

function holds(pid: string, tag: string): boolean {
  try {
    // A zombie has no command line.
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(tag);
  } catch {
    return false; // ended meanwhile
  }
}

/** For values that a test relies on. */
export function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('a value that the test relies on is missing');
  return value;
}

/** Starts a process that is killed with the test at the latest. */
export function startHelper(program: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** The lines that a process prints until it closes its output. */
export async function linesOf(child: ChildProcess): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: present(child.stdout) })) lines.push(line);
  return lines;
}
