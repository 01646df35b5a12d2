import { describe, expect, it } from 'vitest';
import type { ToolResult } from '../../src/process/tool.js';
import { homesOf } from '../../src/service/definition.js';
import { LaunchdManager } from '../../src/service/launchd.js';
import { endedAtOnce } from '../../src/service/manager.js';
import { enableLinger, lingers, SystemdManager } from '../../src/service/systemd.js';

const homes = homesOf({}, '/home/eve');

/** Stands in for `systemctl` and `launchctl`: answers the first rule whose words are in the command line. */
function answering(rules: Readonly<Record<string, Partial<ToolResult> & { readonly text?: string }>>) {
  const calls: string[] = [];
  const run = async (argv: readonly string[]): Promise<ToolResult> => {
    const line = argv.join(' ');
    calls.push(line);
    const found = Object.entries(rules).find(([words]) => line.includes(words))?.[1] ?? {};
    const { text = '', ...rest } = found;
    const nothing = { exitCode: 0, signal: null, stderr: '', timedOut: false, problem: '' };
    return { ...nothing, stdout: Buffer.from(text), ...rest };
  };
  return { calls, run };
}

describe('systemd', () => {
  const manager = (rules: Parameters<typeof answering>[0]) => {
    const { calls, run } = answering(rules);
    return { calls, systemd: new SystemdManager('autoresearch-api', { homes, run, notify: true }) };
  };

  it('is told of the unit, never of the whole machine', async () => {
    const { calls, systemd } = manager({});
    await systemd.enable();
    await systemd.start();
    await systemd.remove(() => calls.push('rm'));
    expect(calls).toEqual([
      'systemctl --user --no-pager daemon-reload',
      'systemctl --user --no-pager enable autoresearch-api.service',
      'systemctl --user --no-pager reset-failed autoresearch-api.service',
      'systemctl --user --no-pager start autoresearch-api.service',
      'systemctl --user --no-pager disable --now autoresearch-api.service',
      'rm',
      'systemctl --user --no-pager daemon-reload',
      'systemctl --user --no-pager reset-failed autoresearch-api.service',
    ]);
    expect(systemd.path).toBe('/home/eve/.config/systemd/user/autoresearch-api.service');
  });

  it.each([
    ['active', 'running', 'running'],
    ['activating', 'start', 'starting'],
    ['activating', 'auto-restart', 'restarting'],
    ['failed', 'failed', 'failed'],
    ['inactive', 'dead', 'stopped'],
  ])('%s (%s) means %s', async (active, sub, activity) => {
    const text = `ActiveState=${active}\nSubState=${sub}\nMainPID=0\nNRestarts=2\nExecMainCode=2\nExecMainStatus=9\nUnitFileState=enabled\nStatusText=x\n`;
    expect(await manager({ show: { text } }).systemd.state()).toEqual({
      ...{ activity, pid: null, exitCode: null, restarts: 2, text: 'x', enabled: true },
    });
  });

  it('says what to do where there is no systemd, and where its user manager is out of reach', async () => {
    const none = manager({ systemctl: { exitCode: null, problem: 'systemctl is not on PATH' } });
    await expect(none.systemd.stop()).rejects.toMatchObject({
      message: 'there is no systemd here: systemctl is not on PATH',
      hint: expect.stringContaining('--print'),
    });
    const away = manager({ systemctl: { exitCode: 1, stderr: 'Failed to connect to bus: No medium found\n' } });
    await expect(away.systemd.enable()).rejects.toMatchObject({
      code: 'environment',
      hint: expect.stringContaining('XDG_RUNTIME_DIR'),
    });
  });

  it('passes on why a service did not stay up', async () => {
    const { systemd } = manager({ ' start ': { exitCode: 1 }, show: { text: 'ExecMainCode=1\nExecMainStatus=12\n' } });
    await expect(systemd.start()).rejects.toMatchObject({ code: 'locked', exitCode: 12 });
    const odd = manager({ ' start ': { exitCode: 1, stderr: 'Job failed.\n' }, show: { text: 'ExecMainCode=2\n' } });
    await expect(odd.systemd.start()).rejects.toThrow('failed: Job failed.');
  });

  it('knows about lingering, or says that it does not', async () => {
    expect(await lingers('eve', answering({ loginctl: { text: 'yes\n' } }).run)).toBe(true);
    expect(await lingers('eve', answering({ loginctl: { text: 'no\n' } }).run)).toBe(false);
    expect(await lingers('eve', answering({ loginctl: { exitCode: 1 } }).run)).toBeNull();
    await expect(
      enableLinger('eve', answering({ loginctl: { exitCode: 1, stderr: 'denied' } }).run),
    ).rejects.toMatchObject({ message: expect.stringContaining('denied'), hint: 'sudo loginctl enable-linger eve' });
  });
});

describe('launchd', () => {
  const manager = (rules: Parameters<typeof answering>[0]) => {
    const { calls, run } = answering(rules);
    return { calls, launchd: new LaunchdManager('autoresearch-api', { homes, run, uid: 501 }) };
  };
  const loaded = '\tstate = running\n\tpid = 77\n\tlast exit code = 3\n';

  it('loads an agent that is not loaded, and starts one that is', async () => {
    const fresh = manager({ print: { exitCode: 113 } });
    await fresh.launchd.enable();
    await fresh.launchd.start();
    expect(fresh.calls.filter((call) => !call.includes('print'))).toEqual([
      'launchctl enable gui/501/dev.autoresearch.api',
      'launchctl bootstrap gui/501 /home/eve/Library/LaunchAgents/dev.autoresearch.api.plist',
    ]);
    const there = manager({ print: { text: loaded } });
    await there.launchd.start();
    await there.launchd.stop();
    expect(there.calls.filter((call) => !call.includes('print'))).toEqual([
      'launchctl kickstart gui/501/dev.autoresearch.api',
      'launchctl bootout gui/501/dev.autoresearch.api',
    ]);
  });

  it('tells whether it runs', async () => {
    expect(await manager({ print: { text: loaded } }).launchd.state()).toEqual({
      ...{ activity: 'running', pid: 77, exitCode: 3, restarts: null, text: '', enabled: null },
    });
    expect(await manager({ print: { exitCode: 113 } }).launchd.state()).toMatchObject({
      activity: 'stopped',
      pid: null,
    });
  });

  it('says what launchctl said', async () => {
    const { launchd } = manager({ print: { exitCode: 113 }, bootstrap: { exitCode: 5, stderr: 'Input/output error' } });
    await expect(launchd.start()).rejects.toThrow('failed: Input/output error');
  });
});

describe('an exit code at once', () => {
  it('is the operator’s to mend, where it has a name', () => {
    expect(endedAtOnce(10)).toMatchObject({ code: 'config', exitCode: 10 });
    expect(endedAtOnce(2)).toMatchObject({ code: 'usage' });
    for (const code of [null, 0, 1, 99, 130, 143]) expect(endedAtOnce(code)).toBeNull();
  });
});
