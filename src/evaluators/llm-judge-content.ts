/** How well an article would be clicked and read, as a judge sees its title and text. */
import { documentJudge } from './judge/document-judge.js';

export const llmJudgeContent = documentJudge({
  name: 'llm_judge_content',
  summary: 'An article or headline, scored by a model from 0 to 10; prints ctr_score, its spread and each criterion.',
  example: 'autoresearch evaluate llm_judge_content --file article.md --judge claude',
  extraOptions: [],
  taskOf: () =>
    'Judge how likely a reader who sees this piece in a feed is to click it, and to be glad that they did. Title and first lines weigh most, as they do for readers.',
  rubric: {
    metric: 'ctr_score',
    best: 10,
    scale:
      '0: does the opposite of what is asked. 3: weak. 5: what one would expect from an average piece. 7: clearly good. 9: among the best that are published. 10: nothing could be better.',
    criteria: [
      { id: 'curiosity', asks: 'does it open a question that one wants answered, without a trick?' },
      { id: 'specificity', asks: 'concrete numbers, names and results instead of general words?' },
      { id: 'emotional_pull', asks: 'does it touch something that its readers care about?' },
      { id: 'scroll_stop', asks: 'would it stop somebody who scrolls past a hundred others?' },
      { id: 'seo', asks: 'does it say in title and opening, in the words of a search, what it is about?' },
    ],
  },
});
