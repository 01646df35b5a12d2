/**
 * The operator's own command: the prompt on stdin, the answer on stdout, exit code 0 when it went well and 75 when it is
 * to be tried again later. It gets the whole environment.
 */
import { shellArgv } from '../../process/shell.js';
import { type Adapter, endOfText, type StreamParser } from './types.js';

export function commandAdapter(command: string): Adapter {
  return {
    name: 'the agent command',
    program: null,
    install: '',
    modes: ['answer', 'edit'],
    features: [],
    reserved: [],
    credentials: /^/,
    argv: () => shellArgv(command),
    env: ({ model }) => (model === null ? {} : { AUTORESEARCH_MODEL: model }),
    stdin: ({ prompt }) => prompt,
    writes: () => ({}),
    output: 'text',
    createParser: () => new TextParser(),
    exits: { 75: 'rate_limit' },
    silentExit: 'done',
  };
}

class TextParser implements StreamParser {
  #text = '';

  push(line: string): void {
    this.#text = endOfText(`${this.#text}${line}\n`);
  }

  isOver(): boolean {
    return false;
  }

  report() {
    return { end: null, text: this.#text, usage: null, usd: null, denials: [], model: null };
  }
}
