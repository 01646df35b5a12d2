import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { autoresearch, CLI, placeOf } from '../helpers/command.js';
import { temporaryRepository } from '../helpers/git.js';

const command = (...args: string[]) => autoresearch(placeOf(temporaryRepository()), args);

describe('evaluate', () => {
  it('prints what it measured on stdout, notes on stderr', async () => {
    const { stdout, stderr, code } = await command(...['evaluate', 'benchmark_speed'], ...SPEED, 'true');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^p50_ms: [\d.]+\np95_ms: [\d.]+\n/);
    expect(stdout).toMatch(/^runs: 2$/m);
    expect(stderr).toContain('starting the shell');
  });

  it('hands options through as they were typed, also values that look like options', async () => {
    const { stdout, code } = await command(...['evaluate', 'benchmark_speed'], ...SPEED, '--version --json; true');
    expect(stdout).not.toMatch(/^\d+\.\d+\.\d+/);
    expect(code).toBe(0);
  });

  it('ends with the exit code of the evaluator', async () => {
    expect((await command(...['evaluate', 'benchmark_speed'], ...SPEED, 'exit 125')).code).toBe(125);
    expect((await command(...['evaluate', 'benchmark_speed'], ...SPEED, 'exit 9')).code).toBe(1);
  });

  it('tells what is missing or mistyped, with a whole example', async () => {
    const missing = await command('evaluate', 'benchmark_speed');
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("autoresearch evaluate benchmark_speed --command 'node bench.js'");
    const mistyped = await command('evaluate', 'benchmark_sped');
    expect(mistyped.code).toBe(2);
    expect(mistyped.stderr).toContain('benchmark_speed');
    expect((await command('evaluate', 'benchmark_speed', '--comand', 'true')).stderr).toContain('--command');
  });

  it('explains itself', async () => {
    const { stdout, code } = await command('evaluate', 'benchmark_size', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('Example:');
    expect((await command('evaluate')).stdout).toContain('memory_usage');
    expect((await command('evaluate', '--help')).stdout).toContain('memory_usage');
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends at %s together with what it runs', async (signal, code) => {
    const repository = temporaryRepository();
    const started = join(repository.path, 'started');
    const args = ['evaluate', 'memory_usage', '--command', `touch ${started}; sleep 300`];
    const child = spawn(process.execPath, [CLI, ...args], { cwd: repository.path, stdio: 'ignore' });
    const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
    const deadline = Date.now() + 20_000;
    while (!existsSync(started) && Date.now() < deadline) await setTimeout(20);
    child.kill(signal);
    expect(await exit).toBe(code);
  });
});

const SPEED = ['--runs', '2', '--warmup', '0', '--command'];

describe('evaluators', () => {
  it('lists them with an example each, also as JSON', async () => {
    expect((await command('evaluators')).stdout).toMatch(/test_pass_rate +pass_rate, higher is better/);
    const { schemaVersion, evaluators } = JSON.parse((await command('evaluators', '--json')).stdout);
    expect(schemaVersion).toBe(1);
    expect(evaluators[0]).toMatchObject({ name: 'benchmark_speed', metric: 'p50_ms', direction: 'lower' });
  });
});
