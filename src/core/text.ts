/**
 * Making foreign text safe to show. Text from agents, evaluators and repositories is data: it is stripped of control
 * sequences and cut before it reaches a terminal, a table or a prompt.
 */
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
/** Also what is there and not seen: tags (U+E0000 and on) can hold whole sentences for a model that no person reads. */
const CONTROL =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40+[\udc00-\udc7f]+/g;

export function stripAnsi(text: string): string {
  return text.replace(ANSI, '');
}

/** One printable line of at most `limit` characters: no control characters, white space folded. */
export function oneLine(text: string, limit = 200): string {
  const flat = stripAnsi(text)
    .replace(/[\t\r\n]+/g, ' ')
    .replace(CONTROL, '')
    .replace(/ {2,}/g, ' ')
    .trim();
  return cut(flat, limit);
}

/** Printable text that keeps its lines. */
export function plainLines(text: string): string {
  return stripAnsi(text).replace(/\r\n?/g, '\n').replace(CONTROL, '');
}

/** Cuts at `limit` characters, never inside a surrogate pair, and says so with an ellipsis. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  if (limit < 1) return '';
  const end = /[\ud800-\udbff]/.test(text.charAt(limit - 2)) ? limit - 2 : limit - 1;
  return `${text.slice(0, end)}…`;
}

/** As one word of a POSIX shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
