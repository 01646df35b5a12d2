import type { Json } from '../core/json.js';
import { GATES } from './index.js';
import type { Comparison, Evidence, GateStep, ItemRow } from './types.js';

/**
 * Computes a recorded verdict again from nothing but its statistics: the gate is asked step by step and given the
 * recorded values in their order, so that it also shows that each of them had been asked for.
 */
type Verdict = Extract<GateStep, { kind: 'verdict' }>;

/** @throws RangeError where the statistics are not those of a gate's verdict. */
export function replay(statistics: Json): Verdict {
  if (!isRecorded(statistics)) throw new RangeError("these are not the statistics of a gate's verdict");
  const { evidence } = statistics;
  const run = GATES[statistics.gate].open(statistics.comparison);
  const given = { candidate: [] as number[], incumbent: [] as number[] };
  const rows = { candidate: [] as ItemRow[], incumbent: [] as ItemRow[] };
  for (;;) {
    const step = run.next(evidence.items ? { ...given, items: rows } : given);
    if (step.kind === 'verdict') return step;
    for (const side of step.sides) {
      const value = evidence[side][given[side].length];
      if (value === undefined) throw new RangeError(`the statistics lack a measurement of the ${side}`);
      rows[side].push(evidence.items?.[side][given[side].length] ?? []);
      given[side].push(value);
    }
  }
}

interface Recorded {
  readonly gate: keyof typeof GATES;
  readonly comparison: Comparison;
  readonly evidence: Evidence;
}

/** What only a gate writes: of the comparison no more is looked at than tells it from something else. */
function isRecorded(statistics: unknown): statistics is Recorded {
  if (!isObject(statistics)) return false;
  const { gate, comparison, evidence } = statistics;
  return (
    typeof gate === 'string' &&
    Object.hasOwn(GATES, gate) &&
    isObject(comparison) &&
    isNumbers(comparison['incumbentValues']) &&
    isObject(evidence) &&
    isNumbers(evidence['candidate']) &&
    isNumbers(evidence['incumbent']) &&
    isItems(evidence['items'])
  );
}

function isItems(items: unknown): boolean {
  return items === undefined || (isObject(items) && isRows(items['candidate']) && isRows(items['incumbent']));
}

function isRows(rows: unknown): boolean {
  return Array.isArray(rows) && rows.every((row) => Array.isArray(row) && isNumbers(row.filter((at) => at !== null)));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}
