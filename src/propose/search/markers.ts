/**
 * Parameters are literals of the target, marked by a trailing comment on their own line, in any language:
 *   `const CHUNK = 64; // autoresearch: int 16..4096 log`
 * This module reads them and writes new values; it changes nothing but the literal's own characters. Pure.
 */
import { AppError } from '../../core/errors.js';
import { admits, type Domain, formatDomain, markerError, type ParameterValue, parseDeclaration } from './domain.js';
import { findLiteral, type Literal, spell } from './literal.js';

export interface Parameter {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** Unique among the parameters of one search; stable while the marker and its identifier are. */
  readonly name: string;
  readonly domain: Domain;
  readonly value: ParameterValue;
  /** Where the literal stands in the text, in UTF-16 units, without quotes and units. */
  readonly start: number;
  readonly end: number;
}

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** The word that makes a comment a marker. */
export const MARKER = 'autoresearch:';

// A comment may begin in any of these ways, directly before the word. Where a comment can be closed on its own line the
// marker ends there; a quote opens a comment (Vim, Visual Basic) only when it is not closed again.
const OPENER = /(?:<!--+|\{\/\*+|\{#|\{-|\(\*|\/\/+!?|\/\*+!?|#+|--+|;+|%+|!+|\*+|\bREM\b|\bdnl\b|["'\\])[ \t]*$/;
const CLOSER = /\*\/|--+>|\*\)|-\}|#\}/;

/**
 * The parameters of one file, in order. The literal is the last one of the marker's type before the marker's comment
 * begins. Without `name=` a parameter takes the identifier it is assigned to, else `file:line`.
 * @throws AppError config, naming file and line, when a marker has no literal, an empty range, an unknown kind, or a
 * current value outside its range.
 */
export function readParameters(path: string, text: string): Parameter[] {
  const parameters: Parameter[] = [];
  let offset = 0;
  let line = 0;
  for (const content of text.split('\n')) {
    line += 1;
    const parameter = readLine({ path, text: content.replace(/\r$/, '') }, line, offset);
    if (parameter) parameters.push(parameter);
    offset += content.length + 1;
  }
  return parameters;
}

/**
 * The parameters of several files under names that are unique: a name used twice gets its place appended.
 */
export function collectParameters(files: readonly TextFile[]): Parameter[] {
  const all = files.flatMap((file) => readParameters(file.path, file.text));
  const uses = new Map<string, number>();
  for (const { name } of all) uses.set(name, (uses.get(name) ?? 0) + 1);
  return all.map((parameter) => {
    if (uses.get(parameter.name) === 1) return parameter;
    return { ...parameter, name: `${parameter.name}@${parameter.path}:${parameter.line}` };
  });
}

/**
 * The text with new values (by name; parameters without one stay as they are). `parameters` must have been read from
 * this very text. Everything outside the changed literals is kept character by character.
 * @throws AppError config when the new line could not be read back as the same value.
 */
export function applyValues(
  text: string,
  parameters: readonly Parameter[],
  values: Readonly<Record<string, ParameterValue>>,
): string {
  let result = '';
  let copied = 0;
  for (const parameter of [...parameters].sort((a, b) => a.start - b.start)) {
    const value = values[parameter.name];
    if (value === undefined || value === parameter.value) continue;
    const spelling = text.slice(parameter.start, parameter.end);
    result += text.slice(copied, parameter.start) + spell(parameter.domain, spelling, value);
    copied = parameter.end;
  }
  result += text.slice(copied);
  assertReadsBack(result, parameters, values);
  return result;
}

function readLine(source: TextFile, line: number, offset: number): Parameter | null {
  const where = `${source.path}:${line}`;
  const marker = markerOf(source.text);
  if (!marker) return null;
  if (markerOf(marker.code)) {
    throw markerError(where, 'two markers on one line', 'put the second literal on a line of its own');
  }
  const { domain, name } = parseDeclaration(marker.declaration, where);
  const literal = findLiteral(domain, marker.code);
  if (!literal) {
    throw markerError(where, `no ${domain.kind} literal stands before the marker`, missingCure(domain));
  }
  if (!admits(domain, literal.value)) {
    const shown = `${JSON.stringify(literal.value)} is outside ${formatDomain(domain)}`;
    throw markerError(where, `the current value ${shown}`, 'widen the marker or change the value');
  }
  refuseUnwritable(domain, marker.code, { literal, where });
  return {
    path: source.path,
    line,
    name: name ?? identifierBefore(marker.code.slice(0, literal.start)) ?? where,
    domain,
    value: literal.value,
    start: offset + literal.start,
    end: offset + literal.end,
  };
}

function markerOf(line: string): { code: string; declaration: string } | null {
  const at = line.lastIndexOf(MARKER);
  if (at < 0) return null;
  const before = line.slice(0, at);
  const opener = OPENER.exec(before);
  if (!opener) return null;
  const rest = line.slice(at + MARKER.length);
  const quote = /["']/.exec(opener[0])?.[0];
  if (quote && rest.includes(quote)) return null;
  return { code: before.slice(0, opener.index), declaration: rest.split(CLOSER)[0] ?? '' };
}

/** Values that would merge with their surroundings: a second minus sign, a quote inside quotes. */
function refuseUnwritable(domain: Domain, code: string, found: { literal: Literal; where: string }): void {
  const before = code.charAt(found.literal.start - 1);
  if ((domain.kind === 'int' || domain.kind === 'float') && domain.low < 0 && before === '-') {
    throw markerError(
      found.where,
      'a range below zero cannot stand directly after "-"',
      'put a space or "+" before the number',
    );
  }
  if (domain.kind !== 'choice' || !/["'`]/.test(before)) return;
  const clash = domain.choices.find((choice) => choice.includes(before));
  if (clash !== undefined) {
    throw markerError(
      found.where,
      `the value ${clash} would close the quotes`,
      'use another kind of quotes around the literal',
    );
  }
}

function missingCure(domain: Domain): string {
  return domain.kind === 'choice'
    ? `the code on this line must contain one of ${domain.choices.join(', ')}`
    : `put the marker on the line of the ${domain.kind} literal that it describes`;
}

/** `CHUNK` in `const CHUNK = `, `chunk: int = `, `"chunk": `, `#define CHUNK `, `--chunk=`, `chunk(`. */
function identifierBefore(code: string): string | null {
  const name = '([A-Za-z_$][\\w$-]*)';
  const patterns = [
    new RegExp(`^\\s*#\\s*define\\s+${name}`),
    new RegExp(`${name}\\s*:\\s*[\\w<>\\[\\]., |&?]+=\\s*["'\`(]*$`),
    new RegExp(`${name}["']?\\s*(?::=|=>|[:=])\\s*["'\`(\\[]*$`),
    new RegExp(`.*?${name}["'\\]]?\\s*(?::=|=)(?![=>])`),
    new RegExp(`${name}[^\\w]*$`),
  ];
  for (const pattern of patterns) {
    const found = pattern.exec(code)?.[1]?.replace(/-+$/, '');
    if (found) return found;
  }
  return null;
}

function assertReadsBack(
  text: string,
  parameters: readonly Parameter[],
  values: Readonly<Record<string, ParameterValue>>,
): void {
  const path = parameters[0]?.path;
  if (path === undefined) return;
  const again = new Map(readParameters(path, text).map((parameter) => [parameter.line, parameter.value]));
  for (const parameter of parameters) {
    const wanted = values[parameter.name] ?? parameter.value;
    if (again.get(parameter.line) === wanted) continue;
    const where = `${path}:${parameter.line}`;
    throw new AppError(
      'config',
      `${where}: ${parameter.name} cannot be set to ${JSON.stringify(wanted)} so that it reads back`,
      {
        hint: `${where}: put the literal on a line of its own, or in quotes`,
      },
    );
  }
}
