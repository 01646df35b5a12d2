import { describe, expect, it } from 'vitest';
import { readConfigLines } from '../../src/config/read-lines.js';
import { type ExperimentSettings, parseSettings } from '../../src/config/settings.js';
import { renderDoctor } from '../../src/dashboard/doctor-view.js';
import { evaluatorFindings, recommendations } from '../../src/loop/evaluator-findings.js';
import type { RehearsalFacts } from '../../src/loop/rehearsal.js';

function settings(more = ''): ExperimentSettings {
  const text = `target = a\nevaluate_cmd = b\nmetric = p50_ms\nmetric_direction = lower\n${more}`;
  return parseSettings(readConfigLines(text, 'config.cfg'), 'config.cfg');
}

const CALM = [100, 101.3, 99.2, 100.4, 98.9, 100.9, 99.6, 101.1, 100.2, 99.4];
const ROW: RehearsalFacts['sensitivity'][number] = {
  ...{ level: null, smallestGain: 2, evaluationsOfNothing: 1, evaluationsOfGain: 1, falseKeepsPer100: 45 },
  unit: 'percent',
};

function seen(values: readonly number[], more: Partial<RehearsalFacts> = {}): RehearsalFacts {
  return {
    ...{ commit: 'c', metric: 'p50_ms', direction: 'lower', gate: 'auto', level: 'default', items: 0 },
    runs: values.map((value) => ({ value, seconds: 2 })),
    trials: [{ verdict: 'discard', reason: '', evaluations: 1 }],
    machine: { load: 0.1, cores: 4 },
    sensitivity: [],
    ...more,
  };
}

const NO_ITEMS = 'no items.jsonl: only the total is compared';

/** `level text` of what is not ok. */
function complaints(facts: RehearsalFacts, given = settings()): string[] {
  const found = evaluatorFindings(facts, given).filter(({ level, text }) => level !== 'ok' && text !== NO_ITEMS);
  return found.map(({ level, text }) => `${level} ${text}`);
}

const advice = (facts: RehearsalFacts, given = settings()) =>
  recommendations(facts, given).map(({ section, key, value }) => `[${section}] ${key} = ${value}`);

