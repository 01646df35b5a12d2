/** Experiments whose metric is the sum of a few files, so that each kept change has an effect of its own. */
import { join } from 'node:path';
import { resolveExperiment } from '../../src/config/discovery.js';
import { openRepository } from '../../src/git/open.js';
import { ExperimentRefs } from '../../src/git/refs.js';
import { type AuditReport, type AuditRequest, auditExperiment } from '../../src/loop/audit.js';
import type { Progress } from '../../src/loop/compare.js';
import { type Finished, finishExperiment, isFinished } from '../../src/loop/finish.js';
import { type FinishOptions, type FinishPlan, planFinish } from '../../src/loop/finish-plan.js';
import { StopSwitch } from '../../src/loop/stop-switch.js';
import { StoreReader } from '../../src/store/reader.js';
import { type ConfigKeys, EXPERIMENT, TestExperiment } from './experiments.js';
import { present } from './process.js';

/** Noise of up to 1.2 percent from a generator whose state lies outside of the workspace: the same in every test run. */
const NOISE = `noise="$AUTORESEARCH_DEFINITIONS_DIR/../../../noise"
state=$(cat "$noise" 2>/dev/null || echo 1)
state=$(((state * 1103515245 + 12345) % 2147483648))
echo $state > "$noise"
echo "score: $((sum * (988 + state / 65536 % 25)))"
`;
const SUM = 'for part in parts/*.sh; do . "./$part"; done\nsum=$((a + b + c))\n';

export interface SumOptions {
  readonly noisy: boolean;
  /** Each writes files of `parts/`: content by name. */
  readonly trials: readonly Readonly<Record<string, string>>[];
  readonly config?: ConfigKeys;
}

/** `a`, `b` and `c` are 100 each, one file each; every trial is kept, whatever it does. */
export async function sumExperiment({ noisy, trials, config = {} }: SumOptions): Promise<TestExperiment> {
  const steps = trials.map((files, index) => {
    const writes = Object.entries(files).map(([name, text]) => `printf '%s\\n' '${text}' > 'parts/${name}'`);
    return `${writes.join('\n')}\necho 'DESCRIPTION: change ${index + 1}'\n`;
  });
  const experiment = new TestExperiment({
    files: {
      'parts/a.sh': 'a=100\n',
      'parts/b.sh': 'b=100\n',
      'parts/c.sh': 'c=100\n',
      'bench.sh': SUM + (noisy ? NOISE : 'echo "score: $sum"\n'),
    },
    config: {
      target: 'parts/*',
      'gate.kind': 'always',
      'gate.baseline_runs': 2,
      'gate.verify_pairs': 0,
      ...config,
    },
    steps,
  });
  await experiment.run({ maxExperiments: trials.length });
  return experiment;
}

async function opened(experiment: TestExperiment) {
  const repository = await openRepository(experiment.repository.path);
  const place = { from: repository.root, repository: repository.root, home: process.env['HOME'] ?? null };
  return { repository, experiment: resolveExperiment(EXPERIMENT, place) };
}

export async function audit(
  experiment: TestExperiment,
  options: Partial<AuditRequest> = {},
): Promise<AuditReport & { readonly progress: readonly Progress[] }> {
  const progress: Progress[] = [];
  const report = await auditExperiment({
    ...(await opened(experiment)),
    ...{ pairs: 6, from: null, only: null, emit: () => undefined, stop: new StopSwitch() },
    tell: (at) => progress.push(at),
    ...options,
  });
  return { ...report, progress };
}

export async function plan(experiment: TestExperiment, options: Partial<FinishOptions> = {}): Promise<FinishPlan> {
  const { repository, experiment: found } = await opened(experiment);
  const refs = new ExperimentRefs(repository, found.name);
  const store = present(StoreReader.open(join(experiment.state, 'store.sqlite')));
  try {
    return await planFinish(
      { name: EXPERIMENT, store, repository, refs },
      { branch: `finish/${EXPERIMENT}`, split: false, without: [], pairs: 4, ...options },
    );
  } finally {
    store.close();
  }
}

export async function finish(
  experiment: TestExperiment,
  options: Partial<FinishOptions> = {},
): Promise<Finished & { readonly plan: FinishPlan; readonly isThere: boolean }> {
  const place = await opened(experiment);
  const planned = await plan(experiment, options);
  const isThere = await isFinished(place.repository, planned);
  const nothing = { proofs: { whole: null, againstBest: null, steps: [] }, commits: [] };
  const finished = isThere
    ? nothing
    : await finishExperiment({
        ...place,
        plan: planned,
        emit: () => undefined,
        stop: new StopSwitch(),
        tell: () => undefined,
      });
  return { ...finished, plan: planned, isThere };
}
