import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTestReport, TEST_FORMATS } from '../../src/evaluators/test-reports/index.js';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/evaluators/${name}`, import.meta.url), 'utf8');

describe('recorded test reports', () => {
  it.each([
    ['pytest.txt', 'pytest', { passed: 3, failed: 2, skipped: 2 }],
    ['vitest.txt', 'vitest', { passed: 2, failed: 2, skipped: 2 }],
    ['jest.txt', 'jest', { passed: 5, failed: 2, skipped: 3 }],
    ['jest.json', 'jest', { passed: 5, failed: 2, skipped: 3 }],
    ['jest.json', 'vitest', { passed: 5, failed: 2, skipped: 3 }],
    ['node.tap', 'node', { passed: 2, failed: 3, skipped: 2 }],
    ['node-spec.txt', 'node', { passed: 2, failed: 3, skipped: 2 }],
    ['go-verbose.txt', 'go', { passed: 2, failed: 2, skipped: 1 }],
    ['go.jsonl', 'go', { passed: 2, failed: 2, skipped: 1 }],
    ['cargo.txt', 'cargo', { passed: 2, failed: 1, skipped: 1 }],
    ['plain.tap', 'tap', { passed: 3, failed: 2, skipped: 2 }],
    ['node.tap', 'tap', { passed: 2, failed: 2, skipped: 1 }],
    ['junit.xml', 'junit', { passed: 2, failed: 2, skipped: 2 }],
  ] as const)('%s as %s', (name, format, counts) => {
    expect(readTestReport(fixture(name), format)).toEqual(counts);
    const isSecondChoice = name === 'node.tap' && format === 'tap';
    if (!isSecondChoice) expect(readTestReport(fixture(name), 'auto')).toEqual(counts);
    expect(readTestReport(fixture(name).replaceAll('\n', '\r\n'), format)).toEqual(counts);
    expect(readTestReport(`\u001b[1m${fixture(name)}\u001b[0m`, format)).toEqual(counts);
  });

  it('are not guessed when there is none', () => {
    for (const text of ['', 'ok\n', '{}', '{"a": 1}', 'all 5 tests passed\n', 'FAIL\n', '1 file in 0.1s']) {
      for (const format of TEST_FORMATS) expect(readTestReport(text, format), `${format}: ${text}`).toBeNull();
    }
  });

  it('of two runners at once are a problem, not the first one', () => {
    const both = fixture('pytest.txt') + fixture('cargo.txt');
    expect(readTestReport(both, 'auto')).toEqual({
      problem: 'the output looks like pytest and cargo at once: name one with --format',
    });
    expect(readTestReport(both, 'cargo')).toEqual({ passed: 2, failed: 1, skipped: 1 });
  });

  it('never make a parser throw or count negatively', () => {
    const names = ['pytest.txt', 'vitest.txt', 'jest.json', 'node.tap', 'go.jsonl', 'plain.tap', 'junit.xml'];
    const damaged = fc
      .tuple(fc.constantFrom(...names).map(fixture), fc.nat(), fc.nat(), fc.string({ unit: 'binary', maxLength: 20 }))
      .map(([text, at, length, noise]) => {
        const start = at % text.length;
        return text.slice(0, start) + noise + text.slice(start + (length % 200));
      });
    fc.assert(
      fc.property(
        fc.oneof(damaged, fc.string({ unit: 'binary' })),
        fc.constantFrom(...TEST_FORMATS),
        (text, format) => {
          const reading = readTestReport(text, format);
          if (reading === null || 'problem' in reading) return;
          for (const count of Object.values(reading)) expect(count).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});

describe('pytest', () => {
  it.each([
    ['1 passed in 0.01s', { passed: 1, failed: 0, skipped: 0 }],
    ['1 failed, 2 passed, 1 rerun in 0.12s', { passed: 2, failed: 1, skipped: 0 }],
    ['==== no tests ran in 0.01s ====', { passed: 0, failed: 0, skipped: 0 }],
    ['=== 4 deselected in 0.80s ===', { passed: 0, failed: 0, skipped: 0 }],
  ])('%s', (line, counts) => {
    expect(readTestReport(`${line}\n`, 'auto')).toEqual(counts);
  });

  it('that stopped at collection is a problem', () => {
    const text = '!!!!!!! Interrupted: 2 errors during collection !!!!!!!\n===== 2 errors in 0.91s =====\n';
    expect(readTestReport(text, 'pytest')).toMatchObject({ problem: expect.stringContaining('Interrupted: 2 errors') });
  });
});

describe('TAP', () => {
  it.each([
    [
      'points that the plan promised and that never came are failures',
      '1..4\nok 1\nok 2\n',
      { passed: 2, failed: 2, skipped: 0 },
    ],
    ['a plan may come last', 'ok\nnot ok\n1..2\n', { passed: 1, failed: 1, skipped: 0 }],
    ['several programs add up', '1..1\nok 1\n1..1\nnot ok 1\n', { passed: 1, failed: 1, skipped: 0 }],
    ['an empty plan has no tests', '1..0 # SKIP no network\n', { passed: 0, failed: 0, skipped: 0 }],
    ['points without a plan are incomplete', 'TAP version 13\nok 1\n', { problem: expect.stringContaining('no plan') }],
    ['more points than planned is a problem', '1..1\nok 1\nok 2\n', { problem: expect.stringContaining('2 tests') }],
    ['a bail-out is a problem', '1..2\nok 1\nBail out! no disk\n', { problem: expect.stringContaining('no disk') }],
    [
      'tests in braces are a problem',
      '1..1\nok 1 - a.js {\n    1..1\n    ok 1\n}\n',
      { problem: expect.stringContaining('tap-flat') },
    ],
  ])('%s', (_name, text, reading) => {
    expect(readTestReport(text, 'tap')).toEqual(reading);
  });
});

describe('go test without -v', () => {
  it('says what to add, instead of counting packages', () => {
    expect(readTestReport('ok  \texample.com/a\t0.1s\n', 'auto')).toMatchObject({
      problem: expect.stringContaining('-json'),
    });
  });

  it('reports packages that do not build as failed tests', () => {
    expect(readTestReport('FAIL\texample.com/a [build failed]\n', 'go')).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

describe('JUnit XML', () => {
  it.each([
    ['<testsuite><testcase></testsuite>', '</testsuite> where </testcase> is due'],
    ['<testsuite><testcase/>', '<testsuite> is never closed'],
    ['<testsuite>\n\n<testcase a="&nope;"/></testsuite>', 'line 3: the entity &nope; is not known'],
    ['<testsuite a="1" a="2"/>', 'has the attribute a twice'],
    ['<testsuite a=1/>', 'an attribute of <testsuite> that cannot be read'],
    ['<testsuite/><testsuite/>', 'a second root element'],
    ['<testsuite/>junk', 'text outside the root'],
    ['<testsuite><![CDATA[x</testsuite>', '<![CDATA[ is never closed'],
    ['<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>', 'a document type is not accepted'],
    ['<testsuite>a < b</testsuite>', 'begins no tag'],
    ['<!-- nothing -->', 'no element'],
    ['</a>', '</a> where no tag is due'],
    ['<html></html>', 'not a JUnit report'],
    ['<testsuite a="&#x110000;"/>', 'the entity &#x110000; is not known'],
  ])('%s is a problem', (text, problem) => {
    expect(readTestReport(text, 'junit')).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('may begin with a byte order mark, and may be deep', () => {
    const deep = `${'<testsuite>'.repeat(20_000)}<testcase/>${'</testsuite>'.repeat(20_000)}`;
    expect(readTestReport(`\uFEFF${deep}`, 'auto')).toEqual({ passed: 1, failed: 0, skipped: 0 });
  });
});
