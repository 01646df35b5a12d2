/** How well a short text would do on the platform that it is written for, as a judge sees it. */
import { documentJudge } from './judge/document-judge.js';

const PLATFORMS = {
  twitter: 'a post on Twitter/X: one idea, at most 280 characters, no filler, at most two hashtags',
  linkedin: 'a post on LinkedIn: the first two lines must earn the click on "more", short paragraphs, professional',
  instagram: 'a caption on Instagram: personal, carried by its first line, hashtags at the end',
  email: 'an e-mail: a subject line that gets it opened, one message, one thing to do',
  ad: 'a paid advertisement: the benefit at once, few words, one clear call',
} as const;

type Platform = keyof typeof PLATFORMS;
const NAMES = Object.keys(PLATFORMS) as Platform[];

export const llmJudgeCopy = documentJudge({
  name: 'llm_judge_copy',
  summary: 'Marketing copy for a platform, scored by a model from 0 to 10; prints engagement_score and each criterion.',
  example: 'autoresearch evaluate llm_judge_copy --file post.md --platform linkedin --judge claude',
  extraOptions: [
    {
      flag: '--platform',
      value: '<name>',
      help: `Where it appears: ${NAMES.join(', ')}`,
      default: 'twitter',
      required: false,
    },
  ],
  taskOf: (read) =>
    `Judge how well this text would engage its readers. It is ${PLATFORMS[read.choice('platform', NAMES)]}.`,
  rubric: {
    metric: 'engagement_score',
    best: 10,
    scale:
      '0: does the opposite of what is asked. 3: weak. 5: average for the platform. 7: clearly good. 9: among the best. 10: nothing could be better.',
    criteria: [
      { id: 'hook', asks: 'do the first words make one read on?' },
      { id: 'clarity', asks: 'is it understood at first reading, with no word too many?' },
      { id: 'emotional_pull', asks: 'does it touch something that its readers care about?' },
      { id: 'call_to_action', asks: 'is it clear what to do or to answer next, and easy to want?' },
      { id: 'platform_fit', asks: 'do length, tone and form fit the platform?' },
    ],
  },
});
