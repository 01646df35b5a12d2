import { describe, expect, it } from 'vitest';
import { proofOf } from '../../src/dashboard/proof.js';
import { readVerification } from '../../src/gate/verification.js';
import { BackgroundRun, rewrites, TestExperiment } from '../helpers/experiments.js';
import { present } from '../helpers/process.js';

/** Measures as `value` with noise of about one percent: every run draws the next number of a fixed list. */
const NOISY_BENCH = `. ./value.sh
count=$(cat "$AUTORESEARCH_DEFINITIONS_DIR/../../../noise" 2>/dev/null || echo 0)
echo $((count + 1)) > "$AUTORESEARCH_DEFINITIONS_DIR/../../../noise"
set -- 3 -7 12 -4 9 -11 1 6 -9 8 -2 5 -6 10 -12 2 -8 4 -1 7 11 -5 -10
shift $((count % 23))
echo "score: $((value * 1000 + value * $1))"
`;

function noisyExperiment(steps: readonly string[], config: Record<string, string | number> = {}): TestExperiment {
  return new TestExperiment({
    value: 'value=100',
    files: { 'bench.sh': NOISY_BENCH },
    config: { 'gate.baseline_runs': 2, 'gate.verify_pairs': 8, ...config },
    steps,
  });
}

const verifications = (experiment: TestExperiment) =>
  experiment.attempts().filter(({ kind }) => kind === 'verification');

describe('the gain of a whole run', () => {
  it('is measured afresh when a run with a noisy metric ends by a rule, and only then called verified', async () => {
    const experiment = noisyExperiment([rewrites('value=50')]);
    const run = await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['measured keep']);
    const [row, ...more] = verifications(experiment);
    expect(more).toEqual([]);
    expect(present(row)).toMatchObject({ outcome: 'measured', verdict: null, number: null, phase: 'settled' });
    const change = present(readVerification(present(row).statistics));
    expect(change).toMatchObject({ unit: 'percent', pairs: 8 });
    expect(change.low).toBeLessThan(-50);
    expect(change.high).toBeGreaterThan(-50);
    expect(run.notices.join('\n')).toMatch(/verified: score -5\d\.\d % from the baseline to the best code/);
    expect(experiment.read(proofOf)).toEqual({ kind: 'verified', change });
    expect(experiment.results()).toHaveLength(2);
    // The incumbent is in place again, and the next run goes on as if nothing had been measured.
    expect(experiment.repository.git('-C', experiment.workspace, 'rev-parse', 'HEAD').trim()).toBe(
      experiment.ref('incumbent').trim(),
    );
    experiment.plan([rewrites('value=90'), rewrites('value=25')]);
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.trials().map(({ number, verdict }) => [number, verdict])).toEqual([
      [1, 'keep'],
      [2, 'discard'],
      [3, 'keep'],
    ]);
    expect(verifications(experiment)).toHaveLength(2);
  });

  it('costs nothing where the metric repeats exactly, which proves it as well', async () => {
    const experiment = new TestExperiment({
      steps: [rewrites('echo "score: 5"')],
      config: { 'gate.baseline_runs': 2 },
    });
    await experiment.run({ maxExperiments: 1 });
    expect(verifications(experiment)).toEqual([]);
    expect(experiment.measurements(1)).toHaveLength(3);
    expect(experiment.read(proofOf)).toEqual({ kind: 'exact' });
  });

  it('is not measured again when nothing was kept since, nor with verify_pairs = 0, which leaves it unverified', async () => {
    const experiment = noisyExperiment([rewrites('value=50')], { 'gate.verify_pairs': 0 });
    await experiment.run({ maxExperiments: 1 });
    expect(verifications(experiment)).toEqual([]);
    expect(experiment.read(proofOf)).toEqual({ kind: 'unverified' });
    experiment.configure({ 'gate.baseline_runs': 2, 'gate.verify_pairs': 6 });
    experiment.plan([rewrites('value=70')]);
    await experiment.run({ maxExperiments: 1 });
    expect(verifications(experiment)).toHaveLength(1);
    experiment.plan([rewrites('value=71')]);
    await experiment.run({ maxExperiments: 1 });
    expect(verifications(experiment)).toHaveLength(1);
  });

  it.each([1, 3])('is measured in as few pairs as verify_pairs = %d asks for, two at least', async (pairs) => {
    const experiment = noisyExperiment([rewrites('value=50')], { 'gate.verify_pairs': pairs });
    await experiment.run({ maxExperiments: 1 });
    const change = { pairs: Math.max(2, pairs) };
    expect(experiment.read(proofOf)).toMatchObject({ kind: 'verified', change });
  });

  it('is verified up to an earlier best code when the run went on and was stopped by a person', async () => {
    const experiment = noisyExperiment([rewrites('value=50')]);
    await experiment.run({ maxExperiments: 1 });
    experiment.plan([rewrites('value=20')]);
    const run = new BackgroundRun(experiment, { maxExperiments: 9 });
    await run.until(({ kind }) => kind === 'settled');
    run.stop.afterTrial('stopped');
    await run.finished;
    expect(experiment.read(proofOf)).toMatchObject({ kind: 'outdated', trial: 1, change: { pairs: 8 } });
  });

  it('that is being measured when the run must end is given up, and the run ends as it was about to', async () => {
    const experiment = noisyExperiment([rewrites('value=50')]);
    const run = new BackgroundRun(experiment, { maxExperiments: 1 });
    await run.until((event) => event.kind === 'measuring' && event.description.startsWith('the whole gain'));
    run.stop.now('terminated');
    expect((await run.finished).stop.reason).toBe('max_experiments');
    expect(verifications(experiment)).toMatchObject([{ outcome: 'interrupted' }]);
    expect(experiment.read(proofOf)).toEqual({ kind: 'unverified' });
  });
});
