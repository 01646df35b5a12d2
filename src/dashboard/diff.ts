/**
 * A patch for reading on a terminal: capped, coloured, one screen line per line. Characters that could make code look
 * like other code (controls, bidirectional and zero-width characters) are spelled out instead of removed.
 */
import { plainLines } from '../core/text.js';
import { palette, type TerminalStyle } from './terminal.js';
import { truncate } from './text-width.js';

/** `width` null: lines are never cut, for reading code in full. */
export interface DiffLayout {
  readonly maxLines: number;
  readonly width: number | null;
}

const MAX_LINES = 200;
/** Our patches name whole objects, so that they can be applied anywhere; nobody reads them. */
const LONG_INDEX = /^index ([0-9a-f]{7})[0-9a-f]*\.\.([0-9a-f]{7})[0-9a-f]*/gm;
const DECEIVING =
  /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;

/** At most `maxLines` (200) lines cut to the terminal's width, and a last one that says how many more there are. */
export function diffLines(diff: string, style: TerminalStyle, layout?: DiffLayout): string[] {
  const { maxLines, width } = layout ?? { maxLines: MAX_LINES, width: Math.max(20, style.width) };
  const spelled = diff.replace(DECEIVING, (character) => {
    return `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`;
  });
  const lines = plainLines(spelled).replace(LONG_INDEX, 'index $1..$2').replace(/\n$/, '').split('\n');
  const tones = palette(style.colour);
  const shown = lines.slice(0, maxLines).map((line) => {
    const text = width === null ? line : truncate(line.replaceAll('\t', '    '), width);
    const paint = linePaint(line);
    return paint === null || text === '' ? text : tones[paint](text);
  });
  const more = lines.length - maxLines;
  if (more > 0) shown.push(tones.faint(`(${more} more ${more === 1 ? 'line' : 'lines'} not shown)`));
  return shown;
}

type Tone = Extract<keyof ReturnType<typeof palette>, 'strong' | 'accent' | 'good' | 'bad'>;

function linePaint(line: string): Tone | null {
  if (/^(diff |index |--- |\+\+\+ |new file|deleted file|similarity|rename)/.test(line)) return 'strong';
  if (line.startsWith('@@')) return 'accent';
  if (line.startsWith('+')) return 'good';
  return line.startsWith('-') ? 'bad' : null;
}
