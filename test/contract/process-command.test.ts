import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { probeContainment } from '../../src/process/containment.js';
import { identityOf, isAlive } from '../../src/process/identity.js';
import { runCommand } from '../../src/process/run-command.js';
import { findProgram, shellArgv, shellName } from '../../src/process/shell.js';
import type { ProcessIdentity } from '../../src/process/types.js';
import { newTag, processesWith, Scratch } from '../helpers/process.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const hasNamespaces = (await probeContainment()) === 'pid_namespace';

describe.each(hasNamespaces ? ['best', 'process_group'] : ['process_group'])(
  'the end of a command under %s containment',
  (kind) => {
    const run: Scratch['run'] = async (...args) => {
      if (kind === 'process_group') process.env['AUTORESEARCH_CONTAINMENT'] = kind;
      try {
        return await scratch.run(...args);
      } finally {
        delete process.env['AUTORESEARCH_CONTAINMENT'];
      }
    };

    it.each<[string | string[], { exitCode?: number; signal?: string }]>([
      ['true', { exitCode: 0 }],
      ['exit 3', { exitCode: 3 }],
      ['exit 125', { exitCode: 125 }],
      ['no-such-program-at-all', { exitCode: 127 }],
      ['false | cat', { exitCode: shellName() === 'bash' ? 1 : 0 }],
      ['kill -KILL $$', { signal: 'SIGKILL' }],
      ['kill -SEGV $$', { signal: 'SIGSEGV' }],
      ["sh -c 'kill -ABRT $$'; exit $?", { signal: 'SIGABRT' }],
      ['kill -TERM 0', { signal: 'SIGTERM' }],
      ['exit 255', { exitCode: 255 }],
      [['/bin/sh', '-c', 'exit 7'], { exitCode: 7 }],
      [['sh', '-c', 'test "$1" = "a b\'c\\"d"', 'sh', 'a b\'c"d'], { exitCode: 0 }],
    ])('%j is told as exit code or signal', async (command, expected) => {
      const result = await run(command);
      expect(result).toMatchObject({ end: 'exited', exitCode: null, signal: null, problem: '', ...expected });
    });

    it('adds only the mark to the environment and keeps names that a shell would drop', async () => {
      const env = { PATH: process.env['PATH'] ?? '', 'npm_config_//host/:_token': 'x', 'BASH_FUNC_f%%': '() { :; }' };
      const { log } = await run(['env'], { env, mark: 'AUTORESEARCH_MARK_1' });
      const added = ['PWD', 'OLDPWD', 'SHLVL', '_'];
      const names = log.match(/^[^\s=]+(?==)/gm)?.filter((name) => !added.includes(name));
      expect(names?.sort()).toEqual(['AUTORESEARCH_MARK_1', ...Object.keys(env)].sort());
    });

    it('counts the CPU time of children and the memory of the largest process', async () => {
      const burn =
        'const end = process.cpuUsage().user + 3e5; const b = Buffer.alloc(150e6, 1); while (process.cpuUsage().user < end);';
      const result = await run(['sh', '-c', '"$0" -e "$1"; true', process.execPath, burn]);
      expect(result.cpuSeconds).toBeGreaterThan(0.28);
      expect(result.cpuSeconds).toBeLessThan(result.wallSeconds * 2 + 1);
      expect(result.peakMemoryBytes).toBeGreaterThan(150e6);
      expect(result.peakMemoryBytes).toBeLessThan(400e6);
    });

    it('counts the CPU time of a command that had to be killed', async () => {
      const result = await run("trap '' TERM; setsid sh -c 'while :; do :; done' & wait; sleep 600", {
        hardLimitMs: 700,
      });
      expect(result).toMatchObject({ end: 'timed_out', exitCode: null });
      expect(result.cpuSeconds).toBeGreaterThan(0.2);
    });

    it('is reported at once although a leaked child holds the output open, and the child is gone', async () => {
      const tag = newTag();
      const result = await run(`sleep ${tag} & echo score: 1; exit 0`);
      expect(result).toMatchObject({ end: 'exited', exitCode: 0, swept: 1, survivors: [], log: 'score: 1\n' });
      expect(result.wallSeconds).toBeLessThan(5);
      expect(processesWith(tag)).toEqual([]);
    });

    it('comes within the grace when SIGTERM is ignored', async () => {
      const result = await run("trap '' TERM; while :; do sleep 0.05; done", { hardLimitMs: 300, graceMs: 300 });
      expect(result).toMatchObject({ end: 'timed_out', exitCode: null, signal: 'SIGKILL', survivors: [] });
      expect(result.wallSeconds).toBeGreaterThanOrEqual(0.6);
      expect(result.wallSeconds).toBeLessThan(5.6);
    });

    it('leaves time to clean up after SIGTERM, also to a command that was stopped', async () => {
      const trap = "trap 'echo cleaned; exit 0' TERM; kill -STOP $$; while :; do sleep 0.05; done";
      const result = await run(trap, { hardLimitMs: 300, graceMs: 10_000 });
      expect(result).toMatchObject({ end: 'timed_out', exitCode: null, log: 'cleaned\n' });
    });
  },
);

