import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readConfigLines } from '../../src/config/read-lines.js';
import { parseSettings } from '../../src/config/settings.js';
import { settingsHelp } from '../../src/config/settings-help.js';
import { AppError } from '../../src/core/errors.js';
import { appErrorOf, MINIMAL_CONFIG } from '../helpers/config.js';

const settingsOf = (text: string) => parseSettings(readConfigLines(text, 'config.cfg'), 'config.cfg');
const withLines = (...lines: string[]) => settingsOf(MINIMAL_CONFIG + lines.join('\n'));
/** The settings of the three required keys with one of them replaced, or one more. */
const withKey = (key: string, rest: string) =>
  settingsOf(`${MINIMAL_CONFIG.replace(new RegExp(`^${key}:.*\n`, 'm'), '')}${key}${rest}\n`);

describe('settings', () => {
  it('of the three required keys are complete', () => {
    expect(settingsOf(MINIMAL_CONFIG)).toEqual({
      target: ['src/a.ts'],
      evaluateCmd: 'make bench',
      metric: 'p50_ms',
      metricDirection: 'lower',
      metricGrep: null,
      metricPick: 'last',
      timeBudgetMinutes: 5,
      hardLimitMinutes: 12.5,
      created: null,
      repository: null,
      repositoryRootCommit: null,
      proposer: { kind: 'manual', seed: 42, explicit: false },
      agent: {
        ...{ preset: null, command: null, model: null, timeoutMinutes: 30, idleMinutes: 10 },
        ...{ extraArgs: null, envAllow: [], price: null },
      },
      gate: {
        kind: 'auto',
        level: 'default',
        minEffect: null,
        baselineRuns: 2,
        verifyPairs: 20,
        tie: 'discard',
        probe: true,
      },
      judge: {
        ...{ adapter: null, model: null, command: null, baseUrl: null, keyEnv: null, script: null, price: null },
        ...{ timeoutSeconds: 300, votes: 3 },
      },
      targetModel: {
        ...{ adapter: null, model: null, command: null, baseUrl: null, keyEnv: null, script: null, price: null },
        timeoutSeconds: 300,
      },
      checks: [],
      holdout: null,
      limits: {
        maxTrials: null,
        maxHours: null,
        maxTrialsPerDay: null,
        maxCostUsd: null,
        maxCostPerTrialUsd: null,
        maxTokens: null,
        minFreeMb: 200,
        maxConsecutiveCrashes: 5,
        maxIdleProposals: 10,
        patience: null,
        targetValue: null,
        checkMinutes: 10,
      },
      loop: { interval: null, inhibitSleep: true },
      workspace: {
        kind: null,
        link: [],
        setupCmd: null,
        keep: [],
        warmupRuns: 1,
        exclusive: 'auto',
        scope: 'normal',
        branch: true,
      },
      protect: { paths: [] },
      sandbox: { kind: 'none', network: true, agentNetwork: true, write: [], hide: [], device: [] },
      notify: {
        command: null,
        webhook: null,
        webhookEnv: null,
        events: ['new_best', 'target_reached', 'plateau', 'budget_spent', 'stopped', 'runner_restarted'],
      },
      retention: { logTrials: 200, refTrials: 10000 },
    });
  });

  it('read a file of the original as it is', () => {
    const settings = settingsOf(
      'target: src/api/search.py\nevaluate_cmd: pytest bench.py --tb=short; true # all\nmetric: p50_ms\n' +
        'metric_direction: lower\nmetric_grep: ^p50_ms:\ntime_budget_minutes: 5\ncreated: 2026-03-13 14:05\n',
    );
    expect(settings).toMatchObject({
      target: ['src/api/search.py'],
      evaluateCmd: 'pytest bench.py --tb=short; true # all',
      metricGrep: '^p50_ms:',
      created: '2026-03-13 14:05',
      proposer: { explicit: false },
    });
  });

  it('take a limit of time per check, limits for numbers, and what is held out', () => {
    const settings = withLines(
      '[checks]\ntests.minutes = 0.5\ntests = npm test\nsize = bytes <= baseline + 5%\ntypes = tsc > /dev/null',
      '[holdout]\nmetric = loss\nmax_regression = 1%',
    );
    expect(settings.checks).toEqual([
      { kind: 'command', name: 'tests', command: 'npm test', limitMinutes: 0.5 },
      {
        kind: 'threshold',
        name: 'size',
        threshold: {
          metric: 'bytes',
          operator: '<=',
          base: { kind: 'baseline' },
          adjustment: { kind: 'percent', percent: 5 },
        },
      },
      { kind: 'command', name: 'types', command: 'tsc > /dev/null', limitMinutes: null },
    ]);
    expect(settings.holdout).toEqual({
      metric: 'loss',
      command: null,
      direction: 'lower',
      maxRegression: { kind: 'percent', percent: 1 },
      when: 'keeps',
    });
    expect(withLines('[holdout]\ncommand = make hold\ndirection = higher\nwhen = end').holdout).toMatchObject({
      ...{ metric: 'p50_ms', command: 'make hold', direction: 'higher', when: 'end' },
    });
  });

  it('take every section', () => {
    const settings = withLines(
      '[proposer]\nkind = manual\nseed = 7\n[agent]\npreset = claude\nmodel = m\ntimeout_minutes = 0.5\nidle_minutes = 1',
      '[gate]\nkind = min_delta\nmin_effect = 2 %\nbaseline_runs = 50\ntie = simpler\nprobe = off',
      '[checks]\ntests = npm test\n__proto__ = true\ntypes: tsc --noEmit',
      '[limits]\nmax_trials = 3\nmax_hours = 0.25\npatience = 9\ntarget_value = -1.5e-3\ncheck_minutes = 1',
      '[workspace]\nkind = checkout\nlink = node_modules, .venv\nsetup_cmd = npm ci\nkeep =\nwarmup_runs = 0\nscope = strict\nbranch = false',
      '[sandbox]\nkind = bwrap\nnetwork = off\nwrite = ~/.npm/, /var/cache/x\nhide = ~/notes\ndevice = /dev/dri',
      '[protect]\npaths = tests/**,./bench/\n[retention]\nlog_trials = 0',
    );
    expect(settings).toMatchObject({
      proposer: { kind: 'manual', seed: 7, explicit: true },
      agent: { preset: 'claude', command: null, model: 'm', timeoutMinutes: 0.5, idleMinutes: 1 },
      gate: {
        kind: 'min_delta',
        minEffect: { kind: 'percent', percent: 2 },
        baselineRuns: 50,
        tie: 'simpler',
        probe: false,
      },
      checks: [
        { kind: 'command', name: 'tests', command: 'npm test' },
        { kind: 'command', name: '__proto__', command: 'true' },
        { kind: 'command', name: 'types', command: 'tsc --noEmit' },
      ],
      limits: { maxTrials: 3, maxHours: 0.25, patience: 9, targetValue: -0.0015, checkMinutes: 1 },
      workspace: { kind: 'checkout', link: ['node_modules', '.venv'], keep: [], warmupRuns: 0, branch: false },
      protect: { paths: ['tests/**', 'bench'] },
      sandbox: { kind: 'bwrap', network: false, write: ['~/.npm', '/var/cache/x'], device: ['/dev/dri'] },
      retention: { logTrials: 0 },
    });
  });

  it.each([
    ['lower', 'lower'],
    ['HIGHER', 'higher'],
    ['Minimize', 'lower'],
    ['min', 'lower'],
    ['MAXIMIZE', 'higher'],
    ['max', 'higher'],
  ])('direction %s means %s', (word, direction) => {
    expect(withKey('metric_direction', `: ${word}`).metricDirection).toBe(direction);
  });

  it('a target is a list of tidy paths and globs', () => {
    expect(withKey('target', ': ./src//a.ts, src/**/*.py ,docs/,, -rf, src/a.ts').target).toEqual([
      'src/a.ts',
      'src/**/*.py',
      'docs',
      '-rf',
    ]);
    expect(withKey('target', ' = .').target).toEqual(['.']);
  });

  it('a smallest effect is a share or an amount', () => {
    expect(withLines('[gate]', 'min_effect = 0.5').gate.minEffect).toEqual({ kind: 'absolute', amount: 0.5 });
    expect(withLines('[gate]', 'min_effect = 0%').gate.minEffect).toEqual({ kind: 'percent', percent: 0 });
  });

  it('a command of your own means the preset command', () => {
    expect(withLines('[agent]', 'command = ./agent').agent.preset).toBe('command');
    expect(withLines('[agent]', 'preset = command', 'command = ./agent').agent.preset).toBe('command');
  });
});

