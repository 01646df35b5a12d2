/**
 * The stand-in for /proc where there is none (macOS): the same questions answered by `ps`. It knows no CPU time of
 * children and sees the environment of the user's own processes only.
 */
import { spawnSync } from 'node:child_process';
import type { ProcessRow } from './proc-table.js';

const COLUMNS = ['-o', 'pid=,ppid=,pgid=,state=,lstart='];

export function psTable(): readonly ProcessRow[] {
  return ps(['-axww', ...COLUMNS]).flatMap((line) => parseLine(line) ?? []);
}

export function psRow(pid: number): ProcessRow | null {
  const [line] = ps(['-ww', ...COLUMNS, '-p', String(pid)]);
  return line === undefined ? null : parseLine(line);
}

/** `ps -E` prints the environment behind the command. */
export function psMarked(mark: string): readonly number[] {
  return ps(['-axEww', '-o', 'pid=,command='])
    .filter((line) => line.includes(` ${mark}=`))
    .map((line) => Number.parseInt(line, 10));
}

/** Names this boot of the machine by the moment at which it happened. */
export function sysctlBootTime(): string {
  return spawnSync('sysctl', ['-n', 'kern.boottime'], { encoding: 'utf8' }).stdout?.trim() ?? '';
}

function ps(options: readonly string[]): readonly string[] {
  const { stdout } = spawnSync('ps', options, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C' },
  });
  return (stdout ?? '').split('\n').filter((line) => line.trim() !== '');
}

function parseLine(line: string): ProcessRow | null {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
  if (!match) return null;
  const [, pid, parent, group, state = '', startTime = ''] = match;
  return {
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    startTime,
    dead: state.startsWith('Z'),
    cpuSeconds: 0,
    waitedCpuSeconds: 0,
  };
}
