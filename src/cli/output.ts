import { formatWithOptions } from 'node:util';
import { AppError, EXIT_CODES } from '../core/errors.js';
import type { TerminalStyle } from '../dashboard/terminal.js';

/** Where text leaves the program: data on stdout, talk on stderr, colours only for people. */
const DEFAULT_WIDTH = 100;

export function out(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

export function talk(text: string): void {
  process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Documents for programs: always complete, one JSON value, one line feed. */
export function outJson(value: unknown): void {
  out(JSON.stringify(value, null, 2));
}

export function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env['TERM'] !== 'dumb';
}

function wantsColour(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, CLICOLOR, FORCE_COLOR, CLICOLOR_FORCE } = process.env;
  if (NO_COLOR) return false;
  if ((FORCE_COLOR && FORCE_COLOR !== '0') || (CLICOLOR_FORCE && CLICOLOR_FORCE !== '0')) return true;
  return isTerminal(stream) && CLICOLOR !== '0';
}

function wantsUnicode(): boolean {
  const locale = process.env['LC_ALL'] || process.env['LC_CTYPE'] || process.env['LANG'] || '';
  return /utf-?8/i.test(locale) || process.platform === 'darwin';
}

export function styleOf(stream: NodeJS.WriteStream): TerminalStyle {
  return { width: stream.columns ?? DEFAULT_WIDTH, colour: wantsColour(stream), unicode: wantsUnicode() };
}

/** Tells an error to a person, or as JSON to a program, and returns the exit code. */
export function report(error: unknown, { json }: { json: boolean }): number {
  if (error instanceof AppError) {
    const { code, message, hint, exitCode } = error;
    if (json) talk(JSON.stringify({ schemaVersion: 1, error: { code, message, hint } }));
    else talk(`autoresearch: ${message}\n  ${hint.replaceAll('\n', '\n  ')}`);
    return exitCode;
  }
  talk(
    formatWithOptions(
      { colors: false },
      'autoresearch: this is a bug, please report it with `autoresearch --version`:\n%O',
      error,
    ),
  );
  return EXIT_CODES.bug;
}
