/** Built-in evaluators that ask a model, run in this process in a folder of their own with stand-ins for the programs. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { BUILT_IN_EVALUATORS } from '../../src/evaluators/index.js';
import type { EvaluatorOptions } from '../../src/evaluators/types.js';
import { present } from './process.js';

const FAKE_AGENT = fileURLToPath(new URL('../fixtures/agents/fake-agent.mjs', import.meta.url));
const CONTENT = ['curiosity', 'specificity', 'emotional_pull', 'scroll_stop', 'seo'];

export interface Evaluated {
  readonly exitCode: number;
  readonly values: Readonly<Record<string, number>>;
  readonly notes: string;
}

/** An answer for llm_judge_content with these scores in order; the last one goes for the rest. */
export function contentAnswer(...scores: readonly number[]): Record<string, { reason: string; score: number }> {
  return Object.fromEntries(
    CONTENT.map((id, index) => [id, { reason: `${id} is so`, score: scores[index] ?? scores.at(-1) ?? 0 }]),
  );
}

export class JudgePlace {
  readonly path = mkdtempSync(join(tmpdir(), "judge's place "));
  readonly output = join(this.path, 'output');

  constructor() {
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }));
    mkdirSync(join(this.path, 'bin'));
    this.write('article.md', '# Nine lines that fixed our build\n\nIt took 14 minutes.\n');
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  /** What a stand-in was given at its last call. */
  get given(): { argv: string[]; stdin: string; env: Record<string, string>; cwd: string } {
    return JSON.parse(readFileSync(join(this.path, 'given.json'), 'utf8'));
  }

  get calls(): number {
    const path = join(this.path, 'calls');
    return existsSync(path) ? readFileSync(path, 'utf8').length : 0;
  }

  /** Puts a stand-in for the program on PATH. @param behaviour is one of those in the fixture. */
  install(name: string, behaviour: string, variables: Readonly<Record<string, string>> = {}): void {
    const env = { FAKE_AGENT: behaviour, FAKE_AGENT_RECORD: join(this.path, 'given.json'), ...variables };
    const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
    const exports = Object.entries(env).map(([key, value]) => `export ${key}=${quoted(value)}`);
    const lines = [
      '#!/bin/sh',
      `[ "$1" = --version ] && exec echo '${name} 1.2.3 (fake)'`,
      `printf x >> ${quoted(join(this.path, 'calls'))}`,
      ...exports,
      `exec ${quoted(process.execPath)} ${quoted(FAKE_AGENT)} ${name} "$@"`,
    ];
    const path = join(this.path, 'bin', name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    chmodSync(path, 0o755);
  }

  /** @param replies of a scripted judge, in order. */
  script(replies: readonly unknown[]): EvaluatorOptions {
    this.write('replies.json', JSON.stringify({ replies }));
    return { judge: 'scripted', script: 'replies.json' };
  }

  async evaluate(
    name: string,
    options: EvaluatorOptions,
    extra: { env?: Readonly<Record<string, string>>; signal?: AbortSignal } = {},
  ): Promise<Evaluated> {
    const evaluator = present(BUILT_IN_EVALUATORS.find((candidate) => candidate.name === name));
    const lines: string[] = [];
    const notes: string[] = [];
    const exitCode = await evaluator.run(options, {
      cwd: this.path,
      env: {
        PATH: `${join(this.path, 'bin')}:${process.env['PATH']}`,
        HOME: this.path,
        AUTORESEARCH_OUTPUT_DIR: this.output,
        ...extra.env,
      },
      print: (line) => lines.push(line),
      note: (line) => notes.push(line),
      ...(extra.signal === undefined ? {} : { signal: extra.signal }),
    });
    const values = Object.fromEntries(
      lines.map((line) => line.split(': ')).map(([key = '', value]) => [key, Number(value)]),
    );
    return { exitCode, values, notes: notes.join('\n') };
  }

  async content(options: EvaluatorOptions, extra: Parameters<JudgePlace['evaluate']>[2] = {}): Promise<Evaluated> {
    return await this.evaluate('llm_judge_content', { file: 'article.md', ...options }, extra);
  }

  report(name: 'items.jsonl' | 'feedback.md'): string {
    return readFileSync(join(this.output, name), 'utf8');
  }

  get reports(): readonly string[] {
    return existsSync(this.output) ? readdirSync(this.output) : [];
  }
}
