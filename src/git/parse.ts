/**
 * Reads git's machine formats (always `-z`, always bytes) into the words of types.ts. Pure.
 */
import type { ChangedPath } from './types.js';

/** Splits NUL-terminated records. */
export function records(output: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  for (let end = output.indexOf(0); end !== -1; end = output.indexOf(0, start)) {
    parts.push(output.subarray(start, end));
    start = end + 1;
  }
  return parts;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A path as text; bytes that are not UTF-8 get git's own spelling: quoted, with octal escapes. */
export function decodePath(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return octalSpelling(bytes);
    throw error;
  }
}

function octalSpelling(bytes: Buffer): string {
  const characters = [...bytes].map((byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
    return `\\${byte.toString(8).padStart(3, '0')}`;
  });
  return `"${characters.join('')}"`;
}

/** One record of `--raw -z --no-renames --no-abbrev`, with the path as git's bytes. */
export interface RawChange {
  readonly path: Buffer;
  readonly status: ChangedPath['status'];
  readonly oldMode: string;
  readonly newMode: string;
  readonly oldId: string;
  readonly newId: string;
  /** Only against an index: a conflict that is not resolved. */
  readonly isUnmerged: boolean;
}

const STATUS: Readonly<Record<string, ChangedPath['status']>> = {
  A: 'added',
  M: 'modified',
  D: 'deleted',
  T: 'type_changed',
  U: 'modified',
};

/** @throws Error when the output is not what git promises: a bug, not a state of the repository. */
export function parseRawDiff(output: Buffer): RawChange[] {
  const parts = records(output);
  const changes: RawChange[] = [];
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const header = (parts[i] ?? Buffer.alloc(0)).toString('latin1');
    const match = /^:(\d{6}) (\d{6}) ([0-9a-f]+) ([0-9a-f]+) ([AMDTU])/.exec(header);
    const path = parts[i + 1];
    const status = STATUS[match?.[5] ?? ''];
    if (!match || !path || !status) throw new Error(`git diff --raw answered "${header}"`);
    const [, oldMode = '', newMode = '', oldId = '', newId = ''] = match;
    changes.push({ path, status, oldMode, newMode, oldId, newId, isUnmerged: match[5] === 'U' });
  }
  return changes;
}

export function toChangedPath(change: RawChange): ChangedPath {
  const { status, oldMode, newMode } = change;
  return { path: decodePath(change.path), status, oldMode, newMode };
}

/** One record of `git status --porcelain=v2 -z --no-renames`. */
export interface StatusEntry {
  readonly path: string;
  /** Index against HEAD and working file against index: `.` is the same, else M, T, A, D or U. */
  readonly staged: string;
  readonly unstaged: string;
  readonly untracked: boolean;
  readonly headMode: string;
  readonly indexMode: string;
}

export function parseStatus(output: Buffer): StatusEntry[] {
  return records(output).flatMap((record): StatusEntry[] => {
    const kind = String.fromCharCode(record[0] ?? 0);
    if (kind === '?') {
      const path = decodePath(record.subarray(2));
      return [{ path, staged: '.', unstaged: '.', untracked: true, headMode: '000000', indexMode: '000000' }];
    }
    // `1 XY sub mH mI mW hH hI path`; unmerged: `u XY sub m1 m2 m3 mW h1 h2 h3 path`.
    const fieldsBefore = kind === '1' ? 8 : kind === 'u' ? 10 : 0;
    if (fieldsBefore === 0) return [];
    const fields = record.toString('latin1').split(' ', fieldsBefore);
    const pathStart = fields.reduce((length, field) => length + field.length + 1, 0);
    const [, states = '..', , headMode = '000000', indexMode = '000000'] = fields;
    const path = decodePath(record.subarray(pathStart));
    return [{ path, staged: states.charAt(0), unstaged: states.charAt(1), untracked: false, headMode, indexMode }];
  });
}

/** `XY` letter of a staged change in the words of ChangedPath. */
export function statusWord(letter: string): ChangedPath['status'] {
  return STATUS[letter] ?? 'modified';
}
