import { AppError } from '../core/errors.js';
import { formatExperimentName } from '../core/names.js';
import { auditJson, costText, renderAudit, renderAuditPlan } from '../dashboard/audit-view.js';
import { readExperiment } from '../dashboard/read-view.js';
import { agoText } from '../dashboard/when.js';
import { ExperimentRefs } from '../git/refs.js';
import { auditExperiment, lastAudit, planAudit } from '../loop/audit.js';
import type { AuditCommandOptions } from './audit.js';
import { whileMeasuring } from './measuring.js';
import { out, styleOf, talk } from './output.js';
import { type OpenedExperiment, openExperiment } from './place.js';

/** One audit in the foreground, or what is known without measuring: its plan, or the newest one on record. */
export async function audit(options: AuditCommandOptions): Promise<number> {
  const opened = await openExperiment(options.experiment, options);
  const { experiment, repository } = opened;
  const name = formatExperimentName(experiment.name);
  if (options.last) {
    showLast(opened, options);
    return 0;
  }
  const asked = { pairs: options.pairs, from: options.from ?? null, only: options.only ?? null };
  const { metric, plan } = await planOf(opened, asked);
  if (options.dryRun) {
    out(renderAuditPlan(plan, { name, metric }, styleOf(process.stdout)));
    return 0;
  }
  talk(`audit of ${name}: ${costText(metric, plan.expected)}`);
  const ended = await whileMeasuring('audit', (listener) =>
    auditExperiment({ experiment, repository, ...asked, ...listener }),
  );
  if (ended.result === null) return ended.exitCode;
  const subject = { name, metric };
  out(options.json ? auditJson(ended.result, subject) : renderAudit(ended.result, subject, styleOf(process.stdout)));
  return 0;
}

async function planOf({ experiment, repository }: OpenedExperiment, asked: Parameters<typeof planAudit>[1]) {
  const name = formatExperimentName(experiment.name);
  const { store, view } = readExperiment(experiment, repository, Date.now());
  if (store === null) throw neverRan(name);
  try {
    const refs = new ExperimentRefs(repository, experiment.name);
    return { metric: view.metric, plan: await planAudit({ name, store, repository, refs }, asked) };
  } finally {
    store.close();
  }
}

function showLast({ experiment, repository }: OpenedExperiment, { json }: AuditCommandOptions): void {
  const name = formatExperimentName(experiment.name);
  const now = Date.now();
  const { store, view } = readExperiment(experiment, repository, now);
  const last = store && lastAudit(store);
  store?.close();
  if (!last) {
    throw new AppError('usage', `${name} has not been audited under its present definitions`, {
      hint: `autoresearch audit --experiment ${name}`,
    });
  }
  const subject = { name, metric: view.metric };
  if (last.at !== null) talk(`audited ${agoText(last.at, now)}`);
  out(json ? auditJson(last.report, subject) : renderAudit(last.report, subject, styleOf(process.stdout)));
}

function neverRan(name: string): AppError {
  return new AppError('usage', `${name} has never run: there is nothing to audit`, {
    hint: `autoresearch run --experiment ${name} --loop`,
  });
}
