/**
 * The state of one experiment at this moment: what it does, whether its runner lives, where its best code is, and the
 * command to type next. Returns text or JSON; reads nothing.
 */
import type { Json } from '../core/json.js';
import { formatExperimentName } from '../core/names.js';
import { oneLine } from '../core/text.js';
import { formatSeconds, formatUsd } from '../core/units.js';
import type { IncumbentStanding } from '../git/incumbent-standing.js';
import type { MeasurementRow, SessionRow, SpentRow, TrialRow } from '../store/rows.js';
import { type Doing, doingNow, type RunnerEvent, trialName } from './doing.js';
import type { ExperimentView } from './experiment-view.js';
import { finiteOrNull, isoTime, jsonDocument } from './formats.js';
import { finalPickCommand, finalPickText } from './held-out.js';
import { metricTexts } from './metric-text.js';
import { changePaint, changeText, incumbentText, statePaint, trialsText, viewJson } from './overview.js';
import { proofText } from './proof.js';
import { shortCommit, stopText } from './results.js';
import { palette, type TerminalStyle, wrap } from './terminal.js';
import { agoText, clockText, spanText } from './when.js';

export interface StatusReport {
  readonly view: ExperimentView;
  readonly runner: { readonly alive: boolean; readonly pid: number; readonly since: number } | null;
  /** Ms since 1970; null when no runner ever lived. */
  readonly heartbeatAt: number | null;
  readonly openTrial: TrialRow | null;
  readonly measurement: MeasurementRow | null;
  readonly event: RunnerEvent | null;
  readonly nextNumber: number;
  /** The newest session with the verdicts of its trials. */
  readonly session: SessionReport | null;
  readonly standing: IncumbentStanding | null;
  readonly incumbentRef: string;
  readonly branchName: string;
  /** Brings a branch that is checked out and lags behind forward; null when there is nothing to bring. */
  readonly mergeCommand: string | null;
  readonly workspace: { readonly kind: 'worktree' | 'checkout'; readonly path: string };
  /** `sandbox bwrap, network off`; null without one. */
  readonly sandbox?: string | null;
  /** Null before the first run. */
  readonly spent: SpentRow | null;
  readonly budget: { readonly usd: number | null; readonly tokens: number | null };
}

interface SessionReport {
  readonly row: SessionRow;
  readonly counts: { readonly kept: number; readonly discarded: number; readonly crashed: number };
}

/** A runner touches its heartbeat every two seconds; one that has not for so long is stopped or stuck. */
const SILENT_MS = 30_000;
const LABEL_WIDTH = 9;

export function renderStatus(report: StatusReport, format: 'terminal' | 'json', style: TerminalStyle): string {
  return format === 'json' ? statusJson(report) : statusTerminal(report, style);
}

/** Each line of facts: its label, and what is written beside it. */
type Fact = readonly [label: string, text: string];

function statusTerminal(report: StatusReport, style: TerminalStyle): string {
  const { view } = report;
  const tones = palette(style.colour);
  const [baseline, best] = metricTexts(view.metric, [view.baseline, view.best] as const);
  const facts: Fact[] = [
    ...doingFacts(report),
    ...runnerFacts(report),
    ...sessionFacts(report),
    ['metric', `${oneLine(view.metric, 60)}, ${view.direction} is better`],
    ['baseline', baseline],
    ['best', bestText(view, best, style)],
    ...(view.final === null ? [] : [['held out', finalPickText(view.final)] satisfies Fact]),
    ...spentFacts(report),
    ...placeFacts(report),
  ];
  const width = Math.max(20, style.width - LABEL_WIDTH - 4);
  const lines = facts.flatMap(([label, text]) =>
    wrap(text, width).map((line, index) =>
      `  ${tones.faint((index === 0 ? label : '').padEnd(LABEL_WIDTH))}  ${line}`.trimEnd(),
    ),
  );
  const head = `${tones.strong(formatExperimentName(view.name))}   ${statePaint(view.state, tones)(view.state)}`;
  const advice = adviceLines(report, style);
  return `${[head, '', ...lines, ...(advice.length > 0 ? ['', ...advice] : [])].join('\n')}\n`;
}

