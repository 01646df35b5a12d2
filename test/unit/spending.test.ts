import { describe, expect, it } from 'vitest';
import { cutShort, overBudget, spendingOf, stopForMoney } from '../../src/loop/spending.js';

const NONE = { maxCostUsd: null, maxTokens: null, maxCostPerTrialUsd: null };
const spent = (more: object = {}) => ({
  usd: 0,
  tokens: 0,
  unknownCosts: 0,
  unknownTokens: 0,
  unknownJudgeCosts: 0,
  ...more,
});
const paid = (costUsd: number | null, tokens: number | null = 100) => ({
  ...{ costUsd, tokens, denials: [] },
  costSource: costUsd === null ? ('unknown' as const) : ('reported' as const),
});

describe('what a proposal took', () => {
  it('is nothing where no model was asked, and unknown, not 0, where nobody said', () => {
    expect(spendingOf({})).toBeNull();
    expect(spendingOf({ usage: null, cost: { usd: null, source: 'unknown' } })).toEqual(paid(null, null));
  });

  it('is the tokens of all kinds', () => {
    const usage = { inputTokens: 1, cachedTokens: 20, cacheWriteTokens: 300, outputTokens: 4000, calls: 2 };
    expect(spendingOf({ usage, cost: { usd: 0.5, source: 'reported' } })).toEqual(paid(0.5, 4321));
  });
});

describe('a call that was cut short', () => {
  const dearest = { usd: 0.4, tokens: 90 };
  const nobody = { usd: null, tokens: null };
  const [none, two] = [{ maxCostPerTrialUsd: null }, { maxCostPerTrialUsd: 2 }];
  it.each([
    ['what it said', paid(0.1, 50), { dearest, ...two }, { costUsd: 0.1, costSource: 'reported', tokens: 50 }],
    ['like the dearest', null, { dearest, ...two }, { costUsd: 0.4, costSource: 'estimated', tokens: 90 }],
    ['what it said of it', paid(null, 50), { dearest, ...none }, { costUsd: 0.4, tokens: 50 }],
    ['what one may cost', null, { dearest: nobody, ...two }, { costUsd: 2, costSource: 'estimated', tokens: null }],
    ['as unknown', null, { dearest: nobody, ...none }, { costUsd: null, costSource: 'unknown', tokens: null }],
  ])('is charged %s', (_, said, known, charged) => {
    expect(cutShort(said, known)).toMatchObject(charged);
  });
});

describe('a proposal may not be kept', () => {
  it.each([
    ['when it cost more than one may', { maxCostPerTrialUsd: 1 }, paid(1.01), spent(), 'max_cost_per_trial_usd = 1'],
    ['when with it all is spent', { maxCostUsd: 10 }, paid(2), spent({ usd: 9 }), '$11.00 are spent'],
    ['when with it all tokens are', { maxTokens: 1000 }, paid(null), spent({ tokens: 950 }), '1050 tokens'],
  ])('%s', (_, limits, spending, before, text) => {
    expect(overBudget({ ...NONE, ...limits }, spending, before)).toContain(text);
  });

  it('but may when it stays within', () => {
    const limits = { maxCostUsd: 10, maxTokens: 1000, maxCostPerTrialUsd: 1 };
    expect(overBudget(limits, paid(1, 50), spent({ usd: 9, tokens: 950 }))).toBeNull();
    expect(overBudget(NONE, paid(1e6, 1e12), spent())).toBeNull();
  });
});

describe('a run stops', () => {
  it.each([
    ['max_cost', { maxCostUsd: 2 }, { usd: 2 }],
    ['max_tokens', { maxTokens: 5 }, { tokens: 5 }],
    ['cost_unknown', { maxCostUsd: 2 }, { unknownCosts: 1 }],
    ['cost_unknown', { maxCostPerTrialUsd: 2 }, { unknownCosts: 1 }],
    ['cost_unknown', { maxTokens: 2 }, { unknownTokens: 1 }],
    ['cost_unknown', { maxCostUsd: 2 }, { unknownJudgeCosts: 1 }],
  ])('because of %s', (reason, limits, more) => {
    expect(stopForMoney({ ...NONE, ...limits }, spent(more))).toMatchObject({ reason });
  });

  it('for no money where nobody set a limit', () => {
    expect(stopForMoney(NONE, spent({ usd: 1e6, unknownCosts: 9, unknownTokens: 9 }))).toBeNull();
  });
});
