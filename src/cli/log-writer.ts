import { StringDecoder } from 'node:string_decoder';
import { oneLine, plainLines } from '../core/text.js';
import { isTerminal } from './output.js';

/** Writes foreign output: byte by byte into a pipe; on a terminal line by line and without whatever could steer it. */
export interface LogTitle {
  /** What the log is, in words: `trial #0007, candidate, measured`. */
  readonly title: string;
  readonly path: string;
}

export function heading({ title, path }: LogTitle): string {
  return `==> ${oneLine(title, 120)}: ${oneLine(path, 1000)}`;
}

/** A control sequence cut in two by the border of two chunks is found only in a whole line, so pieces are held back. Longer pieces without a line end are printed as they are. */
const LONGEST_HELD_CHARS = 64 * 1024;

export class LogWriter {
  readonly #isTerminal = isTerminal(process.stdout);
  readonly #decoder = new StringDecoder('utf8');
  #held = '';
  #midLine = false;

  /** False when the reader is slow and `drain` should be waited for. */
  write(bytes: Buffer): boolean {
    if (bytes.length === 0) return true;
    if (!this.#isTerminal) return process.stdout.write(bytes);
    this.#held += this.#decoder.write(bytes);
    const end = this.#held.lastIndexOf('\n') + 1;
    if (end === 0 && this.#held.length < LONGEST_HELD_CHARS) return true;
    const whole = end === 0 ? this.#held : this.#held.slice(0, end);
    this.#held = this.#held.slice(whole.length);
    return this.#print(whole);
  }

  /** Prints the piece of a line that is held back: nothing more of it has come for a while. */
  flush(): void {
    const piece = this.#held;
    this.#held = '';
    if (piece !== '') this.#print(piece);
  }

  /** The last line gets its end on a terminal, so that what follows begins on its own. */
  end(): void {
    this.#held += this.#decoder.end();
    this.flush();
    if (this.#midLine) process.stdout.write('\n');
    this.#midLine = false;
  }

  #print(text: string): boolean {
    const plain = plainLines(text);
    if (plain === '') return true;
    this.#midLine = !plain.endsWith('\n');
    return process.stdout.write(plain);
  }
}
