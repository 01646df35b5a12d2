// Stands in for a model that judges: reads the question, takes the article out of its box and scores simple features of
// the text. It rewards what headlines are made of and understands nothing.
import { readFileSync } from 'node:fs';

const [, , article] = /^<document ([0-9a-f]{16})>\n([\s\S]*?)\n<\/document \1>$/m.exec(readFileSync(0, 'utf8')) ?? [];
if (article === undefined) throw new Error('there is no document in the question');

const [title, subtitle, opening, closing] = ['title', 'subtitle', 'opening', 'closing'].map(
  (name) => new RegExp(`^${name}: "([^"]*)"`, 'm').exec(article)?.[1] ?? '',
);
const top = `${title}. ${subtitle}. ${opening}`;
const count = (text, pattern) => (text.match(pattern) ?? []).length;
const isLong = (text, from, to) => text.length >= from && text.length <= to;

const FEATURES = {
  curiosity: [
    [2, /^(why|how|what|\d+ )/i.test(title), 'the title promises an answer'],
    [2, /\b(nobody|never|until|secret|surprise)/i.test(top), 'something unexpected is hinted at'],
    [1, /\?$/.test(closing), 'it ends with a question'],
  ],
  specificity: [
    [2, /\d/.test(title), 'a number in the title'],
    [2, count(top, /\d+/g) >= 3, 'three numbers before the text begins'],
    [1, count(top, /\b(minutes|seconds|weeks|lines|times)\b/gi) >= 2, 'numbers have units'],
  ],
  emotional_pull: [
    [2, /\byour?\b/i.test(title) || count(top, /\byou\b/gi) >= 2, 'it speaks to the reader'],
    [2, /\b(tired|proud|waiting|forget|wait)\b/i.test(top), 'a feeling is named'],
    [1, /\b(we|our|I)\b/.test(top), 'somebody tells it'],
  ],
  scroll_stop: [
    [2, isLong(title, 20, 60), 'the title fits into one line'],
    [2, isLong(opening, 20, 60), 'the first sentence is short'],
    [1, subtitle.length > 0 && !/summary|thoughts|notes/i.test(`${title} ${subtitle}`), 'no empty words on top'],
  ],
  seo: [
    [2, /\bbuild/i.test(title), 'the subject is in the title'],
    [2, /\b(slow|time|fast|cut)\b/i.test(title), 'so is the problem'],
    [1, /\bbuilds?\b/i.test(opening), 'the opening names the subject'],
  ],
};

const answer = Object.entries(FEATURES).map(([criterion, features]) => {
  const found = features.filter(([, holds]) => holds);
  const missing = features.filter(([, holds]) => !holds).map(([, , what]) => what);
  const reason = missing.length === 0 ? 'nothing is missing' : `missing: ${missing.join('; ')}`;
  return [criterion, { reason, score: 2 * found.reduce((sum, [points]) => sum + points, 0) }];
});
console.log(JSON.stringify(Object.fromEntries(answer)));
