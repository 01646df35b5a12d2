import type { Nothing, Proposal, ProposeContext, Proposer } from './types.js';

/** Proposes an earlier candidate once more, on top of the incumbent of today. */
export interface RetryOptions {
  readonly number: number;
  readonly description: string;
  readonly patch: Buffer;
  readonly applyPatch: (folder: string, patch: Buffer) => Promise<string | null>;
}

export class RetryProposer implements Proposer {
  readonly name = 'retry';
  readonly #options: RetryOptions;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  async propose({ workspace }: ProposeContext): Promise<Proposal | Nothing> {
    const { number, description, patch, applyPatch } = this.#options;
    const problem = await applyPatch(workspace, patch);
    if (problem === null) return { kind: 'proposal', description: `retry of trial ${number}: ${description}` };
    const reason = `the change of trial ${number} does not apply to the incumbent of today: ${problem}`;
    return { kind: 'nothing', outcome: 'no_change', reason, final: true };
  }
}
