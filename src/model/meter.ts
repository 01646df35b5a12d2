/** What calls really took, repetitions and repairs included: put it directly around the driver, below every cache. */
import { CallAborted } from './aborted.js';
import type { CallFacts, Cost, FailureOutcome, Model, Usage } from './types.js';
import { addCost, addUsage, NO_USAGE, UNKNOWN_COST } from './usage.js';

/** Of these nothing is known because nothing was used. */
const TURNED_AWAY: ReadonlySet<FailureOutcome | 'ok'> = new Set([
  ...(['missing_program', 'auth', 'untrusted', 'budget', 'rate_limit'] as const),
]);

export class Meter {
  calls = 0;
  usage: Usage = NO_USAGE;
  cost: Cost = { usd: 0, source: 'reported' };
  /** A call that may have used tokens did not say how many. */
  isUsageUnknown = false;

  around(model: Model): Model {
    return async (request, signal) => {
      try {
        const reply = await model(request, signal);
        if (reply.outcome !== 'missing_program') this.calls += 1;
        this.#add(reply, TURNED_AWAY.has(reply.outcome));
        return reply;
      } catch (error) {
        if (error instanceof CallAborted) {
          this.calls += 1;
          this.#add(error.facts ?? NOTHING_KNOWN, false);
        }
        throw error;
      }
    };
  }

  #add({ usage, cost }: Pick<CallFacts, 'usage' | 'cost'>, isTurnedAway: boolean): void {
    this.usage = addUsage(this.usage, usage) ?? NO_USAGE;
    if (isTurnedAway && usage === null && cost.usd === null) return;
    if (usage === null) this.isUsageUnknown = true;
    this.cost = addCost(this.cost, cost);
  }
}

const NOTHING_KNOWN = { usage: null, cost: UNKNOWN_COST };
