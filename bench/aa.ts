/**
 * The A/A test: the built command tries changes that change nothing, on a real benchmark timed by a real clock, from the
 * agent's edit to the recorded verdict. Every keep is false. `npm run bench:aa -- [--trials 100] [--json]`
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../src/core/statistics.js';
import { estimateNoise, neighbours } from '../src/gate/noise.js';
import { scaleOf } from '../src/gate/scale.js';
import { replayTrials } from '../src/loop/replay-trials.js';
import { StateFolder } from '../src/loop/state-folder.js';
import { StoreReader } from '../src/store/reader.js';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const NAME = { domain: 'bench', name: 'aa' };
const METRIC = 'work_ms';

/** Some 60 ms of what programs do: text, sorting, a map. */
const WORK = `const start = performance.now();
const words = [];
let state = 1;
for (let i = 0; i < 90_000; i += 1) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  words.push((state % 9973).toString(36));
}
const counts = new Map();
for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
words.sort();
const text = JSON.stringify([...counts].sort((a, b) => b[1] - a[1]));
const again = JSON.parse(text).length + words.join(' ').replaceAll('a', 'b').length;
console.log('${METRIC}: ' + (performance.now() - start + (again > 0 ? 0 : 1)).toFixed(3));
`;

const CONFIG = (agent: string) => `target = work.mjs
evaluate_cmd = node work.mjs
metric = ${METRIC}
metric_direction = lower
[proposer]
kind = agent
[agent]
command = sh ${agent}
`;

/** A numbered comment: another tree each time, the same program. */
const AGENT = (counter: string) => `cat > /dev/null
n=$(($(cat ${counter} 2> /dev/null || echo 0) + 1))
echo "$n" > ${counter}
echo "// $n" >> work.mjs
echo "DESCRIPTION: comment $n"
`;

interface Place {
  readonly folder: string;
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
}

function createRepository(): Place {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'autoresearch-aa-')));
  const root = join(folder, 'repository');
  const home = join(root, '.autoresearch', NAME.domain, NAME.name);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(folder, 'agent.sh'), AGENT(join(folder, 'counter')));
  writeFileSync(join(home, 'config.cfg'), CONFIG(join(folder, 'agent.sh')));
  writeFileSync(join(root, 'work.mjs'), WORK);
  writeFileSync(join(root, '.gitignore'), 'results.tsv*\nrun.log\n');
  // Cut off from the machine's own configuration and caches.
  const own = { HOME: folder, XDG_CACHE_HOME: join(folder, 'cache'), GIT_CONFIG_GLOBAL: '/dev/null' };
  const env = { ...process.env, ...own, GIT_CONFIG_NOSYSTEM: '1' };
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, env });
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'user.name', 'Bench');
  git('config', 'user.email', 'bench@example.org');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'first');
  return { folder, root, env };
}

async function runLoop({ root, env }: Place, trials: number): Promise<number> {
  const started = performance.now();
  const args = [CLI, 'run', '--loop', '--quiet', '--max-experiments', String(trials)];
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [exitCode] = await once(child, 'exit');
  if (exitCode !== 0) throw new Error(`autoresearch run ended with exit code ${exitCode}`);
  return (performance.now() - started) / 1000;
}

function examine(store: StoreReader) {
  const trials = [...store.eachTrial()].filter(({ kind, number }) => kind === 'trial' && number !== null);
  const counts = trials.map(
    ({ id }) => store.measurementsOf(id).filter(({ side }) => side === 'candidate' || side === 'incumbent').length,
  );
  const runs = store.incumbentRuns(store.newestRevision()?.revision ?? 0, 1000);
  const nothingDemanded = {
    minEffect: null,
    tie: 'discard',
    incumbentValues: [],
    noisy: true,
    netLinesRemoved: 0,
  } as const;
  const scale = scaleOf({ metric: METRIC, direction: 'lower', ...nothingDemanded }, true);
  const { replayed, differing } = replayTrials(store);
  return {
    trials: trials.length,
    notMeasured: trials.filter(({ outcome }) => outcome !== 'measured').length,
    falseKeeps: trials.filter(({ verdict }) => verdict === 'keep').map(({ number, reason }) => `#${number}: ${reason}`),
    evaluations: counts.reduce((sum, count) => sum + count, 0),
    mostEvaluations: Math.max(...counts),
    typicalMs: median(runs.map(({ value }) => value)),
    noisePercent: 100 * estimateNoise(neighbours(runs), scale).sigma,
    replayed,
    differing,
  };
}

type Found = ReturnType<typeof examine>;

interface Circumstances {
  readonly seconds: number;
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly cores: number;
  readonly node: string;
}

function report(found: Found, { seconds, loadBefore, loadAfter, cores, node }: Circumstances): string {
  const rows: readonly (readonly [string, string])[] = [
    ['trials that change nothing', `${found.trials} (${found.notMeasured} not measured)`],
    ['kept, each of them falsely', String(found.falseKeeps.length)],
    ...found.falseKeeps.map((keep) => ['', keep] as const),
    ['evaluations per trial', `${(found.evaluations / found.trials).toFixed(2)} (most: ${found.mostEvaluations})`],
    ['metric', `${found.typicalMs.toFixed(1)} ms, noise ${found.noisePercent.toFixed(1)} % per run`],
    ['wall time', `${seconds.toFixed(0)} s, ${(seconds / found.trials).toFixed(2)} s per trial`],
    ['verdicts computed again', `${found.replayed - found.differing.length} of ${found.replayed} equal`],
    ...found.differing.map((difference) => ['', difference] as const),
    ['machine', `${cores} cores, load ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after, Node ${node}`],
  ];
  return rows.map(([name, text]) => `${name.padEnd(28)}${text}`).join('\n');
}

const { values } = parseArgs({ options: { trials: { type: 'string' }, json: { type: 'boolean' } } });
const wanted = Number(values.trials ?? 100);
if (!Number.isInteger(wanted) || wanted < 1) throw new RangeError('--trials must be a whole number from 1 up');
const place = createRepository();
try {
  const loadBefore = loadavg()[0] ?? 0;
  const seconds = await runLoop(place, wanted);
  const store = StoreReader.open(new StateFolder(join(place.root, '.git'), NAME).store);
  if (!store) throw new Error('the run left no store');
  const found = examine(store);
  store.close();
  const machine = { node: process.version, cores: availableParallelism(), loadBefore, loadAfter: loadavg()[0] ?? 0 };
  const circumstances = { seconds, ...machine };
  if (values.json) console.log(JSON.stringify({ ...found, ...circumstances }, null, 2));
  else console.log(`${report(found, circumstances)}\n\nrepeat: npm run bench:aa -- --trials ${wanted}`);
  if (found.differing.length > 0) process.exitCode = 1;
} finally {
  rmSync(place.folder, { recursive: true, force: true, maxRetries: 5 });
}
