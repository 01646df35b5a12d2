import type { MeasuredItem } from '../core/measurement.js';
import type { Evidence, ItemRow } from './types.js';

/**
 * Per-item values of the runs of one trial, in the compact form that a verdict's statistics can hold. An item has its
 * place in the table of the trial from the first run that has it.
 */
const MOST_ITEMS = 1000;

/** Turns the items of each run into a row; one table per trial, fed in the order of measuring. */
export class ItemTable {
  readonly #places = new Map<string, number>();

  row(items: readonly MeasuredItem[]): ItemRow {
    const values: (number | null)[] = [];
    for (const { id, value } of items.length > MOST_ITEMS ? fold(items) : items) {
      const place = this.#places.get(id) ?? this.#places.size;
      this.#places.set(id, place);
      while (values.length <= place) values.push(null);
      values[place] = value;
    }
    return values;
  }
}

/**
 * More than a thousand items become a thousand blocks by a hash of their ids, each the mean of its items. A block's name
 * tells which items are in it, so that blocks of different items are never compared.
 */
function fold(items: readonly MeasuredItem[]): { id: string; value: number }[] {
  const blocks = new Map<number, { sum: number; count: number; members: number }>();
  for (const { id, value } of items) {
    const block = hash(id, 0x811c9dc5) % MOST_ITEMS;
    const { sum, count, members } = blocks.get(block) ?? { sum: 0, count: 0, members: 0 };
    // A sum of hashes does not depend on the order of the rows.
    blocks.set(block, { sum: sum + value, count: count + 1, members: (members + hash(id, 0x9747b28c)) >>> 0 });
  }
  return [...blocks].map(([block, { sum, count, members }]) => ({
    id: `${block} ${count} ${members}`,
    value: sum / count,
  }));
}

/** Method: FNV-1a over UTF-16 code units, with murmur3's last mixing step. */
function hash(text: string, start: number): number {
  let mixed = start;
  for (let at = 0; at < text.length; at += 1) mixed = Math.imul(mixed ^ text.charCodeAt(at), 0x01000193);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export interface CommonItems {
  /** Items that any run has. */
  readonly total: number;
  /** Per item that every run has: its values in the candidate's runs, and in the incumbent's. */
  readonly candidate: readonly (readonly number[])[];
  readonly incumbent: readonly (readonly number[])[];
}

/** Null where a run of either side has no items. */
export function commonItems({ items }: Evidence): CommonItems | null {
  if (!items) return null;
  const rows = [...items.candidate, ...items.incumbent];
  if (rows.length === 0 || rows.some((row) => row.length === 0)) return null;
  const total = Math.max(...rows.map((row) => row.length));
  const common = Array.from({ length: total }, (_, place) => place).filter((place) =>
    rows.every((row) => typeof row[place] === 'number'),
  );
  const valuesOf = (side: readonly ItemRow[]) => common.map((place) => side.map((row) => row[place] ?? 0));
  return { total, candidate: valuesOf(items.candidate), incumbent: valuesOf(items.incumbent) };
}
