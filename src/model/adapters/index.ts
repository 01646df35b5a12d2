/** The agent command lines that can be hired by name, and what may be added to their arguments. */
import { AppError } from '../../core/errors.js';
import type { CallLimits } from '../types.js';
import { aider } from './aider.js';
import { claude } from './claude.js';
import { codex } from './codex.js';
import { gemini } from './gemini.js';
import { opencode } from './opencode.js';
import { pi } from './pi.js';
import type { Adapter, AdapterName } from './types.js';

export const ADAPTERS: Readonly<Record<AdapterName, Adapter>> = { claude, codex, gemini, opencode, pi, aider };

/** The limits that were asked for and that this program cannot keep: to be said once, never dropped in silence. */
export function unenforced(adapter: Adapter, limits: CallLimits): readonly string[] {
  return (['turns', 'usd'] as const).filter((name) => limits[name] !== undefined && !adapter.features.includes(name));
}

/**
 * Splits the operator's extra arguments into words, as a shell would, without expanding anything.
 * @throws AppError config when a quote is open, or a flag is one that we set ourselves.
 */
export function extraArguments(adapter: Adapter, text: string): readonly string[] {
  const words = splitWords(text);
  if (words === null) {
    throw new AppError('config', `extra_args in [agent] has an open quote: ${text}`, { hint: 'close the quote' });
  }
  const taken = words.find((word) => isReserved(adapter, word));
  if (taken === undefined) return words;
  throw new AppError('config', `${taken} in extra_args of [agent] is not yours to set: the runner relies on its own`, {
    hint: `delete it; model, time limits and the rest have keys of their own in [agent]. reserved for ${adapter.name}: ${adapter.reserved.join(' ')}`,
  });
}

/** `--flag`, `--flag=value`, and `-fvalue` for short flags. */
function isReserved({ reserved, reservedWords }: Adapter, word: string): boolean {
  if (reservedWords?.test(word)) return true;
  const name = word.split('=', 1)[0] ?? '';
  return reserved.some((flag) =>
    /^-[A-Za-z]$/.test(flag) ? name.startsWith(flag) && !name.startsWith('--') : name === flag,
  );
}

function splitWords(text: string): readonly string[] | null {
  const words: string[] = [];
  for (let rest = text.trim(); rest !== ''; rest = rest.trimStart()) {
    const word = /^(?:[^\s"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"|'[^']*')+/.exec(rest)?.[0];
    if (word === undefined) return null;
    rest = rest.slice(word.length);
    if (rest !== '' && !/^\s/.test(rest)) return null;
    words.push(unquote(word));
  }
  return words;
}

function unquote(word: string): string {
  return word.replace(/\\([\s\S])|"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'/g, (_, escaped, double, single) => {
    if (escaped !== undefined) return escaped;
    return single ?? String(double).replace(/\\(["\\$`])/g, '$1');
  });
}
