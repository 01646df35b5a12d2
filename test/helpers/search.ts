import type { ProposeContext, SettledTrial } from '../../src/propose/types.js';

/** A context with only what the search reads; the rest is plausible filler. */
export function searchContext(
  workspace: string,
  targets: readonly string[],
  more: { readonly trial?: number; readonly metric?: number | null } = {},
): ProposeContext {
  const metric = more.metric ?? null;
  return {
    workspace,
    targets,
    trial: more.trial ?? 1,
    experiment: 'engineering/search',
    metric: 'p50_ms',
    direction: 'lower',
    timeBudgetMinutes: 1,
    incumbent: { commit: '0'.repeat(40), metric, trial: null },
    baselineMetric: metric,
    history: [],
    sinceKeep: 0,
    program: '',
    guidance: '',
    budgetUsd: null,
    nearMisses: [],
    notes: [],
    recordFolder: workspace,
    mark: '',
    onProcess: () => {},
  };
}

export function settled(trial: Pick<SettledTrial, 'number' | 'outcome' | 'verdict' | 'metric'>): SettledTrial {
  return { ...trial, description: '', reason: '', feedback: null, crashTail: null, insertions: null, deletions: null };
}
