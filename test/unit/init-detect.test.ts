import { describe, expect, it } from 'vitest';
import { directionOfName, preferredMetric, printedMetrics } from '../../src/cli/detect/metric.js';
import { guessName, guessTarget } from '../../src/cli/detect/surroundings.js';

describe('the numbers that a source text seems to print', () => {
  it.each([
    ['console.log(`p50_ms: \x24{value}`)', ['p50_ms']],
    ["print(f'val_bpb: {bpb:.4f}')", ['val_bpb']],
    ['printf("ops_per_s: %f\\n", ops);', ['ops_per_s']],
    ['echo "size_bytes: $(wc -c <a)"', ['size_bytes']],
    ["console.log('load_ms: ' + 12)", ['load_ms']],
    ["print('loss:', loss)", ['loss']],
    ['print("a: \\(value)")', ['a']],
    ['console.error(`error: \x24{text}`)', []],
    ['const options = { p50_ms: 12 };', []],
    ['log(`b: \x24{1}`); log(`a: \x24{2}`); log(`b: \x24{3}`)', ['b', 'a']],
  ])('%s', (text, names) => {
    expect(printedMetrics(text)).toEqual(names);
  });

  it('prefers a typical value to an extreme one', () => {
    expect(preferredMetric(['fastest_ms', 'p50_ms'])).toBe('p50_ms');
    expect(preferredMetric(['fastest_ms', 'files'])).toBe('fastest_ms');
    expect(preferredMetric([])).toBeNull();
  });
});

describe('the direction that a name says', () => {
  it.each([
    ['p50_ms', 'lower'],
    ['val_bpb', 'lower'],
    ['error_rate', 'lower'],
    ['size_bytes', 'lower'],
    ['accuracy', 'higher'],
    ['pass_rate', 'higher'],
    ['quality_score', 'higher'],
    ['ops', 'higher'],
    ['things', null],
    ['x', null],
  ])('%s', (metric, direction) => {
    expect(directionOfName(metric)).toBe(direction);
  });
});

describe('the proposed target', () => {
  const guess = (files: readonly string[], command = 'node bench.mjs') =>
    guessTarget({
      project: { folder: '/x', files },
      evaluations: [{ command, source: '', metric: null, direction: null }],
    });

  it('is the folder of sources, or its only file', () => {
    expect(guess(['README.md', 'bench.mjs', 'src/a.mjs', 'src/b.mjs', 'tests/a.test.mjs'])).toBe('src/**');
    expect(guess(['src/a.py', 'README.md'])).toBe('src/a.py');
  });

  it('is a source file that does not measure, where there is no such folder', () => {
    expect(guess(['bench.mjs', 'evaluate.py', 'train.py', 'test_train.py', 'package.json'])).toBe('train.py');
    expect(guess(['prompt.md', 'README.md'])).toBe('prompt.md');
  });

  it('is nothing where nothing fits', () => {
    expect(guess(['README.md', 'bench.mjs'])).toBeNull();
    expect(guess([])).toBeNull();
  });
});

describe('the proposed name', () => {
  it.each([
    ['src/parse.mjs', 'p50_ms', '/r/app', 'parse-speed'],
    ['src/**', 'size_bytes', '/r/My App (2)', 'my-app-2-size'],
    [null, null, '/r/app', 'app-experiment'],
    ['src/日本.py', 'val_bpb', '/r/x', 'val-bpb'],
    [`${'long'.repeat(40)}.py`, 'p50_ms', '/r/x', 'long'.repeat(16)],
  ])('for %s and %s in %s is %s', (target, metric, root, name) => {
    expect(guessName(target, metric, root)).toBe(name);
  });
});
