/**
 * What tokens cost where the provider does not say: from a table of prices that somebody wrote down, or unknown. A
 * guess is always marked as an estimate.
 */

import type { Cost, Usage } from './types.js';
import { totalTokens, UNKNOWN_COST } from './usage.js';

/** US dollars per million tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
  /** Read from the cache; the input price where it is not given. */
  readonly cached: number;
}

export type PriceTable = ReadonlyMap<string, Price>;

const MILLION = 1_000_000;
const NUMBER = /^\d+(?:\.\d+)?$/;

/** `3/15` or `3/15/0.3`: input, output and cached input per million tokens. Null when it is not that. */
export function parsePrice(text: string): Price | null {
  const parts = text.split('/').map((part) => part.trim());
  if (parts.length < 2 || parts.length > 3 || !parts.every((part) => NUMBER.test(part))) return null;
  const [input = 0, output = 0, cached = input] = parts.map(Number);
  return { input, output, cached };
}

/** Tokens written to a cache count as input: providers charge at least that. */
export function estimateCost(usage: Usage | null, price: Price | undefined): Cost {
  if (usage === null || price === undefined || totalTokens(usage) === 0) return UNKNOWN_COST;
  const { inputTokens, cacheWriteTokens, cachedTokens, outputTokens } = usage;
  const input = (inputTokens + cacheWriteTokens) * price.input;
  return { usd: (input + cachedTokens * price.cached + outputTokens * price.output) / MILLION, source: 'estimated' };
}

/** What was reported wins where it is more than 0: a reported 0 beside used tokens only means "not priced here". */
export function costOf(
  { usd, usage, isEstimate = false }: { usd: number | null; usage: Usage | null; isEstimate?: boolean },
  price: Price | undefined,
): Cost {
  if (usd !== null && usd > 0) return { usd, source: isEstimate ? 'estimated' : 'reported' };
  return estimateCost(usage, price);
}
