import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { readLines, readTail } from '../../src/process/capture.js';
import { findProgram } from '../../src/process/shell.js';
import { Scratch } from '../helpers/process.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const MIB = 1024 * 1024;

describe('the log of a command', () => {
  it('stays small on disk and in memory when the command prints a gigabyte, and keeps head and tail', async () => {
    const spec = scratch.spec(
      'echo first; yes 0123456789abcdef0123456789abcdef | head -c 1000000000; echo; echo score: 42',
    );
    const before = process.memoryUsage().rss;
    let memory = 0;
    let disk = 0;
    const watching = setInterval(() => {
      memory = Math.max(memory, process.memoryUsage().rss - before);
      disk = Math.max(disk, statSync(spec.logPath, { throwIfNoEntry: false })?.blocks ?? 0);
    }, 5);
    const result = await scratch.run(spec.command, { logPath: spec.logPath, hardLimitMs: 50_000 });
    clearInterval(watching);

    expect(result).toMatchObject({ end: 'exited', exitCode: 0, outputBytes: 1_000_000_017 });
    expect(memory).toBeLessThan(100 * MIB);
    if (findProgram('fallocate', process.env['PATH'] ?? '')) expect(disk * 512).toBeLessThan(400 * MIB);
    expect(result.log.length).toBeLessThanOrEqual(16 * MIB);
    expect(result.log.slice(0, 6)).toBe('first\n');
    expect(result.log.slice(-11)).toBe('\nscore: 42\n');
    const [marker, left] = /^\[\.\.\. (\d+) bytes left out \.\.\.\]\n/m.exec(result.log) ?? [];
    expect(Number(left) + result.log.length - (marker?.length ?? 0)).toBe(result.outputBytes);
    expect(new Set(result.log.split('\n').map((line) => line.length)).size).toBeLessThanOrEqual(7);
  });

  it('is cut down also when the limit is tiny, the lines are long and nothing ends with a newline', async () => {
    const { log } = await scratch.run('head -c 30000 /dev/zero | tr "\\0" a; printf "score: 1"', {
      logLimitBytes: 5000,
    });
    expect(log).toMatch(/^a{1250}\n\[\.\.\. \d+ bytes left out \.\.\.\]\na+score: 1$/);
    expect(log.length).toBeLessThanOrEqual(5000);
  });

  it('is exact when it is not too long: binary, empty, and without a newline at its end', async () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
    const spec = scratch.spec(`printf '${bytes}'`);
    const result = await scratch.run(spec.command, { logPath: spec.logPath });
    expect(result.outputBytes).toBe(256);
    expect(readFileSync(spec.logPath)).toEqual(Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
    expect(await scratch.run('true')).toMatchObject({ log: '', outputBytes: 0 });
    expect(await scratch.run('printf "score: 1"')).toMatchObject({ log: 'score: 1', outputBytes: 8 });
  });

  it.each(['rm', 'ln -sf /etc/hostname'])(
    'holds what was printed even when the command does "%s" to it',
    async (attack) => {
      const spec = scratch.spec('');
      const line = `echo printed; ${attack} "$LOG"; echo more`;
      const env = { ...spec.env, LOG: spec.logPath };
      expect(await scratch.run(line, { logPath: spec.logPath, env })).toMatchObject({ log: 'printed\nmore\n' });
    },
  );
});

describe('readLines', () => {
  it('gives the lines of any text as splitting would, whatever the line ends', async () => {
    const path = join(scratch.path, 'lines');
    const line = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replace(/[\r\n\0]/g, ''));
    const text = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n')), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(text, line, async (lines, last) => {
        writeFileSync(path, lines.flat().join('') + last);
        const expected = [...lines.map(([content]) => content), ...(last === '' ? [] : [last])];
        expect(await collect(readLines(path))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('reads lines that span many chunks, and cuts those over the limit without losing the next', async () => {
    const path = join(scratch.path, 'long');
    writeFileSync(path, `${'x'.repeat(3 * MIB)}\nscore: 1\n${'y'.repeat(70_000)}\n`);
    const lines = await collect(readLines(path));
    expect(lines.map((text) => text.length)).toEqual([65_536, 8, 65_536]);
    expect((await collect(readLines(path, 4 * MIB)))[0]?.length).toBe(3 * MIB);
  });

  it('keeps the two sides of a hole apart and passes over it quickly', async () => {
    const path = join(scratch.path, 'hole');
    writeFileSync(path, 'a\nscore: 1');
    truncateSync(path, 300 * MIB + 5);
    writeFileSync(path, '2\nscore: 3\n', { flag: 'a' });
    expect(await collect(readLines(path))).toEqual(['a', 'score: 1', '2', 'score: 3']);
  });

  it('decodes what is not UTF-8 with replacement characters, and keeps carriage returns inside a line', async () => {
    const path = join(scratch.path, 'odd');
    writeFileSync(path, Buffer.from([0xff, 0xfe, 0x61, 0x0a, 0x62, 0x0d, 0x63, 0x0d, 0x0d, 0x0a]));
    expect(await collect(readLines(path))).toEqual(['\ufffd\ufffda', 'b\rc']);
  });

  it('finds no lines in a file that does not exist', async () => {
    const path = join(scratch.path, 'absent');
    rmSync(path, { force: true });
    expect(await collect(readLines(path))).toEqual([]);
    expect(existsSync(path)).toBe(false);
  });
});

describe('readTail', () => {
  it('gives the last bytes, beginning with a whole character', async () => {
    const path = join(scratch.path, 'tail');
    writeFileSync(path, 'aéééé');
    expect(await readTail(path, 100)).toBe('aéééé');
    expect(await readTail(path, 5)).toBe('éé');
    expect(await readTail(path, 4)).toBe('éé');
    expect(await readTail(path, 0)).toBe('');
    expect(await readTail(join(scratch.path, 'absent'), 10)).toBe('');
  });
});

async function collect(lines: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}
