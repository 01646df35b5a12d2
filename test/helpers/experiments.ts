/**
 * Temporary experiments that run in this process: a repository whose target is a small shell script, an evaluator that
 * runs it, and a scripted stand-in for an agent. Call inside a test; everything goes away with it.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';
import { resolveExperiment } from '../../src/config/discovery.js';
import type { RunEvent } from '../../src/core/events.js';
import { openRepository } from '../../src/git/open.js';
import { type RunRequest, type RunResult, runExperiment } from '../../src/loop/run.js';
import { exitCodeOf } from '../../src/loop/stop-rules.js';
import { StopSwitch } from '../../src/loop/stop-switch.js';
import { StoreReader } from '../../src/store/reader.js';
import type { MeasurementRow, TrialRow } from '../../src/store/rows.js';
import { type TemporaryRepository, temporaryFolder, temporaryRepository } from './git.js';
import { present, until } from './process.js';

const SCRIPTED_AGENT = fileURLToPath(new URL('../fixtures/experiments/scripted-agent.sh', import.meta.url));

/** The name that experiments have unless they say otherwise. */
export const EXPERIMENT = 'custom/score';

/** `section.key` (or `key` above the sections) to value; null leaves the key out. */
export type ConfigKeys = Readonly<Record<string, string | number | null>>;

const QUICK: ConfigKeys = {
  target: 'value.sh',
  evaluate_cmd: 'sh bench.sh',
  metric: 'score',
  time_budget_minutes: 1,
  'gate.baseline_runs': 1,
  'gate.probe': 'off',
  'workspace.warmup_runs': 0,
};

export interface ExperimentOptions {
  /** Content of the target `value.sh`, which `bench.sh` runs: it decides how a measurement ends. */
  readonly value?: string;
  readonly config?: ConfigKeys;
  /** More tracked files. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the agent does, call by call, in the workspace; shell. Without steps the proposer is the configuration's. */
  readonly steps?: readonly string[];
}

export interface RunOptions extends Partial<Omit<RunRequest, 'experiment' | 'repository'>> {
  readonly name?: string;
  /** Sees each event as it happens. */
  readonly onEvent?: (event: RunEvent) => void;
}

export interface FinishedRun extends RunResult {
  readonly events: readonly RunEvent[];
  /** Texts of the notices. */
  readonly notices: readonly string[];
  readonly exitCode: number;
}

/** A target that measures as `value`. */
export function scores(value: number | string): string {
  return `echo "score: ${value}"`;
}

/** A step of the agent that writes the target anew. */
export function rewrites(content: string, description = `write ${content.split('\n')[0]}`): string {
  return `cat > value.sh <<'END_OF_FILE'\n${content}\nEND_OF_FILE\necho 'DESCRIPTION: ${description.replaceAll("'", '"')}'\n`;
}

export function configText(keys: ConfigKeys): string {
  const sections = new Map<string, string[]>([['', []]]);
  for (const [path, value] of Object.entries(keys)) {
    if (value === null) continue;
    const [, section = '', key] = /^(?:(\w+)\.)?(.+)$/.exec(path) ?? [];
    const text = String(value);
    const line = `${key} = ${/[;#"'\\]/.test(text) ? JSON.stringify(text) : text}`;
    sections.set(section, [...(sections.get(section) ?? []), line]);
  }
  return [...sections].map(([name, lines]) => `${name === '' ? '' : `[${name}]\n`}${lines.join('\n')}\n`).join('\n');
}

export class TestExperiment {
  readonly repository: TemporaryRepository;
  readonly #plan: string;
  readonly #agent: ConfigKeys;
  #config: ConfigKeys;

