/**
 * Which shell runs command lines, and where programs are found. It runs nothing.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';

const bash = findProgram('bash', process.env['PATH'] ?? '');

/** The shell that runs command lines on this machine; fixed when the runner starts. */
export function shellName(): 'bash' | 'sh' {
  return bash === null ? 'sh' : 'bash';
}

/** With bash a pipeline fails when any of its parts fails; plain `sh` knows no such option. */
export function shellArgv(commandLine: string): readonly string[] {
  return bash === null ? ['/bin/sh', '-c', commandLine] : [bash, '-o', 'pipefail', '-c', commandLine];
}

/**
 * Absolute path of an executable file, looked up as `execvp` does: a name with a slash is a path (seen from `cwd`),
 * any other is searched for in `pathVariable`. Null when there is none.
 */
export function findProgram(name: string, pathVariable: string, cwd = process.cwd()): string | null {
  if (name === '') return null;
  const folders = name.includes('/') ? [''] : pathVariable.split(delimiter);
  for (const folder of folders) {
    const path = resolve(cwd, folder, name);
    if (isExecutableFile(path)) return path;
  }
  return null;
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // absent or forbidden: either way it cannot be run
  }
}