describe('what doctor says of an evaluator', () => {
  it('nothing bad of a calm one', () => {
    expect(complaints(seen(CALM))).toEqual([]);
    expect(advice(seen(CALM))).toEqual([]);
    expect(evaluatorFindings(seen(CALM), settings())[0]?.text).toMatch(/^noisy: 100.1 ms, noise 1\.\d % per run/);
  });

  it('that ten equal runs do not make it exact where others differed before', () => {
    const alike = Array.from({ length: 10 }, () => 11);
    expect(complaints(seen(alike))).toEqual([]);
    expect(complaints(seen(alike, { noisyBefore: true }))).toEqual([
      'note 11 ms in all 10 runs, but earlier runs of the same code differed: gains are confirmed in pairs',
    ]);
  });

  it('that it drifts', () => {
    const drifting = CALM.map((value, i) => value + 4 * i);
    expect(complaints(seen(drifting))).toEqual([expect.stringMatching(/^warning drifts: \+3\d\.\d % over 10 runs/)]);
  });

  it('that it starts cold, and how many runs to throw away', () => {
    const cold = [140, ...CALM.slice(1)];
    expect(complaints(seen(cold))).toEqual(['warning the first run stands apart: 140 ms, the others around 100.2 ms']);
    expect(advice(seen(cold), settings('[workspace]\nwarmup_runs = 2'))).toEqual(['[workspace] warmup_runs = 3']);
  });

  it('that it has two levels', () => {
    const values = CALM.map((value, i) => value + ([1, 4, 5, 8].includes(i) ? 30 : 0));
    expect(complaints(seen(values))).toEqual([
      expect.stringMatching(/^warning two levels: 6 runs around .*, 4 around/),
    ]);
  });

  // A smallest effect of one step would hide every gain below half of it, and no false keep less would come of it.
  it('that it is coarse, with enough baseline runs for it', () => {
    const coarse = seen([12, 12, 12, 13, 12, 12, 12, 12, 13, 12]);
    expect(complaints(coarse)).toEqual(['warning coarse: only 2 different values in 10 runs, 1 ms apart']);
    expect(advice(coarse)).toEqual(['[gate] baseline_runs = 21']);
    expect(advice(coarse, settings('[gate]\nbaseline_runs = 21'))).toEqual([]);
  });

  it('that it takes too long, is about to be ended by force, or is over before it begins', () => {
    const taking = (seconds: number) => seen(CALM, { runs: CALM.map((value) => ({ value, seconds })) });
    const given = settings('time_budget_minutes = 1');
    expect(complaints(taking(70), given)).toEqual([expect.stringContaining('more than the time budget of 60 s')]);
    expect(complaints(taking(120), given)).toEqual([expect.stringContaining('near the hard limit of 2 min 30 s')]);
    expect(complaints(taking(0.004))).toEqual([
      'warning an evaluation takes 4 ms: most of that is the start of the process',
    ]);
    expect(complaints({ ...taking(0.004), metric: 'size_bytes' })).toEqual([]);
  });

  it('that the machine is busy, which matters to what a clock decides', () => {
    const busy = { load: 3.9, cores: 4 };
    expect(complaints(seen(CALM, { machine: busy }))).toEqual([
      'warning load 3.9 on 4 cores before measuring: busy, and p50_ms is taken by the clock',
    ]);
    expect(complaints(seen(CALM, { machine: busy, metric: 'pass_rate' }))).toEqual([
      'note load 3.9 on 4 cores before measuring: busy, evaluations take longer',
    ]);
  });

  it('that its gate believes chance, and which one would not', () => {
    const trials = [{ verdict: 'keep', reason: '98 against 100', evaluations: 1 }];
    const believing = seen(CALM, { gate: 'single', trials, sensitivity: [ROW] });
    const single = settings('[gate]\nkind = single');
    expect(complaints(believing, single)[0]).toContain('was kept in 1 of 1 trials (98 against 100)');
    expect(advice(believing, single)).toEqual(['[gate] kind = auto']);
    expect(advice(seen(CALM, { trials }))).toEqual(['[gate] level = strict']);
    expect(advice(seen(CALM, { trials }), settings('[gate]\nlevel = strict'))).toEqual([]);
  });

  it('how little few items prove, and which gate looks at many', () => {
    expect(complaints(seen(CALM, { items: 7 }))[0]).toMatch(/^warning of 7 items .* is proven in 3 % of runs$/);
    expect(complaints(seen(CALM, { items: 80 }))).toEqual([]);
    expect(evaluatorFindings(seen(CALM), settings()).map(({ text }) => text)).toContain(NO_ITEMS);
    expect(advice(seen(CALM, { items: 7 }))).toEqual([]);
    expect(advice(seen(CALM, { items: 80 }))).toEqual(['[gate] kind = paired']);
    expect(advice(seen(CALM, { items: 80 }), settings('[gate]\nkind = paired'))).toEqual([]);
  });

  it('safely, whatever the evaluator is called or said, and in lines that fit', () => {
    const facts = seen(CALM, {
      metric: 'p50\u001b[31m_ms',
      trials: [{ verdict: 'keep', reason: 'x\u001b[2J\ny', evaluations: 3 }],
      sensitivity: [{ ...ROW, smallestGain: null }],
    });
    const findings = evaluatorFindings(facts, settings());
    const rehearsal = { facts, measuredAt: null, recommendations: recommendations(facts, settings()) };
    const report = { experiment: { domain: 'a', name: 'b' }, configPath: '/c', findings, rehearsal, now: 0 };
    const text = renderDoctor(report, 'terminal', { width: 80, colour: false, unicode: true });
    expect(text).not.toContain('\u001b');
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(text).toContain('never');
    expect(JSON.parse(renderDoctor(report, 'json', { width: 80, colour: false, unicode: true }))).toMatchObject({
      schemaVersion: 1,
      recommendations: [{ key: 'level', value: 'strict' }],
    });
  });
});
