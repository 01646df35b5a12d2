import type { Json } from '../core/json.js';
import type { Direction } from '../core/metric.js';
import type { Outcome, Verdict } from '../core/outcome.js';
import type { Cost, Usage } from '../model/types.js';
import type { SandboxPlan } from '../process/sandbox.js';

/** What a proposer may know of a trial that is over. Held-out values have no field here, so they cannot reach it. */
export interface SettledTrial {
  readonly number: number | null;
  readonly verdict: Verdict | null;
  readonly outcome: Outcome;
  readonly metric: number | null;
  readonly description: string;
  readonly reason: string;
  /** Feedback that the evaluator left for the next proposal; untrusted text. */
  readonly feedback: string | null;
  /** Last lines of the evaluator's output when it crashed; untrusted text. */
  readonly crashTail: string | null;
  readonly insertions: number | null;
  readonly deletions: number | null;
}

export interface ProposeContext {
  /** Absolute path of the folder to edit. */
  readonly workspace: string;
  /** Tracked paths that match `target`, relative to the workspace, `/`-separated. */
  readonly targets: readonly string[];
  /** The number that the trial gets if it counts. */
  readonly trial: number;
  readonly experiment: string;
  readonly metric: string;
  readonly direction: Direction;
  readonly timeBudgetMinutes: number;
  readonly incumbent: { readonly commit: string; readonly metric: number | null; readonly trial: number | null };
  readonly baselineMetric: number | null;
  /** The newest trials, oldest first; at most a few dozen. */
  readonly history: readonly SettledTrial[];
  /** Settled, counted trials since the last keep. */
  readonly sinceKeep: number;
  /** What this proposal may cost at most, in US dollars; null without a limit. */
  readonly budgetUsd: number | null;
  /** Measured, not kept, and of those the best since the last keep: the best first. */
  readonly nearMisses: readonly SettledTrial[];
  /** What earlier proposals left for those after them, newest first; untrusted text. */
  readonly notes: readonly ProposerNote[];
  /** `guidance.md`: what the human wants to be tried or left alone right now; re-read before every trial. */
  readonly guidance: string;
  /** The human's steering wheel, re-read before every trial. */
  readonly program: string;
  /** A folder of this trial for prompts and transcripts; outside the workspace. */
  readonly recordFolder: string;
  /** Confines whatever program is started to make the change. */
  readonly sandbox?: SandboxPlan | undefined;
  /** Called when a child process was started, so that it can be ended after a crash of the runner. */
  readonly mark: string;
  onProcess(identity: { pid: number; startTime: string; bootId: string }): void;
}

/** What a proposal left for those after it. */
export interface ProposerNote {
  readonly trial: number;
  readonly text: string;
}

/** What a proposal took; absent where no model was called. */
export interface Spending {
  /** Null when nobody said how many tokens were used. */
  readonly usage?: Usage | null;
  readonly cost?: Cost;
  /** What the agent wanted to do and was not allowed to. */
  readonly denials?: readonly string[];
}

export interface Proposal extends Spending {
  readonly kind: 'proposal';
  /** One line; becomes the subject of the commit and the description of the trial. */
  readonly description: string;
  /** For the proposals after it; untrusted text. */
  readonly note?: string;
  /** Why, as far as the proposer knows, if it turns out that nothing was changed. */
  readonly unchangedReason?: string;
}

export interface Nothing extends Spending {
  readonly kind: 'nothing';
  readonly outcome: 'no_change' | 'agent_error';
  readonly reason: string;
  /** True when this proposer has nothing left: the loop stops instead of asking again. */
  readonly final: boolean;
  /** The call was ended before it could say what it took. */
  readonly cutShort?: boolean;
  /** A rate limit, which is nobody's fault, ends then: milliseconds since 1970. Such an attempt is not an idle one. */
  readonly retryAt?: number;
}

/** Who makes the next candidate: it edits `context.workspace` (or waits until a person did). */
export interface Proposer {
  readonly name: string;
  /** True when `propose` waits for a person: then any request to stop ends the wait, there is no work to finish. */
  readonly waitsForPeople?: boolean;
  propose(context: ProposeContext, signal: AbortSignal): Promise<Proposal | Nothing>;
  /** Learns from a verdict. Called once per settled trial, before the snapshot is taken. */
  observe?(trial: SettledTrial): void;
  /** Everything needed to go on exactly here after a restart. */
  snapshot?(): Json;
  restore?(state: Json): void;
}
