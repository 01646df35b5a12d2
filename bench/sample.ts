/**
 * A throw-away repository with one experiment whose evaluator costs next to nothing, and runs of the built command in
 * it: what is left of a trial's time is the runner's own.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StateFolder } from '../src/loop/state-folder.js';

export const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
export const NAME = { domain: 'bench', name: 'overhead' };
const SAMPLE_PAUSE_MS = 50;

/** A space that no run exhausts: 10^12 settings, few levels each. */
const TARGET = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name} 50 # autoresearch: int 1..100\n`).join('');

/** The evaluator reads the target with the shell's own words: no further process. */
const CONFIG = `target = target.txt
evaluate_cmd = 'total=0; while read -r _ value _; do total=$((total + value)); done < target.txt; echo "score: $total"'
metric = score
metric_direction = lower
[proposer]
kind = search
[gate]
kind = single
probe = off
[workspace]
warmup_runs = 0
`;

export interface Sample {
  readonly root: string;
  readonly state: StateFolder;
  readonly env: NodeJS.ProcessEnv;
  git(args: readonly string[], input?: string): string;
  remove(): void;
}

/** Its baseline is measured. */
export async function createSample(): Promise<Sample> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'autoresearch-bench-')));
  const root = join(folder, 'repository');
  const home = join(root, '.autoresearch', NAME.domain, NAME.name);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'config.cfg'), CONFIG);
  writeFileSync(join(root, 'target.txt'), TARGET);
  writeFileSync(join(root, '.gitignore'), 'results.tsv*\nrun.log\n');
  // Cut off from the machine's own configuration and caches.
  const own = { HOME: folder, XDG_CACHE_HOME: join(folder, 'cache'), GIT_CONFIG_GLOBAL: '/dev/null' };
  const env = { ...process.env, ...own, GIT_CONFIG_NOSYSTEM: '1' };
  const git = (args: readonly string[], input = '') =>
    execFileSync('git', [...args], { cwd: root, input, encoding: 'utf8', env, maxBuffer: 1 << 28 }).trim();
  git(['init', '--quiet', '--initial-branch=main']);
  git(['config', 'user.name', 'Bench']);
  git(['config', 'user.email', 'bench@example.org']);
  git(['add', '--all']);
  git(['commit', '--quiet', '--message', 'first']);
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  const sample = { root, state: new StateFolder(join(root, '.git'), NAME), env, git, remove };
  await runTrials(sample, 1);
  return sample;
}

export interface TimedRun {
  /** From one settled trial to the next; the first one, with the start of the process, is left out. */
  readonly trialMs: readonly number[];
  /** Resident size of the runner at the end, and the largest it had. */
  readonly residentBytes: number;
  readonly peakBytes: number;
}

/** Runs `trials` trials with the built command, and one more before them. */
export async function runTrials(sample: Sample, trials: number): Promise<TimedRun> {
  const { root, env, state } = sample;
  const before = settledTimes(state).length;
  const args = [CLI, 'run', '--loop', '--quiet', '--max-experiments', String(trials + 1)];
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
  let memory = { resident: 0, peak: 0 };
  const sampler = setInterval(() => {
    memory = memoryOf(child.pid) ?? memory;
  }, SAMPLE_PAUSE_MS);
  const [exitCode] = await once(child, 'exit');
  clearInterval(sampler);
  if (exitCode !== 0) throw new Error(`autoresearch run ended with exit code ${exitCode}`);
  const times = settledTimes(state)
    .slice(before)
    .slice(-trials - 1);
  const trialMs = times.slice(1).map((time, index) => time - (times[index] ?? time));
  return { trialMs, residentBytes: memory.resident, peakBytes: memory.peak };
}

/** When each trial was settled, in milliseconds, from the runner's own log. */
function settledTimes(state: StateFolder): number[] {
  let text: string;
  try {
    text = readFileSync(state.daemonLog, 'utf8');
  } catch {
    return []; // It never ran.
  }
  const lines = text.split('\n').filter((line) => line.includes('"settled"'));
  return lines.map((line) => (JSON.parse(line) as { time: number }).time);
}

function memoryOf(pid: number | undefined): { resident: number; peak: number } | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const of = (key: string) => Number(new RegExp(`^${key}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024;
    return of('VmRSS') > 0 ? { resident: of('VmRSS'), peak: of('VmHWM') } : null;
  } catch {
    return null; // It has ended.
  }
}
