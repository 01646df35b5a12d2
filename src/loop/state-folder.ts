import { join } from 'node:path';
import type { ExperimentName } from '../core/names.js';

/**
 * Where an experiment's state lives: in the repository's common git directory, where no git command can take it.
 */
export class StateFolder {
  readonly path: string;
  readonly commonDir: string;

  constructor(commonDir: string, { domain, name }: ExperimentName) {
    this.commonDir = commonDir;
    this.path = join(commonDir, 'autoresearch', domain, name);
  }

  get store(): string {
    return join(this.path, 'store.sqlite');
  }

  get heartbeat(): string {
    return join(this.path, 'heartbeat');
  }

  /** There while a person wants the loop to wait. */
  get pauseMark(): string {
    return join(this.path, 'paused');
  }

  /** What is known of the service that runs this experiment. */
  get service(): string {
    return join(this.path, 'service.json');
  }

  get daemonLog(): string {
    return join(this.path, 'daemon.log');
  }

  /** Holds `autoresearch` itself for evaluate_cmd, whatever the PATH of a service or of npx is. */
  get programs(): string {
    return join(this.path, 'bin');
  }

  /** Temporary files of the sandboxed command that runs. */
  get sandboxes(): string {
    return join(this.path, 'sandboxes');
  }

  /** The stamp of the set-up command's inputs that the workspace was last set up for. */
  get setupStamp(): string {
    return join(this.path, 'setup-stamp');
  }

  definitions(revision: number): string {
    return join(this.path, 'definitions', String(revision));
  }

  /** Logs, prompts, transcripts, artefacts and rescued patches of one attempt. */
  trial(trialId: number): string {
    return join(this.path, 'trials', String(trialId));
  }

  /** The part of it that the proposer may write to: nothing of the runner's own is read from or written to it by name. */
  proposal(trialId: number): string {
    return join(this.trial(trialId), 'proposal');
  }

  measurementLog(trialId: number, measurementId: number): string {
    return join(this.trial(trialId), `measurement-${measurementId}.log`);
  }

  measurementOutput(trialId: number, measurementId: number): string {
    return join(this.trial(trialId), `measurement-${measurementId}`);
  }
}
