/**
 * Runs a command where it sees the system read-only and may write only to what it was given: bubblewrap (`bwrap`) on
 * Linux. It is also the command's pid namespace. Which paths those are is for the caller to say.
 */
import { oneLine } from '../core/text.js';
import { underFirstProcess } from './containment.js';
import { findProgram } from './shell.js';
import { runTool } from './tool.js';

/** One change to what is seen at an absolute path; a later mount hides what an earlier one shows there. */
export type Mount =
  /** `source`: another file or folder that is seen in its place. */
  | { readonly kind: 'read_only' | 'writable'; readonly path: string; readonly source?: string }
  | { readonly kind: 'device'; readonly path: string }
  /** An existing folder that is seen empty; nothing can be written to it, but later mounts may lie in it. */
  | { readonly kind: 'empty'; readonly path: string };

export interface SandboxPlan {
  /** In this order, over a system of which all is read-only. */
  readonly mounts: readonly Mount[];
  /** Without it there is not even a route to this machine's own services. */
  readonly network: boolean;
  /** Variables that are true only inside, such as TMPDIR. */
  readonly env: Readonly<Record<string, string>>;
}

const PROBE_TIMEOUT_MS = 10_000;

/** Started in a session of its own anyway, so no terminal has to be taken away. Root keeps its name, not its powers. */
const ALWAYS = ['--die-with-parent', '--unshare-pid', '--as-pid-1', '--unshare-ipc', '--cap-drop', 'ALL'];
const SYSTEM = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc'];

/** The files of the kernel under /proc belong to root, whom no powers are needed for to write them. */
const FOR_ROOT = ['--remount-ro', '/proc'];

/** What `bwrap` is told, up to where the command begins. */
export function sandboxArguments(
  { mounts, network }: Omit<SandboxPlan, 'env'>,
  { cwd, isRoot }: { readonly cwd: string; readonly isRoot: boolean },
): readonly string[] {
  const sealed = mounts.flatMap(({ kind, path }) => (kind === 'empty' ? ['--remount-ro', path] : []));
  return [
    ...ALWAYS,
    ...(network ? [] : ['--unshare-net']),
    ...SYSTEM,
    ...(isRoot ? FOR_ROOT : []),
    ...mounts.flatMap(mountArguments),
    // Only now: the mount points of what lies in such a folder had to be made in it.
    ...sealed,
    ...['--chdir', cwd, '--'],
  ];
}

function mountArguments(mount: Mount): readonly string[] {
  switch (mount.kind) {
    case 'read_only':
      return ['--ro-bind', mount.source ?? mount.path, mount.path];
    case 'writable':
      return ['--bind', mount.source ?? mount.path, mount.path];
    case 'device':
      return ['--dev-bind', mount.path, mount.path];
    case 'empty':
      return ['--tmpfs', mount.path];
  }
}

/** The sandboxed form of an argument vector with an absolute program; null where there is no `bwrap`. */
export function sandboxArgv(
  argv: readonly string[],
  { plan, cwd, env }: { plan: SandboxPlan; cwd: string; env: Readonly<Record<string, string>> },
): readonly string[] | null {
  const bwrap = bubblewrap();
  return bwrap === null
    ? null
    : [bwrap, ...sandboxArguments(plan, { cwd, isRoot: isRoot() }), ...underFirstProcess(argv, env)];
}

/** The same for a short helper program, in `/`: it is the first process and leaves no report. */
export function sandboxedTool(argv: readonly string[], plan: Omit<SandboxPlan, 'env'>): readonly string[] {
  return [bubblewrap() ?? 'bwrap', ...sandboxArguments(plan, { cwd: '/', isRoot: isRoot() }), ...argv];
}

/** Why no sandbox can be had on this machine, found out by running one; null when one can. */
export async function sandboxProblem(): Promise<string | null> {
  if (process.platform !== 'linux') return `there is none for ${process.platform}, only for Linux`;
  if (bubblewrap() === null) return 'bwrap is not on PATH';
  const probe = ['/bin/sh', '-c', 'test $$ = 1 && exit 42'];
  const result = await runTool(sandboxedTool(probe, { mounts: [], network: false }), { timeoutMs: PROBE_TIMEOUT_MS });
  if (result.exitCode === 42) return null;
  return `bwrap does not work here: ${oneLine(result.problem || result.stderr) || 'it said nothing'}`;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function bubblewrap(): string | null {
  return findProgram('bwrap', process.env['PATH'] ?? '');
}
