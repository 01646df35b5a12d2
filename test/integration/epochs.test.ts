import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEpochs } from '../../src/dashboard/epochs.js';
import { type ConfigKeys, rewrites, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';

/** A timing of about one percent noise on a machine whose speed is in a file outside of the repository. */
function onMachine(steps: readonly string[], config: ConfigKeys = {}) {
  const machine = temporaryFolder();
  const setLevel = (level: number) => writeFileSync(join(machine, 'level'), String(level));
  setLevel(1);
  const bench = `. ./value.sh
n=$(cat '${machine}/runs' 2>/dev/null || echo 0)
echo $((n + 1)) > '${machine}/runs'
awk -v value="$VALUE" -v level="$(cat '${machine}/level')" -v n="$n" 'BEGIN {
  x = sin(n * 12.9898 + 1) * 43758.5453
  print "p95_ms: " 2 * level
  print "p99_ms: " 3 * level
  print "p50_ms: " value * level * (1 + 0.03 * (x - int(x)) * (x < 0 ? -1 : 1) - 0.015)
}'
`;
  const experiment = new TestExperiment({
    value: 'VALUE=100',
    files: { 'bench.sh': bench },
    config: { metric: 'p50_ms', 'gate.baseline_runs': 6, 'gate.level': 'default', 'gate.verify_pairs': 0, ...config },
    steps,
  });
  return { experiment, setLevel };
}

const neutral = (name: number) => rewrites(`VALUE=100 # ${name}`);
const SLOWER = 1.18;

describe('a machine that becomes slower in the middle of a run', () => {
  it('begins an epoch: neutral changes stay out and a real gain is still found', async () => {
    const { experiment, setLevel } = onMachine(
      [...[1, 2].map(neutral), ...[3, 4, 5].map(neutral), rewrites('VALUE=85 # faster')],
      { 'checks.tail': 'p99_ms <= baseline * 2', 'checks.middle': 'p95_ms < incumbent + 5%' },
    );
    await experiment.run({ maxExperiments: 2 });
    setLevel(SLOWER);
    const { notices } = await experiment.run({ maxExperiments: 4 });

    expect(experiment.course()).toEqual([...Array(5).fill('measured discard'), 'measured keep']);
    const epochs = experiment.read((store) => readEpochs(store, experiment.attempts()));
    expect(epochs).toHaveLength(1);
    const [epoch] = epochs;
    expect((epoch?.valueAfter ?? 0) / (epoch?.valueBefore ?? 1)).toBeCloseTo(SLOWER, 1);
    const began = epoch?.number ?? 0;
    expect(began).toBeGreaterThanOrEqual(3);
    expect(notices.join('\n')).toMatch(
      new RegExp(`the machine measures the same code (1[5-9]|2[0-2]) % slower since trial ${began}: values before`),
    );
    expect(notices).toContain('limits against the baseline still hold its values from before: "tail"');
    // From the epoch on candidates are compared with the slow machine's own values.
    for (const trial of experiment.trials().filter(({ number }) => (number ?? 0) >= began)) {
      expect(trial.incumbentMetric).toBeGreaterThan(110);
    }
    expect(experiment.trial(6).metric).toBeLessThan(105);
  });

  it('does not hold a real gain to limits and held-out values from before', async () => {
    const { experiment, setLevel } = onMachine(
      [...[1, 2].map(neutral), rewrites('VALUE=80 # faster'), rewrites('VALUE=70 # again')],
      { 'checks.tail': 'p95_ms <= incumbent + 3%', 'holdout.metric': 'p99_ms', 'holdout.max_regression': '3%' },
    );
    await experiment.run({ maxExperiments: 1 });
    setLevel(SLOWER);
    await experiment.run({ maxExperiments: 3 });
    expect(experiment.course().slice(2)).toEqual(['measured keep', 'measured keep']);
    expect(experiment.trial(3).holdout).toBeCloseTo(3 * SLOWER);
  });

  it('takes no neutral change for a gain when the machine becomes faster', async () => {
    const { experiment, setLevel } = onMachine([...[1, 2].map(neutral), ...[3, 4, 5].map(neutral)]);
    await experiment.run({ maxExperiments: 2 });
    setLevel(1 / SLOWER);
    await experiment.run({ maxExperiments: 3 });
    expect(experiment.course()).toEqual(Array(5).fill('measured discard'));
    const epochs = experiment.read((store) => store.epochs(1));
    expect(epochs.map(({ valueAfter }) => valueAfter < 90)).toEqual([true]);
  });
});
