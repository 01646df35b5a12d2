/**
 * What is remembered of a service beside the experiment's store, and the one rule that rests on it: a run that ended
 * for a reason which starting again would not change stays ended until a person starts it.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from '../core/errors.js';
import { exitCodeOf, isStopReason, type StopReason } from '../loop/stop-rules.js';
import type { SessionRow } from '../store/rows.js';

export interface ServiceRecord {
  readonly name: string;
  /** Node and the program that the service starts: either may be gone after an update. */
  readonly program: readonly string[];
  /** The git folder of the repository when it was installed; null where that was not written down. */
  readonly commonDir: string | null;
  /** A person has started the service since this session ended; it no longer holds the service back. */
  readonly forgivenSession: number | null;
}

/** A stop, a reboot, a bug or a single trial by hand: nothing that speaks against going on. */
const RESUMED: ReadonlySet<StopReason> = new Set<StopReason>(['terminated', 'failed', 'trial_done']);

export interface HeldBack {
  readonly reason: StopReason;
  readonly detail: string;
  readonly exitCode: number;
}

/** Why a service must not start by itself; null when it may. A session without a stop reason was killed. */
export function heldBack(session: SessionRow | null, record: ServiceRecord | null): HeldBack | null {
  const reason = session?.stopReason ?? null;
  if (session === null || reason === null || !isStopReason(reason) || RESUMED.has(reason)) return null;
  if (record?.forgivenSession === session.id) return null;
  return { reason, detail: session.stopDetail, exitCode: exitCodeOf(reason) };
}

/** Null when there is none. A torn or foreign file says nothing: the service is then found by its usual name. */
export function readRecord(path: string): ServiceRecord | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return null;
  }
}

function recordOf(value: unknown): ServiceRecord | null {
  if (typeof value !== 'object' || value === null) return null;
  const { name, program, commonDir, forgivenSession } = value as Record<string, unknown>;
  if (typeof name !== 'string' || !Array.isArray(program)) return null;
  return {
    name,
    program: program.filter((word) => typeof word === 'string'),
    commonDir: typeof commonDir === 'string' ? commonDir : null,
    forgivenSession: typeof forgivenSession === 'number' ? forgivenSession : null,
  };
}

/**
 * Null for the record that a copied repository brought along: the service is the original's. A repository that was
 * moved, or is looked at by another path, keeps its own.
 */
export function ownRecord(record: ServiceRecord | null, commonDir: string): ServiceRecord | null {
  const installedFor = record?.commonDir ?? commonDir;
  if (installedFor === commonDir) return record;
  const [there, here] = [installedFor, commonDir].map((path) => statSync(path, { throwIfNoEntry: false }));
  return there === undefined || (there.dev === here?.dev && there.ino === here.ino) ? record : null;
}

/** What the service needs and no longer finds: it was updated or moved away. */
export function goneSince(record: ServiceRecord | null): readonly string[] {
  if (record === null) return [];
  return [...record.program, ...(record.commonDir === null ? [] : [record.commonDir])].filter(
    (path) => !existsSync(path),
  );
}

export function writeRecord(path: string, record: ServiceRecord): void {
  writeWhole(path, `${JSON.stringify(record)}\n`, 0o600);
}

/** A reader sees the old text or the new one. The folder is made for its owner only. */
export function writeWhole(path: string, text: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(`${path}.new`, { force: true });
  writeFileSync(`${path}.new`, text, { mode });
  renameSync(`${path}.new`, path);
}
