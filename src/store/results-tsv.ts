import { appendFileSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { errnoOf } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import type { TrialRow } from './rows.js';

/**
 * results.tsv, the mirror for people, in the four columns of the original. It is written, never read back for a
 * decision; a mirror that disagrees with the store is renamed before it is rebuilt.
 */
const HEADER = 'commit\tmetric\tstatus\tdescription';

/** The line of a counted, settled trial; null for attempts that leave no line. */
export function resultsLine(trial: TrialRow): string | null {
  if (trial.number === null || trial.verdict === null) return null;
  const commit = (trial.candidateCommit ?? trial.incumbentCommit).slice(0, 7);
  const metric = trial.metric === null ? 'N/A' : trial.metric.toFixed(6);
  return `${commit}\t${metric}\t${trial.verdict}\t${oneLine(trial.description, 500)}`;
}

/** The data lines of a results file of the original, verbatim, with or without its header. */
export function linesToImport(path: string): string[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8')
    .replace(/^\ufeff/, '')
    .split(/\r?\n/);
  return lines.filter((line) => line !== '' && line !== HEADER);
}

export class ResultsMirror {
  readonly #path: string;
  /** As we left it; null while nobody has compared the file with the store. */
  #bytes: number | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Makes the file say what the store says. Returns the path that a disagreeing file was renamed to, or null.
   * @throws the file system's error: the caller decides whether a mirror is worth stopping for.
   */
  rebuild(imported: readonly string[], trials: Iterable<TrialRow>, now: number): string | null {
    const lines = [HEADER, ...imported];
    for (const trial of trials) {
      const line = resultsLine(trial);
      if (line !== null) lines.push(line);
    }
    const wanted = `${lines.join('\n')}\n`;
    const found = readIfPresent(this.#path);
    this.#bytes = Buffer.byteLength(wanted);
    if (found === wanted) return null;
    const disagrees = found !== null && !isTornPrefix(found, wanted) && !isRaw(found, imported);
    const renamed = disagrees ? this.#setAside(now) : null;
    writeAtomically(this.#path, wanted);
    return renamed;
  }

  /** Adds one line; false when the file is not what we left, so that it has to be rebuilt. */
  append(line: string): boolean {
    const found = statSync(this.#path, { throwIfNoEntry: false });
    if (this.#bytes === null || found?.size !== this.#bytes) return false;
    const text = `${line}\n`;
    appendFileSync(this.#path, text);
    this.#bytes += Buffer.byteLength(text);
    return true;
  }

  #setAside(now: number): string {
    const aside = `${this.#path}.${new Date(now).toISOString().replace(/[:.]/g, '-')}.bak`;
    renameSync(this.#path, aside);
    return aside;
  }
}

/**
 * A crash in the middle of an append leaves a beginning of the right text, a loss of power zeros after it: nothing of a
 * person's is in it.
 */
function isTornPrefix(found: string, wanted: string): boolean {
  return wanted.startsWith(found.replace(/\0+$/, ''));
}

/** The original's file as it was imported, perhaps without header or last newline: its lines all live on. */
function isRaw(found: string, imported: readonly string[]): boolean {
  const lines = found
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .filter((line) => line !== '' && line !== HEADER);
  return lines.length === imported.length && lines.every((line, index) => line === imported[index]);
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function writeAtomically(path: string, text: string): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