describe('metric_grep', () => {
  it('is handed on as written, and empty means not given', () => {
    expect(withKey('metric_grep', ': p50:').metricGrep).toBe('p50:');
    expect(withKey('metric_grep', ' = (?i)^loss=([0-9.]+)').metricGrep).toBe('(?i)^loss=([0-9.]+)');
    expect(withKey('metric_grep', ':').metricGrep).toBeNull();
    expect(withKey('metric_grep', ' = ""').metricGrep).toBeNull();
  });

  it('is compiled and never run here, so that a catastrophic pattern does no harm', () => {
    expect(withKey('metric_grep', ' = ^(a+)+$').metricGrep).toBe('^(a+)+$');
  });
});

describe('what is not allowed', () => {
  const NUMBERS = ['nan', 'NaN', '1e999', '5 minutes', '5m', '0x10', '1,5', '--1', '', 'Infinity', '-1', '٣'];
  it.each(
    NUMBERS.flatMap((number) => ['time_budget_minutes', 'hard_limit_minutes'].map((key) => [key, number] as const)),
  )('%s = %j', (key, number) => {
    const error = appErrorOf(() => withKey(key, ` = ${number}`));
    expect(error.message).toContain(`config.cfg:4: ${key} = "${number}" is `);
    expect(error.message).toContain('allowed: a plain number from 0.001 to');
  });

  it.each([
    ['time_budget_minutes', '0'],
    ['time_budget_minutes', '10081'],
    ['metric', '../../x'],
    ['metric', '-rf'],
    ['metric', 'größe'],
    ['metric', 'm'.repeat(300)],
    ['metric', ''],
    ['metric', 'a b'],
    ['metric_direction', 'Lowerr'],
    ['metric_direction', 'constructor'],
    ['metric_direction', ''],
    ['metric_pick', 'best'],
    ['metric_grep', '('],
    ['metric_grep', '(?<x'],
    ['evaluate_cmd', ''],
    ['evaluate_cmd', '"a\\u0000b"'],
    ['target', ''],
    ['target', ' , ,'],
    ['target', '../../x'],
    ['target', 'src/../../x'],
    ['target', '/etc/passwd'],
    ['target', '~/x'],
    ['target', ':(exclude)x'],
    ['target', '.git/config'],
    ['target', 'sub/.GIT/hooks'],
    ['target', '"a\\nb"'],
    ['repository', 'relative/path'],
    ['repository_root_commit', 'abc'],
  ])('%s = %s', (key, value) => {
    const error = appErrorOf(() => withKey(key, ` = ${value}`));
    expect(error.code).toBe('config');
    expect(error.message).toMatch(new RegExp(`^config\\.cfg:\\d: ${key} = ".*" .+; allowed: .+`));
    expect(error.message).not.toContain('Invalid input');
    expect(error.message.length).toBeLessThan(400);
    expect(error.hint).not.toBe('');
  });

  it.each([
    ['gate', 'baseline_runs', '0'],
    ['gate', 'baseline_runs', '2.5'],
    ['gate', 'baseline_runs', '51'],
    ['gate', 'min_effect', '-1'],
    ['gate', 'min_effect', '2%%'],
    ['gate', 'min_effect', '%'],
    ['gate', 'kind', 'sinlge'],
    ['gate', 'probe', 'maybe'],
    ['proposer', 'kind', 'agnt'],
    ['proposer', 'seed', '-1'],
    ['proposer', 'seed', '1e9'],
    ['proposer', 'seed', '99999999999999999999'],
    ['limits', 'max_trials', '0'],
    ['limits', 'max_hours', '0'],
    ['limits', 'target_value', 'inf'],
    ['limits', 'target_value', '-1e999'],
    ['workspace', 'warmup_runs', '21'],
    ['workspace', 'link', '../other'],
    ['workspace', 'setup_cmd', ''],
    ['checks', 'tests', ''],
    ['holdout', 'metric', '5'],
    ['holdout', 'direction', 'up'],
    ['holdout', 'max_regression', '-1'],
    ['holdout', 'when', 'never'],
    ['protect', 'paths', '/etc'],
    ['sandbox', 'kind', 'docker'],
    ['sandbox', 'write', 'build'],
    ['sandbox', 'write', '~/../other'],
  ])('[%s] %s = %s', (section, key, value) => {
    const error = appErrorOf(() => withLines(`[${section}]`, `${key} = ${value}`));
    expect(error.message).toMatch(
      new RegExp(`^config\\.cfg:5: ${key} = "${value.replace(/[.^$%]/g, '\\$&')}" .+; allowed: .+`),
    );
    expect(error.message).not.toContain('Invalid input');
  });

  it('a spelling near an allowed one', () => {
    expect(appErrorOf(() => withLines('[gate]', 'kind = sinlge')).message).toContain('did you mean single?');
  });

  it.each([
    ['[gate]', 'min_delta = 2%', 'did you mean min_effect?'],
    ['[optimizer]', 'model = x', 'did you mean [agent]?'],
    ['[model]', 'judge = x', 'did you mean [agent]?'],
    ['[target]', 'model = x', 'did you mean [target_model]?'],
  ])('%s %s, which has another name elsewhere', (section, line, answer) => {
    expect(appErrorOf(() => withLines(section, line)).message).toContain(answer);
  });

  it('an unknown key or section', () => {
    const error = appErrorOf(() =>
      withLines(
        'metrc_direction = lower',
        'max_trials = 5',
        '[gaet]',
        'kind = auto',
        '[gate]',
        'target = a',
        '__proto__ = 1',
      ),
    );
    expect(error.message.split('\n')).toEqual([
      'config.cfg:4: unknown key metrc_direction; did you mean metric_direction?',
      'config.cfg:5: unknown key max_trials; it belongs into the section [limits]',
      'config.cfg:7: there is no section [gaet]; did you mean [gate]?',
      'config.cfg:9: unknown key target in [gate]; it belongs above the first [section]',
      'config.cfg:10: unknown key __proto__ in [gate]',
    ]);
    expect(appErrorOf(() => withLines('[__proto__]', 'x = 1')).message).toContain('there is no section [__proto__]');
    expect(appErrorOf(() => withLines('[model]', 'judge = x')).hint).toContain('[retention]');
    expect(appErrorOf(() => withLines('[limits]', 'max_dollars = 5')).message).toContain('unknown key max_dollars');
  });

  it.each([
    ['a limit that is nearly one', 'size = bytes <= baselin', /^config\.cfg:5: size = "bytes <= baselin" is no limit/],
    ['a time for no check', 'tests.minutes = 5', /^config\.cfg:5: tests\.minutes .* check tests, which does not exist/],
    [
      'a time that is no number',
      't.minutes = soon\nt = x',
      /^config\.cfg:5: t\.minutes = "soon" .*allowed: a plain number/,
    ],
    ['a time for a limit', 'size = bytes <= 5\nsize.minutes = 5', /^config\.cfg:6: size\.minutes has no meaning/],
  ])('in [checks] %s', (_, lines, message) => {
    const error = appErrorOf(() => withLines('[checks]', lines));
    expect(error.message).toMatch(message);
    expect(error.hint).not.toBe('');
  });

  it.each([
    ['when = end', /config\.cfg:5: \[holdout\] names no number/],
    ['metric = p50_ms', /config\.cfg:5: p50_ms is the metric that proposers improve/],
    ['direction = higher\nmetric = other\n[gate]\nkind = sinlge', /config\.cfg:8: kind/],
  ])('in [holdout] %j', (lines, message) => {
    expect(appErrorOf(() => withLines('[holdout]', lines)).message).toMatch(message);
  });

  it('a metric_grep that finds the held-out line too', () => {
    const lines = ['metric_grep = (?i).*p50', '[holdout]', 'metric = held_P50'];
    expect(appErrorOf(() => withLines(...lines)).message).toMatch(/^config\.cfg:6: metric_grep also finds the line/);
    expect(withLines(...lines, 'command = make hold').holdout?.command).toBe('make hold');
  });

  it('a check on the held-out number, whose reason proposers would read', () => {
    const lines = ['[checks]', 'small = bytes <= 5', 'val = loss <= baseline', '[holdout]', 'metric = loss'];
    const error = appErrorOf(() => withLines(...lines));
    expect(error.message).toMatch(/^config\.cfg:6: a check on the held-out loss would tell it to proposers/);
    expect(error.hint).toContain('max_regression');
    // The held-out command's number is another one than the evaluator's of the same name.
    expect(withLines(...lines, 'command = make hold').checks).toHaveLength(2);
  });

  it('a missing key, with what it is for', () => {
    const error = appErrorOf(() => settingsOf('metric: x\n'));
    expect(error.message).toMatch(/^config\.cfg: target is missing\. What may be changed/);
    expect(error.message).toContain('evaluate_cmd is missing');
    expect(error.hint).toContain('target = ...');
  });

  it('values that contradict each other', () => {
    expect(appErrorOf(() => withLines('hard_limit_minutes = 4')).message).toContain(
      'config.cfg:4: hard_limit_minutes = 4 is less than time_budget_minutes = 5',
    );
    expect(withLines('hard_limit_minutes = 5').hardLimitMinutes).toBe(5);
    expect(appErrorOf(() => withLines('[agent]', 'preset = command')).message).toContain('needs the key command');
    expect(appErrorOf(() => withLines('[agent]', 'preset = codex', 'command = x')).message).toContain('is never run');
    const unbounded = appErrorOf(() => withLines('[gate]', 'kind = min_delta'));
    expect(unbounded.message).toContain('config.cfg:5: kind = min_delta in [gate] asks for a smallest improvement');
    expect(unbounded.hint).toContain('min_effect = 2%');
    expect(() => withLines('[gate]', 'kind = min_delta', 'min_effect = 0.5')).not.toThrow();
  });

  it.each(['network = off', 'agent_network = off', 'hide = ~/notes'])('%s without a sandbox', (line) => {
    expect(appErrorOf(() => withLines('[sandbox]', line)).message).toContain('protects nothing without a sandbox');
    expect(() => withLines('[sandbox]', 'kind = bwrap', line)).not.toThrow();
    expect(() => withLines('[sandbox]', 'kind = none', 'network = on', 'write = ~/.npm')).not.toThrow();
  });

  it('nothing but an AppError, whatever keys and values come', () => {
    const rows = settingsHelp();
    const key = fc.constantFrom(...rows.map((row) => row.key), 'constructor', '__proto__', 'toString');
    const section = fc.constantFrom(...rows.map((row) => row.section), '__proto__', 'constructor', 'hasOwnProperty');
    const value = fc.oneof(fc.string(), fc.constantFrom('1', '2%', 'agent', 'true', '1e999', '-0', 'a,b', '('));
    const line = fc.record({
      section,
      key,
      value,
      line: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        try {
          parseSettings([...readConfigLines(MINIMAL_CONFIG, 'c'), ...lines], 'c');
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          expect(error.message).not.toContain('undefined');
        }
      }),
      { numRuns: 1000 },
    );
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });
});

describe('settingsHelp', () => {
  it('has a help text and a range for every key, and defaults that are allowed', () => {
    const rows = settingsHelp();
    expect(rows.length).toBeGreaterThan(35);
    for (const row of rows) {
      expect([row.key, row.help.length > 10, row.range.length > 5]).toEqual([row.key, true, true]);
      const line = { section: row.section, key: row.key, value: row.default ?? '', line: 9 };
      const others = row.section === 'holdout' ? '[holdout]\ncommand = make hold\n' : '';
      if (row.default !== null) parseSettings([...readConfigLines(MINIMAL_CONFIG + others, 'c'), line], 'c');
    }
    expect(rows.filter((row) => row.required).map((row) => row.key)).toEqual(['target', 'evaluate_cmd', 'metric']);
  });
});
