import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readConfigLines } from '../../src/config/read-lines.js';
import { parseSettings } from '../../src/config/settings.js';
import { readCases } from '../../src/evaluators/judge/cases.js';
import { questionOf } from '../../src/evaluators/judge/question.js';
import { compositeOf, type Rubric, schemaOf } from '../../src/evaluators/judge/rubric.js';
import { modelCommands, modelDefinitions, modelEnvironment } from '../../src/loop/model-roles.js';
import { CallAborted } from '../../src/model/aborted.js';
import { checkFor } from '../../src/model/json-answer.js';
import { Meter } from '../../src/model/meter.js';
import { ROLE_ADAPTERS, readRole } from '../../src/model/resolve.js';
import { scriptedModel } from '../../src/model/scripted.js';
import { appErrorOf, MINIMAL_CONFIG } from '../helpers/config.js';
import { present } from '../helpers/process.js';

const RUBRIC: Rubric = {
  metric: 'score',
  best: 10,
  scale: 'As usual.',
  criteria: [
    { id: 'wit', asks: 'is it funny?' },
    { id: 'wisdom', asks: 'is it wise?' },
  ],
};

const settingsOf = (text: string) =>
  parseSettings(readConfigLines(`${MINIMAL_CONFIG}${text}\n`, 'config.cfg'), 'config.cfg');

describe('the question to a judge', () => {
  it('keeps every text between marks that no text of it holds, and is the same for the same texts', () => {
    const texts = fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(texts, (all) => {
        const materials = all.map((text, index) => ({ label: `piece${index}`, what: 'A piece.', text }));
        const question = questionOf('Judge.', RUBRIC, materials);
        expect(questionOf('Judge.', RUBRIC, materials)).toBe(question);
        const mark = present(/<piece0 ([0-9a-f]{16})>/.exec(question)?.[1]);
        expect(question.split(mark)).toHaveLength(2 * all.length + 1);
        expect(all.join('')).not.toContain(mark);
      }),
    );
  });

  it('names every criterion and never a weight, an earlier score or a side', () => {
    const question = questionOf('Judge.', RUBRIC, [{ label: 'document', what: 'A file.', text: 'x' }]);
    expect(question).toContain('- wit: is it funny?\n- wisdom: is it wise?');
    expect(question).not.toMatch(/weight|baseline|incumbent|candidate|composite/i);
  });
});

describe('a vote', () => {
  const check = checkFor(schemaOf(RUBRIC));
  const vote = (wit: unknown, wisdom: unknown) => ({
    wit: { reason: 'a', score: wit },
    wisdom: { reason: 'b', score: wisdom },
  });

  it('has a composite that lies between its scores', () => {
    const score = fc.double({ min: 0, max: 10, noNaN: true });
    fc.assert(
      fc.property(score, score, (wit, wisdom) => {
        expect(check(vote(wit, wisdom))).toHaveProperty('value');
        const composite = compositeOf(RUBRIC, {
          wit: { score: wit, reason: '' },
          wisdom: { score: wisdom, reason: '' },
        });
        expect(composite).toBeGreaterThanOrEqual(Math.min(wit, wisdom));
        expect(composite).toBeLessThanOrEqual(Math.max(wit, wisdom));
      }),
    );
  });

  it.each([
    [10.1, 5],
    [-1, 5],
    ['7', 5],
    [true, 5],
    [null, 5],
    [Number.POSITIVE_INFINITY, 5],
    [undefined, 5],
  ])('of %s and %s does not count', (wit, wisdom) => {
    expect(check(vote(wit, wisdom))).toHaveProperty('problem');
  });

  it('with a criterion of its own invention does not count', () => {
    expect(check({ ...vote(1, 2), overall: { reason: 'c', score: 10 } })).toHaveProperty('problem');
  });
});

describe('test cases', () => {
  it('are lines of JSON or one array', () => {
    const cases = [{ id: 'a', input: 'x', expected: 'y' }, { input: 'z' }];
    const read = [
      { id: 'a', input: 'x', expected: 'y' },
      { id: 'case 2', input: 'z', expected: null },
    ];
    expect(readCases(JSON.stringify(cases, null, 1), 'c.json')).toEqual(read);
    expect(readCases(cases.map((each) => `${JSON.stringify(each)}\n\n`).join(''), 'c.jsonl')).toEqual(read);
  });

  it.each([
    ['nonsense', /c\.json holds no JSON: nonsense/],
    ['[]', /holds 0 cases/],
    ['{"id": "a"}', /case 1 has no text "input"/],
    ['{"input": "a", "expected": 5}', /"expected" of case 1/],
    ['{"input": "a", "id": ""}', /"id" of case 1/],
    ['7', /case 1 has no text "input"/],
    ['{"input": "a", "id": "q"}\n{"input": "b", "id": "q"}', /two cases with the id "q"/],
  ])('%s are refused with the reason', (text, message) => {
    expect(appErrorOf(() => readCases(text, 'c.json')).message).toMatch(message);
  });
});

