import type { Json } from '../core/json.js';

/** What came of a check of a candidate, as it stands in the trial's statistics: for people, not for proposers. */
export type CheckRecord = {
  readonly name: string;
  readonly passed: boolean;
  /** The number beside its limit, or how the command ended. */
  readonly found: string;
  /** Null for limits, which cost no time. */
  readonly seconds: number | null;
};

/** The records of a trial; empty where none was checked, and for trials of versions that kept none. */
export function readChecks(statistics: Json): readonly CheckRecord[] {
  if (typeof statistics !== 'object' || statistics === null || !('checks' in statistics)) return [];
  const { checks } = statistics;
  return Array.isArray(checks) ? checks.filter(isRecord) : [];
}

function isRecord(value: Json): value is CheckRecord {
  if (typeof value !== 'object' || value === null || !('name' in value && 'found' in value)) return false;
  const { name, passed, found, seconds } = value as Record<string, Json | undefined>;
  const isTime = seconds === null || typeof seconds === 'number';
  return typeof name === 'string' && typeof passed === 'boolean' && typeof found === 'string' && isTime;
}
