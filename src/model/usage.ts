/** Adding up tokens and money over calls. A sum with an unknown part is unknown. */
import type { Cost, Usage } from './types.js';

export const UNKNOWN_COST: Cost = { usd: null, source: 'unknown' };

export const NO_USAGE: Usage = { inputTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, outputTokens: 0, calls: 0 };

/** Null counts as nothing: a call that never reached a model used none. */
export function addUsage(a: Usage | null, b: Usage | null): Usage | null {
  if (a === null || b === null) return a ?? b;
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    calls: a.calls + b.calls,
  };
}

export function addCost(a: Cost, b: Cost): Cost {
  if (a.usd === null || b.usd === null) return UNKNOWN_COST;
  const isReported = a.source === 'reported' && b.source === 'reported';
  return { usd: a.usd + b.usd, source: isReported ? 'reported' : 'estimated' };
}

/** Adds a price from foreign JSON to a sum that begins with 0; one that is no price makes the sum unknown. */
export function addPrice(sum: number | null, price: unknown): number | null {
  if (sum === null || typeof price !== 'number' || !Number.isFinite(price) || price < 0) return null;
  return sum + price;
}

export function totalTokens(usage: Usage): number {
  return usage.inputTokens + usage.cachedTokens + usage.cacheWriteTokens + usage.outputTokens;
}

/** A count from foreign JSON: a finite number of 0 or more, else 0. */
export function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}
