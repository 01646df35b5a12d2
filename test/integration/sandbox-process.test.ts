import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { runCommand } from '../../src/process/run-command.js';
import type { SandboxPlan } from '../../src/process/sandbox.js';
import {
  EVADERS,
  evader,
  fixture,
  newMark,
  newTag,
  present,
  processesWith,
  Scratch,
  startHelper,
  until,
} from '../helpers/process.js';
import { noSandbox, useSystemsTemporaryFolder } from '../helpers/sandbox.js';

useSystemsTemporaryFolder();

const sandbox: SandboxPlan = { mounts: [], network: true, env: { INSIDE: 'yes' } };

describe.skipIf(noSandbox !== null)('a command in the sandbox', () => {
  const scratch = new Scratch();
  afterAll(() => scratch.remove());

  it.each(['limit', 'normal end'])('leaves no process after its %s, whatever it did to hide', async (end) => {
    const left = await Promise.all(
      EVADERS.map(async (name) => {
        const tag = newTag();
        const argv = ['/bin/sh', evader(name), tag, end === 'limit' ? 'stay' : 'leave'];
        const result = await scratch.run(argv, { sandbox, hardLimitMs: end === 'limit' ? 1_500 : 20_000 });
        expect(result, name).toMatchObject({
          ...{ containment: 'pid_namespace', survivors: [], end: end === 'limit' ? 'timed_out' : 'exited' },
        });
        if (end === 'normal end') expect(result.swept, name).toBeGreaterThan(0);
        return processesWith(tag);
      }),
    );
    expect(left.flat()).toEqual([]);
  });

  it('gets its grace: it can act on SIGTERM before it is killed', async () => {
    const { log, end } = await scratch.run("trap 'echo saved; exit 0' TERM; echo ready; sleep 60 & wait", {
      ...{ sandbox, hardLimitMs: 1_000, graceMs: 10_000 },
    });
    expect({ log, end }).toEqual({ log: 'ready\nsaved\n', end: 'timed_out' });
  });

  it('has its exit code, signal, environment, stdin, memory and CPU time reported as without one', async () => {
    const work = 'read -r line; echo "$line $INSIDE"; i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done; exit 7';
    const result = await scratch.run(work, { sandbox, stdin: 'hello\n' });
    expect(result).toMatchObject({ log: 'hello yes\n', exitCode: 7, signal: null, swept: 0 });
    expect(result.cpuSeconds).toBeGreaterThan(0);
    expect(result.peakMemoryBytes).toBeGreaterThan(0);
    expect(await scratch.run('kill -SEGV $$', { sandbox })).toMatchObject({ exitCode: null, signal: 'SIGSEGV' });
  });

  it('ends with a runner that is killed', async () => {
    const tag = newTag();
    const mark = newMark();
    const log = join(tmpdir(), `${mark}.log`);
    onTestFinished(() => rmSync(log, { force: true }));
    const args = ['--import', 'tsx', fixture('runner.ts'), mark, evader('full-daemon'), tag, 'sandbox'];
    const runner = startHelper(process.execPath, args);
    await once(createInterface({ input: present(runner.stdout) }), 'line');
    await until('the daemon runs', () => readFileSync(log, 'utf8').includes('ready'));
    runner.kill('SIGKILL');
    await until('nobody is left', () => processesWith(tag).length === 0);
  });

  it('whose mount cannot be made does not start, and says why', async () => {
    const broken = { ...sandbox, mounts: [{ kind: 'writable', path: '/absent/folder' }] } as const;
    const result = await scratch.run('echo never', { sandbox: broken });
    expect(result).toMatchObject({ end: 'failed_to_start', exitCode: null });
    expect(result.problem).toMatch(/^no sandbox: bwrap: .*\/absent\/folder/);
  });

  it('is never run outside of it for want of bwrap', async () => {
    vi.stubEnv('PATH', '/nowhere');
    const spec = scratch.spec('echo never', { sandbox });
    const result = await runCommand(spec).finally(() => vi.unstubAllEnvs());
    expect(result).toMatchObject({ end: 'failed_to_start', problem: 'there is no bwrap on PATH for the sandbox' });
    expect(readFileSync(spec.logPath, 'utf8')).toBe('');
  });
});