describe('limits', () => {
  it('ends a command that is silent for too long, and not one that keeps talking', async () => {
    const silent = await scratch.run('echo once; exec sleep 600', { idleLimitMs: 300 });
    expect(silent).toMatchObject({ end: 'idle', exitCode: null, log: 'once\n' });
    const talking = await scratch.run('for i in 1 2 3 4 5 6; do echo $i; sleep 0.25; done', { idleLimitMs: 1_000 });
    expect(talking).toMatchObject({ end: 'exited', exitCode: 0 });
  });

  it('lets the reason of an abort shorten the grace', async () => {
    const controller = new AbortController();
    const running = scratch.run(
      "trap '' TERM; echo up; while :; do sleep 0.05; done",
      {
        graceMs: 60_000,
        onStart: () => setTimeout(() => controller.abort({ graceMs: 50 }), 200),
      },
      controller.signal,
    );
    expect(await running).toMatchObject({ end: 'aborted', exitCode: null, survivors: [] });
  });

  it('runs nothing when it is aborted beforehand', async () => {
    const spec = scratch.spec('touch ran');
    expect(await runCommand(spec, AbortSignal.abort())).toMatchObject({ end: 'aborted', outputBytes: 0 });
    expect(existsSync(spec.logPath)).toBe(false);
  });
});

describe('a command that cannot be started', () => {
  it.each<[string, string | string[], { cwd?: string; env?: Record<string, string> }, RegExp]>([
    ['its folder is missing', 'true', { cwd: '/no/such/folder' }, /\/no\/such\/folder/],
    ['its program is missing', ['no-such-program', 'x'], {}, /no-such-program is not on PATH/],
    ['its PATH is empty', ['sleep', '1'], { env: {} }, /sleep is not on PATH/],
    ['its file is not executable', ['/etc/passwd'], {}, /\/etc\/passwd is not an executable file/],
    ['it is an empty vector', [], {}, /not on PATH/],
    ['its arguments are too long', ['echo', 'x'.repeat(4e6)], {}, /E2BIG/],
  ])('is a result with a reason when %s', async (_case, command, extra, problem) => {
    const result = await scratch.run(command, extra);
    expect(result).toMatchObject({ end: 'failed_to_start', exitCode: null, signal: null, log: '' });
    expect(result.problem).toMatch(problem);
  });
});

