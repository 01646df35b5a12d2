import type { Experiment } from '../config/experiment.js';
import type { EventSink } from '../core/events.js';
import type { Json } from '../core/json.js';
import type { Direction } from '../core/metric.js';
import type { EvaluatorCommand } from '../evaluate/command-evaluator.js';
import type { DefinitionFile } from '../evaluate/definitions.js';
import type { Gate } from '../gate/types.js';
import type { ExperimentRefs } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import type { Scope, Workspace } from '../git/types.js';
import type { Proposer } from '../propose/types.js';
import type { ResultsMirror } from '../store/results-tsv.js';
import type { Store } from '../store/store.js';
import type { Guard } from './guard.js';
import type { Session } from './session.js';
import type { StateFolder } from './state-folder.js';

/** One revision of the definitions: how candidates are judged. Values of different revisions are never compared. */
export interface Revision {
  readonly number: number;
  readonly hash: string;
  readonly files: readonly DefinitionFile[];
  readonly evaluator: EvaluatorCommand;
  /** Measures the held-out number, where it needs a command of its own. */
  readonly holdoutEvaluator: EvaluatorCommand | null;
  readonly metric: string;
  readonly direction: Direction;
}

/** Everything a trial needs, opened once per run. `experiment`, `revision` and `gate` change when the operator edits. */
export interface RunContext {
  experiment: Experiment;
  revision: Revision;
  gate: Gate;
  readonly name: string;
  readonly repository: Repository;
  readonly refs: ExperimentRefs;
  readonly workspace: Workspace;
  readonly store: Store;
  readonly state: StateFolder;
  readonly guard: Guard;
  readonly mirror: ResultsMirror;
  readonly proposer: Proposer;
  readonly session: Session;
  readonly emit: EventSink;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly newMark: () => string;
  /** Aborted when the run must end now. */
  readonly signal: AbortSignal;
  /** A person asked for a pause at the border of the trial. */
  readonly isPaused: () => boolean;
  /** Aborted when the run is to end at the border of the trial. */
  readonly stopSoon: AbortSignal;
}

/** The mirrors that we write beside the config ourselves are nobody's proposal. */
const MIRRORS = ['.autoresearch/*/*/results.tsv*', '.autoresearch/*/*/run.log*'];

export function scopeOf(experiment: Experiment): Scope {
  const { target, workspace } = experiment.settings;
  return { target, ignored: [...workspace.link, ...workspace.keep, ...MIRRORS], strictness: workspace.scope };
}

/** Thrown inside a trial when the run was told to end now; the trial stays resumable. */
export class RunAborted extends Error {
  constructor() {
    super('the run was told to end now');
    this.name = 'RunAborted';
  }
}

export type NoiseFact = { readonly values: readonly number[]; readonly noisy: boolean };

export function noiseKey(revision: number): string {
  return `noise:${revision}`;
}

/** What is known about the metric's noise under a revision; nothing known counts as not noisy. */
export function readNoise(fact: Json | undefined): NoiseFact {
  if (typeof fact !== 'object' || fact === null || !('values' in fact) || !('noisy' in fact)) {
    return { values: [], noisy: false };
  }
  const values = Array.isArray(fact.values) ? fact.values : [];
  return {
    values: values.filter((value): value is number => typeof value === 'number'),
    noisy: fact.noisy === true,
  };
}

/** A proposer's snapshot under its name: another kind of proposer must not be given it. */
export function proposerState(proposer: Proposer): Json | undefined {
  const state = proposer.snapshot?.();
  return state === undefined ? undefined : { proposer: proposer.name, state };
}
