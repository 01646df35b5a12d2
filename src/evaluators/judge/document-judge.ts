/** The evaluators that score documents: one question, asked as often as there are votes, about the files of `--file`. */

import type { OkReply } from '../../model/types.js';
import { OptionReader } from '../options.js';
import type { BuiltInEvaluator, EvaluatorIo, EvaluatorOption, EvaluatorOptions } from '../types.js';
import { type Document, readDocuments, Unreadable } from './documents.js';
import { chooseJudge, JUDGE_OPTIONS, type JudgeChoice } from './options.js';
import { allAnswers, convene, EXIT_FAILED, type Question } from './panel.js';
import { JUDGE_ROLE, type Material, questionOf } from './question.js';
import { printScores, writeReports } from './report.js';
import { type Rubric, schemaOf, type Vote } from './rubric.js';

interface DocumentJudge {
  readonly name: string;
  readonly summary: string;
  readonly example: string;
  readonly extraOptions: readonly EvaluatorOption[];
  readonly rubric: Rubric;
  /** The first sentence to the judge. */
  readonly taskOf: (read: OptionReader) => string;
}

export const FILE_OPTION: EvaluatorOption = {
  flag: '--file',
  value: '<paths>',
  help: 'What is judged: one file, or several separated by commas that are one piece together',
  required: true,
};

export function documentJudge({
  name,
  summary,
  example,
  extraOptions,
  rubric,
  taskOf,
}: DocumentJudge): BuiltInEvaluator {
  const options = [FILE_OPTION, ...extraOptions, ...JUDGE_OPTIONS];
  return {
    ...{ name, summary, example, options, metric: rubric.metric, direction: 'higher' },
    async run(given: EvaluatorOptions, io: EvaluatorIo) {
      const read = new OptionReader({ name, example, options }, given);
      const list = read.requiredText('file');
      const task = taskOf(read);
      return await readOrFail(io, async () => {
        const documents = await readDocuments(list, io);
        return await judge(questionOf(task, rubric, documents.map(materialOf)), { rubric, list, read }, io);
      });
    },
  };
}

/** What a candidate made unreadable has no score. */
export async function readOrFail(io: EvaluatorIo, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    io.note(`nothing to judge: ${error.message}`);
    return EXIT_FAILED;
  }
}

async function judge(
  prompt: string,
  { rubric, list, read }: { rubric: Rubric; list: string; read: OptionReader },
  io: EvaluatorIo,
): Promise<number> {
  return await convene(io, async (panel) => {
    const choice = chooseJudge(read, io.env);
    const votes = await votesOf(panel.seat(choice.judge, 'the judge'), prompt, { rubric, choice });
    const judged = [{ id: list, votes }];
    printScores(rubric, judged, io);
    await writeReports(rubric, judged, io);
    return 0;
  });
}

export async function votesOf(
  ask: (question: Question) => Promise<OkReply>,
  prompt: string,
  { rubric, choice }: { rubric: Rubric; choice: JudgeChoice },
): Promise<readonly Vote[]> {
  const schema = schemaOf(rubric);
  const rounds = Array.from({ length: choice.votes }, async (_, sample) => {
    const { value } = await ask({ stage: 'judge', system: JUDGE_ROLE, prompt, schema, sample });
    // It passed the schema.
    return value as unknown as Vote;
  });
  return await allAnswers(rounds);
}

function materialOf({ path, text, isCut }: Document): Material {
  const cut = isCut ? ' It is longer than this: you see its beginning.' : '';
  return { label: 'document', what: `The file ${JSON.stringify(path)}.${cut}`, text };
}
