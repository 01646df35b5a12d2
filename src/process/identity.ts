/**
 * Tells one process from another that later got the same pid: pid, start time and boot together never repeat.
 */
import { readFileSync } from 'node:fs';
import { HAS_PROC, type ProcessRow, readProcess } from './proc-table.js';
import { sysctlBootTime } from './ps.js';
import type { ProcessIdentity } from './types.js';

let knownBootId: string | null = null;

/** Names this boot of the machine; a pid recorded under another boot id is dead. */
export function bootId(): string {
  knownBootId ??= HAS_PROC ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : sysctlBootTime();
  return knownBootId;
}

/** Null when no such process exists. A zombie still has an identity. */
export function identityOf(pid: number): ProcessIdentity | null {
  const row = readProcess(pid);
  return row ? identityOfRow(row) : null;
}

export function identityOfRow(row: ProcessRow): ProcessIdentity {
  return { pid: row.pid, startTime: row.startTime, bootId: bootId() };
}

/** Whether the row shows the very process that `identity` names, dead or alive. */
export function isSameProcess(row: ProcessRow | null | undefined, identity: ProcessIdentity): row is ProcessRow {
  return row?.pid === identity.pid && row.startTime === identity.startTime && identity.bootId === bootId();
}

/** True only for the very process that was named; a zombie is dead, and so is everything from before this boot. */
export function isAlive(identity: ProcessIdentity): boolean {
  const row = readProcess(identity.pid);
  return isSameProcess(row, identity) && !row.dead;
}
