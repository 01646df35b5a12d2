/**
 * A long text in pieces, each with a key of its own: what grows at its end, as a proposer's memory does with every
 * trial, is then written anew only at its end.
 */
const PIECE_CHARS = 16 * 1024;

/** In order; the first piece has the very key. */
export function piecesOf(key: string, text: string): { readonly key: string; readonly text: string }[] {
  const pieces = [];
  for (let from = 0; from === 0 || from < text.length; ) {
    // Two halves of one character, apart, would be none.
    const to = from + PIECE_CHARS;
    const end = isFirstHalf(text.charCodeAt(to - 1)) ? to + 1 : to;
    pieces.push({ key: keyOf(key, pieces.length), text: text.slice(from, end) });
    from = end;
  }
  return pieces;
}

/** All further pieces from this one on lie between these two, the first included. */
export function piecesFrom(key: string, index: number): readonly [from: string, before: string] {
  return [keyOf(key, index), `${key}$`];
}

function keyOf(key: string, index: number): string {
  return index === 0 ? key : `${key}#${String(index).padStart(9, '0')}`;
}

function isFirstHalf(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}
