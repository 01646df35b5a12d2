/**
 * Values of the `key = value` dialect, read and written. The rules are those of the `ini` package, without its silent
 * losses: where `ini` would cut or change a value, reading refuses it, and writing quotes it.
 */
import { safe, unsafe } from 'ini';

export type IniReading = { readonly value: string } | { readonly problem: string };

/** Reads what stands right of the `=`, already trimmed. */
export function readIniValue(raw: string): IniReading {
  const quote = raw.charAt(0);
  if (quote === '"' || quote === "'") {
    if (raw.length > 1 && raw.endsWith(quote)) return quote === '"' ? readDoubleQuoted(raw) : readSingleQuoted(raw);
    if (raw.split(quote).length % 2 === 0) return { problem: `the quote ${quote} is not closed` };
  }
  return readBare(raw);
}

/** `text` such that reading it gives `value` again: bare where that is safe, else quoted. */
export function quoteIniValue(value: string): string {
  if (value !== '' && safe(value) === value && isValue(readBare(value), value) && isValue(readIniValue(value), value)) {
    if (!HOSTILE.test(value)) return value;
  }
  const literal = `'${value}'`;
  if (value !== '' && !HOSTILE.test(value) && isValue(readIniValue(literal), value) && unsafe(literal) === value) {
    return literal;
  }
  return JSON.stringify(value);
}

/** Control characters, line ends and halves of surrogate pairs: only an escaped form survives a file. */
const HOSTILE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Surrogate}/u;

function isValue(reading: IniReading, value: string): boolean {
  return 'value' in reading && reading.value === value;
}

function readDoubleQuoted(raw: string): IniReading {
  try {
    const value: unknown = JSON.parse(raw);
    if (typeof value === 'string') return { value };
  } catch (error) {
    // JSON says no: the problem below tells the person how to write it instead.
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { problem: 'inside double quotes every \\ and " needs a backslash before it' };
}

function readSingleQuoted(raw: string): IniReading {
  const inner = raw.slice(1, -1);
  if (inner.includes("'")) return { problem: "a value in single quotes cannot hold another '" };
  return { value: inner };
}

function readBare(raw: string): IniReading {
  // Only `\;` and `\#` are escapes here; that is the exact inverse of what `ini` writes.
  const value = raw.replace(/\\([;#])/g, '$1');
  const other: unknown = unsafe(raw);
  if (other === value) return { value };
  const comment = /(?<!\\)(?:\\\\)*([;#])/.exec(raw)?.[1];
  if (comment) return { problem: `"${comment}" starts a comment in INI and would cut the value` };
  return { problem: 'a backslash means something else in INI' };
}
