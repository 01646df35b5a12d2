import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.js';
import { resolveExperiment } from '../../src/config/discovery.js';
import { openRepository } from '../../src/git/open.js';
import { RunAborted } from '../../src/loop/context.js';
import { rehearse } from '../../src/loop/rehearsal.js';
import { StopSwitch } from '../../src/loop/stop-switch.js';
import { EXPERIMENT, rewrites, scores, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';
import { present } from '../helpers/process.js';

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command in this process, on the sources. */
async function doctor(experiment: TestExperiment, ...args: readonly string[]): Promise<Said> {
  const said = { stdout: '', stderr: '' };
  const listen = (stream: 'stdout' | 'stderr') =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      said[stream] += String(text);
      return true;
    });
  const spies = [listen('stdout'), listen('stderr')];
  try {
    const code = await main(['doctor', '--path', experiment.repository.path, ...args]);
    return { code, ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const QUICK = ['--runs', '4', '--trials', '2'];
const rehearsals = (experiment: TestExperiment) => experiment.attempts().filter(({ kind }) => kind === 'rehearsal');

/** Prints `base` and some tenths that follow from how often it ran, whatever was measured: noise that repeats exactly. */
function noisyScores(base: number, counter: string): string {
  return `n=$(cat '${counter}' 2>/dev/null || echo 7)\necho $((n * 75 % 65537)) > '${counter}'\necho "score: ${base}.$((n % 100 + 100))"`;
}

async function measured(
  value: string,
  config: Readonly<Record<string, string | number>> = {},
): Promise<TestExperiment> {
  const experiment = new TestExperiment({ value, config, steps: [rewrites(`: worse\n${scores(30)}`)] });
  await experiment.run({ maxExperiments: 1 });
  return experiment;
}

describe('doctor', () => {
  it('finds a deterministic evaluator, keeps nothing of the same code, and leaves everything as it was', async () => {
    const experiment = await measured(scores(10));
    const before = { world: experiment.fingerprint(), refs: experiment.ref(''), results: experiment.results() };
    const { code, stdout } = await doctor(experiment, ...QUICK);
    expect(code).toBe(0);
    expect(stdout).toContain('deterministic: 10 in all 4 runs');
    expect(stdout).toContain('the same code as a candidate: 2 of 2 discarded, 1, 1 evaluations spent');
    expect(stdout).toContain('any gain');
    expect(stdout).not.toContain('Recommended');
    expect({ world: experiment.fingerprint(), refs: experiment.ref(''), results: experiment.results() }).toEqual(
      before,
    );
    const [row] = rehearsals(experiment);
    expect(row).toMatchObject({ number: null, verdict: null, outcome: 'measured', phase: 'settled' });
    experiment.plan([rewrites(scores(12)), rewrites(scores(9))]);
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course().slice(-2)).toEqual(['measured discard', 'measured keep']);
    expect(experiment.measurements(2)).toHaveLength(1);
  });

  it('tells how noisy an evaluator is and what each level of the gate can see of it', async () => {
    const counter = join(temporaryFolder(), 'counter');
    const experiment = await measured(noisyScores(10, counter));
    const { code, stdout } = await doctor(experiment, '--runs', '8', '--trials', '3', '--json');
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ schemaVersion: 1, experiment: EXPERIMENT });
    const noise = document.findings.find(({ area }: { area: string }) => area === 'evaluator');
    expect(noise.text).toMatch(/^noisy: 10\.\d+, noise \d\.\d % per run \(8 runs\)/);
    expect(document.evaluator.trials.map(({ verdict }: { verdict: string }) => verdict)).toEqual(
      Array(3).fill('discard'),
    );
    const levels = document.evaluator.sensitivity;
    expect(levels.map(({ level }: { level: string }) => level)).toEqual(['fast', 'default', 'strict']);
    for (const { smallestGain } of levels) expect(smallestGain).toBeGreaterThan(0);
  });

  it("adds to what is known of the incumbent, and the twin's runs are nobody's", async () => {
    const counter = join(temporaryFolder(), 'counter');
    const experiment = await measured(noisyScores(10, counter));
    const incumbent = experiment.ref('incumbent');
    await doctor(experiment, ...QUICK);
    const row = present(rehearsals(experiment)[0]);
    experiment.read((store) => {
      const runs = store.measurementsOf(row.id).filter(({ side }) => side !== 'warmup');
      const own = runs.filter(({ commit }) => commit === incumbent);
      expect(own.every(({ side }) => side === 'incumbent')).toBe(true);
      expect(runs.filter(({ side }) => side === 'candidate').every(({ commit }) => commit !== incumbent)).toBe(true);
      const newest = own
        .map(({ metric }) => metric)
        .reverse()
        .slice(0, 8);
      expect(store.incumbentValues(incumbent, row.revision).slice(0, newest.length)).toEqual(newest);
    });
    expect(row.candidateCommit).not.toBe(incumbent);
    expect(experiment.repository.git('rev-parse', `${row.candidateCommit}^{tree}`)).toBe(
      experiment.repository.git('rev-parse', `${incumbent}^{tree}`),
    );
  });

  it('shows the newest rehearsal again without measuring', async () => {
    const experiment = await measured(scores(10));
    expect((await doctor(experiment, '--last')).stdout).toContain('never rehearsed');
    const fresh = JSON.parse((await doctor(experiment, ...QUICK, '--json')).stdout);
    for (const option of ['--last', '--quick']) {
      const { code, stdout } = await doctor(experiment, option, '--json');
      expect(code).toBe(0);
      const shown = JSON.parse(stdout);
      expect(shown.evaluator).toEqual(fresh.evaluator);
      expect(shown.findings).toEqual(fresh.findings);
      expect(shown.measuredAt).toMatch(/^\d{4}-/);
    }
    expect(rehearsals(experiment)).toHaveLength(1);
  });

  it('warns when the same files are kept under another commit id', async () => {
    const experiment = await measured(
      '[ "$AUTORESEARCH_COMMIT" = "$(git rev-parse main)" ] && echo "score: 10" || echo "score: 8"',
    );
    const { code, stdout } = await doctor(experiment, ...QUICK);
    expect(code).toBe(0);
    expect(stdout).toContain('warning  the same code as a candidate was kept in 2 of 2 trials');
    expect(stdout).toContain('[gate]\n  # the same code was kept as a candidate\n  level = strict');
    expect(experiment.valueAt(experiment.ref('incumbent'))).toContain('AUTORESEARCH_COMMIT');
  });

  it('counts the items that an evaluator writes', async () => {
    const items = `for i in 1 2 3 4 5 6 7; do echo "{\\"id\\": \\"t$i\\", \\"value\\": 1}"; done > "$AUTORESEARCH_OUTPUT_DIR/items.jsonl"`;
    const experiment = await measured(`${items}\n${scores(7)}`);
    const { stdout } = await doctor(experiment, ...QUICK);
    expect(stdout).toContain('of 7 items passed or failed once, a rise from 60 % to 80 % is proven in 3 % of runs');
  });

  it('is a problem when the best code cannot be measured any more, until it can', async () => {
    const broken = join(temporaryFolder(), 'broken');
    const experiment = await measured(`test ! -e '${broken}' || exit 3\n${scores(10)}`);
    writeFileSync(broken, '');
    const { code, stdout } = await doctor(experiment, ...QUICK);
    expect(code).toBe(17);
    expect(stdout).toContain('problem  the incumbent, which was measured before, cannot be measured any more');
    expect(rehearsals(experiment).map(({ outcome }) => outcome)).toEqual(['crashed']);
    expect((await doctor(experiment, '--last')).stdout).toContain('never rehearsed');
    rmSync(broken);
    expect((await doctor(experiment, ...QUICK)).code).toBe(0);
  });

  it('asks for a baseline first', async () => {
    const experiment = new TestExperiment({ steps: [] });
    const { code, stderr } = await doctor(experiment);
    expect(code).toBe(13);
    expect(stderr).toContain(`autoresearch run --experiment ${EXPERIMENT}`);
  });

  it('that is ended in the middle leaves an interrupted row, no numbers, and everything else as it was', async () => {
    const experiment = await measured(scores(10));
    const before = experiment.fingerprint();
    const repository = await openRepository(experiment.repository.path);
    const place = { from: repository.root, repository: repository.root, home: null };
    const stop = new StopSwitch();
    const ended = rehearse(
      { experiment: resolveExperiment(EXPERIMENT, place), repository, emit: () => {}, stop },
      {
        ...{ runs: 10, trials: 1, machine: { load: 0, cores: 1 } },
        onProgress: (text) => {
          if (text === 'run 3 of 10') stop.now('interrupted');
        },
      },
    );
    await expect(ended).rejects.toThrow(RunAborted);
    const row = present(rehearsals(experiment)[0]);
    expect(row).toMatchObject({ outcome: 'interrupted', phase: 'settled', verdict: null });
    expect(experiment.read((store) => store.measurementsOf(row.id)).every(({ state }) => state === 'dropped')).toBe(
      true,
    );
    expect(experiment.fingerprint()).toBe(before);
    expect((await doctor(experiment, ...QUICK)).code).toBe(0);
  });

  it('puts a checkout back as it was', async () => {
    const experiment = new TestExperiment({ config: { 'workspace.kind': 'checkout' } });
    experiment.repository.git('switch', '--quiet', '--create', `autoresearch/${EXPERIMENT}`);
    experiment.repository.write('value.sh', `${scores(9)}\n`);
    await experiment.run({ mode: 'single', description: 'by hand' });
    expect(experiment.course()).toEqual(['measured keep']);
    const before = experiment.fingerprint();
    expect((await doctor(experiment, ...QUICK)).code).toBe(0);
    expect(experiment.fingerprint()).toBe(before);
    expect(experiment.repository.read('value.sh')).toContain('score: 9');
  });
});
