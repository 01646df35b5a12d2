import { availableParallelism, loadavg } from 'node:os';
import { type Command, Option } from 'commander';
import { EXIT_CODES } from '../core/errors.js';
import type { RunEvent } from '../core/events.js';
import type { Finding } from '../core/finding.js';
import { median } from '../core/statistics.js';
import { oneLine } from '../core/text.js';
import { formatSeconds } from '../core/units.js';
import type { DoctorReport } from '../dashboard/doctor-view.js';
import type { RehearsalFacts } from '../loop/rehearsal.js';
import type { StoreReader } from '../store/reader.js';
import { EXPERIMENT_HELP, PATH_HELP } from './inspect.js';
import { LiveLine } from './live-line.js';
import type { AddCommands, Exit } from './main.js';
import { out, outJson, styleOf, talk } from './output.js';
import { type OpenedExperiment, openExperiment } from './place.js';
import { positiveInteger } from './run.js';

/** `doctor`: the machine, and what evaluator and gate are worth, measured with the experiment's own code against itself. */
interface DoctorOptions {
  readonly experiment?: string;
  readonly path?: string;
  readonly runs: number;
  readonly trials: number;
  readonly json?: boolean;
  readonly quick?: boolean;
  readonly last?: boolean;
  readonly replay?: boolean;
}

const RUNS = 10;
const TRIALS = 3;
/** What a trial of the same code against itself costs with noise, about. */
const EVALUATIONS_PER_TRIAL = 3;

export const addDoctor: AddCommands = (program: Command, exit: Exit) => {
  program
    .command('doctor')
    .description('what is wrong or weak, with the cure: machine, agent, service, and what your evaluator can see')
    .option('-e, --experiment <domain/name>', EXPERIMENT_HELP)
    .option('--runs <count>', 'measurements of the same code in a row', positiveInteger, RUNS)
    .option('--trials <count>', 'trials of the same code against itself', positiveInteger, TRIALS)
    .option('--quick', 'measure nothing: only what is known already')
    .addOption(new Option('--last', 'show what the newest rehearsal found').conflicts('quick'))
    .addOption(
      new Option('--replay', 'compute every recorded verdict again from its values').conflicts(['quick', 'last']),
    )
    .option('--json', 'one JSON document for programs')
    .option('--path <folder>', PATH_HELP)
    .action(async (options: DoctorOptions) => {
      const opened = await openExperiment(options.experiment, options);
      exit.code = options.replay ? await replayAll(opened, options) : await examine(opened, options);
    });
};

type Rehearsal = DoctorReport['rehearsal'];

interface Examined {
  readonly findings: readonly Finding[];
  readonly rehearsal: Rehearsal;
}

/** @returns 0, or 17 when something keeps the experiment from working, or what a signal asks for. */
async function examine(opened: OpenedExperiment, options: DoctorOptions): Promise<number> {
  const { machineFindings } = await import('./doctor-machine.js');
  const machine = await machineFindings(opened);
  const examined = options.quick || options.last ? await recall(opened, options) : await rehearseNow(opened, options);
  if (typeof examined === 'number') return examined;
  const { renderDoctor } = await import('../dashboard/doctor-view.js');
  const { name, configPath } = opened.experiment;
  const findings = [...machine, ...examined.findings];
  const report = { experiment: name, configPath, now: Date.now(), ...examined, findings };
  out(renderDoctor(report, options.json ? 'json' : 'terminal', styleOf(process.stdout)));
  return findings.some(({ level }) => level === 'problem') ? EXIT_CODES.environment : EXIT_CODES.done;
}

async function recall(opened: OpenedExperiment, options: DoctorOptions): Promise<Examined> {
  const { lastRehearsal } = await import('../loop/rehearsal.js');
  const last = await withStore(opened, (store) => store && lastRehearsal(store));
  if (last) return judgeFacts(opened, last.facts, last.row.settledAt);
  const text = 'the evaluator was never rehearsed under these definitions';
  const cure = `autoresearch doctor${options.experiment === undefined ? '' : ` --experiment ${options.experiment}`}`;
  return { findings: [{ area: 'evaluator', level: 'note', text, cure }], rehearsal: null };
}

async function judgeFacts({ experiment }: OpenedExperiment, facts: RehearsalFacts, at: number | null) {
  const { evaluatorFindings, recommendations } = await import('../loop/evaluator-findings.js');
  const rehearsal = { facts, measuredAt: at, recommendations: recommendations(facts, experiment.settings) };
  return { findings: evaluatorFindings(facts, experiment.settings), rehearsal };
}

