import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPlainFile } from '../../src/process/plain-file.js';
import { temporaryFolder } from '../helpers/git.js';

describe('a file that foreign code may have replaced', () => {
  const place = () => join(temporaryFolder(), 'file');

  it.each([0, 1, 65_536, 200_000])('of %d bytes is read whole, and no further than wanted', (size) => {
    const path = place();
    const content = Buffer.alloc(size, 'abc');
    writeFileSync(path, content);
    expect(readPlainFile(path, { maxBytes: Number.POSITIVE_INFINITY })?.equals(content)).toBe(true);
    expect(readPlainFile(path, { maxBytes: 100 })).toHaveLength(Math.min(size, 100));
  });

  it('is none where it is a pipe or a folder, and nobody waits for it', () => {
    const [pipe, folder] = [place(), place()];
    execFileSync('mkfifo', [pipe]);
    mkdirSync(folder);
    for (const path of [pipe, folder]) expect(readPlainFile(path, { maxBytes: 10 })).toBeNull();
  });

  it('is read through a link only where that is wanted', () => {
    const path = place();
    writeFileSync(`${path}.txt`, 'x');
    symlinkSync(`${path}.txt`, path);
    expect(readPlainFile(path, { maxBytes: 10 })?.toString()).toBe('x');
    expect(() => readPlainFile(path, { maxBytes: 10, follow: false })).toThrow(
      expect.objectContaining({ code: 'ELOOP' }),
    );
  });

  it('says with its code that it is not there', () => {
    expect(() => readPlainFile(place(), { maxBytes: 10 })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});
