import { median } from '../core/statistics.js';
import { judgePair, verdict } from './compare.js';
import { decideOnce } from './single.js';
import type { Comparison, Evidence, Gate, GateRun, GateStep } from './types.js';

/**
 * The default. While the metric never differed for the same code, one measurement decides. Once it has, an apparent
 * winner is only a lucky number until it wins again: candidate and incumbent are both measured once more, and the
 * fresh pair must confirm the gain. A clear loser still costs one measurement.
 */
export const auto: Gate = {
  name: 'auto',
  open: (comparison: Comparison): GateRun => ({
    next(evidence: Evidence): GateStep {
      const first = evidence.candidate[0];
      if (first === undefined) return { kind: 'measure', sides: ['candidate'] };
      if (comparison.incumbentValues.length === 0) return { kind: 'measure', sides: ['incumbent'] };
      const reference = median(comparison.incumbentValues);
      if (!comparison.noisy)
        return decideOnce('auto', { comparison, evidence, incumbent: reference, candidate: first });

      const screen = judgePair(comparison, reference, first);
      if (!screen.better) {
        return verdict('auto', comparison, {
          evidence,
          verdict: 'discard',
          reason: screen.sentence,
          metric: first,
          incumbentMetric: reference,
        });
      }
      const fresh = evidence.candidate[1];
      const again = evidence.incumbent[0];
      if (fresh === undefined || again === undefined) return { kind: 'measure', sides: ['incumbent', 'candidate'] };
      const confirmed = judgePair(comparison, again, fresh);
      return verdict('auto', comparison, {
        evidence,
        verdict: confirmed.better ? 'keep' : 'discard',
        reason: confirmed.better
          ? `${confirmed.sentence}, measured again after a first ${screen.sentence}`
          : `the first win did not repeat: ${confirmed.sentence}`,
        // The first value was selected for being good; only the fresh one estimates without that bias.
        metric: fresh,
        incumbentMetric: again,
      });
    },
  }),
};
