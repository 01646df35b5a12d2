import type { Experiment } from '../config/experiment.js';
import { AppError } from '../core/errors.js';
import { MS_PER_MINUTE } from '../core/units.js';
import { applyPatch } from '../git/combine.js';
import type { Repository } from '../git/repository.js';
import type { Workspace } from '../git/types.js';
import { ManualProposer, WatchProposer } from '../propose/manual.js';
import { RetryProposer } from '../propose/retry.js';
import { SearchProposer } from '../propose/search/index.js';
import type { Proposer } from '../propose/types.js';
import type { Store } from '../store/store.js';
import { scopeOf } from './context.js';
import type { StopSwitch } from './stop-switch.js';

/** `baseline`: only the baseline; `single`: one trial; `loop`: until a stop rule speaks; `study`: nothing is proposed. */
export type RunMode = 'baseline' | 'single' | 'loop' | 'study';

/** Which proposer a run has, from the configuration and what was asked for. */
export interface ProposerRequest {
  readonly experiment: Experiment;
  readonly repository: Repository;
  readonly workspace: Workspace;
  readonly store: Store;
  readonly mode: RunMode;
  readonly description: string | null;
  readonly retry: number | null;
  readonly stop: Pick<StopSwitch, 'isPaused'>;
}

export type ProposerKind = Experiment['settings']['proposer']['kind'];

/** With a loop, changes by hand are watched for; without, what is there now is taken. */
export function proposerKind({ settings }: Experiment, mode: ProposerRequest['mode']): ProposerKind {
  const { kind } = settings.proposer;
  return kind === 'manual' && (mode === 'loop' || mode === 'study') ? 'watch' : kind;
}

export async function createProposer(request: ProposerRequest): Promise<Proposer> {
  const { experiment, workspace, repository, description } = request;
  if (request.mode === 'study') return NOBODY;
  if (request.retry !== null) return createRetry(request, request.retry);
  const kind = proposerKind(experiment, request.mode);
  const human = {
    workspace,
    description,
    scope: () => scopeOf(experiment),
    isPaused: () => request.stop.isPaused,
    subjectOf: async (commit: string) => (await repository.git.text(['log', '-1', '--format=%s', commit])).trim(),
  };
  switch (kind) {
    case 'search':
      return new SearchProposer({ seed: experiment.settings.proposer.seed });
    case 'manual':
      return new ManualProposer(human);
    case 'watch':
      return new WatchProposer(human);
    case 'agent': {
      const { preset, timeoutMinutes, idleMinutes, ...agent } = experiment.settings.agent;
      if (preset === null) {
        throw new AppError('config', 'kind = agent under [proposer] needs to know which agent', {
          hint: `add to ${experiment.configPath}: [agent] and below it preset = claude, codex, gemini, opencode, pi or aider, or command = <your own>`,
        });
      }
      const limits = { timeoutMs: timeoutMinutes * MS_PER_MINUTE, idleMs: idleMinutes * MS_PER_MINUTE };
      const { AgentProposer } = await import('../propose/agent.js');
      return new AgentProposer({ ...agent, preset, ...limits });
    }
  }
}

const NOBODY: Proposer = {
  name: 'nobody',
  propose: () => Promise.reject(new Error('a study asks for no proposal')),
};

async function createRetry({ store, repository }: ProposerRequest, number: number): Promise<Proposer> {
  const trial = store.trialByNumber(number);
  if (trial?.kind === 'baseline') {
    throw new AppError('usage', 'trial 0 is the baseline, the unmodified code: it has no change to try again', {
      hint: 'name a trial that changed something: autoresearch results',
    });
  }
  if (!trial?.candidateCommit) {
    throw new AppError('usage', `there is no trial ${number} to try again`, { hint: 'see `autoresearch results`' });
  }
  return new RetryProposer({
    number,
    description: trial.description,
    patch: await repository.patch(trial.incumbentCommit, trial.candidateCommit),
    applyPatch: (folder, patch) => applyPatch(repository.git, folder, patch),
  });
}
