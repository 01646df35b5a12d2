import { cut } from '../core/text.js';
import { isTerminal } from './output.js';

/** One line at the bottom of a terminal that says what is going on and for how long. Elsewhere it does not exist. */
export class LiveLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #enabled: boolean;
  #text = '';
  #since = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#enabled = isTerminal(stream);
  }

  show(text: string): void {
    if (!this.#enabled) return;
    this.#text = text;
    this.#since = Date.now();
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), 1_000).unref();
  }

  /** Prints a whole line above the live line. */
  print(text: string, stream: NodeJS.WriteStream = this.#stream): void {
    this.#clear();
    stream.write(`${text}\n`);
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#clear();
    this.#text = '';
  }

  #draw(): void {
    if (this.#text === '') return;
    const seconds = Math.floor((Date.now() - this.#since) / 1000);
    const elapsed = seconds > 0 ? `  ${seconds} s` : '';
    this.#stream.write(`\r\u001b[2K${cut(this.#text + elapsed, (this.#stream.columns ?? 80) - 1)}`);
  }

  #clear(): void {
    if (this.#enabled && this.#text !== '') this.#stream.write('\r\u001b[2K');
  }
}
