/** `init --list` and `init --list-evaluators`. */
import { listExperiments } from '../config/discovery.js';
import { oneLine } from '../core/text.js';
import { BUILT_IN_EVALUATORS } from '../evaluators/index.js';
import type { InitFlags } from './init-flags.js';
import { out, outJson, talk } from './output.js';
import { openPlace } from './place.js';

export function printEvaluators({ json }: InitFlags): void {
  if (json) {
    const evaluators = BUILT_IN_EVALUATORS.map(({ name, summary, metric, direction, example, options }) => ({
      ...{ name, summary, metric, direction, example, options },
    }));
    outJson({ schemaVersion: 1, evaluators });
    return;
  }
  for (const { name, metric, direction, summary, example } of BUILT_IN_EVALUATORS) {
    out(`${name}  ${metric}, ${direction} is better\n  ${summary}\n  ${example}`);
  }
}

export async function printExperiments(flags: InitFlags): Promise<void> {
  const { discovery } = await openPlace(flags);
  const listed = listExperiments(discovery);
  if (flags.json) {
    const experiments = listed.map((each) => ({
      ...{ experiment: each.label, scope: each.scope, folder: each.folder },
      ...(each.ok
        ? { metric: each.experiment.settings.metric, repository: each.experiment.root }
        : { error: each.error.message }),
    }));
    outJson({ schemaVersion: 1, experiments });
    return;
  }
  if (listed.length === 0) talk('There is no experiment here yet. Make one: autoresearch init');
  const width = Math.max(0, ...listed.map(({ label }) => label.length));
  for (const each of listed) {
    const label = oneLine(each.label, 200).padEnd(width);
    if (!each.ok) {
      out(`${label}  broken: ${oneLine(each.error.message, 300)}`);
      continue;
    }
    const { metric, metricDirection, target } = each.experiment.settings;
    const scope = each.scope === 'user' ? `  (user scope, ${oneLine(each.experiment.root)})` : '';
    out(`${label}  ${metric}, ${metricDirection} is better  ${oneLine(target.join(', '))}${scope}`);
  }
}