describe('[judge] and [target_model]', () => {
  it('reach the evaluator as they are, and nothing does where none is named', () => {
    const settings = settingsOf('[judge]\nadapter = claude\nmodel = m\nvotes = 5\n[target_model]\nadapter = pi');
    const variables = modelEnvironment(settings);
    expect(Object.keys(variables)).toEqual(['AUTORESEARCH_JUDGE', 'AUTORESEARCH_TARGET_MODEL']);
    expect(readRole(variables['AUTORESEARCH_JUDGE'] ?? '', 'X')).toMatchObject({
      adapter: 'claude',
      model: 'm',
      votes: 5,
    });
    expect(readRole(variables['AUTORESEARCH_TARGET_MODEL'] ?? '', 'X')).toMatchObject({ adapter: 'pi', votes: null });
    expect([modelEnvironment(settingsOf('')), modelDefinitions(settingsOf(''))]).toEqual([{}, []]);
  });

  it('accept every adapter that can be called', () => {
    for (const adapter of ROLE_ADAPTERS) {
      const keys = 'command = c\nbase_url = http://a\nmodel = m\nscript = s';
      expect(settingsOf(`[judge]\nadapter = ${adapter}\n${keys}`).judge.adapter).toBe(adapter);
    }
  });

  it('decide numbers by who is asked and how often, not by how long or for how much', () => {
    const base = modelDefinitions(settingsOf('[judge]\nadapter = claude'));
    expect(modelDefinitions(settingsOf('[judge]\nadapter = claude\nprice = 1/2\ntimeout_seconds = 9'))).toEqual(base);
    for (const other of ['adapter = codex', 'adapter = claude\nmodel = m', 'adapter = claude\nvotes = 1']) {
      expect(modelDefinitions(settingsOf(`[judge]\n${other}`))).not.toEqual(base);
    }
  });

  it('name files that are definitions', () => {
    expect(modelCommands(settingsOf('[judge]\nadapter = command\ncommand = node judge.mjs'))).toEqual([
      'node judge.mjs',
    ]);
  });

  it.each([
    ['adapter = command', /^config\.cfg:5: adapter = command in \[judge\] needs the key command/],
    ['adapter = scripted', /needs the key script/],
    ['adapter = endpoint\nmodel = m', /needs the key base_url/],
    ['model = m', /^config\.cfg:5: model in \[judge\] is for nobody/],
    ['adapter = aider', /adapter = "aider"/],
    ['votes = 0', /votes = "0"/],
  ])('%s is refused with its line', (lines, message) => {
    expect(appErrorOf(() => settingsOf(`[judge]\n${lines}`)).message).toMatch(message);
  });
});

describe('the meter', () => {
  const request = { stage: 'judge', mode: 'answer', prompt: 'x', timeoutMs: 1000 } as const;

  it('knows nothing more of the money once one call did not tell, except those that were turned away', async () => {
    const meter = new Meter();
    const usage = { inputTokens: 3, outputTokens: 2 };
    const replies = [
      { outcome: 'rate_limit' },
      { outcome: 'ok', usd: 0.5, usage },
      { outcome: 'timeout' },
      { outcome: 'ok', usd: 0.5, usage },
    ] as const;
    const model = meter.around(scriptedModel(replies));
    const { signal } = new AbortController();
    await model(request, signal);
    await model(request, signal);
    expect(meter).toMatchObject({ calls: 2, cost: { usd: 0.5 }, usage: { inputTokens: 3 }, isUsageUnknown: false });
    await model(request, signal);
    await model(request, signal);
    expect(meter).toMatchObject({ calls: 4, cost: { usd: null }, isUsageUnknown: true });
  });

  it('counts a call that was stopped', async () => {
    const meter = new Meter();
    const stopped = meter.around(scriptedModel([]))(request, AbortSignal.abort());
    await expect(stopped).rejects.toBeInstanceOf(CallAborted);
    expect(meter).toMatchObject({ calls: 1, cost: { usd: null } });
  });
});
