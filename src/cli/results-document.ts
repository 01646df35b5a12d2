import { listExperiments } from '../config/discovery.js';
import { formatBytes } from '../core/units.js';
import { readEpochs } from '../dashboard/epochs.js';
import type { Format } from '../dashboard/formats.js';
import { isBelowProposal, withFinalValues, withoutHoldout } from '../dashboard/held-out.js';
import { renderOverview } from '../dashboard/overview.js';
import { readExperiment } from '../dashboard/read-view.js';
import { type Results, renderResults } from '../dashboard/results.js';
import type { TerminalStyle } from '../dashboard/terminal.js';
import { isNewBaseline } from '../dashboard/trial-line.js';
import type { StoreReader } from '../store/reader.js';
import type { TrialRow } from '../store/rows.js';
import { readExperiments } from './experiments.js';
import { out, styleOf, talk } from './output.js';
import { type OpenedExperiment, openExperiment, openPlace, type Place } from './place.js';
import type { ResultsOptions } from './results.js';
import { formatOfFile, writeOutput } from './write-output.js';

/** Which document `results` and `dashboard` mean, and where it goes. */
const TERMINAL_TRIALS = 30;
/** The chart shows the course before the trials in the table too, as far back as this. */
const CHART_TRIALS = 1000;
const FILE_STYLE: TerminalStyle = { width: 120, colour: false, unicode: true };

export async function results(options: ResultsOptions): Promise<void> {
  const wantsOverview = options.dashboard || options.allExperiments || options.domain !== undefined;
  if (options.experiment === undefined) {
    const place = await openPlace(options);
    if (wantsOverview || listExperiments(place.discovery).length > 1) {
      await printOverview(place, { ...options, everywhere: place.repository === null });
      return;
    }
  }
  printOne(await openExperiment(options.experiment, options), options);
}

export async function dashboard(options: ResultsOptions): Promise<void> {
  if (options.experiment !== undefined) {
    printOne(await openExperiment(options.experiment, options), options);
    return;
  }
  const place = await openPlace(options);
  await printOverview(place, { ...options, everywhere: options.all === true || place.repository === null });
}

async function printOverview(place: Place, options: ResultsOptions & { readonly everywhere: boolean }): Promise<void> {
  const { format, style } = formOf(options);
  const { found, elsewhere } = await readExperiments(place, options);
  const views = found.flatMap((each) => (each.ok ? [each.view] : []));
  deliver(renderOverview(views, format, style), options);
  for (const each of found) {
    if (!each.ok) talk(`${each.label} is broken: ${each.error.message}\n  ${each.error.hint}`);
  }
  if (elsewhere > 0 && format === 'terminal')
    talk(`${elsewhere} more belong to other repositories: autoresearch dashboard --all`);
}

export function printOne({ experiment, repository }: OpenedExperiment, options: ResultsOptions): void {
  const { format, style } = formOf(options);
  const { view, store } = readExperiment(experiment, repository, Date.now());
  try {
    const trials = store ? chosenTrials(store, options, format) : [];
    const document: Results = {
      view,
      epochs: store ? readEpochs(store, trials) : [],
      trials: store ? forReader(store, trials) : [],
      heldOut: experiment.settings.holdout?.metric ?? null,
      ...(store && format === 'terminal'
        ? { charted: store.recentTrials({ limit: CHART_TRIALS, counted: true }) }
        : {}),
      earlierTrials: store ? earlierTrials(store, trials) : 0,
      secondsByTrial: store?.measuredSeconds(trials) ?? new Map(),
    };
    deliver(renderResults(document, format, style), options);
  } finally {
    store?.close();
  }
}

/** People see the newest trials; a document for programs is whole unless it was asked to be short. */
function chosenTrials(store: StoreReader, { all, lines }: ResultsOptions, format: Format): TrialRow[] {
  const limit = lines ?? (format === 'terminal' && !all ? TERMINAL_TRIALS : null);
  if (limit !== null) return store.recentTrials({ limit, counted: all !== true });
  const trials: TrialRow[] = [];
  for (const trial of store.eachTrial()) if (all || trial.number !== null || isNewBaseline(trial)) trials.push(trial);
  return trials;
}

function forReader(store: StoreReader, trials: readonly TrialRow[]): readonly TrialRow[] {
  return isBelowProposal(process.env) ? trials.map(withoutHoldout) : withFinalValues(store, trials);
}

/** Counted, settled trials that are not shown: numbers have no gaps. */
function earlierTrials(store: StoreReader, shown: readonly TrialRow[]): number {
  const open = store.openTrial();
  const unsettled = open === null || open.number === null ? 0 : 1;
  const counted = shown.filter(({ number }) => number !== null).length;
  return Math.max(0, store.nextTrialNumber() - unsettled - counted);
}

function formOf({ format, json, output }: ResultsOptions): { format: Format; style: TerminalStyle } {
  const chosen = json ? 'json' : (format ?? (output === undefined ? 'terminal' : formatOfFile(output)));
  return { format: chosen, style: output === undefined ? styleOf(process.stdout) : FILE_STYLE };
}

function deliver(document: string, { output }: ResultsOptions): void {
  if (output === undefined) {
    out(document);
    return;
  }
  const path = writeOutput(output, document);
  talk(`written to ${path} (${formatBytes(Buffer.byteLength(document))})`);
}
