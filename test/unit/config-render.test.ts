import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readConfigLines } from '../../src/config/read-lines.js';
import { parseSettings } from '../../src/config/settings.js';
import { settingsHelp } from '../../src/config/settings-help.js';
import { renderConfig, renderProgram } from '../../src/config/write.js';
import { appErrorOf } from '../helpers/config.js';

const NAME = { domain: 'engineering', name: 'api-speed' };
const REQUIRED = { target: 'src/a.ts', evaluate_cmd: 'make bench', metric: 'p50_ms' };
const linesOf = (text: string) => readConfigLines(text, 'config.cfg');
const entriesOf = (text: string) => linesOf(text).map(({ section, key, value }) => [section, key, value]);

describe('renderConfig', () => {
  it('explains every key of the schema once, in its section, with its default', () => {
    const text = renderConfig(NAME, REQUIRED);
    // Every key put in force at once must be accepted by the reader and be the schema's own set.
    const all = linesOf(text.replace(/^#([a-z_.]+ = )/gm, '$1'));
    const rows = settingsHelp().map((row) => `${row.section}.${row.key.replace('<name>', 'tests')}`);
    expect(all.map((line) => `${line.section}.${line.key}`).sort()).toEqual(rows.sort());
    for (const row of settingsHelp()) {
      const line = all.find((each) => each.section === row.section && each.key === row.key);
      if (row.default) expect([row.key, line?.value]).toEqual([row.key, row.default]);
    }
  });

  it('puts only the given values in force, each in its section', () => {
    const text = renderConfig(NAME, {
      ...REQUIRED,
      metric_direction: 'higher',
      gate: { kind: 'single' },
      agent: { preset: 'command', command: 'my-agent; true # "x"' },
      checks: [
        { name: 'tests', command: 'npm test' },
        { name: 'types', command: 'tsc', minutes: '5' },
      ],
      workspace: { kind: 'checkout' },
    });
    expect(entriesOf(text)).toEqual([
      ['', 'target', 'src/a.ts'],
      ['', 'evaluate_cmd', 'make bench'],
      ['', 'metric', 'p50_ms'],
      ['', 'metric_direction', 'higher'],
      ['agent', 'preset', 'command'],
      ['agent', 'command', 'my-agent; true # "x"'],
      ['gate', 'kind', 'single'],
      ['checks', 'tests', 'npm test'],
      ['checks', 'types', 'tsc'],
      ['checks', 'types.minutes', '5'],
      ['workspace', 'kind', 'checkout'],
    ]);
    expect(text).toMatch(/^# Experiment engineering\/api-speed\n/);
    expect(text).not.toContain('{{');
  });

  it('gives back whatever command it was given', () => {
    const command = fc
      .string({ unit: 'binary', minLength: 1 })
      .filter((text) => text.trim() !== '' && !text.includes('\0'));
    fc.assert(
      fc.property(command, command, (evaluate, check) => {
        const text = renderConfig(NAME, {
          ...REQUIRED,
          evaluate_cmd: evaluate,
          checks: [{ name: 'a.b-c', command: check }],
        });
        const settings = parseSettings(linesOf(Buffer.from(text).toString('utf8')), 'config.cfg');
        expect(settings.evaluateCmd).toBe(evaluate.trim());
        expect(settings.checks).toMatchObject([{ kind: 'command', name: 'a.b-c', command: check.trim() }]);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses what the reader would refuse', () => {
    expect(appErrorOf(() => renderConfig(NAME, { ...REQUIRED, metric: '-rf' })).message).toContain('metric = "-rf"');
    const forged = [{ name: 'a = b\n[limits]\nmax_trials', command: '1' }];
    expect(appErrorOf(() => renderConfig(NAME, { ...REQUIRED, checks: forged })).message).toContain('cannot be a key');
    const unknown = JSON.parse('{"nonsense": "1"}');
    expect(appErrorOf(() => renderConfig(NAME, { ...REQUIRED, ...unknown })).message).toContain('nonsense');
  });
});

describe('renderProgram', () => {
  const answers = { name: NAME, target: ['src/a.ts', 'lib/`x`.ts'], evaluateCmd: 'make', metric: 'p50_ms' };

  it('says goal, limits, strategy, simplicity and when to stop', () => {
    const text = renderProgram({ ...answers, direction: 'lower', constraints: ['keep the API', 'no\nthreads'] });
    for (const part of [
      '# engineering/api-speed',
      'Make `p50_ms` as low as possible.',
      '- `src/a.ts`\n- `` lib/`x`.ts ``',
      '## Constraints\n- keep the API\n- no\n  threads\n\n## Strategy',
      '| 1-5 |',
      '| 30+ |',
      'Every 10 trials',
      '20 trials without a keep',
      '## Simplicity',
      '## When to stop',
    ]) {
      expect(text).toContain(part);
    }
    expect(text).not.toContain('{{');
  });

  it('takes a goal of your own, and braces and dollar signs in it as they are', () => {
    const text = renderProgram({ ...answers, direction: 'higher', goal: 'Fill {{target}} with $& and $1.' });
    expect(text).toContain('Fill {{target}} with $& and $1.');
    expect(text).toContain('higher is better');
    expect(text).not.toMatch(/\n{3}/);
  });
});
