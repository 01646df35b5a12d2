import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import { isLocked, RunnerLock, readOwner } from '../../src/store/lock.js';
import { temporaryFolder } from '../helpers/git.js';

const HOLDER = fileURLToPath(new URL('../fixtures/store/lock-holder.ts', import.meta.url));

function start(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', HOLDER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

async function outputOf(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(child, 'close');
  return text;
}

async function holder(folder: string): Promise<ChildProcess> {
  const child = start('hold', folder);
  if (child.stdout) await once(child.stdout, 'data');
  return child;
}

function refusal(folder: string): AppError {
  try {
    RunnerLock.acquire(folder, 0).release();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('the lock was given twice');
}

describe('the lock of an experiment', () => {
  it('is free, held, and free again', () => {
    const folder = join(temporaryFolder(), 'not', 'there yet');
    expect(isLocked(folder)).toBe(false);
    const lock = RunnerLock.acquire(folder, 1234);
    expect(isLocked(folder)).toBe(true);
    expect(readOwner(folder)).toMatchObject({ pid: process.pid, since: 1234, socket: '' });
    lock.announceSocket('/run/a.sock');
    expect(readOwner(folder)).toMatchObject({ socket: '/run/a.sock', since: 1234 });
    lock.release();
    expect(isLocked(folder)).toBe(false);
    expect(readOwner(folder)).toBeNull();
    RunnerLock.acquire(folder, 0).release();
  });

  it('refuses a second runner and names the first', async () => {
    const folder = temporaryFolder();
    const child = await holder(folder);
    const error = refusal(folder);
    expect(error).toMatchObject({ code: 'locked', exitCode: 12 });
    expect(error.message).toContain(`process ${child.pid} on `);
    expect(error.hint).toContain('autoresearch stop');
    expect(readOwner(folder)?.pid).toBe(child.pid);
  });

  it('is free at once when its owner was killed, whatever owner.json says', async () => {
    const folder = temporaryFolder();
    const child = await holder(folder);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isLocked(folder)).toBe(false);
    expect(readOwner(folder)?.pid).toBe(child.pid);
    const lock = RunnerLock.acquire(folder, 5);
    expect(readOwner(folder)?.pid).toBe(process.pid);
    lock.release();
  });

  it.each([
    ['torn', '{"pid": 12, "si'],
    ['empty', ''],
    ['of another shape', '{"pid": "12"}'],
    ['no object', 'null'],
    ['from a clock that shows no time', '{"pid":12,"host":"a","since":1e300,"socket":""}'],
  ])('holds although owner.json is %s', (_, text) => {
    const folder = temporaryFolder();
    const lock = RunnerLock.acquire(folder, 0);
    writeFileSync(join(folder, 'owner.json'), text);
    expect(readOwner(folder)).toBeNull();
    expect(isLocked(folder)).toBe(true);
    expect(refusal(folder).message).toBe('this experiment is already being run by another process');
    lock.release();
  });

  it('is not disturbed by readers who look', () => {
    const folder = temporaryFolder();
    const lock = RunnerLock.acquire(folder, 0);
    for (let look = 0; look < 20; look += 1) expect(isLocked(folder)).toBe(true);
    lock.release();
    for (let look = 0; look < 20; look += 1) expect(isLocked(folder)).toBe(false);
  });

  it('says what is wrong with a folder that cannot be used', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    expect(refusal(join(folder, 'file'))).toMatchObject({ code: 'store' });
    mkdirSync(join(folder, 'odd', 'lock.sqlite'), { recursive: true });
    expect(refusal(join(folder, 'odd'))).toMatchObject({ code: 'store' });
    writeFileSync(join(folder, 'lock.sqlite'), 'this is not a database, however long it may be'.repeat(100));
    expect(refusal(folder)).toMatchObject({ code: 'store' });
  });

  it('is won by exactly one at a time of many that race for it', async () => {
    const folder = temporaryFolder();
    const racers = 6;
    const rounds = 10;
    const outputs = await Promise.all(
      Array.from({ length: racers }, () => outputOf(start('race', folder, String(rounds)))),
    );
    const results = outputs.map((text) => JSON.parse(text) as { won: number });
    expect(results.map(({ won }) => won)).toEqual(Array.from({ length: racers }, () => rounds));
    expect(isLocked(folder)).toBe(false);
    expect(() => readFileSync(join(folder, 'inside'))).toThrow(/ENOENT/);
  });
});
