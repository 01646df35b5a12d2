/**
 * The last words of a run: what was tried, what came of it, why it stopped, and the commands to go on with. Returns
 * text; prints nothing.
 */
import { formatExperimentName } from '../core/names.js';
import { formatSeconds } from '../core/units.js';
import type { ExperimentView } from './experiment-view.js';
import { finalPickCommand, finalPickText } from './held-out.js';
import { metricTexts } from './metric-text.js';
import { changePaint, changeText, trialsText } from './overview.js';
import { proofText } from './proof.js';
import { countsText, shortCommit, stopText } from './results.js';
import { palette, type TerminalStyle, wrap } from './terminal.js';

export interface SummaryInput {
  readonly view: ExperimentView;
  /** Numbered trials settled in this session. */
  readonly counts: { readonly kept: number; readonly discarded: number; readonly crashed: number };
  readonly stopReason: string;
  readonly stopDetail: string;
  readonly activeSeconds: number;
  readonly incumbentCommit: string | null;
  /** `autoresearch/<domain>/<name>`. */
  readonly branch: string;
  /** True when the user's own checkout already holds the incumbent: nothing needs to be merged. */
  readonly inCheckout: boolean;
}

export function runSummary(input: SummaryInput, style: TerminalStyle): string {
  const tones = palette(style.colour);
  const label = (text: string) => `  ${tones.faint(text.padEnd(8))}  `;
  const stopped = wrap(`Stopped: ${stopText(input.stopReason, input.stopDetail)}`, style.width);
  const facts = [
    `${label('this run')}${sessionText(input)}`,
    ...(sessionTrials(input) === input.view.trials ? [] : [`${label('in all')}${allText(input.view)}`]),
    `${label('metric')}${courseText(input.view, style)}`,
    ...finalLines(input.view, style).map((line, index) => `${label(index === 0 ? 'held out' : '')}${line}`),
  ];
  const next = nextCommands(input);
  const width = Math.max(...next.map(([command]) => command.length));
  const commands = next.map(([command, what]) => {
    const line = `  ${tones.accent(command.padEnd(width))}`;
    return width + what.length + 4 <= style.width ? `${line}  ${tones.faint(what)}` : `  ${tones.accent(command)}`;
  });
  return `${[...stopped, '', ...facts, '', ...whereLines(input, style), ...commands].join('\n')}\n`;
}

function sessionTrials({ counts }: SummaryInput): number {
  return counts.kept + counts.discarded + counts.crashed;
}

function allText(view: ExperimentView): string {
  return `${trialsText(view.trials)}: ${countsText(view)}`;
}

function sessionText(input: SummaryInput): string {
  const { counts, activeSeconds } = input;
  const tally = `${counts.kept} kept, ${counts.discarded} discarded, ${counts.crashed} crashed`;
  return `${trialsText(sessionTrials(input))} in ${formatSeconds(activeSeconds)}: ${tally}`;
}

function courseText(view: ExperimentView, style: TerminalStyle): string {
  const tones = palette(style.colour);
  if (view.baseline === null || view.best === null) return 'nothing was measured';
  const arrow = style.unicode ? '→' : '->';
  const [baseline, best] = metricTexts(view.metric, [view.baseline, view.best] as const);
  const course = `${baseline} ${arrow} ${tones.strong(best)}`;
  const change = changeText(view);
  const painted = changePaint(view.improved, tones)?.(change) ?? change;
  const verified = view.improved ? ` (${proofText(view.metric, view.proof)})` : '';
  return `${course}   ${painted}${verified}   ${tones.faint(`${view.direction} is better`)}`;
}

function finalLines({ final }: ExperimentView, style: TerminalStyle): string[] {
  return final === null ? [] : wrap(finalPickText(final), Math.max(20, style.width - 12));
}

function whereLines({ view, incumbentCommit, branch, inCheckout }: SummaryInput, style: TerminalStyle): string[] {
  if (incumbentCommit === null || view.improved === null) return [];
  const commit = shortCommit(incumbentCommit);
  const text = !view.improved
    ? `Nothing beat the baseline: ${branch} still is ${commit}.`
    : inCheckout
      ? `The best code is checked out: ${commit}, trial ${view.incumbentTrial ?? '-'}.`
      : `The best code is ${commit} on ${branch}, trial ${view.incumbentTrial ?? '-'}.`;
  return [...wrap(text, style.width), ''];
}

function nextCommands({ view, inCheckout }: SummaryInput): [string, string][] {
  const of = `--experiment ${formatExperimentName(view.name)}`;
  const commands: [string, string][] = [];
  if (view.improved && !inCheckout) commands.push([`autoresearch apply ${of}`, 'take it home']);
  const final = view.final && finalPickCommand(view.name, view.final);
  if (final) commands.push([final, 'the best by what is held out']);
  if (view.improved) commands.push([`autoresearch diff ${of}`, 'all that was kept']);
  const example = view.incumbentTrial ?? (view.baseline === null ? null : 0);
  if (example !== null) commands.push([`autoresearch show ${example} ${of}`, 'one trial and why']);
  commands.push([`autoresearch results ${of}`, 'every trial'], [`autoresearch logs ${of}`, 'the newest output']);
  return commands;
}
