import { afterAll, describe, expect, it } from 'vitest';
import { runTool } from '../../src/process/tool.js';
import { newTag, processesWith, Scratch, until } from '../helpers/process.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());

describe('runTool', () => {
  it('returns exit code, bytes and messages', async () => {
    const result = await runTool(['sh', '-c', 'printf "\\377\\000"; echo oops >&2; exit 4']);
    expect(result).toMatchObject({ exitCode: 4, signal: null, stderr: 'oops\n', timedOut: false, problem: '' });
    expect(result.stdout).toEqual(Buffer.from([0xff, 0]));
  });

  it('passes input of any size, also to a tool that does not read it', async () => {
    const input = Buffer.alloc(3_000_000, 7);
    expect((await runTool(['cat'], { input })).stdout.equals(input)).toBe(true);
    expect(await runTool(['true'], { input })).toMatchObject({ exitCode: 0, problem: '' });
    expect(await runTool(['cat'])).toMatchObject({ exitCode: 0 });
  });

  it('loses nothing of a large output although the tool has ended and this process was busy', async () => {
    const running = runTool(['sh', '-c', 'head -c 5000000 /dev/zero; echo end >&2']);
    const busyUntil = performance.now() + 600;
    while (performance.now() < busyUntil);
    const { stdout, stderr } = await running;
    expect([stdout.length, stderr]).toEqual([5_000_000, 'end\n']);
  });

  it('ends a tool that prints more than allowed', async () => {
    const result = await runTool(['yes'], { maxBytes: 100_000 });
    expect(result).toMatchObject({ exitCode: null, problem: 'printed more than 100000 bytes' });
    expect(result.stdout.length).toBeLessThanOrEqual(100_000);
  });

  it('keeps only the first 64 KiB of messages', async () => {
    const { stderr, exitCode } = await runTool(['sh', '-c', 'head -c 1000000 /dev/zero | tr "\\0" e >&2']);
    expect([stderr.length, exitCode]).toEqual([65_536, 0]);
  });

  it('ends the whole group of a tool that takes too long or is aborted', async () => {
    const tag = newTag();
    const line = `sleep ${tag} & sleep ${tag}`;
    expect(await runTool(['sh', '-c', line], { timeoutMs: 200 })).toMatchObject({ exitCode: null, timedOut: true });
    const aborted = await runTool(['sh', '-c', line], { signal: AbortSignal.timeout(200) });
    expect(aborted).toMatchObject({ exitCode: null, timedOut: false, problem: 'aborted' });
    await until('the group is gone', () => processesWith(tag).length === 0);
    expect(await runTool(['true'], { signal: AbortSignal.abort() })).toMatchObject({ problem: 'aborted' });
  });

  it('does not wait for a grandchild that holds the output open', async () => {
    const tag = newTag();
    const before = performance.now();
    const result = await runTool(['sh', '-c', `setsid -f sleep ${tag}; echo done`]);
    for (const pid of processesWith(tag)) process.kill(pid, 'SIGKILL');
    expect(result).toMatchObject({ exitCode: 0, stdout: Buffer.from('done\n') });
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it.each<[string[], { cwd?: string }, RegExp]>([
    [['no-such-tool'], {}, /^no-such-tool is not on PATH$/],
    [['true'], { cwd: '/no/such/folder' }, /\/no\/such\/folder does not exist/],
    [['/etc/passwd'], {}, /could not be started/],
    [['echo', 'x'.repeat(4e6)], {}, /E2BIG/],
    [[], {}, /could not be started/],
  ])('says why %j cannot be started', async (argv, options, problem) => {
    const result = await runTool(argv, options);
    expect(result).toMatchObject({ exitCode: null, timedOut: false });
    expect(result.problem).toMatch(problem);
  });
});
