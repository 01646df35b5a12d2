/**
 * Starts a command inside its containment, or says why it cannot be started. It does not watch or end it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { errorMessage } from '../core/errors.js';
import { type NamespaceReport, namespaceArgv, readReport } from './containment.js';
import { drain } from './drain.js';
import { identityOf } from './identity.js';
import type { LogFile } from './log-file.js';
import { sandboxArgv } from './sandbox.js';
import { findProgram, shellArgv } from './shell.js';
import { withStdinFile } from './stdin-file.js';
import type { CommandSpec, Containment, ProcessIdentity } from './types.js';

export interface CommandExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartedCommand {
  readonly identity: ProcessIdentity;
  readonly containment: Containment;
  /** Resolves when the first process has ended, whoever still holds its files open. */
  readonly exit: Promise<CommandExit>;
  /** What process 1 of the namespace said; null without a namespace. Ask after `exit`. */
  report(): Promise<NamespaceReport | null>;
}

interface Outputs {
  readonly log: LogFile;
  readonly stdout: LogFile;
}

const REPORT_QUIET_MS = 200;

/** Returns the reason as text when the command cannot be started. */
export async function launch(spec: CommandSpec, outputs: Outputs): Promise<StartedCommand | string> {
  const argv = commandArgv(spec);
  if (typeof argv === 'string') return argv;
  const { sandbox, cwd } = spec;
  const env = { ...spec.env, ...sandbox?.env, [spec.mark]: '1' };
  const contained = sandbox ? sandboxArgv(argv, { plan: sandbox, cwd, env }) : await namespaceArgv(argv, env);
  if (sandbox && contained === null) return 'there is no bwrap on PATH for the sandbox';
  const [program = '', ...args] = contained ?? argv;
  const start = (stdin: 'ignore' | number): ChildProcess =>
    spawn(program, args, {
      cwd: spec.cwd,
      env,
      detached: true,
      stdio: [stdin, outputs.stdout.fd, outputs.log.fd, ...(contained ? (['pipe'] as const) : [])],
    });
  let child: ChildProcess;
  try {
    child = spec.stdin === undefined ? start('ignore') : withStdinFile(spec.stdin, dirname(spec.logPath), start);
  } catch (error) {
    // E2BIG and the like are thrown, ENOENT and the like are emitted.
    if (isSpawnError(error)) return errorMessage(error);
    throw error;
  }
  if (child.pid === undefined) return errorMessage((await once(child, 'error'))[0]);
  return started(child, child.pid, contained !== null);
}

function isSpawnError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'syscall' in error && String(error.syscall).startsWith('spawn');
}

/** The exact argument vector with an absolute program, or why there is none. */
function commandArgv(spec: CommandSpec): readonly string[] | string {
  if (!isFolder(spec.cwd)) return `the folder ${spec.cwd} does not exist or cannot be entered`;
  if (typeof spec.command === 'string') return shellArgv(spec.command);
  const [name = '', ...args] = spec.command;
  const program = findProgram(name, spec.env['PATH'] ?? '', spec.cwd);
  if (program !== null) return [program, ...args];
  return name.includes('/') ? `${name} is not an executable file` : `${name} is not on PATH`;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // absent or behind a folder that may not be entered
  }
}

function started(child: ChildProcess, pid: number, isContained: boolean): StartedCommand {
  const identity = identityOf(pid);
  // Nobody but this process reaps the child, and only between two turns of the event loop.
  if (identity === null) throw new Error(`process ${pid} vanished while it was started`);
  const exit = new Promise<CommandExit>((resolve) => {
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
  });
  const report = isContained ? reportReader(child) : async () => null;
  return { identity, containment: isContained ? 'pid_namespace' : 'process_group', exit, report };
}

/** Process 1 writes a few dozen bytes to descriptor 3; whatever else arrives there is cut off. */
function reportReader(child: ChildProcess): () => Promise<NamespaceReport> {
  const pipe = child.stdio[3] as Readable;
  let text = '';
  pipe.on('data', (chunk: Buffer) => {
    if (text.length < 1024) text += chunk.toString('latin1');
  });
  pipe.on('error', () => undefined);
  return async () => {
    await drain([pipe], () => text.length, REPORT_QUIET_MS);
    pipe.destroy();
    return readReport(text);
  };
}
