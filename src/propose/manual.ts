import { setTimeout as delay } from 'node:timers/promises';
import { watch as watchFiles } from 'chokidar';
import type { Json } from '../core/json.js';
import { oneLine } from '../core/text.js';
import type { Scope, StagedProposal, Workspace } from '../git/types.js';
import type { Nothing, Proposal, ProposeContext, Proposer } from './types.js';

/**
 * People propose: a commit above the incumbent, or the edited target in the working copy. `manual` takes what is there;
 * `watch` waits for it. Polling is the truth, file events only wake it earlier.
 */
export interface HumanOptions {
  readonly workspace: Workspace;
  readonly scope: () => Scope;
  /** Subject of a commit, for the description. */
  readonly subjectOf: (commit: string) => Promise<string>;
  /** Overrides every description (`--description`). */
  readonly description: string | null;
  /** While this holds, `watch` takes nothing. */
  readonly isPaused: () => boolean;
}

const POLL_MS = 1_000;

export class ManualProposer implements Proposer {
  readonly name = 'manual';
  readonly #options: HumanOptions;

  constructor(options: HumanOptions) {
    this.#options = options;
  }

  async propose(context: ProposeContext): Promise<Proposal | Nothing> {
    const staged = await this.#options.workspace.inspect(context.incumbent.commit, this.#options.scope());
    if (staged) return { kind: 'proposal', description: await describe(this.#options, staged) };
    return {
      kind: 'nothing',
      outcome: 'no_change',
      reason: `nothing to try: edit or commit a change of ${context.targets.slice(0, 3).join(', ')} first`,
      final: true,
    };
  }
}

export class WatchProposer implements Proposer {
  readonly name = 'watch';
  readonly waitsForPeople = true;
  readonly #options: HumanOptions;
  /** What was proposed last: when it could not be rolled back, it is not a new idea. */
  #lastTree: string | null = null;

  constructor(options: HumanOptions) {
    this.#options = options;
  }

  async propose(context: ProposeContext, signal: AbortSignal): Promise<Proposal | Nothing> {
    const { workspace, scope, isPaused } = this.#options;
    const watcher = watchFiles([...context.targets], { cwd: context.workspace, ignoreInitial: true, depth: 0 });
    let onChange = () => undefined as unknown;
    watcher.on('all', () => onChange()).on('error', () => undefined);
    try {
      let settled: StagedProposal | null = null;
      for (;;) {
        const staged = await workspace.inspect(context.incumbent.commit, scope());
        // A half-written file differs from one look to the next: only what was the same twice is a proposal.
        if (staged && staged.tree !== this.#lastTree && settled?.tree === staged.tree && !isPaused()) {
          this.#lastTree = staged.tree;
          return { kind: 'proposal', description: await describe(this.#options, staged) };
        }
        const isSettling = staged !== null && staged.tree !== this.#lastTree;
        settled = staged;
        await new Promise<void>((resolve) => {
          const finish = () => {
            onChange = () => undefined;
            resolve();
          };
          if (!isSettling) onChange = finish;
          void delay(POLL_MS, undefined, { signal }).then(finish, finish);
        });
        if (signal.aborted)
          return { kind: 'nothing', outcome: 'no_change', reason: 'the run was stopped', final: false };
      }
    } finally {
      await watcher.close();
    }
  }

  snapshot(): Json {
    return { lastTree: this.#lastTree };
  }

  restore(state: Json): void {
    if (typeof state !== 'object' || state === null || !('lastTree' in state)) return;
    this.#lastTree = typeof state.lastTree === 'string' ? state.lastTree : null;
  }
}

async function describe({ subjectOf, description }: HumanOptions, staged: StagedProposal): Promise<string> {
  if (description !== null) return oneLine(description);
  if (staged.existingCommit !== null)
    return oneLine(await subjectOf(staged.existingCommit)).replace(/^experiment: /, '');
  const paths = staged.changed.map(({ path }) => path);
  return oneLine(`edit of ${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ` and ${paths.length - 3} more` : ''}`);
}
