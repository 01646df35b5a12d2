import type { Experiment } from '../config/experiment.js';
import type { RunEvent } from '../core/events.js';
import { oneLine } from '../core/text.js';
import { trialLine } from '../dashboard/trial-line.js';
import { clockText } from '../dashboard/when.js';
import type { Repository } from '../git/repository.js';
import { StateFolder } from '../loop/state-folder.js';
import { StoreReader } from '../store/reader.js';
import type { LiveLine } from './live-line.js';
import { styleOf } from './output.js';

/** What a run shows while it goes on: a line for each event that people care about, and the live line. */
interface Showing {
  readonly live: LiveLine;
  readonly trials: TrialPrinter;
  readonly quiet: boolean;
}

export function show(event: RunEvent, { live, trials, quiet }: Showing): void {
  switch (event.kind) {
    case 'notice':
      if (event.level === 'info' && quiet) return;
      live.print(event.level === 'warning' ? `warning: ${event.text}` : event.text);
      if (event.hint) live.print(`  ${event.hint}`);
      return;
    case 'proposing':
      live.show(`#${pad(event.number)} proposing`);
      return;
    case 'measuring': {
      const what = {
        candidate: 'measuring',
        incumbent: 'measuring the incumbent again',
        sabotage: 'measuring a broken target',
      };
      const text = event.side in what ? what[event.side as keyof typeof what] : event.side;
      live.show(`#${pad(event.number ?? 0)} ${text}  ${oneLine(event.description, 60)}`);
      return;
    }
    case 'measured':
      return;
    case 'settled':
      if (!quiet) trials.print(event.trialId);
      return;
    case 'restarted':
      return;
    case 'turn':
      live.show(`waiting for the machine: ${oneLine(event.owner, 60) || 'another experiment'} measures`);
      return;
    case 'paused':
      live.print(`Paused. Go on: ${event.hint}`);
      live.show('paused');
      return;
    case 'waiting':
      live.show(`waiting until ${clockText(event.untilMs, Date.now())}: ${event.reason}`);
      return;
    case 'stopping':
      live.print(event.reason);
  }
}

function pad(number: number): string {
  return String(number).padStart(4, '0');
}

/** Prints the line of a settled trial, read back from the store: what is shown is what is recorded. */
export class TrialPrinter {
  readonly #experiment: Experiment;
  readonly #repository: Repository;
  readonly #live: LiveLine;
  #reader: StoreReader | null = null;

  constructor(experiment: Experiment, repository: Repository, live: LiveLine) {
    this.#experiment = experiment;
    this.#repository = repository;
    this.#live = live;
  }

  print(trialId: number): void {
    this.#reader ??= StoreReader.open(new StateFolder(this.#repository.commonDir, this.#experiment.name).store);
    const trial = this.#reader?.trialById(trialId);
    const revision = this.#reader?.newestRevision();
    if (!this.#reader || !trial || !revision) return;
    const seconds = this.#reader.measuredSeconds([trial]).get(trialId) ?? null;
    const baseline = this.#reader.baseline(revision.revision);
    const like = baseline && baseline.metric !== null ? { value: baseline.metric, seconds: seconds ?? 0 } : undefined;
    const { metric, direction } = revision;
    this.#live.print(
      trialLine(trial, seconds, { metric, direction, style: styleOf(process.stdout), like }),
      process.stdout,
    );
    if (trial.kind === 'baseline' && trial.verdict === 'keep') this.#live.print(`  ${trial.reason}`);
    for (const note of trial.notes) this.#live.print(`  note: ${oneLine(note, 300)}`);
    if (trial.verdict === 'crash' || trial.outcome === 'check_failed')
      this.#live.print(`  ${oneLine(trial.reason, 300)}`);
  }

  close(): void {
    this.#reader?.close();
  }
}
