import { judgePair, tieVerdict, verdict } from './compare.js';
import { Confirmation } from './confirm.js';
import type { Comparison, Evidence, Gate, GateStep } from './types.js';

/** Incumbent runs that a difference costs: the first estimate of the noise. */
const PROBES = 6;
/** Two sums of the same numbers in another order: no difference. */
const ROUNDING = 1e-12;
/**
 * Evaluations after which a worse candidate has the incumbent measured again: when it was the machine that changed, once
 * and for good, every candidate looks worse, and nothing else would ever tell.
 */
const HEARTBEAT_EVALUATIONS = 100;

/**
 * The default. While no two runs of the same code ever differed, one run decides against a candidate and three runs
 * (candidate, incumbent again, candidate again) for it. Once any two differed the metric is noisy for good, and a keep
 * must be confirmed in fresh pairs; a difference found in the middle of a trial changes the rule of that same trial.
 */
export const auto: Gate = {
  name: 'auto',
  open: (comparison: Comparison) => {
    const incumbent = comparison.incumbentValues[0];
    const confirmation = new Confirmation('auto', comparison);
    return {
      next: (evidence: Evidence): GateStep => {
        if (comparison.noisy || incumbent === undefined) return confirmation.next(evidence);
        return deterministicStep({ comparison, evidence, incumbent }) ?? confirmation.next(evidence, PROBES);
      },
    };
  },
};

interface Deterministic {
  readonly comparison: Comparison;
  readonly evidence: Evidence;
  readonly incumbent: number;
}

/** Null once two runs of the same code differed. */
function deterministicStep({ comparison, evidence, incumbent }: Deterministic): GateStep | null {
  const first = evidence.candidate[0];
  if (first === undefined) return { kind: 'measure', sides: ['candidate'] };
  const judged = judgePair(comparison, incumbent, first);
  const values = { evidence, metric: first, incumbentMetric: incumbent };
  if (judged.equal) {
    const tie = tieVerdict(comparison);
    return verdict('auto', comparison, { ...values, verdict: tie.verdict, reason: judged.sentence + tie.suffix });
  }
  const isRounding = Math.abs(first - incumbent) <= ROUNDING * Math.abs(incumbent);
  const again = evidence.incumbent[0];
  if (!judged.better || isRounding) {
    const isStale = (comparison.sampling?.evaluationsSinceIncumbent ?? 0) > HEARTBEAT_EVALUATIONS;
    if (isStale && !isRounding && again === undefined) return { kind: 'measure', sides: ['incumbent'] };
    if (again !== undefined && again !== incumbent) return null;
    const reason = isRounding ? `${judged.sentence}: no more than rounding` : judged.sentence;
    return verdict('auto', comparison, { ...values, verdict: 'discard', reason });
  }
  const repeated = evidence.candidate[1];
  if (again === undefined || repeated === undefined) return { kind: 'measure', sides: ['incumbent', 'candidate'] };
  if (again !== incumbent || repeated !== first) return null;
  return verdict('auto', comparison, {
    ...values,
    verdict: 'keep',
    reason: `${judged.sentence}, the same when both were measured again`,
  });
}
