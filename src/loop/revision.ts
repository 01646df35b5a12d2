import { access } from 'node:fs/promises';
import type { Experiment } from '../config/experiment.js';
import { MS_PER_MINUTE } from '../core/units.js';
import { collectDefinitions, revisionHash, snapshotDefinitions } from '../evaluate/definitions.js';
import { metricRule } from '../evaluate/metric.js';
import type { Workspace } from '../git/types.js';
import type { Store } from '../store/store.js';
import type { Revision } from './context.js';
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
  const literalTargets = settings.target.filter((target) => !/[*?[\]]/.test(target));
  const files = await collectDefinitions({
    root: experiment.root,
    experimentFolder: experiment.folder,
    experimentPath: `.autoresearch/${experiment.name.domain}/${experiment.name.name}`,
    evaluateCmd: settings.evaluateCmd,
    checks: settings.checks.map(({ command }) => command),
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
  const evaluator = {
    command: settings.evaluateCmd,
    rule: metricRule({ metric, grep: settings.metricGrep, pick: settings.metricPick }),
    timeBudgetMs: settings.timeBudgetMinutes * MS_PER_MINUTE,
    hardLimitMs: settings.hardLimitMinutes * MS_PER_MINUTE,
  };
  return { number, hash, files, evaluator, metric, direction };
}

function measuringSettings({ settings }: Experiment) {
  const { target, evaluateCmd, metric, metricDirection, metricGrep, metricPick, checks } = settings;
  const { timeBudgetMinutes, hardLimitMinutes } = settings;
  const { link, setupCmd, keep, warmupRuns } = settings.workspace;
  return [
    [target, evaluateCmd, metric, metricDirection, metricGrep, metricPick, checks],
    [timeBudgetMinutes, hardLimitMinutes, link, setupCmd, keep, warmupRuns],
  ];
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
