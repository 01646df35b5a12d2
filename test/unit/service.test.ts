import { join } from 'node:path';
import fc from 'fast-check';
import { parse } from 'plist';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/core/errors.js';
import { chosenName, defineService, homesOf, serviceName } from '../../src/service/definition.js';
import { renderEnvironmentFile, valuesOf } from '../../src/service/environment-file.js';
import { agentLabel, renderAgent } from '../../src/service/launchd-agent.js';
import { parseProperties } from '../../src/service/systemd.js';
import { renderUnit } from '../../src/service/systemd-unit.js';
import { definitionWith } from '../helpers/service.js';

describe('the unit', () => {
  it('is what systemd needs to keep a run alive and to leave alone what a person has to mend', () => {
    expect(renderUnit(definitionWith({}), { notify: true })).toBe(
      `# Written by \`autoresearch service install\`; changes of your own belong into a drop-in (systemctl edit).
[Unit]
Description=autoresearch engineering/api-speed (/srv/shop)
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=all
WatchdogSec=120
ExecStart="/opt/node/bin/node" "/opt/autoresearch/dist/cli.js" "run" "--loop" "--experiment" "engineering/api-speed" "--path" "/srv/shop" "--service" "systemd"
Environment="AUTORESEARCH_SERVICE=autoresearch-1a2b3c4d"
Environment="PATH=/opt/node/bin:/usr/bin"
EnvironmentFile=-/home/eve/.config/autoresearch/services/autoresearch-api.env
Restart=on-failure
RestartSec=10
RestartPreventExitStatus=2 10 11 12 13 14 15 16 17 18
SuccessExitStatus=130 143
KillMode=mixed
TimeoutStopSec=60
OOMPolicy=continue
NoNewPrivileges=yes
StandardOutput=append:/home/eve/.local/state/autoresearch/services/autoresearch-api.log
StandardError=inherit

[Install]
WantedBy=default.target
`,
    );
  });

  it('has no watchdog where nobody could feed it', () => {
    const unit = renderUnit(definitionWith({}), { notify: false });
    expect(unit).toContain('Type=exec\n');
    expect(unit).not.toMatch(/Watchdog|NotifyAccess/);
  });

  it('names its user when it is one of the whole machine', () => {
    const unit = renderUnit(definitionWith({}), { notify: true, user: 'eve' });
    expect(unit).toContain('\nUser=eve\n');
    expect(unit).toContain('WantedBy=multi-user.target\n');
  });

  it('starts again after a bug, and after nothing that a person has to mend', () => {
    const listed = /RestartPreventExitStatus=(.*)/.exec(renderUnit(definitionWith({}), { notify: true }))?.[1];
    const mended = Object.values(EXIT_CODES).filter((code) => code === 2 || (code >= 10 && code < 100));
    expect(listed?.split(' ').map(Number)).toEqual(mended);
  });

  it('carries every path as it is', () => {
    fc.assert(
      fc.property(folder(), folder(), (repository, home) => {
        const unit = renderUnit(definitionWith({ repository, home }), { notify: true });
        const command = wordsOf(/^ExecStart=(.*)$/m.exec(unit)?.[1] ?? '');
        expect(command[command.indexOf('--path') + 1]).toBe(repository);
        expect(unit).toContain(`EnvironmentFile=-${join(home, '.config').replaceAll('%', '%%')}`);
        expect(unit.split('\n')).toHaveLength(28);
      }),
    );
  });
});

/** Printable paths, with what systemd gives a meaning to more often than chance would. */
function folder() {
  const unit = fc.oneof(
    fc.constantFrom('%', '$', '"', "'", '\\', ' ', ';', '#', '{HOME}'),
    fc.string({ unit: 'grapheme' }),
  );
  return fc
    .array(unit, { maxLength: 8 })
    .map((parts) => `/${parts.join('').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]/g, '')}`);
}