function doingFacts({ view, runner, openTrial, ...rest }: StatusReport): Fact[] {
  if (runner?.alive !== true) {
    if (openTrial === null) return [];
    const name = trialName(openTrial, rest.nextNumber);
    return [['open', `${name} is unfinished (${phaseText(openTrial)}); the next run goes on with it`]];
  }
  const { what, since } = doingNow({ trial: openTrial, ...rest, now: view.now });
  const time = since === null ? '' : `, for ${spanText(view.now - since)}`;
  if (openTrial === null) return [['now', what + time]];
  const description = oneLine(openTrial.description, 200);
  return [
    ['now', `${trialName(openTrial, rest.nextNumber)}: ${what}${time}`],
    ...(description === '' ? [] : [['', description] satisfies Fact]),
  ];
}

function phaseText(trial: TrialRow): string {
  const begun = trial.attempt > 1 ? `, begun ${trial.attempt} times` : '';
  return `${trial.phase}${begun}`;
}

function runnerFacts({ runner, heartbeatAt, view }: StatusReport): Fact[] {
  const { now } = view;
  const sign = heartbeatAt === null ? '' : `last sign of life ${agoText(heartbeatAt, now)}`;
  if (runner?.alive) {
    const since = `process ${runner.pid}, since ${clockText(runner.since, now)} (${spanText(now - runner.since)})`;
    return [['runner', sign === '' ? since : `${since}, ${sign}`]];
  }
  if (view.runnerDied) {
    const since = view.lastSignAt === null ? '' : ` since ${clockText(view.lastSignAt, now)}`;
    const ago = view.lastSignAt === null ? '' : ` (${agoText(view.lastSignAt, now)})`;
    return [['runner', `not running; the runner is gone${since}${ago} without a word`]];
  }
  const stopped = view.stopReason === null ? [] : [['stopped', stopText(view.stopReason, view.stopDetail)] as const];
  return [['runner', view.lastSignAt === null ? 'not running, and never ran' : `not running, ${sign}`], ...stopped];
}

function sessionFacts({ session, view }: StatusReport): Fact[] {
  if (session === null) return [];
  const { row, counts } = session;
  const tally = `${counts.kept} kept, ${counts.discarded} discarded, ${counts.crashed} crashed`;
  const streaks = [
    row.crashStreak > 1 ? `${row.crashStreak} crashes in a row` : '',
    row.idleStreak > 1 ? `${row.idleStreak} proposals in a row came to nothing` : '',
  ].filter((text) => text !== '');
  const trials = counts.kept + counts.discarded + counts.crashed;
  const all = trials === view.trials ? '' : `, ${view.trials} in all`;
  const time = view.elapsedSeconds === null ? '' : ` in ${formatSeconds(view.elapsedSeconds)}`;
  return [['session', [`${trialsText(trials)}${time}: ${tally}${all}`, ...streaks].join('; ')]];
}

function bestText(view: ExperimentView, best: string, style: TerminalStyle): string {
  const tones = palette(style.colour);
  if (view.best === null) return '-';
  const change = view.improved === null ? '' : changeText(view);
  const painted = changePaint(view.improved, tones)?.(change) ?? change;
  return [
    tones.strong(best),
    ...(view.improved ? [`${painted} (${proofText(view.metric, view.proof)})`] : [painted]),
    tones.faint(incumbentText(view)),
  ]
    .filter((part) => part !== '')
    .join('   ');
}

/** Nothing where no proposal was ever paid for. */
function spentFacts({ spent, budget }: StatusReport): Fact[] {
  if (spent === null) return [];
  const isKnown = spent.usd > 0 || spent.tokens > 0 || spent.unknownCosts + spent.unknownJudgeCosts > 0;
  if (!isKnown && budget.usd === null && budget.tokens === null) return [];
  const of = (limit: number | null, used: number, show: (value: number) => string) =>
    limit === null ? show(used) : `${show(used)} of ${show(limit)} (${show(Math.max(0, limit - used))} left)`;
  const unknown = [
    spent.unknownCosts > 0 ? `, the price of ${spent.unknownCosts} proposals unknown` : '',
    spent.unknownJudgeCosts > 0 ? `, of the judges of ${spent.unknownJudgeCosts} evaluations unknown` : '',
  ].join('');
  return [
    ['spent', `${of(budget.usd, spent.usd, formatUsd)}, ${of(budget.tokens, spent.tokens, String)} tokens${unknown}`],
  ];
}

