/**
 * How firmly a command's descendants are held together. In a pid namespace the kernel ends all of them with the first
 * process, and also when the runner itself is killed; a process group loses those that leave it, and then only the mark
 * and the parent chain find them. The namespace changes nothing else: same user, same files, same network.
 */
import { constants } from 'node:os';
import { findProgram } from './shell.js';
import { runTool } from './tool.js';
import type { Containment } from './types.js';

/** Set to `process_group` to do without pid namespaces, for example where a debugger must attach from outside. */
const OVERRIDE = 'AUTORESEARCH_CONTAINMENT';

const PROBE_TIMEOUT_MS = 5_000;

/** Ends with the runner's main thread (not with a worker thread's), and takes the whole namespace with it. */
const NAMESPACE = ['--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--'];

/**
 * Process 1 of the namespace ignores every signal that it does not handle, so the command runs as its child. Reports on
 * descriptor 3: that it began, how many processes outlived the command, and their CPU time.
 */
const INIT = `exec 4>&2 2>/dev/null
echo started >&3
(exec "$@" 2>&4 3>&- 4>&-)
status=$?
alive=0
for process in /proc/[0-9]*; do
  [ "$process" = /proc/1 ] || while read -r key value; do
    [ "$key" = State: ] || continue
    case $value in [ZX]*) ;; *) alive=$((alive + 1)) ;; esac
    break
  done <"$process/status"
done
echo "alive $alive" >&3
times >&3
exit $status`;

/** What process 1 of a namespace said before it ended. */
export interface NamespaceReport {
  readonly started: boolean;
  /** Processes that outlived the command; null when process 1 was killed before it could count. */
  readonly alive: number | null;
  readonly cpuSeconds: number | null;
}

let probed: Promise<readonly string[] | null> | null = null;

/** The best containment that works here, found out once per process by trying. */
export async function probeContainment(): Promise<Containment> {
  return (await namespacePrefix()) === null ? 'process_group' : 'pid_namespace';
}

/** Wraps an argument vector (with an absolute program) in a pid namespace; null where none can be had. */
export async function namespaceArgv(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<readonly string[] | null> {
  const prefix = await namespacePrefix();
  return prefix && [...prefix, ...underFirstProcess(argv, env)];
}

/** The program that has to be process 1 of a pid namespace, with `argv` as its child. */
export function underFirstProcess(argv: readonly string[], env: Readonly<Record<string, string>>): readonly string[] {
  return [...initShell(env), '-c', INIT, 'init', ...argv];
}

/** Null while `text` does not even say that the namespace was set up. */
export function readReport(text: string): NamespaceReport {
  const alive = /^alive (\d+)$/m.exec(text);
  const [, childTimes] = text.match(/^\d+m[\d.]+s \d+m[\d.]+s$/gm) ?? [];
  return {
    started: text.startsWith('started'),
    alive: alive ? Number(alive[1]) : null,
    cpuSeconds: childTimes === undefined ? null : secondsOfTimes(childTimes),
  };
}

/** Shells turn the end by signal n into exit code 128 + n; this turns it back, under either containment alike. */
export function signalOfExitCode(exitCode: number | null): NodeJS.Signals | null {
  if (exitCode === null || exitCode <= 128) return null;
  for (const [name, number] of Object.entries(constants.signals)) {
    if (number === exitCode - 128) return name as NodeJS.Signals;
  }
  return null;
}

function namespacePrefix(): Promise<readonly string[] | null> {
  if (process.env[OVERRIDE] === 'process_group' || process.platform !== 'linux') return Promise.resolve(null);
  probed ??= probe();
  return probed;
}

async function probe(): Promise<readonly string[] | null> {
  const path = process.env['PATH'] ?? '';
  const setpriv = findProgram('setpriv', path);
  const unshare = findProgram('unshare', path);
  if (setpriv === null || unshare === null) return null;
  const userNamespace = ['--user', '--map-current-user'];
  for (const extra of process.getuid?.() === 0 ? [[], userNamespace] : [userNamespace]) {
    const prefix = [setpriv, '--pdeathsig', 'KILL', '--', unshare, ...extra, ...NAMESPACE];
    const test = [...prefix, '/bin/sh', '-c', 'test $$ = 1 && test -r /proc/1/stat && exit 42'];
    const result = await runTool(test, { timeoutMs: PROBE_TIMEOUT_MS });
    if (result.exitCode === 42) return prefix;
  }
  return null;
}

/** `sh` drops variables whose names are no identifiers (npm and exported bash functions make such); bash keeps them. */
function initShell(env: Readonly<Record<string, string>>): readonly string[] {
  const odd = Object.keys(env).some((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  const bash = odd ? findProgram('bash', process.env['PATH'] ?? '') : null;
  return bash === null ? ['/bin/sh'] : [bash, '-p'];
}

/** `0m0.310000s 0m0.030000s`: user and system time. */
function secondsOfTimes(line: string): number {
  let seconds = 0;
  for (const [, minutes, rest] of line.matchAll(/(\d+)m([\d.]+)s/g)) seconds += Number(minutes) * 60 + Number(rest);
  return seconds;
}
