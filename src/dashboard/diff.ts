/**
 * A patch for reading on a terminal: capped, coloured, one screen line per line. Characters that could make code look
 * like other code (bidirectional controls, zero-width characters) are spelled out instead of removed.
 */
import { plainLines } from '../core/text.js';
import { palette, type TerminalStyle } from './terminal.js';
import { truncate } from './text-width.js';

const MAX_LINES = 200;
const DECEIVING = /[\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;

/** At most 200 lines, and a last one that says how many more there are. */
export function diffLines(diff: string, style: TerminalStyle): string[] {
  const spelled = diff.replace(DECEIVING, (character) => {
    return `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`;
  });
  const lines = plainLines(spelled).replace(/\n$/, '').split('\n');
  const tones = palette(style.colour);
  const shown = lines.slice(0, MAX_LINES).map((line) => {
    const text = truncate(line.replaceAll('\t', '    '), Math.max(20, style.width));
    const paint = linePaint(line);
    return paint === null || text === '' ? text : tones[paint](text);
  });
  const more = lines.length - MAX_LINES;
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
