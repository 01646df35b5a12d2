import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'plist';
import { describe, expect, it } from 'vitest';
import { findProgram } from '../../src/process/shell.js';
import { renderEnvironmentFile } from '../../src/service/environment-file.js';
import { renderAgent } from '../../src/service/launchd-agent.js';
import { readRecord, writeRecord, writeWhole } from '../../src/service/record.js';
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
  });
});

describe('what is remembered of a service', () => {
  const record = { name: 'autoresearch-api', program: ['/opt/node', '/opt/cli.js'], forgivenSession: 3 };

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
});
