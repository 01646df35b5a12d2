import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { replay } from '../../src/gate/replay.js';
import { rewrites, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';

/** Twenty tasks of which `PASSED` pass, one more or less by the seed; each run leaves its seed and code in `runs`. */
function bench(runs: string): string {
  return `. ./value.sh
echo "$AUTORESEARCH_SEED $PASSED" >> '${runs}'
awk -v passed="$PASSED" -v seed="$AUTORESEARCH_SEED" -v items="$AUTORESEARCH_OUTPUT_DIR/items.jsonl" 'BEGIN {
  passed += seed % 2
  for (i = 0; i < 20; i++) printf "{\\"id\\": \\"task %d\\", \\"value\\": %d}\\n", i, (i < passed) > items
  print "score: " passed / 20
}'
`;
}

it('judges a suite by its items, in pairs of equal seeds', async () => {
  const runs = join(temporaryFolder(), 'runs');
  const experiment = new TestExperiment({
    value: 'PASSED=8',
    files: { 'bench.sh': bench(runs) },
    config: { metric_direction: 'higher', 'gate.kind': 'paired', 'gate.baseline_runs': 2, 'gate.verify_pairs': 0 },
    steps: [rewrites('PASSED=6'), rewrites('PASSED=17')],
  });
  await experiment.run({ maxExperiments: 2 });

  expect(experiment.course()).toEqual(['measured discard', 'measured keep']);
  expect(experiment.measurements(1)).toHaveLength(1);
  const kept = experiment.trial(2);
  // Nine more pass with every seed; by the seed one of two different items passes too.
  expect(kept.reason).toMatch(/^10 of 20 items better, 0 worse: \+0\.45 mean, p = 0\.\d+, \d runs each$/);
  expect(replay(kept.statistics)).toMatchObject({ verdict: 'keep', reason: kept.reason, metric: kept.metric });

  const seeds = (passed: number) =>
    readFileSync(runs, 'utf8')
      .split('\n')
      .flatMap((line) => (line.endsWith(` ${passed}`) ? [Number(line.split(' ')[0])] : []));
  const candidate = seeds(17);
  // Of the unmodified code the runs of the baseline come first, each with a seed that no candidate is judged by.
  expect(seeds(8).slice(-candidate.length)).toEqual(candidate);
  expect(new Set(candidate).size).toBe(candidate.length);
  expect(new Set(seeds(8)).size).toBe(seeds(8).length);
});

it('does not take for a change of the machine what only the seed does, and verifies with more than one seed', async () => {
  const experiment = new TestExperiment({
    value: 'PASSED=8',
    files: { 'bench.sh': bench(join(temporaryFolder(), 'runs')) },
    config: { metric_direction: 'higher', 'gate.kind': 'paired', 'gate.baseline_runs': 2, 'gate.verify_pairs': 6 },
    steps: [rewrites('PASSED=17')],
  });
  const { notices } = await experiment.run({ maxExperiments: 1 });

  expect(experiment.trial(0).reason).toContain('score 0.425 in 6 runs');
  expect(notices.filter((text) => text.includes('the machine measures'))).toEqual([]);
  expect(notices.join()).toMatch(/verified: score .*6 fresh pairs/);
});
