import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { autoresearch, builtProgram, CLI, placeOf } from '../helpers/command.js';
import { SampleExperiment } from '../helpers/experiment.js';

const command = (experiment: SampleExperiment, ...args: string[]) => autoresearch(placeOf(experiment.repository), args);

/** `autoresearch logs -f ...`, killed at the end of the test. */
function follow(experiment: SampleExperiment, ...args: string[]) {
  const { cwd, env } = placeOf(experiment.repository);
  const child = spawn(process.execPath, [CLI, 'logs', '-f', ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString('utf8');
  });
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  const until = async (text: string) => {
    const deadline = Date.now() + 50_000;
    while (!printed.includes(text)) {
      if (Date.now() > deadline)
        throw new Error(`never printed ${JSON.stringify(text)}, but ${JSON.stringify(printed)}`);
      await setTimeout(20);
    }
  };
  return { child, exit, until, printed: () => printed };
}

describe('logs', () => {
  it('prints the end of the newest measurement, and as much of it as is wanted', async () => {
    const experiment = new SampleExperiment();
    const lines = Array.from({ length: 200 }, (_, index) => `line ${index}`);
    experiment.trial({ description: 'chatty', verdict: 'discard', metric: 120, log: `${lines.join('\n')}\n` });
    const { stdout, stderr, code } = await command(experiment, 'logs');
    expect(code).toBe(0);
    expect(stdout).toBe(`${lines.slice(-50).join('\n')}\n`);
    expect(stderr).toContain('==> trial #0001, candidate, measured: ');
    expect((await command(experiment, 'logs', '-n', '2')).stdout).toBe('line 198\nline 199\n');
    expect((await command(experiment, 'logs', '-n', 'all')).stdout).toBe(`${lines.join('\n')}\n`);
    expect((await command(experiment, 'logs', '-n', '0')).stdout).toBe('');
    expect((await command(experiment, 'logs', '-n', 'many')).code).toBe(2);
  });

  it('finds the last lines of a log of many blocks without an end of line', async () => {
    const experiment = new SampleExperiment();
    const long = 'x'.repeat(100_000);
    experiment.trial({ description: 'long', verdict: 'discard', metric: 1, log: `a\n${long}\nb\n${long}\nlast` });
    expect((await command(experiment, 'logs', '-n', '2')).stdout).toBe(`${long}\nlast`);
    expect((await command(experiment, 'logs', '-n', '4')).stdout).toBe(`${long}\nb\n${long}\nlast`);
  });

  it('gives a pipe the bytes as they are', async () => {
    const experiment = new SampleExperiment();
    experiment.trial({ description: 'colours', verdict: 'discard', metric: 1, log: '\u001b[31mred\u001b[0m\r\n' });
    expect(builtProgram(placeOf(experiment.repository), ['logs']).stdout).toBe('\u001b[31mred\u001b[0m\r\n');
    const { logs } = JSON.parse((await command(experiment, 'logs', '--json')).stdout);
    expect(logs).toMatchObject([{ title: 'trial #0001, candidate, measured', text: 'red\n' }]);
  });

  it("prints an earlier trial's measurements, and says so when they are gone", async () => {
    const experiment = new SampleExperiment();
    experiment.trial({ description: 'first', verdict: 'discard', metric: 1, log: 'of the first\n' });
    experiment.trial({ description: 'second', verdict: 'discard', metric: 1, log: 'of the second\n' });
    expect((await command(experiment, 'logs', '--trial', '1')).stdout).toBe('of the first\n');
    rmSync(experiment.state.trial(2), { recursive: true });
    const { stdout, stderr, code } = await command(experiment, 'logs', '--trial', '1');
    expect({ stdout, code }).toEqual({ stdout: '', code: 0 });
    expect(stderr).toContain('this log is gone');
    expect((await command(experiment, 'logs', '--trial', '7')).stderr).toContain('there are 0 to 2');
  });

  it('finds the logs of a repository that was moved', async () => {
    const experiment = new SampleExperiment();
    experiment.trial({ description: 'first', verdict: 'discard', metric: 1, log: 'of the first\n' });
    experiment.close();
    const moved = `${experiment.repository.path}-moved`;
    renameSync(experiment.repository.path, moved);
    const { stdout } = await autoresearch({ ...placeOf(experiment.repository), cwd: moved }, ['logs']);
    expect(stdout).toBe('of the first\n');
  });

  it("prints the agent's words and the runner's own log", async () => {
    const experiment = new SampleExperiment();
    experiment.trial({ description: 'by an agent', verdict: 'discard', metric: 1 });
    expect((await command(experiment, 'logs', '--agent')).stderr).toContain('no agent left a transcript');
    writeFileSync(join(experiment.state.trial(2), 'agent-1-1.log'), 'thinking\n');
    writeFileSync(join(experiment.state.trial(2), 'agent-1-1.out'), 'done\n');
    expect((await command(experiment, 'logs', '--agent')).stdout.split('\n').sort()).toEqual(['', 'done', 'thinking']);
    writeFileSync(experiment.state.daemonLog, '{"kind":"settled"}\n');
    expect((await command(experiment, 'logs', '--daemon')).stdout).toBe('{"kind":"settled"}\n');
    expect((await command(experiment, 'logs', '--daemon', '--agent')).code).toBe(2);
  });
});

describe('logs --follow', () => {
  it('prints what comes, goes on with the next measurement, and ends well at Ctrl-C', async () => {
    const experiment = new SampleExperiment();
    const open = experiment.openTrial('growing', 'one\ntwo\n');
    const { child, exit, until, printed } = follow(experiment, '-n', '1');
    await until('two\n');
    appendFileSync(open.logPath, 'three');
    await until('three');
    appendFileSync(open.logPath, ' and its end\n');
    await until(' and its end\n');
    const next = experiment.beginMeasurement(open.trialId, 'second measurement\nits second line\n');
    await until('its second line\n');
    rmSync(next.logPath);
    child.kill('SIGINT');
    expect(await exit).toBe(0);
    expect(printed()).toBe('two\nthree and its end\nsecond measurement\nits second line\n');
  });

  it("follows an agent's two streams without printing anything twice", async () => {
    const experiment = new SampleExperiment();
    const { trialId } = experiment.openTrial('agent at work');
    const folder = experiment.state.trial(trialId);
    mkdirSync(folder, { recursive: true });
    const [stderr, stdout] = [join(folder, 'agent-1-1.log'), join(folder, 'agent-1-1.out')];
    writeFileSync(stderr, 'a1\n');
    const { child, exit, until, printed } = follow(experiment, '--agent');
    await until('a1\n');
    for (const [path, text] of [
      [stdout, 'b1\n'],
      [stderr, 'a2\n'],
      [stdout, 'b2\n'],
      [stderr, 'a3\n'],
    ] as const) {
      appendFileSync(path, text);
      await until(text);
    }
    child.kill('SIGTERM');
    expect(await exit).toBe(0);
    expect(printed()).toBe('a1\nb1\na2\nb2\na3\n');
  });
});
