import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replayTrials } from '../../src/loop/replay-trials.js';
import { openRaw } from '../../src/store/database.js';
import { type ConfigKeys, rewrites, scores, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';

/** `base` plus noise of some per cent that follows from how often anything was measured. */
function noisy(base: number, counter: string): string {
  return `n=$(cat '${counter}' 2>/dev/null || echo 7)\necho $((n * 75 % 65537)) > '${counter}'\necho "score: ${base}.$((n % 90 + 10))"`;
}

/** Twelve items around `base`, and their sum as the score. */
function suite(base: number): string {
  const row = `echo "{\\"id\\": \\"task$i\\", \\"value\\": $((${base} + i))}"`;
  return `for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ${row}; done > "$AUTORESEARCH_OUTPUT_DIR/items.jsonl"\necho "score: ${base}"`;
}

interface Course {
  readonly name: string;
  readonly config: ConfigKeys;
  readonly code: (base: number, counter: string) => string;
  /** What the candidates score, one after the other; the unmodified code scores 20. */
  readonly bases: readonly number[];
  /** At least these verdicts are among them. */
  readonly verdicts: readonly string[];
}

const BASES = [20, 15, 17, 15, 9];
const COURSES: readonly Course[] = [
  { name: 'deterministic', config: {}, code: scores, bases: BASES, verdicts: ['keep', 'discard'] },
  { name: 'noisy', config: {}, code: noisy, bases: [20, 15, 9], verdicts: ['keep', 'discard'] },
  {
    name: 'confirm, strict',
    config: { 'gate.kind': 'confirm', 'gate.level': 'strict' },
    ...{ code: noisy, bases: [20, 9], verdicts: ['keep', 'discard'] },
  },
  {
    name: 'single with a smallest effect',
    config: { 'gate.kind': 'single', 'gate.min_effect': '10%' },
    ...{ code: scores, bases: [19, 15, 14], verdicts: ['keep', 'discard'] },
  },
  {
    name: 'min_delta',
    config: { 'gate.kind': 'min_delta', 'gate.min_effect': '2' },
    ...{ code: scores, bases: [19, 12], verdicts: ['keep', 'discard'] },
  },
  {
    name: 'paired, item by item',
    config: { 'gate.kind': 'paired' },
    ...{ code: suite, bases: [21, 12], verdicts: ['keep', 'discard'] },
  },
  { name: 'always', config: { 'gate.kind': 'always' }, code: noisy, bases: [25, 12], verdicts: ['keep'] },
  {
    name: 'a check that refuses',
    config: { 'checks.small': '! grep -q 5. value.sh' },
    ...{ code: scores, bases: [15, 21, 12], verdicts: ['keep', 'discard'] },
  },
];

async function ran({ config, code, bases }: Pick<Course, 'config' | 'code' | 'bases'>): Promise<TestExperiment> {
  const counter = join(temporaryFolder(), 'counter');
  const steps = bases.map((base, i) => rewrites(`: candidate ${i}\n${code(base, counter)}`, `try ${base}`));
  const experiment = new TestExperiment({
    value: code(20, counter),
    config: { 'gate.verify_pairs': 0, ...config },
    steps,
  });
  await experiment.run({ maxExperiments: bases.length });
  return experiment;
}

describe('every recorded verdict follows from its measurements alone', () => {
  it.each(COURSES)('$name', async (course) => {
    const experiment = await ran(course);
    expect(experiment.read(replayTrials)).toEqual({ replayed: course.bases.length, earlier: 0, differing: [] });
    const verdicts = experiment.trials().map(({ verdict }) => String(verdict));
    expect(verdicts).toEqual(expect.arrayContaining([...course.verdicts]));
  });

  it('and one that was changed afterwards is found, in number, reason or verdict', async () => {
    const experiment = await ran({ config: {}, code: scores, bases: [15, 17, 12, 11] });
    const database = openRaw(join(experiment.state, 'store.sqlite'), {});
    // What the store itself would never allow.
    database.exec(`DROP TRIGGER settled_trials_are_final; DROP TRIGGER verdicts_are_final;
      UPDATE trials SET metric = 1 WHERE number = 1; UPDATE trials SET reason = 'luck' WHERE number = 2;
      UPDATE trials SET verdict = 'discard' WHERE number = 3; UPDATE trials SET statistics = '{}' WHERE number = 4`);
    database.close();
    const { replayed, differing } = experiment.read(replayTrials);
    expect(replayed).toBe(4);
    expect(differing).toEqual([
      'trial 1: recorded 1 against 20, computed 15 against 20',
      expect.stringMatching(/^trial 2: recorded "luck", computed "17 against/),
      'trial 3: recorded discard, computed keep',
      "trial 4: these are not the statistics of a gate's verdict",
    ]);
  });

  it('unless it was given by the rules of an earlier version, which is said', async () => {
    const experiment = await ran({ config: {}, code: scores, bases: [15, 17] });
    const database = openRaw(join(experiment.state, 'store.sqlite'), {});
    database.exec(`DROP TRIGGER settled_trials_are_final;
      UPDATE trials SET statistics = json_remove(statistics, '$.rules') WHERE number = 1`);
    database.close();
    expect(experiment.read(replayTrials)).toEqual({ replayed: 1, earlier: 1, differing: [] });
  });
});