describe('stdin, output and start', () => {
  it('gives the whole input, which can also be opened as /dev/stdin and need not be read', async () => {
    const stdin = 'ü'.repeat(500_000);
    const sum = createHash('sha256').update(stdin).digest('hex');
    expect((await scratch.run('sha256sum', { stdin })).log).toContain(sum);
    expect((await scratch.run('sha256sum /dev/stdin', { stdin })).log).toContain(sum);
    expect(await scratch.run('exit 0', { stdin })).toMatchObject({ end: 'exited', exitCode: 0 });
    expect(readdirSync(scratch.path).filter((name) => name.includes('stdin'))).toEqual([]);
  });

  it('has an empty stdin when none is given', async () => {
    expect((await scratch.run('cat; echo end')).log).toBe('end\n');
  });

  it('reads no start-up file of the shell', async () => {
    writeFileSync(join(scratch.path, '.bashrc'), 'echo read');
    const env = { PATH: process.env['PATH'] ?? '', HOME: scratch.path };
    expect((await scratch.run('echo ran', { env, stdin: 'x' })).log).toBe('ran\n');
  });

  it('keeps stdout apart when asked, and both streams in order when not', async () => {
    expect((await scratch.run('echo 1; echo 2 >&2; echo 3')).log).toBe('1\n2\n3\n');
    const stdoutPath = join(scratch.path, 'stdout only');
    const result = await scratch.run('echo out; echo err >&2', { stdoutPath });
    expect(result).toMatchObject({ log: 'err\n', outputBytes: 8 });
    expect(readFileSync(stdoutPath, 'utf8')).toBe('out\n');
  });

  it('tells the identity while the process lives, and ends it when that fails', async () => {
    let identity: ProcessIdentity | null = null;
    let alive = false;
    await scratch.run(['sleep', '0.1'], {
      onStart: (started) => {
        identity = started;
        alive = isAlive(started) && identityOf(started.pid)?.startTime === started.startTime;
      },
    });
    expect({ alive, aliveAfterwards: identity && isAlive(identity) }).toEqual({ alive: true, aliveAfterwards: false });

    const tag = newTag();
    const onStart = () => {
      throw new Error('the store is full');
    };
    await expect(scratch.run(['sleep', tag], { onStart })).rejects.toThrow('the store is full');
    expect(processesWith(tag)).toEqual([]);
  });

  it('refuses a log file that exists already', async () => {
    const spec = scratch.spec('true');
    writeFileSync(spec.logPath, 'precious');
    await expect(runCommand(spec)).rejects.toThrow('EEXIST');
    expect(readFileSync(spec.logPath, 'utf8')).toBe('precious');
  });

  it.each(['rm', 'rm $LOG && mkdir', 'rm $LOG && mkfifo', 'rm $LOG && ln -s /etc/passwd'])(
    'has what was printed in its log after `%s` of it',
    async (deed) => {
      const spec = scratch.spec(`echo printed; ${deed} $LOG || true`);
      await runCommand({ ...spec, env: { ...spec.env, LOG: basename(spec.logPath) } });
      expect(readFileSync(spec.logPath, 'utf8')).toBe('printed\n');
    },
  );

  it.each(['rm -r', 'chmod 000', 'rm "$LOG" && chmod 500'])('has its log after `%s` of the folder', async (deed) => {
    const folder = mkdtempSync(join(scratch.path, 'folder-'));
    const spec = { ...scratch.spec(`echo printed; ${deed} "$FOLDER"`), logPath: join(folder, 'log') };
    await runCommand({ ...spec, env: { ...spec.env, FOLDER: folder, LOG: spec.logPath } });
    expect(readFileSync(spec.logPath, 'utf8')).toBe('printed\n');
  });

  it('runs several commands at once without mixing them up', async () => {
    const results = await Promise.all([1, 2, 3, 4].map((code) => scratch.run(`echo ${code}; sleep 0.1; exit ${code}`)));
    expect(results.map(({ exitCode, log }) => [exitCode, log])).toEqual(
      [1, 2, 3, 4].map((code) => [code, `${code}\n`]),
    );
  });
});

describe('the shell', () => {
  it('is found on PATH, and programs are looked up as a shell would', () => {
    expect(shellArgv('a | b').at(-1)).toBe('a | b');
    expect(['bash', 'sh']).toContain(shellName());
    const path = `/no/such:${scratch.path}:/usr/bin:/bin`;
    writeFileSync(join(scratch.path, 'tool'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(scratch.path, 'sh'), 'not executable', { mode: 0o644 });
    expect(findProgram('tool', path)).toBe(join(scratch.path, 'tool'));
    expect(findProgram('sh', path)).toMatch(/^\/(usr\/)?bin\/sh$/);
    expect(findProgram('./tool', '', scratch.path)).toBe(join(scratch.path, 'tool'));
    expect(findProgram('tool', '/usr/bin')).toBeNull();
    expect(findProgram('', path)).toBeNull();
  });
});
