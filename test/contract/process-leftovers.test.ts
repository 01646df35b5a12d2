import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { probeContainment } from '../../src/process/containment.js';
import { bootId, identityOf, isAlive } from '../../src/process/identity.js';
import { endLeftovers } from '../../src/process/leftovers.js';
import type { Containment, ProcessIdentity } from '../../src/process/types.js';
import {
  evader,
  fixture,
  linesOf,
  newMark,
  newTag,
  present,
  processesWith,
  startHelper,
  until,
} from '../helpers/process.js';

const hasNamespaces = (await probeContainment()) === 'pid_namespace';

describe('a runner that is killed with SIGKILL', () => {
  it.runIf(hasNamespaces)('takes its command with it under pid_namespace', async () => {
    const killed = await Promise.all(['traps-term', 'full-daemon'].map((name) => killRunner(name, 'pid_namespace')));
    for (const { tag, trace } of killed) {
      await until('all of its processes are gone', () => processesWith(tag).length === 0);
      expect(await endLeftovers(trace)).toEqual({ ended: 0, survivors: [] });
    }
  });

  it('leaves under process_group nothing that endLeftovers does not end, except the full daemon', async () => {
    const names = ['stops-itself', 'hundred-children', 'setsid', 'scrubbed-session', 'full-daemon'];
    const killed = await Promise.all(names.map((name) => killRunner(name, 'process_group')));
    for (const { name, tag, trace } of killed) {
      expect(processesWith(tag).length, name).toBeGreaterThan(0);
      const { ended, survivors } = await endLeftovers(trace);
      const left = processesWith(tag);
      for (const pid of left) process.kill(pid, 'SIGKILL');
      expect(ended, name).toBeGreaterThan(0);
      expect(survivors, name).toEqual([]);
      expect(left.length, name).toBe(name === 'full-daemon' ? 1 : 0);
    }
  });

  it('leaves nothing that the mark alone does not find when no identity was recorded', async () => {
    const { tag, trace } = await killRunner('double-fork', 'process_group');
    const { ended } = await endLeftovers({ ...trace, identity: null });
    expect(ended).toBeGreaterThan(1);
    expect(processesWith(tag)).toEqual([]);
  });
});

describe('endLeftovers', () => {
  it('spares a stranger that got the recorded pid, and everything after a reboot', async () => {
    const identity = present(identityOf(present(startHelper('sleep', [newTag()]).pid)));
    await endLeftovers({ mark: newMark(), identity: { ...identity, startTime: '1' } });
    await endLeftovers({ mark: newMark(), identity: { ...identity, bootId: 'another boot' } });
    expect(isAlive(identity)).toBe(true);
  });

  it('ends a recorded process that leads no group without touching the group that it is in', async () => {
    const identity = present(identityOf(present(startHelper('sleep', [newTag()]).pid)));
    expect(await endLeftovers({ mark: newMark(), identity })).toEqual({ ended: 1, survivors: [] });
    expect(isAlive(identity)).toBe(false);
  });

  it('never ends itself or its ancestors, even when they carry the mark', async () => {
    const mark = newMark();
    const tag = newTag();
    const line = `sleep ${tag} >/dev/null & "$0" --import tsx "$1" "$2"; echo the parent lives`;
    const args = ['-c', line, process.execPath, fixture('end-leftovers.ts'), mark];
    const parent = startHelper('/bin/sh', args, { [mark]: '1' });
    expect(await linesOf(parent)).toEqual([expect.stringMatching(/^[1-9]\d* ended$/), 'the parent lives']);
    expect(processesWith(tag)).toEqual([]);
  });
});

describe('identity', () => {
  it('holds for a living process and not for a zombie, another start time, another boot or nobody', async () => {
    const child = startHelper('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 600']);
    const [text] = await once(createInterface({ input: present(child.stdout) }), 'line');
    const zombie = present(identityOf(Number(text)));
    await until('the child is a zombie', () => !isAlive(zombie));
    expect(existsSync(`/proc/${zombie.pid}`)).toBe(true);

    const self = present(identityOf(process.pid));
    expect(self.bootId).toBe(bootId());
    expect(isAlive(self)).toBe(true);
    expect(isAlive({ ...self, startTime: `${self.startTime}1` })).toBe(false);
    expect(isAlive({ ...self, bootId: 'another boot' })).toBe(false);
    expect(identityOf(2 ** 22 + 1)).toBeNull();
  });
});

interface Killed {
  readonly name: string;
  readonly tag: string;
  readonly trace: { readonly mark: string; readonly identity: ProcessIdentity };
}

/** Starts a runner with an evader and kills it once the evader is at work; `trace` is what a store would hold. */
async function killRunner(name: string, containment: Containment): Promise<Killed> {
  const mark = newMark();
  const tag = newTag();
  const log = join(tmpdir(), `${mark}.log`);
  onTestFinished(() => rmSync(log, { force: true }));
  const args = ['--import', 'tsx', fixture('runner.ts'), mark, evader(name), tag];
  const runner = startHelper(process.execPath, args, { AUTORESEARCH_CONTAINMENT: containment });
  const [line] = await once(createInterface({ input: present(runner.stdout) }), 'line');
  await until(`${name} is ready`, () => readFileSync(log, 'utf8').includes('ready'));
  runner.kill('SIGKILL');
  await once(runner, 'exit');
  return { name, tag, trace: { mark, identity: JSON.parse(line) } };
}
