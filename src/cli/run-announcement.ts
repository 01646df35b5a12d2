import type { Experiment } from '../config/experiment.js';
import { formatExperimentName } from '../core/names.js';
import { oneLine } from '../core/text.js';
import { formatSeconds } from '../core/units.js';
import type { Repository } from '../git/repository.js';
import { workspacePath } from '../git/worktree-home.js';
import { proposerKind } from '../loop/proposers.js';
import type { RunRequest } from '../loop/run.js';
import { sandboxText } from '../loop/sandbox.js';
import { StateFolder } from '../loop/state-folder.js';
import { ADAPTERS, unenforced } from '../model/adapters/index.js';
import { probeContainment } from '../process/containment.js';
import { shellName } from '../process/shell.js';
import { agentsOnPath } from './detect/surroundings.js';
import { out, talk } from './output.js';
import type { RunOptions } from './run.js';

/** What a run is about to do, said before it does it: measure, budget, workspace, and who proposes. */
export async function describeRun(experiment: Experiment, repository: Repository, options: RunOptions): Promise<void> {
  const mode = options.loop ? 'loop' : 'single';
  await announce(experiment, repository, { loop: options.loop === true, mode });
  const { settings } = experiment;
  out(
    [
      `target        ${settings.target.join(', ')}`,
      `evaluate_cmd  ${oneLine(settings.evaluateCmd)}`,
      `metric        ${settings.metric}, ${settings.metricDirection} is better`,
      `state         ${new StateFolder(repository.commonDir, experiment.name).path}`,
      'Nothing was changed (--dry-run).',
    ].join('\n'),
  );
}

interface Announced {
  readonly loop: boolean;
  readonly mode: RunRequest['mode'];
}

export async function announce(experiment: Experiment, repository: Repository, options: Announced): Promise<void> {
  const { settings } = experiment;
  const kind = proposerKind(experiment, options.loop ? 'loop' : 'single');
  const budget = formatSeconds(settings.timeBudgetMinutes * 60);
  const limit = formatSeconds(settings.hardLimitMinutes * 60);
  const containment = (await probeContainment()) === 'pid_namespace' ? 'pid namespace' : 'process group';
  const sandbox = sandboxText(settings);
  talk(
    `${formatExperimentName(experiment.name)}: ${settings.metric} (${settings.metricDirection} is better), proposer ${kind}, budget ${budget}, ended by force at ${limit}, ${shellName()} in a ${containment}${sandbox === null ? '' : `, ${sandbox}`}`,
  );
  const byHand = kind === 'watch' || kind === 'manual';
  const workspace = settings.workspace.kind ?? (byHand && options.mode !== 'baseline' ? 'checkout' : 'worktree');
  talk(
    `workspace: ${workspace === 'worktree' ? workspacePath(repository, experiment.name) : `${repository.root} (your checkout)`}`,
  );
  const unkept = unkeptBudget(settings);
  if (kind === 'agent' && unkept !== null) talk(unkept);
  if (options.loop && byHand && !settings.proposer.explicit) talk(nobodyProposes(experiment));
}

/** Which budget the agent itself does not know: it is looked at when the proposal is done. */
function unkeptBudget({ agent, limits }: Experiment['settings']): string | null {
  const isLimited = limits.maxCostPerTrialUsd !== null || limits.maxCostUsd !== null;
  if (!isLimited || agent.preset === null || agent.preset === 'command') return null;
  if (unenforced(ADAPTERS[agent.preset], { usd: 1 }).length === 0) return null;
  return `${agent.preset} cannot keep to a budget while it works: what a proposal cost is looked at afterwards, and one that cost too much is not kept`;
}

function nobodyProposes(experiment: Experiment): string {
  return `Nothing proposes changes here: the loop waits for yours. ${howToHire(experiment)}`;
}

export function howToHire(experiment: Experiment): string {
  const found = agentsOnPath();
  const preset = found[0] ?? 'claude';
  const where = found.length > 0 ? `${found.join(', ')} found on PATH` : 'no agent found on PATH';
  return `To hire an agent (${where}), add to ${experiment.configPath}:
  [proposer]
  kind = agent
  [agent]
  preset = ${preset}`;
}
