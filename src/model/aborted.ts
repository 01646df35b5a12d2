import type { CallFacts } from './types.js';

/** The call was stopped from outside. What it had used by then is money all the same. */
export class CallAborted extends Error {
  readonly facts: CallFacts | null;

  constructor(facts: CallFacts | null = null) {
    super('the call was stopped');
    this.name = 'AbortError';
    this.facts = facts;
  }
}
