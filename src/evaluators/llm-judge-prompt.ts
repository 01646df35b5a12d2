/**
 * How well a prompt makes a model work: the model answers each test case under the prompt, and a judge scores the answers.
 * Who answers does not see what is expected, and who judges does not see the other cases.
 */
import { readCases, type TestCase } from './judge/cases.js';
import { FILE_OPTION, readOrFail, votesOf } from './judge/document-judge.js';
import { readDocuments } from './judge/documents.js';
import { chooseJudge, JUDGE_OPTIONS } from './judge/options.js';
import { allAnswers, convene } from './judge/panel.js';
import { type Material, questionOf } from './judge/question.js';
import { printScores, writeReports } from './judge/report.js';
import type { Rubric } from './judge/rubric.js';
import { OptionReader } from './options.js';
import type { BuiltInEvaluator, EvaluatorIo } from './types.js';

const RUBRIC: Rubric = {
  metric: 'quality_score',
  best: 100,
  scale:
    '0-39: wrong or useless. 40-59: fundamental problems. 60-69: notable problems. 70-79: adequate. 80-89: good. 90-100: excellent, hardly improvable.',
  criteria: [
    { id: 'accuracy', asks: 'is everything in the answer right, and nothing made up?' },
    { id: 'completeness', asks: 'does it hold all that the request, and what is expected, call for?' },
    { id: 'clarity', asks: 'is it well ordered and understood at first reading, with no word too many?' },
    { id: 'instruction_following', asks: 'does it keep to what prompt and request demand, form and limits included?' },
  ],
};

const TASK =
  'Judge the answer that an assistant gave to a request. The prompt tells what the assistant had been told before.';

export const llmJudgePrompt: BuiltInEvaluator = {
  name: 'llm_judge_prompt',
  summary:
    'A prompt, tried on test cases and scored by a model from 0 to 100; prints quality_score and each criterion.',
  metric: RUBRIC.metric,
  direction: 'higher',
  example: 'autoresearch evaluate llm_judge_prompt --file prompt.md --cases cases.jsonl --judge claude',
  options: [
    FILE_OPTION,
    {
      flag: '--cases',
      value: '<file>',
      help: 'Test cases: lines of JSON with "input", and where there is one "expected" and "id". Each costs an answer and the votes',
      required: true,
    },
    ...JUDGE_OPTIONS,
  ],
  async run(options, io) {
    const read = new OptionReader(llmJudgePrompt, options);
    const list = read.requiredText('file');
    const casesPath = read.requiredText('cases');
    return await readOrFail(io, async () => {
      const prompt = (await readDocuments(list, io)).map(({ text }) => text).join('\n\n');
      const [caseFile] = await readDocuments(casesPath, io);
      return await judge(prompt, { caseText: caseFile?.text ?? '', casesPath, read }, io);
    });
  },
};

async function judge(
  prompt: string,
  { caseText, casesPath, read }: { caseText: string; casesPath: string; read: OptionReader },
  io: EvaluatorIo,
): Promise<number> {
  return await convene(io, async (panel) => {
    const choice = chooseJudge(read, io.env);
    const cases = readCases(caseText, casesPath);
    const answer = panel.seat(choice.targetModel, 'the model under test');
    const ask = panel.seat(choice.judge, 'the judge');
    const judged = await allAnswers(
      cases.map(async (each) => {
        const { text } = await answer({ stage: 'answer', system: prompt, prompt: each.input });
        const question = questionOf(TASK, RUBRIC, materialsOf(each, { prompt, answer: text }));
        return { id: each.id, votes: await votesOf(ask, question, { rubric: RUBRIC, choice }) };
      }),
    );
    io.note(`${judged.length} case(s), ${choice.votes} vote(s) each`);
    printScores(RUBRIC, judged, io);
    await writeReports(RUBRIC, judged, io);
    return 0;
  });
}

function materialsOf(
  { input, expected }: TestCase,
  { prompt, answer }: { prompt: string; answer: string },
): Material[] {
  return [
    { label: 'prompt', what: 'What the assistant had been told.', text: prompt },
    { label: 'request', what: 'The request.', text: input },
    ...(expected === null ? [] : [{ label: 'expected', what: 'What a good answer holds.', text: expected }]),
    { label: 'answer', what: 'The answer that you judge.', text: answer },
  ];
}
