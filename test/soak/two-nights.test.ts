import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { median } from '../../src/core/statistics.js';
import { resultsLine } from '../../src/store/results-tsv.js';
import type { TrialRow } from '../../src/store/rows.js';
import { autoresearch, CLI } from '../helpers/command.js';
import { EXPERIMENT, scores, TestExperiment } from '../helpers/experiments.js';
import { seedOf } from '../helpers/faults.js';
import { callOf, honestScore, mayEndAs, misbehaviour, PATIENT } from '../helpers/misbehaviour.js';
import { newTag, present, processesWith } from '../helpers/process.js';

/** Two nights of an agent that misbehaves, while the runner is killed again and again. */
const TRIALS = Number(process.env['NIGHTS_TRIALS'] ?? 500);
const SEED = seedOf(Math.floor(Math.random() * 1_000_000));
const LIMIT_MS = 6 * 3_600_000;
/** Between two kills, at most. */
const LONGEST_LIFE_MS = 8_000;
/** A runner that has only started says nothing about growth. */
const GROWN_MS = 3_000;
const PROGRAM = process.env['CLI_UNDER_TEST'] ?? CLI;

interface Life {
  readonly code: number | null;
  readonly lifeMs: number;
  readonly memoryMib: number;
  readonly files: number;
  readonly output: string;
}

it(
  `${TRIALS} trials of a misbehaving agent under a runner that is killed keep only honest gains (FAULT_SEED=${SEED})`,
  async () => {
    const tag = newTag();
    const random = new Random(SEED);
    // Proposals that change nothing or are cut short are no trials.
    const calls = misbehaviour(TRIALS * 2, { seed: SEED, tag });
    const experiment = new TestExperiment({
      value: scores(10_000),
      config: { ...PATIENT, 'agent.timeout_minutes': 0.1 },
      steps: calls.map(({ script }) => script),
    });
    const lives: Life[] = [];
    for (;;) {
      const life = await liveOnce(experiment, 200 + random.next() * LONGEST_LIFE_MS);
      lives.push(life);
      if (life.code === 0) break;
      expect(life.code, life.output.slice(-3000)).toBeNull();
    }

    const rows = experiment.attempts();
    const trials = rows.filter(({ number, kind }) => number !== null && kind === 'trial');
    expect(trials).toHaveLength(TRIALS);
    expect(trials.map(({ number }) => number)).toEqual(Array.from({ length: TRIALS }, (_, index) => index + 1));
    const unexpected = trials.filter((trial) => !isAsItShould(trial));
    expect(unexpected.map(({ number, description, reason }) => `${number}: ${description}: ${reason}`)).toEqual([]);
    const kept = trials.filter(({ verdict }) => verdict === 'keep');
    expect(kept.filter(({ description }) => !/^call \d+ honest$/.test(description))).toEqual([]);
    const best = present(callOf(present(kept.at(-1)).description, calls));
    expect(experiment.valueAt(experiment.ref('incumbent'))).toBe(scores(honestScore(best.number)));
    expect(experiment.results().map((line) => line.join('\t'))).toEqual(rows.flatMap((row) => resultsLine(row) ?? []));

    // Every call of the agent is on record: as a trial with its name, or as an attempt that does not count.
    const named = new Set(trials.map(({ description }) => callOf(description, calls)?.number));
    const unnamed = calls.slice(0, experiment.calls).filter(({ number }) => !named.has(number));
    const uncounted = rows.filter(({ number, kind }) => number === null && kind === 'trial');
    expect(uncounted.length).toBeGreaterThanOrEqual(unnamed.length);
    expect(named.size).toBe(trials.length);
    const told = await autoresearch({ cwd: experiment.repository.path }, [
      ...['results', '--experiment', EXPERIMENT, '--all', '--json'],
    ]);
    const { trials: listed } = JSON.parse(told.stdout) as { trials: { outcome: string }[] };
    expect(listed.map(({ outcome }) => outcome)).toEqual(rows.map(({ outcome }) => outcome));
    for (const number of [1, Math.ceil(TRIALS / 2), TRIALS]) {
      const { stdout } = await autoresearch({ cwd: experiment.repository.path }, [
        ...['show', String(number), '--experiment', EXPERIMENT],
      ]);
      expect(stdout).toContain(experiment.trial(number).description);
    }

    expect(processesWith(tag)).toEqual([]);
    console.info(`${lives.length - 1} kills, ${rows.length} attempts, ${kept.length} keeps, ${experiment.calls} calls`);
    const grown = lives.filter(({ code, lifeMs }) => code === null && lifeMs > GROWN_MS);
    const part = Math.floor(grown.length / 3);
    if (part === 0) return;
    const [early, late] = [grown.slice(0, part), grown.slice(-part)];
    const typical = (of: readonly Life[], key: 'memoryMib' | 'files') => median(of.map((life) => life[key]));
    for (const key of ['memoryMib', 'files'] as const) {
      console.info(`${key}: ${typical(early, key).toFixed(0)} -> ${typical(late, key).toFixed(0)}`);
      expect(typical(late, key)).toBeLessThan(typical(early, key) * 1.25 + 5);
    }

    function isAsItShould(trial: TrialRow): boolean {
      const call = callOf(trial.description, calls);
      if (call === null) return false;
      return mayEndAs(call, `${trial.outcome} ${trial.verdict}`) || /killed the runner/.test(trial.reason);
    }
  },
  LIMIT_MS,
);

/** One life of the runner, until it ends by itself or is killed. */
async function liveOnce({ repository }: TestExperiment, lifeMs: number): Promise<Life> {
  const args = ['run', '--experiment', EXPERIMENT, '--loop', '--max-experiments', String(TRIALS)];
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: repository.path,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const early = await Promise.race([ended, delay(lifeMs, 'lives' as const)]);
  const size = early === 'lives' ? sizeOf(child.pid ?? 0) : null;
  if (early === 'lives') child.kill('SIGKILL');
  const code = await ended;
  return { code, lifeMs, memoryMib: size?.memoryMib ?? 0, files: size?.files ?? 0, output };
}

function sizeOf(pid: number): { memoryMib: number; files: number } | null {
  try {
    const kib = /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? null : { memoryMib: Number(kib) / 1024, files: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return null; // ended meanwhile
  }
}
