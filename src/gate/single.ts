import { median } from '../core/statistics.js';
import { judgePair, tieVerdict, verdict } from './compare.js';
import type { Comparison, Evidence, Gate, GateStep } from './types.js';

/**
 * One measurement of the candidate against the incumbent's own value: never against the luckiest number in history.
 * `single` takes the incumbent's last value, `min_delta` the same with a smallest effect.
 */
function gateOf(name: string): Gate {
  return {
    name,
    open: (comparison: Comparison) => ({
      next(evidence: Evidence): GateStep {
        const candidate = evidence.candidate[0];
        if (candidate === undefined) return { kind: 'measure', sides: ['candidate'] };
        const incumbent = comparison.incumbentValues[0];
        if (incumbent === undefined) return { kind: 'measure', sides: ['incumbent'] };
        return decideOnce(name, { comparison, evidence, incumbent, candidate });
      },
    }),
  };
}

interface Once {
  readonly comparison: Comparison;
  readonly evidence: Evidence;
  readonly incumbent: number;
  readonly candidate: number;
}

function decideOnce(name: string, { comparison, evidence, incumbent, candidate }: Once): GateStep {
  const judged = judgePair(comparison, incumbent, candidate);
  const values = { evidence, metric: candidate, incumbentMetric: incumbent };
  if (judged.equal) {
    const tie = tieVerdict(comparison);
    return verdict(name, comparison, { ...values, verdict: tie.verdict, reason: judged.sentence + tie.suffix });
  }
  return verdict(name, comparison, {
    ...values,
    verdict: judged.better ? 'keep' : 'discard',
    reason: judged.sentence,
  });
}

export const single = gateOf('single');
export const minDelta = gateOf('min_delta');

export const always: Gate = {
  name: 'always',
  open: (comparison: Comparison) => ({
    next(evidence: Evidence): GateStep {
      const candidate = evidence.candidate[0];
      if (candidate === undefined) return { kind: 'measure', sides: ['candidate'] };
      const incumbentMetric = comparison.incumbentValues.length > 0 ? median(comparison.incumbentValues) : candidate;
      const { sentence } = judgePair(comparison, incumbentMetric, candidate);
      return verdict('always', comparison, {
        evidence,
        verdict: 'keep',
        reason: `kept without comparing: ${sentence}`,
        metric: candidate,
        incumbentMetric,
      });
    },
  }),
};