async function rehearseNow(opened: OpenedExperiment, options: DoctorOptions): Promise<Examined | number> {
  const { rehearse } = await import('../loop/rehearsal.js');
  const { RunAborted } = await import('../loop/context.js');
  const { exitCodeOf } = await import('../loop/stop-rules.js');
  const { StopSwitch } = await import('../loop/stop-switch.js');
  const { experiment, repository } = opened;
  const stop = new StopSwitch();
  const onInterrupt = () => stop.now('interrupted');
  const onTerminate = () => stop.now('terminated');
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate).on('SIGHUP', onTerminate);
  const live = new LiveLine(process.stderr);
  const machine = { load: loadavg()[0] ?? 0, cores: availableParallelism() };
  await announce(opened, options);
  try {
    const rehearsed = await rehearse(
      { experiment, repository, stop, emit: (event) => showWarning(event, live) },
      { runs: options.runs, trials: options.trials, machine, onProgress: (text) => live.show(`doctor: ${text}`) },
    );
    live.close();
    if ('facts' in rehearsed) return await judgeFacts(opened, rehearsed.facts, null);
    const cure = 'see the output: autoresearch logs';
    return { findings: [{ area: 'evaluator', level: 'problem', text: rehearsed.failure, cure }], rehearsal: null };
  } catch (error) {
    if (!(error instanceof RunAborted)) throw error;
    live.print('ended: the half rehearsal is thrown away, nothing else was touched');
    return exitCodeOf(stop.cause ?? 'terminated');
  } finally {
    live.close();
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate).off('SIGHUP', onTerminate);
  }
}

/** How long it will take, from what the baseline took. */
async function announce(opened: OpenedExperiment, { runs, trials }: DoctorOptions): Promise<void> {
  const seconds = await withStore(opened, (store) => {
    const baseline = store?.baseline(store.newestRevision()?.revision ?? 0);
    const measured = baseline ? (store?.measurementsOf(baseline.id) ?? []) : [];
    return measured.flatMap(({ side, wallSeconds }) =>
      side === 'candidate' && wallSeconds !== null ? [wallSeconds] : [],
    );
  });
  if (seconds.length === 0) return;
  const count = runs + trials * EVALUATIONS_PER_TRIAL;
  talk(`about ${count} evaluations, ${formatSeconds(count * median(seconds))}; Ctrl-C ends it, nothing is lost`);
}

function showWarning(event: RunEvent, live: LiveLine): void {
  if (event.kind !== 'notice' || event.level !== 'warning') return;
  live.print(`warning: ${oneLine(event.text, 600)}`);
  if (event.hint) live.print(`  ${event.hint}`);
}

const SHOWN_DIFFERENCES = 10;

async function replayAll(opened: OpenedExperiment, { json }: DoctorOptions): Promise<number> {
  const { replayTrials } = await import('../loop/replay-trials.js');
  const nothing = { replayed: 0, earlier: 0, differing: [] };
  const { replayed, earlier, differing } = await withStore(opened, (store) => (store ? replayTrials(store) : nothing));
  if (json) outJson({ schemaVersion: 1, replayed, equal: replayed - differing.length, earlier, differing });
  else {
    out(`${replayed - differing.length} of ${replayed} recorded verdicts follow from their measurements`);
    if (earlier > 0) out(`  ${earlier} more were given by the rules of an earlier version, and stand as recorded`);
    for (const difference of differing.slice(0, SHOWN_DIFFERENCES)) out(`  ${oneLine(difference, 600)}`);
    if (differing.length > SHOWN_DIFFERENCES) out(`  and ${differing.length - SHOWN_DIFFERENCES} more: --json has all`);
  }
  return differing.length === 0 ? EXIT_CODES.done : EXIT_CODES.store;
}

async function withStore<T>(
  { experiment, repository }: OpenedExperiment,
  use: (store: StoreReader | null) => T,
): Promise<T> {
  const { StoreReader: Reader } = await import('../store/reader.js');
  const { StateFolder } = await import('../loop/state-folder.js');
  const store = Reader.open(new StateFolder(repository.commonDir, experiment.name).store);
  try {
    return use(store);
  } finally {
    store?.close();
  }
}
