import { access } from 'node:fs/promises';
import type { Experiment } from '../config/experiment.js';
import { type Check, commandsOf, type Holdout } from '../config/keep-conditions.js';
import type { ExperimentSettings } from '../config/settings.js';
import { thresholdText } from '../config/thresholds.js';
import { MS_PER_MINUTE } from '../core/units.js';
import type { EvaluatorCommand } from '../evaluate/command-evaluator.js';
import { collectDefinitions, revisionHash, snapshotDefinitions } from '../evaluate/definitions.js';
import { metricRule } from '../evaluate/metric.js';
import type { Workspace } from '../git/types.js';
import type { Store } from '../store/store.js';
import type { Revision } from './context.js';
import { modelCommands, modelDefinitions, modelEnvironment } from './model-roles.js';
import { requireSandbox, sandboxDefinition } from './sandbox.js';
import type { StateFolder } from './state-folder.js';

export interface RevisionPlace {
  readonly store: Store;
  readonly state: StateFolder;
  readonly workspaceKind: Workspace['kind'];
  readonly now: number;
}

/** The fact that names the last merge under the incumbent: code outside the target changed, so values before it are void. */
export const REBASED_ONTO = 'rebased_onto';

/**
 * Which revision of the definitions the operator's files are now. A change that affects measuring is a new revision:
 * it gets a new baseline, and no number is compared across.
 */
export async function openRevision(
  experiment: Experiment,
  { store, state, workspaceKind, now }: RevisionPlace,
): Promise<Revision> {
  const { settings } = experiment;
  await requireSandbox(experiment, state.commonDir);
  const literalTargets = settings.target.filter((target) => !/[*?[\]]/.test(target));
  const files = await collectDefinitions({
    root: experiment.root,
    experimentFolder: experiment.folder,
    experimentPath: `.autoresearch/${experiment.name.domain}/${experiment.name.name}`,
    evaluateCmd: settings.evaluateCmd,
    checks: [...commandsOf(settings), ...modelCommands(settings)],
    literalTargets,
    protect: settings.protect.paths,
  });
  const hash = revisionHash([measuringSettings(experiment), workspaceKind, store.fact(REBASED_ONTO) ?? null], files);
  const { metric, metricDirection: direction } = settings;
  const newest = store.newestRevision();
  const number = newest?.hash === hash ? newest.revision : (newest?.revision ?? 0) + 1;
  const folder = state.definitions(number);
  if (newest?.hash !== hash || !(await exists(folder))) await snapshotDefinitions(folder, files);
  if (newest?.hash !== hash) store.addRevision({ hash, metric, direction, now });
  const times = {
    timeBudgetMs: settings.timeBudgetMinutes * MS_PER_MINUTE,
    hardLimitMs: settings.hardLimitMinutes * MS_PER_MINUTE,
    environment: modelEnvironment(settings),
  };
  const rule = metricRule({ metric, grep: settings.metricGrep, pick: settings.metricPick });
  const evaluator = { command: settings.evaluateCmd, rule, ...times };
  return { number, hash, files, evaluator, holdoutEvaluator: holdoutEvaluator(settings, times), metric, direction };
}

function holdoutEvaluator(
  { holdout, metricPick: pick }: ExperimentSettings,
  times: Omit<EvaluatorCommand, 'command' | 'rule'>,
): EvaluatorCommand | null {
  if (holdout === null || holdout.command === null) return null;
  return { command: holdout.command, rule: metricRule({ metric: holdout.metric, grep: null, pick }), ...times };
}

function measuringSettings({ settings }: Experiment) {
  const { target, evaluateCmd, metric, metricDirection, metricGrep, metricPick, holdout } = settings;
  const checks = settings.checks.map(checkDefinition);
  const { timeBudgetMinutes, hardLimitMinutes } = settings;
  const { link, setupCmd, keep, warmupRuns } = settings.workspace;
  return [
    [target, evaluateCmd, metric, metricDirection, metricGrep, metricPick, checks],
    [timeBudgetMinutes, hardLimitMinutes, link, setupCmd, keep, warmupRuns],
    ...(holdout === null ? [] : [holdoutDefinition(holdout)]),
    ...sandboxDefinition(settings),
    ...modelDefinitions(settings),
  ];
}

function holdoutDefinition({ metric, command, direction, maxRegression, when }: Holdout) {
  return ['holdout', metric, command, direction, maxRegression, when];
}

/** How long a check may take is a limit: it decides nothing that is compared. */
function checkDefinition(check: Check) {
  const { name } = check;
  return check.kind === 'command' ? { name, command: check.command } : { name, limit: thresholdText(check.threshold) };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
