/** What a finished branch is, or would be, and the commands to go on with. */
import type { Json } from '../core/json.js';
import { oneLine, quoted } from '../core/text.js';
import type { Finished } from '../loop/finish.js';
import { comparedWords, proofLine } from '../loop/finish-message.js';
import type { FinishPlan } from '../loop/finish-plan.js';
import { costText } from './audit-view.js';
import { jsonDocument } from './formats.js';
import { palette, type TerminalStyle, wrap } from './terminal.js';

export function renderFinished(
  plan: FinishPlan,
  { proofs, commits, home }: Finished & { readonly home: string },
  style: TerminalStyle,
): string {
  const against = proofs.againstBest;
  const lines = [
    `${plan.branch}: ${whatIsIn(plan)}`,
    ...commits.map((commit, index) => stepLine(plan, { commit, index, proof: proofs.steps[index] })),
    ...(against ? [`Against the best code: ${comparedWords(plan, against)}.`] : []),
    `${proofLine(plan, proofs)}${proofs.whole?.isFromRecord ? ' (measured before)' : ''}`,
  ];
  return `${[...lines.flatMap((line) => fitted(line, style)), ...next(plan, home, style)].join('\n')}\n`;
}

function stepLine(
  plan: FinishPlan,
  { commit, index, proof }: { commit: string; index: number; proof: Finished['proofs']['steps'][number] | undefined },
): string {
  const measured =
    proof === undefined ? '' : typeof proof === 'string' ? `: ${oneLine(proof)}` : `: ${comparedWords(plan, proof)}`;
  return `  ${commit.slice(0, 7)}  ${trials(plan.steps[index]?.changes ?? [])}${measured}`;
}

function trials(changes: readonly { readonly number: number }[]): string {
  return `${changes.length === 1 ? 'trial' : 'trials'} ${changes.map(({ number }) => number).join(', ')}`;
}

function whatIsIn({ steps, start, end, result, tree, without }: FinishPlan): string {
  const commits = steps.length === 1 ? '1 commit' : `${steps.length} commits`;
  const files =
    result === end
      ? `with exactly the files of the best code ${end.slice(0, 7)}`
      : `with the files of the best code ${end.slice(0, 7)} without ${trials(without)}`;
  return `${commits} on top of ${start.slice(0, 7)}, ${files} (tree ${tree.slice(0, 7)}).`;
}

function next({ branch }: FinishPlan, home: string, style: TerminalStyle): string[] {
  const { accent } = palette(style.colour);
  return [
    '',
    `  ${accent(`git log -p ${quoted(home)}..${quoted(branch)}`)}`,
    `  ${accent(`git switch ${quoted(branch)}`)}`,
  ];
}

export function renderFinishPlan(
  plan: FinishPlan,
  { isThere, home }: { readonly isThere: boolean; readonly home: string },
  style: TerminalStyle,
): string {
  if (isThere) {
    const line = `${plan.branch} is there already: ${whatIsIn(plan)} Nothing was changed.`;
    return `${[...wrap(line, style.width), ...next(plan, home, style)].join('\n')}\n`;
  }
  const cost =
    plan.pairs === null || plan.expected.evaluations === 0
      ? 'Nothing has to be measured.'
      : `First it measures ${costText(oneLine(plan.revision.metric, 60), plan.expected)}.`;
  const lines = [
    `${plan.branch} would be ${whatIsIn(plan)}`,
    ...plan.steps.map(({ changes }, index) => `  commit ${index + 1}  ${trials(changes)}`),
    cost,
    'Nothing was changed (--dry-run).',
  ];
  return `${lines.flatMap((line) => fitted(line, style)).join('\n')}\n`;
}

export function finishJson(plan: FinishPlan, found: { readonly state: string } & Partial<Finished>): string {
  const { name, branch, start, end, tree, without, steps, expected, revision } = plan;
  return jsonDocument({
    ...{ experiment: name, metric: revision.metric, state: found.state, branch, start, best: end, tree },
    without: without.map(({ number }) => number),
    commits: steps.map(({ changes, tree: files }, index) => ({
      commit: found.commits?.[index] ?? null,
      tree: files,
      trials: changes.map(({ number }) => number),
      againstThePrevious: json(found.proofs?.steps[index]),
    })),
    verified: json(found.proofs?.whole?.compared ?? plan.recorded),
    againstTheBest: json(found.proofs?.againstBest),
    expected: json(expected),
  });
}

function json(value: unknown): Json {
  return value === undefined ? null : (JSON.parse(JSON.stringify(value)) as Json);
}

/** A line that begins with spaces is one of a list, to be copied: it stays whole. */
function fitted(line: string, { width }: TerminalStyle): string[] {
  return line.startsWith(' ') ? [line] : wrap(line, width);
}
