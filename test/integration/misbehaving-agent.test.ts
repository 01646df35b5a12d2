/** A night of an agent that misbehaves in twenty ways: only what it did honestly is kept, and each incident is on record. */
import { describe, expect, it } from 'vitest';
import { StopSwitch } from '../../src/loop/stop-switch.js';
import { resultsLine } from '../../src/store/results-tsv.js';
import { autoresearch } from '../helpers/command.js';
import { EXPERIMENT, scores, TestExperiment } from '../helpers/experiments.js';
import { honestScore, mayEndAs, misbehaviour, PATIENT, WAYS } from '../helpers/misbehaviour.js';
import { newTag, present, processesWith } from '../helpers/process.js';

const CALLS = 60;
/** Only the soak test has the patience. */
const SLOW = ['hangs', 'crashes itself'] as const;
const LIMIT_MS = 240_000;
const SEED = 4;

describe('an agent that misbehaves', () => {
  it(
    `in ${CALLS} proposals gets only its honest gains kept, and every incident is told`,
    async () => {
      const tag = newTag();
      const calls = misbehaviour(CALLS, { seed: SEED, tag, without: SLOW });
      const experiment = new TestExperiment({
        value: scores(10_000),
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
      expect(experiment.valueAt(experiment.ref('incumbent'))).toBe(scores(honestScore(best.number)));

      expect(processesWith(tag)).toEqual([]);
      const branches = experiment.repository
        .git('branch', '--list', '--format=%(refname:short)', 'stray-*')
        .split('\n');
      expect(branches).toHaveLength(calls.filter(({ way }) => way === 'switches branches').length);
      experiment.repository.git('branch', '--quiet', '-D', ...branches);
      expect(experiment.fingerprint()).toBe(before);

      const rows = experiment.attempts();
      expect(experiment.results().map((line) => line.join('\t'))).toEqual(
        rows.flatMap((row) => resultsLine(row) ?? []),
      );
      const told = await autoresearch({ cwd: experiment.repository.path }, [
        ...['results', '--experiment', EXPERIMENT, '--all', '--json'],
      ]);
      const { trials } = JSON.parse(told.stdout) as { trials: { outcome: string; description: string }[] };
      expect(trials.map(({ outcome }) => outcome)).toEqual(rows.map(({ outcome }) => outcome));
      const oneOfEach = new Map(
        attempts.flatMap(({ number, outcome, verdict }) => (number ? [[`${outcome} ${verdict}`, number]] : [])),
      );
      expect(oneOfEach.size).toBe(6);
      for (const number of oneOfEach.values()) {
        const { code, stdout } = await autoresearch({ cwd: experiment.repository.path }, [
          ...['show', String(number), '--experiment', EXPERIMENT],
        ]);
        expect(code).toBe(0);
        expect(stdout).toContain(experiment.trial(number).description);
      }
    },
    LIMIT_MS,
  );
});
