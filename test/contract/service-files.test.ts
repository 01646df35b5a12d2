import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { parse } from 'plist';
import { describe, expect, it } from 'vitest';
import { findProgram } from '../../src/process/shell.js';
import { namesIn, renderEnvironmentFile } from '../../src/service/environment-file.js';
import { renderAgent } from '../../src/service/launchd-agent.js';
import { earlierLog, OwnLog } from '../../src/service/own-log.js';
import { goneSince, ownRecord, readRecord, writeRecord, writeWhole } from '../../src/service/record.js';
import { renderUnit } from '../../src/service/systemd-unit.js';
import { temporaryFolder } from '../helpers/git.js';
import { definitionWith } from '../helpers/service.js';

const analyze = findProgram('systemd-analyze', process.env['PATH'] ?? '');

/** What systemd has to say about a unit; empty when it understands all of it. */
function complaints(unit: string): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'run'), { mode: 0o700 });
  const path = join(folder, 'autoresearch-api.service');
  writeFileSync(path, unit);
  const { stdout, stderr } = spawnSync(analyze ?? '', ['--user', 'verify', path], {
    env: { HOME: folder, XDG_RUNTIME_DIR: join(folder, 'run'), PATH: process.env['PATH'] ?? '' },
    encoding: 'utf8',
  });
  return `${stdout}${stderr}`;
}

describe.skipIf(analyze === null)('systemd', () => {
  const definition = definitionWith({
    repository: '/srv/it\'s 100%h "$HOME" \\n; #1',
    program: [process.execPath, process.execPath],
  });

  it.each([true, false])('understands every word of the unit (notify: %s)', (notify) => {
    expect(complaints(renderUnit(definition, { notify }))).toBe('');
    expect(complaints(renderUnit(definition, { notify, user: 'root' }))).toBe('');
  });

  it('would say what it does not understand', () => {
    const unit = renderUnit(definition, { notify: true });
    expect(complaints(unit.replace('Restart=', 'Restrt='))).toContain("'Restrt'");
    expect(complaints(unit.replace('Type=notify', 'Type=nothing'))).toContain('ignoring: nothing');
  });
});

describe('the environment file', () => {
  it('means the same to the shell that launchd starts, which passes every word on', () => {
    const values = {
      ONE: 'plain',
      TWO: 'a "b" $HOME `id` \\ \\n \'q\' # ;',
      THREE: 'two\nlines\n',
      FOUR: '',
      FIVE: '=é=',
    };
    const home = temporaryFolder();
    const print = join(home, 'print.cjs');
    writeFileSync(print, 'process.stdout.write(JSON.stringify({ ...process.env, argv: process.argv }))');
    const definition = definitionWith({ home, program: [process.execPath, print], repository: '/it\'s "$HOME"' });
    writeWhole(definition.files.environment, renderEnvironmentFile(values), 0o600);
    const agent = parse(renderAgent(definition, { label: 'x', home, hasEnvironmentFile: true }));
    const [shell = '', ...args] = (agent as { ProgramArguments: string[] }).ProgramArguments;
    const { stdout } = spawnSync(shell, args, { env: {}, encoding: 'utf8' });
    expect(JSON.parse(stdout).argv).toEqual([...definition.argv, '--service', 'launchd']);
    expect(JSON.parse(stdout)).toMatchObject(values);
    expect(namesIn(renderEnvironmentFile({ ...values, SIX: 'x\nSEVEN="y"\n' }))).toEqual([
      ...Object.keys(values),
      'SIX',
    ]);
  });
});

describe('what is remembered of a service', () => {
  const record = {
    ...{ name: 'autoresearch-api', program: ['/opt/node', '/opt/cli.js'], commonDir: '/srv/shop/.git' },
    forgivenSession: 3,
  };

  it('is read back, by nobody else', () => {
    const path = join(temporaryFolder(), 'state', 'service.json');
    expect(readRecord(path)).toBeNull();
    writeRecord(path, { ...record, forgivenSession: null });
    writeRecord(path, record);
    expect(readRecord(path)).toEqual(record);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toMatch(/\n$/);
  });

  it.each(['', '{"name":', '[]', '{"name":1}'])('is nothing when it is torn or foreign: %s', (text) => {
    const path = join(temporaryFolder(), 'service.json');
    writeFileSync(path, text);
    expect(readRecord(path)).toBeNull();
  });

  it('stays with a repository that is moved or seen by another path, and is not that of a copy', () => {
    const folder = temporaryFolder();
    const [home, away, link] = [join(folder, 'home'), join(folder, 'away'), join(folder, 'link')];
    for (const path of [home, away]) mkdirSync(path);
    symlinkSync(home, link);
    const installed = { ...record, commonDir: home };
    expect(ownRecord(installed, home)).toBe(installed);
    expect(ownRecord(installed, link)).toBe(installed);
    expect(ownRecord(installed, away)).toBeNull();
    expect(ownRecord({ ...record, commonDir: null }, away)).not.toBeNull();
    renameSync(home, join(folder, 'moved'));
    expect(ownRecord(installed, join(folder, 'moved'))).toBe(installed);
    expect(goneSince(installed)).toEqual(['/opt/node', '/opt/cli.js', home]);
  });
});

describe('the log of a service', () => {
  const settled = { kind: 'settled', trialId: 1 } as const;

  it('begins anew between two trials once it is large, and what it held is beside it', () => {
    const path = join(temporaryFolder(), 'a.log');
    // As the manager opens it.
    const descriptor = openSync(path, 'a');
    const log = new OwnLog({ path, descriptor, limitBytes: 10 });
    const print = (text: string) => writeSync(descriptor, text);
    print('0123456789');
    log.event(settled);
    expect(readFileSync(path, 'utf8')).toBe('0123456789');
    print('first\n');
    log.event({ kind: 'proposing', number: 2 });
    expect(statSync(path).size).toBe(16);
    log.event(settled);
    print('second\n');
    expect(readFileSync(path, 'utf8')).toBe('second\n');
    expect(readFileSync(earlierLog(path), 'utf8')).toBe('0123456789first\n');
    closeSync(descriptor);
  });

  it('is left alone where the service prints elsewhere', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.log');
    writeFileSync(path, 'of another run\n');
    const descriptor = openSync(join(folder, 'other.log'), 'a');
    new OwnLog({ path, descriptor, limitBytes: 10 }).event(settled);
    new OwnLog({ path: join(folder, 'none.log'), descriptor, limitBytes: 10 }).event(settled);
    expect(readFileSync(path, 'utf8')).toBe('of another run\n');
    closeSync(descriptor);
  });
});
