import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFeedback, readItems } from '../../src/evaluate/reports.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'output files '));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('items.jsonl', () => {
  const items = (content: string | Buffer) => readItems(write('items.jsonl', content));

  it('is read line by line, with its optional fields', async () => {
    const text =
      '\uFEFF{"id":"a","value":1}\r\n\n{"id":"ü","value":-2.5e-8,"soft":0.5,"group":"g","note":"x"}\n{"id":"c","value":0,"soft":null}';
    expect(await items(text)).toEqual({
      problem: null,
      items: [
        { id: 'a', value: 1 },
        { id: 'ü', value: -2.5e-8, soft: 0.5, group: 'g' },
        { id: 'c', value: 0 },
      ],
    });
  });

  it('may be absent or empty', async () => {
    expect(await readItems(join(folder, 'none'))).toEqual({ items: [], problem: null });
    expect(await items('')).toEqual({ items: [], problem: null });
  });

  it.each([
    ['{"id":"a","value":1}\n{"id":"b","value":', 'items.jsonl line 2: not a JSON object: {"id":"b","value":'],
    ['[1]', 'items.jsonl line 1: not a JSON object: [1]'],
    ['{"id":"a","value":NaN}', 'line 1: not a JSON object'],
    ['{"id":"a","value":1e999}', '"value" must be a finite number'],
    ['{"id":"a","value":"1"}', '"value" must be a finite number'],
    ['{"id":"a"}', '"value" must be a finite number'],
    ['{"id":1,"value":1}', '"id" must be a text of 1-256 characters'],
    ['{"id":"","value":1}', '"id" must be a text of 1-256 characters'],
    ['{"id":"a","value":1,"soft":"x"}', '"soft" must be a finite number'],
    ['{"id":"a","value":1,"group":2}', '"group" must be a text of 1-256 characters'],
    ['{"id":"a","value":1}\n\n{"id":"a","value":2}', 'line 3: the id "a" was used on line 1'],
    ['\u0000\u001b[2J', 'line 1: not a JSON object'],
    ['['.repeat(100_000), 'line 1: not a JSON object'],
  ])('%j is reported, and no part of it is used', async (text, problem) => {
    expect(await items(text)).toEqual({ items: [], problem: expect.stringContaining(problem) });
  });

  it('is limited in lines and bytes', async () => {
    const rows = Array.from({ length: 100_001 }, (_, index) => `{"id":"${index}","value":1}`);
    expect((await items(rows.slice(1).join('\n'))).items).toHaveLength(100_000);
    expect(await items(rows.join('\n'))).toEqual({ items: [], problem: 'items.jsonl has more than 100000 items' });
    const path = write('items.jsonl', '{}');
    truncateSync(path, 64 * 1024 * 1024 + 1);
    expect(await readItems(path)).toEqual({ items: [], problem: 'items.jsonl is larger than 64 MiB' });
  });

  it('is never followed through a link, waited for in a pipe, or read from a folder', async () => {
    symlinkSync('/dev/zero', join(folder, 'link'));
    execFileSync('/bin/sh', ['-c', 'mkfifo "$1"', 'sh', join(folder, 'pipe')]);
    expect(await readItems(join(folder, 'link'))).toMatchObject({ problem: 'link is a link, which is not followed' });
    expect(await readItems(join(folder, 'pipe'))).toMatchObject({ problem: 'pipe is not a regular file' });
    expect(await readItems(folder)).toMatchObject({
      items: [],
      problem: expect.stringContaining('not a regular file'),
    });
  });
});

describe('feedback.md', () => {
  const feedback = (content: string | Buffer) => readFeedback(write('feedback.md', content));

  it('is plain text', async () => {
    const report = await feedback('\n# Slow\r\n\u001b[31mparse()\u001b[0m took\t9 ms\u0007\n');
    expect(report).toEqual({ feedback: '# Slow\nparse() took\t9 ms', problem: null });
  });

  it('is cut at 16 KiB, between two characters', async () => {
    const { feedback: text } = await feedback(`x${'ü'.repeat(10_000)}`);
    expect(text).toBe(`x${'ü'.repeat(8191)}\n… (cut at 16 KiB)`);
    expect((await feedback('y'.repeat(16 * 1024))).feedback).toBe('y'.repeat(16 * 1024));
  });

  it('may be absent, empty or not text at all', async () => {
    expect(await readFeedback(join(folder, 'none'))).toEqual({ feedback: null, problem: null });
    expect(await feedback(' \n')).toEqual({ feedback: null, problem: null });
    expect(await feedback(Buffer.from([0xff, 0xfe, 0x00, 0x41]))).toEqual({ feedback: '\ufffd\ufffdA', problem: null });
    symlinkSync('/etc/passwd', join(folder, 'link'));
    expect(await readFeedback(join(folder, 'link'))).toEqual({
      feedback: null,
      problem: 'link is a link, which is not followed',
    });
  });
});
