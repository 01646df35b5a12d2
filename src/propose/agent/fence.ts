/**
 * Text of others inside a prompt: between fences that the text cannot close, because they are longer than any run of
 * backticks in it.
 */
import { plainLines } from '../../core/text.js';

/** No text needs more; without a limit a long run would blow up the prompt three times. */
const LONGEST_RUN = 32;

/** `label` must be a single word. */
export function fenced(label: string, text: string): string {
  const content = plainLines(text).replace(/`{33,}/g, '`'.repeat(LONGEST_RUN));
  const longest = (content.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 2);
  const fence = '`'.repeat(longest + 1);
  return `${fence}${label}\n${content}\n${fence}`;
}

/** For text that nobody vouches for: some agents read `@path` as a wish to be shown that file. Before any cutting. */
export function escapeMentions(text: string): string {
  return text.replace(/(?<!\\)@/g, '\\@');
}
