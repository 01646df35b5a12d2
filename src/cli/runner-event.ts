import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { errnoOf } from '../core/errors.js';
import type { RunnerEvent } from '../dashboard/doing.js';

/** The newest event in the runner's log: it knows what the store does not, such as a wait or a set-up command. */
const TAIL_BYTES = 16 * 1024;

/** Null when there is no log, or when its newest event says nothing about the present. */
export function newestEvent(daemonLog: string): RunnerEvent | null {
  const line = lastLine(daemonLog);
  if (line === null) return null;
  try {
    return toEvent(JSON.parse(line));
  } catch {
    return null; // A line that is still being written: the next look finds it whole.
  }
}

function toEvent(value: unknown): RunnerEvent | null {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('time' in value)) return null;
  const at = Number(value.time);
  if (value.kind === 'waiting' && 'reason' in value && 'untilMs' in value) {
    return { kind: 'waiting', reason: String(value.reason), untilMs: Number(value.untilMs), at };
  }
  if (value.kind === 'paused') return { kind: 'paused', at };
  return value.kind === 'measuring' && 'side' in value ? { kind: 'measuring', side: String(value.side), at } : null;
}

function lastLine(path: string): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    const size = fstatSync(descriptor).size;
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const length = readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    return buffer.subarray(0, length).toString('utf8').trimEnd().split('\n').at(-1) ?? null;
  } finally {
    closeSync(descriptor);
  }
}
