/**
 * Reads what the kernel knows about processes: one row per process, its children, its memory and its environment.
 * Linux reads /proc; elsewhere `ps.ts` stands in. It only looks; it never signals.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { psMarked, psRow, psTable } from './ps.js';

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** See `ProcessIdentity.startTime`. */
  readonly startTime: string;
  /** A zombie is dead: it cannot run again, whatever `kill(pid, 0)` says. */
  readonly dead: boolean;
  /** User + system time of the process and of those of its children that it waited for; 0 where unknown. */
  readonly cpuSeconds: number;
  /** The part of `cpuSeconds` that children used which have ended and were waited for. */
  readonly waitedCpuSeconds: number;
}

export const HAS_PROC = process.platform === 'linux';

/** USER_HZ: the unit of times in /proc, 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

export function readProcess(pid: number): ProcessRow | null {
  if (!HAS_PROC) return psRow(pid);
  const text = readSmall(`/proc/${pid}/stat`);
  return text === null ? null : parseStat(text);
}

/** Every process that this user can see, also those of others. */
export function listProcesses(): readonly ProcessRow[] {
  if (!HAS_PROC) return psTable();
  const rows: ProcessRow[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const row = readProcess(Number(name));
    if (row) rows.push(row);
  }
  return rows;
}

/** Whether the kernel keeps a list of every process's children, which spares reading the whole table. */
const HAS_CHILD_LISTS = HAS_PROC && existsSync(`/proc/${process.pid}/task/${process.pid}/children`);

/** A function that tells the direct children of a process as of now; ask for a new one whenever "now" has moved on. */
export function childLookup(): (pid: number) => readonly number[] {
  if (HAS_CHILD_LISTS) return readChildren;
  const children = new Map<number, number[]>();
  for (const { pid, parent } of listProcesses()) {
    const siblings = children.get(parent);
    if (siblings) siblings.push(pid);
    else children.set(parent, [pid]);
  }
  return (pid) => children.get(pid) ?? [];
}

function readChildren(pid: number): readonly number[] {
  let threads: readonly string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
  const children: number[] = [];
  for (const thread of threads) {
    const text = readSmall(`/proc/${pid}/task/${thread}/children`);
    if (text === null) continue;
    for (const word of text.split(' ')) if (word !== '') children.push(Number(word));
  }
  return children;
}

/** Largest resident size that a live process ever had, in bytes; 0 for a zombie or where it cannot be read. */
export function peakResidentBytes(pid: number): number {
  const match = /^VmHWM:\s*(\d+) kB/m.exec(readSmall(`/proc/${pid}/status`) ?? '');
  return match ? Number(match[1]) * 1024 : 0;
}

/** A function that tells whether a process was started with a variable of this name in its environment. */
export function markLookup(mark: string): (pid: number) => boolean {
  if (HAS_PROC) return (pid) => readsMark(pid, mark);
  const marked = new Set(psMarked(mark));
  return (pid) => marked.has(pid);
}

function readsMark(pid: number, mark: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    return environment.startsWith(`${mark}=`) || environment.includes(`\0${mark}=`);
  } catch {
    return false; // gone, or not ours to read: then it cannot be ours to end either
  }
}

function parseStat(text: string): ProcessRow | null {
  // The command name in parentheses may itself hold spaces and parentheses: count fields from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const at = (field: number): number => Number(fields[field - 3]);
  const startTime = fields[22 - 3];
  const state = fields[0];
  if (startTime === undefined || state === undefined) return null;
  // A process whose main thread has left shows Z as well while its other threads run on.
  const dead = 'ZXx'.includes(state) && at(20) <= 1;
  const waitedCpuSeconds = (at(16) + at(17)) / TICKS_PER_SECOND;
  const cpuSeconds = (at(14) + at(15)) / TICKS_PER_SECOND + waitedCpuSeconds;
  return { pid: Number.parseInt(text, 10), parent: at(4), group: at(5), startTime, dead, cpuSeconds, waitedCpuSeconds };
}

const buffer = Buffer.allocUnsafe(64 * 1024);

/** A /proc file in one read: three times as fast as readFileSync, which matters with a thousand processes. */
function readSmall(path: string): string | null {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return null;
  }
  try {
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, null));
  } catch {
    return null; // ESRCH: it ended between open and read
  } finally {
    closeSync(fd);
  }
}
