/**
 * Experiments in a repository with branches, a tag and a stash of the user, and agents that try to be judged better than
 * they are: one cheating trial, then an honest one.
 */
import {
  EXPERIMENT,
  type ExperimentOptions,
  type FinishedRun,
  rewrites,
  scores,
  TestExperiment,
} from './experiments.js';

/** What a cheater's script finds in its environment: paths that a real one would have to look for. */
const KNOWN = { repository: 'REPO', state: 'STATE' } as const;
export const INCUMBENT = `refs/autoresearch/${EXPERIMENT}/incumbent`;
export const BRANCH = `refs/heads/autoresearch/${EXPERIMENT}`;

export interface Cheater {
  readonly name: string;
  /** Shell that the agent runs in the workspace, `$REPO` and `$STATE` known. */
  readonly step?: string;
  /** Shell that the candidate's code runs while it is measured. Prints its own metric afterwards. */
  readonly code?: string;
  /** It needs an experiment of its own. */
  readonly options?: ExperimentOptions;
  readonly outcome: string;
  readonly reason: RegExp;
  /** A warning that says what to look at. */
  readonly warning?: RegExp;
  readonly check?: (experiment: TestExperiment, run: FinishedRun) => void;
}

/** A value that would be kept at once. */
const DREAM = scores(1);

export function knowing(experiment: TestExperiment): string {
  return `${KNOWN.repository}='${experiment.repository.path}'; ${KNOWN.state}='${experiment.state}'\n`;
}

/** The repository's own refs and settings, as a person sees them. */
export function usersThings({ repository }: TestExperiment): string {
  const refs = repository.git(
    'for-each-ref',
    '--format=%(refname) %(objectname)',
    'refs/heads/main',
    'refs/heads/feature',
    'refs/tags',
  );
  return [refs, repository.git('stash', 'list', '--format=%H')].join('\n');
}

export function populated(options: ExperimentOptions): TestExperiment {
  const experiment = new TestExperiment(options);
  const { repository } = experiment;
  repository.git('commit', '--allow-empty', '-m', 'second');
  repository.git('branch', 'feature');
  repository.git('tag', '-a', 'v1', '-m', 'release');
  repository.write('README.md', '# half done\n');
  repository.git('stash', 'push', '-m', 'half done');
  return experiment;
}

/** Lets each cheater have a trial, and an honest agent one after it, which finds a little more each time. */
export function planOf(experiment: TestExperiment, cheaters: readonly Cheater[]): void {
  const known = knowing(experiment);
  const steps = cheaters.flatMap(({ code, step }, index) => [
    `${rewrites(code === undefined ? DREAM : `${known}${code}\n${DREAM}`, 'cheat')}\n${known}{ ${step ?? ':'}\n} >/dev/null 2>&1`,
    rewrites(scores(honestValue(index)), 'honest'),
  ]);
  experiment.plan(steps);
}

export function honestValue(index: number): number {
  return 9 - index / 8;
}
