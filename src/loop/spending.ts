import { oneLine } from '../core/text.js';
import { formatUsd } from '../core/units.js';
import type { Spending } from '../propose/types.js';
import type { DearestRow, SpendingRow, SpentRow } from '../store/rows.js';
import type { Stop } from './stop-rules.js';

/** What proposals took, and the budgets that bind them. An unknown price is unknown, never 0. Pure. */
const MOST_DENIALS = 10;

export interface MoneyLimits {
  /** Of the whole experiment, in US dollars and in tokens. */
  readonly maxCostUsd: number | null;
  readonly maxTokens: number | null;
  /** Of one proposal. */
  readonly maxCostPerTrialUsd: number | null;
}

/** Null where no model was asked. */
export function spendingOf({ usage, cost, denials = [] }: Spending): SpendingRow | null {
  if (usage === undefined && cost === undefined && denials.length === 0) return null;
  const tokens = usage ? usage.inputTokens + usage.cachedTokens + usage.cacheWriteTokens + usage.outputTokens : null;
  return {
    costUsd: cost?.usd ?? null,
    costSource: cost?.source ?? 'unknown',
    tokens,
    denials: denials.slice(0, MOST_DENIALS).map((denial) => oneLine(denial, 200)),
  };
}

/**
 * What a call is charged with that was cut short: what it said it took, else as much as the dearest so far (or as one
 * may), for it may have taken as much.
 */
export function cutShort(
  said: SpendingRow | null,
  { dearest, maxCostPerTrialUsd }: { dearest: DearestRow } & Pick<MoneyLimits, 'maxCostPerTrialUsd'>,
): SpendingRow {
  const { costUsd, costSource, tokens, denials } = said ?? UNSAID;
  const usd = costUsd ?? dearest.usd ?? maxCostPerTrialUsd;
  const source = costUsd !== null ? costSource : usd === null ? 'unknown' : 'estimated';
  return { costUsd: usd, costSource: source, tokens: tokens ?? dearest.tokens, denials };
}

const UNSAID: SpendingRow = { costUsd: null, costSource: 'unknown', tokens: null, denials: [] };

/** Why a proposal may not be kept: it took more than it, or the whole experiment, was allowed to. Null when it may. */
export function overBudget(limits: MoneyLimits, spending: SpendingRow | null, before: SpentRow): string | null {
  const { costUsd, tokens } = spending ?? { costUsd: null, tokens: null };
  const { maxCostUsd, maxTokens, maxCostPerTrialUsd } = limits;
  if (maxCostPerTrialUsd !== null && costUsd !== null && costUsd > maxCostPerTrialUsd) {
    return `the proposal took ${formatUsd(costUsd)}, more than max_cost_per_trial_usd = ${maxCostPerTrialUsd}`;
  }
  if (maxCostUsd !== null && before.usd + (costUsd ?? 0) > maxCostUsd) {
    return `with this proposal ${formatUsd(before.usd + (costUsd ?? 0))} are spent, more than max_cost_usd = ${maxCostUsd}`;
  }
  if (maxTokens !== null && before.tokens + (tokens ?? 0) > maxTokens) {
    return `with this proposal ${before.tokens + (tokens ?? 0)} tokens are spent, more than max_tokens = ${maxTokens}`;
  }
  return null;
}

/** What the next proposal may cost; null without a limit. */
export function budgetLeft({ maxCostUsd, maxCostPerTrialUsd }: MoneyLimits, { usd }: SpentRow): number | null {
  const limits = [maxCostPerTrialUsd, maxCostUsd === null ? null : Math.max(0, maxCostUsd - usd)];
  const set = limits.filter((limit) => limit !== null);
  return set.length === 0 ? null : Math.min(...set);
}

/** The budget that is spent, or that cannot be kept for want of numbers. */
export function stopForMoney({ maxCostUsd, maxTokens, maxCostPerTrialUsd }: MoneyLimits, spent: SpentRow): Stop | null {
  if (maxCostUsd !== null && spent.usd >= maxCostUsd) {
    return { reason: 'max_cost', detail: `${formatUsd(spent.usd)} are spent (max_cost_usd = ${maxCostUsd})` };
  }
  if (maxTokens !== null && spent.tokens >= maxTokens) {
    return { reason: 'max_tokens', detail: `${spent.tokens} tokens are spent (max_tokens = ${maxTokens})` };
  }
  const limit = maxCostUsd !== null ? 'max_cost_usd' : maxCostPerTrialUsd !== null ? 'max_cost_per_trial_usd' : null;
  if (limit !== null && spent.unknownCosts > 0) {
    return unknownNumbers(
      limit,
      'cost of a proposal',
      'add price = <in>/<out> under [agent] (for an agent that tells its tokens)',
    );
  }
  if (maxCostUsd !== null && spent.unknownJudgeCosts > 0) {
    return unknownNumbers('max_cost_usd', "cost of an evaluation's judges", 'add price = <in>/<out> under [judge]');
  }
  if (maxTokens !== null && spent.unknownTokens > 0) {
    return unknownNumbers('max_tokens', 'number of tokens of a proposal', 'use an agent that reports them');
  }
  return null;
}

function unknownNumbers(limit: string, what: string, cure: string): Stop {
  return {
    reason: 'cost_unknown',
    detail: `${limit} cannot be kept: the ${what} is unknown`,
    hint: `${cure}, or delete ${limit} under [limits], then run again`,
  };
}