  constructor({ value = scores(10), config = {}, files = {}, steps }: ExperimentOptions = {}) {
    const place = temporaryFolder();
    for (const [variable, folder] of Object.entries({ XDG_CACHE_HOME: 'c', XDG_RUNTIME_DIR: 'r', HOME: 'h' })) {
      mkdirSync(join(place, folder));
      vi.stubEnv(variable, join(place, folder));
    }
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    this.#plan = join(place, 'plan');
    mkdirSync(this.#plan);
    this.#agent = steps
      ? {
          'proposer.kind': 'agent',
          'agent.preset': 'command',
          'agent.command': `sh '${SCRIPTED_AGENT}' '${this.#plan}'`,
        }
      : {};
    this.repository = temporaryRepository({
      files: {
        'value.sh': `${value}\n`,
        'bench.sh': '. ./value.sh\n',
        '.autoresearch/.gitignore': '**/results.tsv*\n**/run.log\n',
        [`.autoresearch/${EXPERIMENT}/config.cfg`]: configText({ ...QUICK, ...this.#agent, ...config }),
        ...files,
      },
    });
    this.#config = config;
    this.plan(steps ?? []);
  }

  /** The folder `.autoresearch/<domain>/<name>`, relative to the repository. */
  get folder(): string {
    return `.autoresearch/${EXPERIMENT}`;
  }

  /** `<git dir>/autoresearch/<domain>/<name>`. */
  get state(): string {
    return join(this.repository.path, '.git/autoresearch', EXPERIMENT);
  }

  /** The worktree of the experiment, once it has run. */
  get workspace(): string {
    const worktrees = [...this.repository.git('worktree', 'list', '--porcelain').matchAll(/^worktree (.*)$/gm)];
    return present(worktrees[1]?.[1]);
  }

  /** What the agent does from its next call on. */
  plan(steps: readonly string[]): void {
    const done = this.calls;
    for (const [index, step] of steps.entries()) writeFileSync(join(this.#plan, `${done + index + 1}.sh`), step);
  }

  /** How often the agent was called. */
  get calls(): number {
    const path = join(this.#plan, 'count');
    return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  }

  /** The prompt of the agent's call, from 1. */
  prompt(call: number): string {
    return readFileSync(join(this.#plan, `prompt-${call}`), 'utf8');
  }

  /** Edits config.cfg as the operator would; not committed. */
  configure(keys: ConfigKeys): void {
    this.#config = { ...this.#config, ...keys };
    this.repository.write(`${this.folder}/config.cfg`, configText({ ...QUICK, ...this.#agent, ...this.#config }));
  }

  /** Runs until a stop rule speaks: `maxExperiments` trials, or until the agent has changed nothing too often. */
  async run({ name = EXPERIMENT, onEvent, ...options }: RunOptions = {}): Promise<FinishedRun> {
    const repository = await openRepository(this.repository.path);
    const place = { from: repository.root, repository: repository.root, home: process.env['HOME'] ?? null };
    const events: RunEvent[] = [];
    const result = await runExperiment({
      ...{ mode: 'loop', maxExperiments: null, description: null, retry: null, rebaseOnto: null },
      stop: new StopSwitch(),
      ...options,
      experiment: resolveExperiment(name, place),
      repository,
      emit: (event) => {
        events.push(event);
        onEvent?.(event);
      },
    });
    const notices = events.flatMap((event) => (event.kind === 'notice' ? [event.text] : []));
    return { ...result, events, notices, exitCode: exitCodeOf(result.stop.reason) };
  }

  /** Asks the store of an experiment that has run. */
  read<T>(use: (store: StoreReader) => T, name = EXPERIMENT): T {
    const store = present(StoreReader.open(join(this.repository.path, '.git/autoresearch', name, 'store.sqlite')));
    try {
      return use(store);
    } finally {
      store.close();
    }
  }

  /** All settled attempts in order, the baseline first. */
  attempts(name = EXPERIMENT): readonly TrialRow[] {
    return this.read((store) => [...store.eachTrial()], name);
  }

  /** The numbered trials without the baseline. */
  trials(): readonly TrialRow[] {
    return this.attempts().filter(({ number, kind }) => number !== null && kind === 'trial');
  }

  /** `outcome verdict` of each attempt after the baseline. */
  course(): readonly string[] {
    return this.attempts()
      .filter(({ kind }) => kind === 'trial')
      .map(({ outcome, verdict }) => `${outcome}${verdict === null ? '' : ` ${verdict}`}`);
  }

  trial(number: number): TrialRow {
    return present(this.read((store) => store.trialByNumber(number)));
  }

  measurements(number: number): readonly MeasurementRow[] {
    return this.read((store) => store.measurementsOf(this.trial(number).id));
  }

  /** The results file's data lines, split into their columns. */
  results(): readonly string[][] {
    const lines = this.repository.read(`${this.folder}/results.tsv`).split('\n');
    return lines.slice(1, -1).map((line) => line.split('\t'));
  }

  /** A commit by `refs/autoresearch/<domain>/<name>/<ref>`, or an empty text. */
  ref(ref: string): string {
    return this.repository.git('for-each-ref', '--format=%(objectname)', `refs/autoresearch/${EXPERIMENT}/${ref}`);
  }

  /** Everything a person would miss in the repository; the experiment's own mirrors aside. */
  fingerprint(): string {
    const lines = this.repository.fingerprint().split('\n');
    return lines
      .filter((line) => line !== '' && !/^! \.autoresearch\/.*\/(results\.tsv|run\.log)$/.test(line))
      .join('\n');
  }

  /** The target as it is in a commit. */
  valueAt(commit: string): string {
    return this.repository.git('show', `${commit}:value.sh`);
  }
}

/** A run that goes on while the test acts: events so far, and its end. */
export class BackgroundRun {
  readonly stop = new StopSwitch();
  readonly events: RunEvent[] = [];
  readonly finished: Promise<FinishedRun>;
  #ended = false;

  constructor(experiment: TestExperiment, options: Omit<RunOptions, 'stop' | 'onEvent'> = {}) {
    this.finished = experiment.run({ ...options, stop: this.stop, onEvent: (event) => this.events.push(event) });
    this.finished.then(
      () => {
        this.#ended = true;
      },
      () => {
        this.#ended = true;
      },
    );
    // A test that fails must not leave a runner behind.
    onTestFinished(async () => {
      this.stop.now('terminated');
      await this.finished.catch(() => undefined);
    });
  }

  count(kind: RunEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  /** Polls until so many events of this kind were seen; fails when the run ends before. */
  async seen(kind: RunEvent['kind'], times = 1): Promise<void> {
    await until(`${times} x ${kind}`, () => this.count(kind) >= times || this.#ended);
    if (this.count(kind) >= times) return;
    throw new Error(`the run ended before ${times} x ${kind}: ${JSON.stringify((await this.finished).stop)}`);
  }

  /** Polls until such an event was seen. */
  async until(isIt: (event: RunEvent) => boolean): Promise<void> {
    await until('an event', () => this.events.some(isIt) || this.#ended);
    if (!this.events.some(isIt)) throw new Error(`the run ended before: ${JSON.stringify((await this.finished).stop)}`);
  }

  /** Asks for the end at the border of the trial and waits for it. */
  async end(): Promise<FinishedRun> {
    this.stop.afterTrial('stopped');
    return this.finished;
  }
}
