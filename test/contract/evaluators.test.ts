import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.js';
import { BUILT_IN_EVALUATORS } from '../../src/evaluators/index.js';
import type { EvaluatorOptions } from '../../src/evaluators/types.js';
import { findProgram } from '../../src/process/shell.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "it's a folder "));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_|VITEST)/.test(name)));

interface EvaluationResult {
  readonly exitCode: number;
  readonly lines: readonly string[];
  readonly values: Readonly<Record<string, number>>;
  readonly notes: string;
}

async function evaluate(
  name: string,
  options: EvaluatorOptions,
  extra: { path?: string; signal?: AbortSignal } = {},
): Promise<EvaluationResult> {
  const lines: string[] = [];
  const notes: string[] = [];
  const evaluator = BUILT_IN_EVALUATORS.find((candidate) => candidate.name === name);
  if (evaluator === undefined) throw new Error(`no evaluator ${name}`);
  const exitCode = await evaluator.run(options, {
    cwd: folder,
    env: { ...(inherited as Record<string, string>), ...(extra.path === undefined ? {} : { PATH: extra.path }) },
    print: (line) => lines.push(line),
    note: (line) => notes.push(line),
    ...(extra.signal === undefined ? {} : { signal: extra.signal }),
  });
  const values = Object.fromEntries(
    lines.map((line) => line.split(': ')).map(([key = '', value]) => [key, Number(value)]),
  );
  return { exitCode, lines, values, notes: notes.join('\n') };
}

function write(name: string, content: string): void {
  writeFileSync(join(folder, name), content);
}

const node = JSON.stringify(process.execPath);
const lineCount = (name: string) => readFileSync(join(folder, name), 'utf8').split('\n').length - 1;

