/** What an evaluation by a judge leaves behind: metric lines, items for paired statistics, reasons for the next proposal. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { standardDeviation } from '../../core/statistics.js';
import { cut, oneLine } from '../../core/text.js';
import { decimals, mean } from '../summary.js';
import type { EvaluatorIo } from '../types.js';
import { type Criterion, compositeOf, type Rubric, scoreIn, type Vote } from './rubric.js';

/** One thing that was judged: a document, or the answer to a test case. */
export interface Judged {
  readonly id: string;
  readonly votes: readonly Vote[];
}

const REASON_CHARS = 300;
const SHOWN_REASONS = 2;
const FEEDBACK_CHARS = 12_000;

/** Prints the metric, its spread over the votes and the means of the criteria. */
export function printScores(rubric: Rubric, judged: readonly Judged[], io: EvaluatorIo): void {
  io.print(`${rubric.metric}: ${decimals(mean(judged.map((one) => compositeOfAll(rubric, one))))}`);
  const rounds = (judged[0]?.votes ?? []).map((_, round) =>
    mean(judged.flatMap(({ votes }) => votes.slice(round, round + 1)).map((vote) => compositeOf(rubric, vote))),
  );
  if (rounds.length > 1) io.print(`composite_sd: ${decimals(standardDeviation(rounds))}`);
  for (const { id } of rubric.criteria) {
    io.print(`${id}: ${decimals(mean(judged.map(({ votes }) => mean(votes.map((vote) => scoreIn(vote, id))))))}`);
  }
}

/** A document's items are its criteria; of several cases each is an item. */
export async function writeReports(rubric: Rubric, judged: readonly Judged[], io: EvaluatorIo): Promise<void> {
  const folder = io.env['AUTORESEARCH_OUTPUT_DIR'] ?? '';
  if (folder === '') return;
  await mkdir(folder, { recursive: true });
  const [only] = judged;
  const items =
    only !== undefined && judged.length === 1
      ? rubric.criteria.map(({ id }) => ({ id, value: mean(only.votes.map((vote) => scoreIn(vote, id))) }))
      : judged.map((one) => ({ id: one.id, value: compositeOfAll(rubric, one) }));
  await writeFile(join(folder, 'items.jsonl'), items.map((item) => `${JSON.stringify(item)}\n`).join(''));
  await writeFile(join(folder, 'feedback.md'), feedbackOf(rubric, judged));
}

/** The weakest first: when something is cut it is praise. */
function feedbackOf(rubric: Rubric, judged: readonly Judged[]): string {
  const weakest = [...judged].sort((a, b) => compositeOfAll(rubric, a) - compositeOfAll(rubric, b));
  const blocks = weakest.map((one) => {
    const title = `What the judge said of ${oneLine(one.id, 200)}:`;
    const criteria = rubric.criteria.map((criterion) => remarkOn(criterion, one.votes, rubric.best));
    return [title, ...criteria.sort((a, b) => a.score - b.score).map(({ text }) => text)].join('\n');
  });
  return `${cut(blocks.join('\n\n'), FEEDBACK_CHARS)}\n`;
}

function remarkOn({ id }: Criterion, votes: readonly Vote[], best: number): { score: number; text: string } {
  const score = mean(votes.map((vote) => scoreIn(vote, id)));
  const reasons = new Set(votes.map((vote) => oneLine(vote[id]?.reason ?? '', REASON_CHARS)));
  const said = [...reasons].filter((reason) => reason !== '').slice(0, SHOWN_REASONS);
  return { score, text: `- ${id}, ${Number(score.toFixed(2))} of ${best}: ${said.join(' / ')}` };
}

function compositeOfAll(rubric: Rubric, { votes }: Judged): number {
  return mean(votes.map((vote) => compositeOf(rubric, vote)));
}
