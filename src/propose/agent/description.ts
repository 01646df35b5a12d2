/** Finds the one line that says what an agent changed. The line is untrusted text, made printable and cut. */
import { oneLine } from '../../core/text.js';

const LIMIT_CHARS = 200;
const LABELLED = /^[\s>#-]*(\*\*|__|`)?DESCRIPTION\s*:(.*)$/i;

/** The last line `DESCRIPTION: ...`, else the last line that holds text. Empty when there is none. */
export function descriptionIn(answer: string): string {
  let labelled = '';
  let last = '';
  for (const line of answer.split('\n')) {
    const text = oneLine(line, LIMIT_CHARS);
    // A closing fence or a rule is no description.
    if (/[\p{L}\p{N}]/u.test(text)) last = text;
    const [, decoration, rest] = LABELLED.exec(line.trimEnd()) ?? [];
    if (rest !== undefined)
      labelled = oneLine(decoration ? rest.replace(decoration, '') : rest, LIMIT_CHARS) || labelled;
  }
  return labelled || last.replace(/^DESCRIPTION\s*:\s*$/i, '');
}

/** The first line with text of a description file, with or without the label. */
export function descriptionInFile(content: string): string {
  const line = content.split('\n').find((each) => oneLine(each) !== '') ?? '';
  return LABELLED.test(line) ? descriptionIn(line) : oneLine(line, LIMIT_CHARS);
}
