/** A night of an agent that misbehaves in twenty ways: only what it did honestly is kept, and each incident is on record. */
import { describe, expect, it } from 'vitest';
import { StopSwitch } from '../../src/loop/stop-switch.js';
import { resultsLine } from '../../src/store/results-tsv.js';
import { cli, EXPERIMENT, scores, TestExperiment } from '../helpers/experiments.js';
import { mayEndAs, misbehaviour, PATIENT, WAYS } from '../helpers/misbehaviour.js';
import { newTag, present, processesWith } from '../helpers/process.js';

const CALLS = 60;
const SEED = 7;

describe('an agent that misbehaves', () => {
  it(`in ${CALLS} proposals gets only its honest gains kept, and every incident is told`, async () => {
    const tag = newTag();
    const calls = misbehaviour(CALLS, { seed: SEED, tag });
    const experiment = new TestExperiment({
      value: 'echo "score: 1000"',
      config: PATIENT,
      steps: calls.map(({ script }) => script),
    });
    const before = experiment.fingerprint();
    const stop = new StopSwitch();
    const { exitCode } = await experiment.run({
      stop,
      onEvent: ({ kind }) => {
        if (kind === 'settled' && experiment.calls >= CALLS) stop.afterTrial('stopped');
      },
    });
    expect(exitCode).toBe(0);

    const attempts = experiment.attempts().filter(({ kind }) => kind === 'trial');
    const ends = attempts.map(({ outcome, verdict }) => (verdict === null ? outcome : `${outcome} ${verdict}`));
    const unexpected = calls.filter((call, index) => !mayEndAs(call, ends[index] ?? 'nothing'));
    expect(unexpected.map(({ number, way }) => `${number} ${way}: ${ends[number - 1]}`)).toEqual([]);
    expect(new Set(calls.map(({ way }) => way)).size).toBeGreaterThan(Object.keys(WAYS).length - 3);
    const best = present(calls.findLast(({ way }) => way === 'honest'));
    expect(experiment.valueAt(experiment.ref('incumbent'))).toBe(scores(1000 - best.number));

    const told = cli(['results', '--experiment', EXPERIMENT, '--all', '--json'], experiment.repository.path);
    console.log(told.stdout.slice(0,3000), told.stderr);
    expect(processesWith(tag)).toEqual([]);
    expect(experiment.fingerprint().replace(/.*refs\/heads\/stray-.*\n/g, '')).toBe(before);
    expect(experiment.results().map((line) => line.join('\t'))).toEqual(experiment.attempts().flatMap((trial) => resultsLine(trial) ?? []));
    // Of each way one, as a person would ask for it.
    const shown = new Map(attempts.flatMap((trial, index) => (trial.number === null ? [] : [[present(calls[index]).way, trial]])));
    for (const [way, trial] of shown) {
      const { code, stdout } = cli(['show', String(trial.number), '--experiment', EXPERIMENT], experiment.repository.path);
      expect([code, stdout]).toEqual([0, expect.stringContaining(way)]);
    }
  });
});
