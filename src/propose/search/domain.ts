/**
 * What a marked literal may become: the words after `autoresearch:` read into a typed domain. Pure.
 */
import { AppError } from '../../core/errors.js';

export type ParameterValue = number | boolean | string;

export type Domain =
  | {
      readonly kind: 'int' | 'float';
      readonly low: number;
      readonly high: number;
      /** Move by ratios instead of differences. */
      readonly log: boolean;
      /** Only `low + n * step`; null = a spacing that follows from the range (see space.ts). */
      readonly step: number | null;
    }
  | { readonly kind: 'bool' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] };

/** What one marker says: its domain, and its name where the marker gives one. */
export interface Declaration {
  readonly domain: Domain;
  readonly name: string | null;
}

interface Word {
  readonly text: string;
  readonly quoted: boolean;
}

const WORD = /"([^"]*)"|'([^']*)'|([^\s,]+)/g;
const NUMBER = '[+-]?(?:\\d+(?:\\.\\d+)?|\\.\\d+)(?:[eE][+-]?\\d+)?';
const RANGE = new RegExp(`^(${NUMBER})\\.\\.(${NUMBER})$`);
const NAME = /^name=([\w$./@-]+)$/;
const SYNTAX = 'int 1..64 [log] [step 4], float 0..1 [log] [step 0.1], bool, or choice a b c; optionally name=chunk';

/** A fault in a marker or its literal, always with the file and line to open. */
export function markerError(where: string, problem: string, cure: string): AppError {
  return new AppError('config', `${where}: ${problem}`, { hint: `${where}: ${cure}` });
}

/** Reads the text after `autoresearch:`. @param where `file:line`. @throws AppError config with the cure. */
export function parseDeclaration(text: string, where: string): Declaration {
  const words = wordsOf(text, where);
  const named = words.findIndex((word) => !word.quoted && word.text.startsWith('name='));
  const name = named < 0 ? null : NAME.exec(words[named]?.text ?? '')?.[1];
  if (name === undefined) {
    throw markerError(
      where,
      'name= needs a name of letters, digits, ".", "_", "-", "/"',
      'write for example name=chunk',
    );
  }
  const [kind, ...rest] = words.filter((_, index) => index !== named);
  switch (kind?.text) {
    case 'int':
    case 'float':
      return { domain: numberDomain(kind.text, rest, where), name };
    case 'bool':
      if (rest[0]) throw markerError(where, `bool takes nothing, not "${rest[0].text}"`, 'write autoresearch: bool');
      return { domain: { kind: 'bool' }, name };
    case 'choice':
      return { domain: choiceDomain(rest, where), name };
    default:
      throw markerError(where, `the marker has an unknown kind "${kind?.text ?? ''}"`, `write ${SYNTAX}`);
  }
}

/** Whether the domain admits the value; a number between two steps is admitted, the search leaves it at its first move. */
export function admits(domain: Domain, value: ParameterValue): boolean {
  switch (domain.kind) {
    case 'bool':
      return typeof value === 'boolean';
    case 'choice':
      return typeof value === 'string' && domain.choices.includes(value);
    case 'int':
    case 'float':
      return typeof value === 'number' && value >= domain.low && value <= domain.high;
  }
}

/** The domain as a marker spells it. */
export function formatDomain(domain: Domain): string {
  switch (domain.kind) {
    case 'bool':
      return 'bool';
    case 'choice':
      return `choice ${domain.choices.map((choice) => JSON.stringify(choice)).join(' ')}`;
    case 'int':
    case 'float': {
      const options = `${domain.log ? ' log' : ''}${domain.step === null ? '' : ` step ${domain.step}`}`;
      return `${domain.kind} ${domain.low}..${domain.high}${options}`;
    }
  }
}

function wordsOf(text: string, where: string): Word[] {
  return [...text.matchAll(WORD)].map((match) => {
    const bare = match[3];
    if (bare === undefined) return { text: match[1] ?? match[2] ?? '', quoted: true };
    if (/^["']/.test(bare)) throw markerError(where, `the quote of ${bare} is not closed`, 'close it on the same line');
    return { text: bare, quoted: false };
  });
}

function numberDomain(kind: 'int' | 'float', words: readonly Word[], where: string): Domain {
  const [rangeWord, ...options] = words;
  const range = RANGE.exec(rangeWord?.text ?? '');
  if (!range) {
    const given = rangeWord ? `"${rangeWord.text}" is not a range` : 'the range is missing';
    throw markerError(where, `${kind}: ${given}`, `write ${kind === 'int' ? 'int 1..64' : 'float 0..1'}`);
  }
  const low = Number(range[1]);
  const high = Number(range[2]);
  const { log, step } = numberOptions(options, where);
  const shown = `${range[1]}..${range[2]}`;
  if (!Number.isFinite(low) || !Number.isFinite(high) || !(low < high)) {
    throw markerError(where, `the range ${shown} is empty`, 'write the smaller bound first, with room between the two');
  }
  if (log && low <= 0)
    throw markerError(where, `log needs a range above zero, not ${shown}`, 'raise the lower bound or drop log');
  if (step !== null && step > high - low) {
    throw markerError(where, `step ${step} does not fit into ${shown}`, 'take a smaller step');
  }
  if (kind === 'int' && ![low, high, step ?? 1].every(Number.isSafeInteger)) {
    throw markerError(
      where,
      `int has bounds or a step that are not whole numbers`,
      'use whole numbers, or write float',
    );
  }
  return { kind, low, high, log, step };
}

function numberOptions(words: readonly Word[], where: string): { log: boolean; step: number | null } {
  let log = false;
  let step: number | null = null;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index]?.text ?? '';
    if (word === 'log') {
      log = true;
    } else if (word === 'step') {
      index += 1;
      step = Number(words[index]?.text ?? 'missing');
      if (!(step > 0) || !Number.isFinite(step))
        throw markerError(where, 'step needs a number above zero', 'write for example step 4');
    } else {
      throw markerError(
        where,
        `"${word}" is not known after a range`,
        'only log and step may follow; move notes to another line',
      );
    }
  }
  return { log, step };
}

function choiceDomain(words: readonly Word[], where: string): Domain {
  const choices = words.map((word) => word.text);
  if (choices.length < 2) {
    throw markerError(
      where,
      `choice offers ${choices.length} values`,
      'list two or more, for example choice "fast" "safe"',
    );
  }
  const twice = choices.find((choice, index) => choices.indexOf(choice) !== index);
  if (twice !== undefined) throw markerError(where, `choice lists "${twice}" twice`, 'list each value once');
  if (choices.includes('')) throw markerError(where, 'choice lists an empty value', 'leave it out');
  return { kind: 'choice', choices };
}