/** Reads a command line as systemd does: quotes, `\\` escapes, then `%%`, then `$$` in all words but the first. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, quoted = ''], index) => {
    const text = quoted.replace(/\\(.)/g, '$1').replaceAll('%%', '%');
    return index === 0 ? text : text.replaceAll('$$', '$');
  });
}

describe('the agent of launchd', () => {
  const options = { label: 'dev.autoresearch.api', home: '/Users/eve', hasEnvironmentFile: false };

  it('is started at login and after a failure, at full speed', () => {
    const definition = definitionWith({ home: '/Users/eve' });
    expect(parse(renderAgent(definition, options))).toEqual({
      Label: 'dev.autoresearch.api',
      ProgramArguments: [...definition.argv, '--service', 'launchd'],
      EnvironmentVariables: {
        AUTORESEARCH_SERVICE: 'autoresearch-1a2b3c4d',
        PATH: '/opt/node/bin:/usr/bin',
        HOME: '/Users/eve',
      },
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      ThrottleInterval: 10,
      ExitTimeOut: 60,
      ProcessType: 'Standard',
      StandardOutPath: definition.files.log,
      StandardErrorPath: definition.files.log,
    });
  });

  it('reads the environment file through a shell that becomes the runner', () => {
    const definition = definitionWith({});
    const { ProgramArguments } = parse(renderAgent(definition, { ...options, hasEnvironmentFile: true })) as {
      ProgramArguments: string[];
    };
    expect(ProgramArguments.slice(0, 2)).toEqual(['/bin/sh', '-c']);
    expect(ProgramArguments[2]).toMatch(/exec "\$@"$/);
    expect(ProgramArguments.slice(3)).toEqual([
      definition.files.environment,
      ...definition.argv,
      '--service',
      'launchd',
    ]);
  });

  it('carries every path through XML', () => {
    expect(renderAgent(definitionWith({ repository: '/a & b <c>' }), options)).toContain('/a &amp; b &lt;c');
    fc.assert(
      fc.property(folder(), (repository) => {
        const { ProgramArguments } = parse(renderAgent(definitionWith({ repository }), options)) as {
          ProgramArguments: string[];
        };
        expect(ProgramArguments[ProgramArguments.indexOf('--path') + 1]).toBe(repository);
      }),
    );
  });

  it('is called after the service', () => {
    expect(agentLabel('autoresearch-1a2b3c4d')).toBe('dev.autoresearch.1a2b3c4d');
  });
});

describe('the environment file', () => {
  it('holds any value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const [, quoted = ''] = /^TOKEN="([\s\S]*)"\n$/.exec(renderEnvironmentFile({ TOKEN: value })) ?? [];
        expect(quoted.replace(/\\([\\"`$])/g, '$1')).toBe(value);
        expect(quoted.replace(/\\[\\"`$]/g, '')).not.toMatch(/["`$]/);
      }),
    );
  });

  it('takes the present values of the variables that were named, and of no others', () => {
    expect(valuesOf(['KEY', 'EMPTY'], { KEY: 'k', EMPTY: '', OTHER: 'o' })).toEqual({ KEY: 'k', EMPTY: '' });
  });

  it.each([
    ['KEY', '--env KEY: this variable is not set here, so there is no value to copy'],
    ['KEY=secret', '--env takes the name of a variable, not "KEY=..."'],
    ['a b', '--env takes the name of a variable, not "a b"'],
  ])('refuses %s without printing a value', (name, message) => {
    expect(() => valuesOf([name], {})).toThrow(message);
  });
});

describe('the definition', () => {
  const homes = homesOf({}, '/home/eve');
  const base = {
    ...{ name: 'autoresearch-api', identity: 'autoresearch-1a2b3c4d', experiment: 'engineering/api-speed' },
    ...{ repository: '/srv/shop', program: ['/opt/node', '/opt/cli.js'] as const, homes },
  };

  it('captures what decides which programs are found, and no secret', () => {
    const ambient = { PATH: '/bin', LANG: 'C.UTF-8', XDG_CACHE_HOME: '/c', ANTHROPIC_API_KEY: 'secret', LC_ALL: '' };
    expect(defineService({ ...base, ambient }).environment).toEqual({
      AUTORESEARCH_SERVICE: 'autoresearch-1a2b3c4d',
      PATH: '/bin',
      LANG: 'C.UTF-8',
      XDG_CACHE_HOME: '/c',
    });
  });

  it.each(['/srv/two\nlines', '/srv/bell\u0007'])('refuses a path that no unit can carry', (repository) => {
    expect(() => defineService({ ...base, repository, ambient: {} })).toThrow('control character');
  });

  it('names a service after its repository and experiment, always the same', () => {
    const name = serviceName('/srv/shop/.git', 'engineering/api-speed');
    expect(name).toMatch(/^autoresearch-[0-9a-f]{8}$/);
    expect(serviceName('/srv/shop/.git', 'engineering/api-speed')).toBe(name);
    expect(serviceName('/srv/shop/.git', 'engineering/api-size')).not.toBe(name);
    expect(serviceName('/srv/blog/.git', 'engineering/api-speed')).not.toBe(name);
  });

  it('takes a chosen name, which can never be that of a foreign unit', () => {
    for (const text of ['api', 'autoresearch-api', 'autoresearch-api.service']) {
      expect(chosenName(text)).toBe('autoresearch-api');
    }
    for (const text of ['', '../api', 'a b', 'a@b', 'autoresearch-', '-x', 'x'.repeat(60)]) {
      expect(() => chosenName(text)).toThrow('cannot name a service');
    }
  });

  it("follows the user's own folders", () => {
    expect(homesOf({ XDG_CONFIG_HOME: '/cfg', XDG_STATE_HOME: '/st' }, '/home/eve')).toEqual({
      ...{ home: '/home/eve', config: '/cfg', state: '/st' },
    });
  });
});

describe('what systemctl shows', () => {
  it('is read as lines of keys and values', () => {
    expect([...parseProperties('MainPID=12\nStatusText=a=b\n\nrubbish\n')]).toEqual([
      ['MainPID', '12'],
      ['StatusText', 'a=b'],
    ]);
  });
});