describe('benchmark_speed', () => {
  it('times each run after set-up, preparation and warm-up, and prints only its own lines', async () => {
    const result = await evaluate('benchmark_speed', {
      command: 'echo run >>log; echo "p50_ms: 0"; sleep 0.05',
      runs: '4',
      warmup: '1',
      setup: 'echo setup >>log',
      prepare: 'echo prepare >>log; sleep 0.2',
    });
    expect(result.exitCode).toBe(0);
    expect(result.lines.map((line) => line.split(':')[0])).toEqual(['p50_ms', 'p95_ms', 'mean_ms', 'min_ms', 'runs']);
    const { p50_ms = 0, p95_ms = 0, min_ms = 0 } = result.values;
    expect(min_ms).toBeGreaterThan(50);
    expect(p50_ms).toBeGreaterThanOrEqual(min_ms);
    expect(p95_ms).toBeGreaterThanOrEqual(p50_ms);
    expect(result.values['runs']).toBe(4);
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe(`setup\n${'prepare\nrun\n'.repeat(5)}`);
    expect(result.notes).toMatch(/^every time includes about \d+\.\d ms for starting the shell$/);
  });

  it('does not wait for what a command leaves running', async () => {
    const { values } = await evaluate('benchmark_speed', {
      command: 'sleep 6 & echo $! >>pids',
      runs: '2',
      warmup: '0',
    });
    for (const pid of readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n'))
      process.kill(Number(pid), 'SIGKILL');
    expect(values['p95_ms']).toBeLessThan(5000);
  });

  it('ends at the first failing run, with the end of its output behind a bar', async () => {
    const command = 'echo "p50_ms: 1"; seq 30; echo run >>log; exit 3';
    const result = await evaluate('benchmark_speed', { command, warmup: '0' });
    expect(result).toMatchObject({ exitCode: 1, lines: [] });
    expect(result.notes).toContain('run 1 failed (exit code 3): echo "p50_ms: 1"');
    expect(result.notes).toMatch(/\n\| 29\n\| 30$/);
    expect(result.notes).not.toContain('| p50_ms');
    expect(lineCount('log')).toBe(1);
  });

  it('hands "cannot be tested" and "try later" through', async () => {
    expect((await evaluate('benchmark_speed', { command: 'exit 125' })).exitCode).toBe(125);
    expect((await evaluate('benchmark_speed', { command: 'true', setup: 'exit 75' })).exitCode).toBe(75);
    expect((await evaluate('benchmark_speed', { command: 'no-such-program' })).exitCode).toBe(1);
  });

  it('ends its command when it is told to stop', async () => {
    const result = await evaluate('benchmark_speed', { command: 'sleep 30' }, { signal: AbortSignal.timeout(300) });
    expect(result).toMatchObject({ exitCode: 1, lines: [], notes: expect.stringContaining('aborted') });
  });
});

describe('benchmark_size', () => {
  it('adds up the files of a folder and does not follow links', async () => {
    mkdirSync(join(folder, 'out/deep'), { recursive: true });
    write('out/a', 'x'.repeat(1000));
    write('out/deep/b', 'y'.repeat(234));
    write('big', 'z'.repeat(100_000));
    symlinkSync('../big', join(folder, 'out/link'));
    symlinkSync('out', join(folder, 'named'));
    const direct = await evaluate('benchmark_size', { path: 'out', gzip: true });
    expect(direct).toMatchObject({ exitCode: 0, values: { size_bytes: 1240, files: 3 } });
    expect(direct.values['gzip_bytes']).toBeGreaterThan(20);
    expect(direct.values['gzip_bytes']).toBeLessThan(200);
    expect(direct.notes).toBe('1 symbolic link(s) were not followed');
    expect((await evaluate('benchmark_size', { path: 'named', gzip: true })).lines).toEqual(direct.lines);
    expect((await evaluate('benchmark_size', { path: 'big' })).lines).toEqual(['size_bytes: 100000', 'files: 1']);
  });

  it('builds first, and measures nothing after a failed build', async () => {
    write('old', 'stale');
    const built = await evaluate('benchmark_size', { build: 'printf 12345678 >new', path: 'new' });
    expect(built.lines).toEqual(['size_bytes: 8', 'files: 1']);
    const failed = await evaluate('benchmark_size', { build: 'echo broken >&2; exit 2', path: 'old' });
    expect(failed).toMatchObject({ exitCode: 1, lines: [], notes: 'the build failed (exit code 2)\n| broken' });
  });

  it('has no size for what is not there', async () => {
    mkdirSync(join(folder, 'empty'));
    expect(await evaluate('benchmark_size', { path: 'none' })).toMatchObject({ exitCode: 1, lines: [] });
    expect(await evaluate('benchmark_size', { path: 'empty' })).toMatchObject({ exitCode: 1, lines: [] });
  });

  it('says when there is no docker', async () => {
    const thrown: unknown = await evaluate('benchmark_size', { image: 'app' }, { path: folder }).catch(
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(AppError);
    expect(thrown).toMatchObject({ code: 'environment', message: expect.stringContaining('docker is not on PATH') });
  });

  it('asks docker for the size of an image', async () => {
    write('docker', '#!/bin/sh\n[ "$6" = app ] && echo 123456 && exit\necho "Error: No such image: $6" >&2\nexit 1\n');
    chmodSync(join(folder, 'docker'), 0o755);
    const path = `${folder}:${inherited['PATH']}`;
    expect((await evaluate('benchmark_size', { image: 'app' }, { path })).lines).toEqual(['size_bytes: 123456']);
    const missing = await evaluate('benchmark_size', { image: '--evil' }, { path });
    expect(missing).toMatchObject({ exitCode: 1, lines: [], notes: 'docker has no image --evil' });
  });
});

describe('build_speed', () => {
  it('prints the median of clean builds', async () => {
    const command = '[ ! -e built ] && touch built && echo b >>log && sleep 0.05';
    const result = await evaluate('build_speed', { command, clean: 'rm -f built' });
    expect(result).toMatchObject({ exitCode: 0, values: { runs: 3 } });
    expect(lineCount('log')).toBe(3);
    const { build_seconds = 0, min_seconds = 0, max_seconds = 0 } = result.values;
    expect(min_seconds).toBeGreaterThan(0.05);
    expect(build_seconds).toBeGreaterThanOrEqual(min_seconds);
    expect(max_seconds).toBeGreaterThanOrEqual(build_seconds);
  });

  it('fails with the build or the cleaning', async () => {
    expect(await evaluate('build_speed', { command: 'exit 1' })).toMatchObject({ exitCode: 1, lines: [] });
    const unclean = await evaluate('build_speed', { command: 'touch built', clean: 'exit 9' });
    expect(unclean).toMatchObject({ exitCode: 1, notes: 'the clean command failed (exit code 9)' });
    expect(existsSync(join(folder, 'built'))).toBe(false);
  });
});

describe('memory_usage', () => {
  const allocate = (mb: number) => `${node} -e 'globalThis.b = Buffer.alloc(${mb}e6, 1)'`;

  it('is the largest process, not the sum', async () => {
    const result = await evaluate('memory_usage', { command: `${allocate(200)} & ${allocate(250)} & wait` });
    expect(result.exitCode).toBe(0);
    expect(result.values['peak_mb']).toBeGreaterThan(250);
    expect(result.values['peak_mb']).toBeLessThan(380);
  });

  it('samples where GNU time is missing', async () => {
    const command = `${node} -e 'globalThis.b = Buffer.alloc(150e6, 1); setTimeout(() => {}, 1500)'`;
    const result = await evaluate('memory_usage', { command }, { path: folder });
    expect(result.exitCode).toBe(0);
    expect(result.notes).toContain('sampled');
    expect(result.values['peak_mb']).toBeGreaterThan(150);
  });

  it('has no value for a command that fails', async () => {
    expect(await evaluate('memory_usage', { command: 'echo bad; exit 4' })).toMatchObject({
      exitCode: 1,
      lines: [],
      notes: 'the command failed (exit code 4)\n| bad',
    });
    expect((await evaluate('memory_usage', { command: 'exit 125' })).exitCode).toBe(125);
  });
});

describe('test_pass_rate', () => {
  const suite = `
    import test from 'node:test';
    test('passes', () => {});
    test('fails', () => { throw new Error('no'); });
    test('passes too', () => {});
    test.skip('waits', () => {});
  `;

  it.each(['tap', 'spec'])('reads a real run of node --test in its %s reporter', async (reporter) => {
    write('a.test.mjs', suite);
    const result = await evaluate('test_pass_rate', { command: `${node} --test --test-reporter=${reporter}` });
    expect(result).toMatchObject({
      exitCode: 0,
      values: { pass_rate: 0.5, passed: 2, failed: 1, skipped: 1, total: 4 },
    });
    expect(result.lines[0]).toBe('pass_rate: 0.5');
  });

  it('reads a JUnit report that the command writes', async () => {
    write('a.test.mjs', suite);
    const command = `${node} --test --test-reporter=junit --test-reporter-destination=report.xml`;
    const result = await evaluate('test_pass_rate', { command, report: 'report.xml' });
    expect(result.values).toEqual({ pass_rate: 0.5, passed: 2, failed: 1, skipped: 1, total: 4 });
  });

  it.skipIf(findProgram('pytest', inherited['PATH'] ?? '') === null)('reads a real run of pytest', async () => {
    write('test_a.py', 'def test_ok(): pass\ndef test_bad(): assert 0\n');
    const command = 'pytest -q -p no:cacheprovider --junitxml=r.xml';
    const expected = { pass_rate: 0.5, passed: 1, failed: 1, skipped: 0, total: 2 };
    expect((await evaluate('test_pass_rate', { command })).values).toEqual(expected);
    expect((await evaluate('test_pass_rate', { command, report: 'r.xml' })).values).toEqual(expected);
  });

  it.each([
    ['no tests at all', 'true', 'no test results found in any known format (exit code 0)'],
    ['a plan of none', "echo '1..0 # SKIP'", 'no test results found: 0 tests ran (exit code 0)'],
    [
      'only skipped tests',
      "echo '1..1'; echo 'ok 1 # SKIP'",
      'no test results found: all 1 tests were skipped (exit code 0)',
    ],
    ['a command that is missing', 'no-such-runner', 'no test results found in any known format (exit code 127)'],
    ['a failure that no test explains', "echo '1 passed in 0.1s'; exit 1", 'although none of the 1 tests did'],
    ['a runner that is killed', "echo '1 failed, 1 passed in 0.1s'; kill -SEGV $$", 'cut off'],
  ])('has no rate for %s', async (_name, command, note) => {
    const result = await evaluate('test_pass_rate', { command });
    expect(result).toMatchObject({ exitCode: 1, lines: [] });
    expect(result.notes).toContain(note);
  });

  it('does not take an old report for a new one', async () => {
    write('r.xml', '<testsuite><testcase/></testsuite>');
    const stale = await evaluate('test_pass_rate', { command: 'true', report: 'r.xml' });
    expect(stale).toMatchObject({ exitCode: 1, lines: [], notes: expect.stringContaining('from before this run') });
    const fresh = await evaluate('test_pass_rate', { command: 'cp r.xml s.xml && cat s.xml >r.xml', report: 'r.xml' });
    expect(fresh.values['pass_rate']).toBe(1);
    const missing = await evaluate('test_pass_rate', { command: 'true', report: 'none.xml' });
    expect(missing).toMatchObject({ exitCode: 1, notes: expect.stringContaining('did not write') });
  });

  it('finds the summary on either output, whatever lies around it', async () => {
    const noise = 'yes "$(printf \'{\\377<\')" | head -c 3000000';
    const command = `${noise}; echo; echo "Tests:       1 failed, 3 passed, 4 total" >&2; exit 1`;
    expect((await evaluate('test_pass_rate', { command, format: 'jest' })).values['pass_rate']).toBe(0.75);
  });
});