function placeFacts({ standing, branchName, workspace, sandbox = null }: StatusReport): Fact[] {
  const facts: Fact[] = [];
  if (standing !== null) {
    const { branch } = standing;
    const where = branch === null ? '' : ` on branch ${branchName}`;
    const relation = { holds: '', lags: ' (which lags behind)', diverged: ' (which has commits of its own)' };
    facts.push(['code', `${shortCommit(standing.commit)}${where}${branch === null ? '' : relation[branch.relation]}`]);
  }
  const whose = workspace.kind === 'checkout' ? ' (your checkout)' : '';
  const confined = sandbox === null ? '' : `, ${sandbox}`;
  return [...facts, ['workspace', `${oneLine(workspace.path, 1000)}${whose}${confined}`]];
}

function adviceLines(report: StatusReport, style: TerminalStyle): string[] {
  const { view, runner, heartbeatAt, standing, mergeCommand } = report;
  const tones = palette(style.colour);
  const command = (text: string) => `  ${tones.accent(text)}`;
  const name = formatExperimentName(view.name);
  const lines: string[] = [];
  if (mergeCommand !== null && standing?.branch) {
    const place = oneLine(standing.branch.checkedOutAt ?? '', 1000);
    const text = `${report.branchName} is checked out in ${place} and lags behind the best code. Bring it forward there:`;
    lines.push(...wrap(text, style.width), command(mergeCommand));
  }
  const final = view.final && finalPickCommand(view.name, view.final);
  if (final) lines.push('Look at the best code by what is held out:', command(final));
  if (runner?.alive && heartbeatAt !== null && view.now - heartbeatAt > SILENT_MS) {
    lines.push(tones.warn(`The runner is silent for ${spanText(view.now - heartbeatAt)}: it is suspended or stuck.`));
    lines.push(command(`kill -CONT ${runner.pid}`));
  }
  if (view.runnerDied) {
    lines.push(tones.warn('The next run recovers what was under way; nothing is lost:'));
    lines.push(command(`autoresearch run --experiment ${name} --loop`));
  } else if (runner?.alive !== true && view.lastSignAt === null) {
    lines.push('Start it:', command(`autoresearch run --experiment ${name} --loop`));
  }
  return lines;
}

function statusJson(report: StatusReport): string {
  const { view, runner, openTrial, measurement, session, standing, workspace, heartbeatAt, spent, budget } = report;
  const running = runner?.alive === true;
  const doing: Doing | null = running ? doingNow({ ...report, trial: openTrial, now: view.now }) : null;
  return jsonDocument({
    experiment: viewJson(view),
    running,
    runner: running ? { pid: runner.pid, since: isoTime(runner.since) } : null,
    heartbeatAt: isoTime(heartbeatAt),
    doing: doing === null ? null : { what: doing.what, since: isoTime(doing.since) },
    trial: openTrial === null ? null : openTrialJson(openTrial),
    measurement: measurement === null ? null : runningJson(measurement),
    session: session === null ? null : sessionJson(session),
    spent: spent === null ? null : { ...spent },
    budget: { ...budget },
    incumbent: standing === null ? null : incumbentJson(report, standing),
    workspace: { kind: workspace.kind, path: workspace.path },
    sandbox: report.sandbox ?? null,
  });
}

function openTrialJson(trial: TrialRow): Json {
  return {
    number: trial.number,
    kind: trial.kind,
    phase: trial.phase,
    proposer: trial.proposer,
    description: oneLine(trial.description, 1000),
    attempt: trial.attempt,
    startedAt: isoTime(trial.startedAt),
  };
}

function runningJson({ side, startedAt, logPath, commit }: MeasurementRow): Json {
  return { side, commit, logPath, startedAt: isoTime(startedAt) };
}

function sessionJson({ row, counts }: SessionReport): Json {
  return {
    startedAt: isoTime(row.startedAt),
    endedAt: isoTime(row.endedAt),
    ...counts,
    crashStreak: row.crashStreak,
    idleStreak: row.idleStreak,
    activeSeconds: finiteOrNull(row.activeSeconds),
    stopReason: row.stopReason,
    stopDetail: oneLine(row.stopDetail, 1000),
  };
}

function incumbentJson({ branchName, incumbentRef, mergeCommand }: StatusReport, standing: IncumbentStanding): Json {
  const { branch } = standing;
  return {
    commit: standing.commit,
    ref: incumbentRef,
    branch: branch === null ? null : { name: branchName, ...branch },
    mergeCommand,
  };
}
