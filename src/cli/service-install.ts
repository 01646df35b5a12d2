import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '../core/errors.js';
import { oneLine, quoted } from '../core/text.js';
import { proposerKind } from '../loop/proposers.js';
import { defineService, type ServiceDefinition } from '../service/definition.js';
import { namesIn, renderEnvironmentFile, valuesOf } from '../service/environment-file.js';
import { runManager } from '../service/manager.js';
import { earlierLog } from '../service/own-log.js';
import { writeWhole } from '../service/record.js';
import { enableLinger, lingers } from '../service/systemd.js';
import { renderUnit } from '../service/systemd-unit.js';
import { out, talk } from './output.js';
import { howToHire } from './run-announcement.js';
import {
  forgive,
  managerOf,
  openTarget,
  type ServiceTarget,
  soundExperiment,
  type TargetOptions,
} from './service-target.js';

/** `service install` and `service uninstall`: both may be repeated. */
export interface InstallOptions extends TargetOptions {
  readonly env: readonly string[];
  readonly linger?: boolean;
  readonly print?: boolean;
  readonly dryRun?: boolean;
  readonly system?: boolean;
}

export async function install(options: InstallOptions): Promise<void> {
  const target = await openTarget(options);
  const { manager, files } = target;
  const experiment = soundExperiment(target);
  if (proposerKind(experiment, 'loop') === 'watch') {
    throw new AppError('config', `${target.label} has nobody who proposes changes, so a service would only wait`, {
      hint: howToHire(experiment),
    });
  }
  const definition = definitionOf(target, experiment.root);
  if (options.system) return out(systemInstructions(target, { definition, variables: options.env }));
  if (options.print) return out(manager.render(definition));
  refuseAnother(target);
  const values = valuesOf(options.env, process.env);
  warnOfDropped(options.env, namesIn(readIfPresent(files.environment) ?? ''));
  if (options.dryRun) return out(describe(target, definition, { would: true, variables: options.env }));

  mkdirSync(dirname(files.log), { recursive: true, mode: 0o700 });
  if (options.env.length > 0) writeWhole(files.environment, renderEnvironmentFile(values), 0o600);
  const text = manager.render(definition);
  const isNew = readIfPresent(manager.path) !== text;
  if (isNew) writeWhole(manager.path, text, 0o644);
  await manager.enable();
  const runs = (await manager.state()).activity === 'running';
  if (runs && !isNew && options.env.length === 0) {
    talk(`${manager.title} is installed and running already.`);
  } else {
    forgive(target, { program: definition.argv.slice(0, 2), commonDir: target.repository.commonDir });
    await (runs ? manager.restart() : manager.start());
  }
  out(describe(target, definition, { would: false, variables: options.env }));
  if (manager.kind === 'systemd') await seeToLingering(target.label, options.linger === true);
}

function definitionOf({ label, name, identity, homes }: ServiceTarget, repository: string): ServiceDefinition {
  const cli = fileURLToPath(new URL('../cli.js', import.meta.url));
  if (!existsSync(cli)) {
    throw new AppError('usage', 'a service needs the built program, and this one runs from its sources', {
      hint: 'npm run build, then: node dist/cli.js service install',
    });
  }
  if (cli.includes('/_npx/')) {
    talk('warning: npx may delete this program at any time. For good: npm install -g autoresearch, then install again');
  }
  return defineService({
    ...{ name, identity, experiment: label, repository, ambient: process.env, homes },
    program: [process.execPath, cli],
  });
}

/** The file is written anew: whoever adds a key must not lose the others unawares. */
function warnOfDropped(wanted: readonly string[], present: readonly string[]): void {
  const dropped = wanted.length === 0 ? [] : present.filter((name) => !wanted.includes(name));
  if (dropped.length === 0) return;
  talk(`warning: the service has ${dropped.join(', ')} from an earlier --env, and no longer after this`);
  talk(`  to keep it: ${[...new Set([...present, ...wanted])].map((name) => `--env ${name}`).join(' ')}`);
}

/** One service per experiment, and one experiment per service. A repository that was moved takes its service along. */
function refuseAnother({ manager, identity, record, name, homes, label, repository }: ServiceTarget): void {
  const present = readIfPresent(manager.path);
  const wasMoved = record?.name === name && record.commonDir !== null && record.commonDir !== repository.commonDir;
  if (present !== null && !present.includes(identity) && !wasMoved) {
    throw new AppError('usage', `${manager.path} belongs to another experiment`, {
      hint: 'choose another name: --name <name>',
    });
  }
  if (record === null || record.name === name || !existsSync(managerOf(record.name, homes).path)) return;
  throw new AppError('usage', `${label} has a service already: ${record.name}`, {
    hint: `keep it, or first: autoresearch service uninstall --experiment ${label}`,
  });
}

interface Description {
  readonly would: boolean;
  readonly variables: readonly string[];
}

function describe(target: ServiceTarget, definition: ServiceDefinition, { would, variables }: Description): string {
  const { manager, files, label } = target;
  const { repository } = definition;
  const verb = would ? 'would write' : 'wrote';
  const kept = variables.length === 0 && existsSync(files.environment);
  const rows: [string, string][] = [
    [verb, manager.path],
    ...(variables.length > 0
      ? [[verb, `${files.environment} (only you can read it): ${variables.join(', ')}`] as [string, string]]
      : []),
    ...(kept ? [['kept', `${files.environment} (the variables of an earlier --env)`] as [string, string]] : []),
    ['log', files.log],
    ['runs', definition.argv.join(' ')],
    ['PATH', definition.environment['PATH'] ?? '(none)'],
    ['watch it', `autoresearch service status --experiment ${label}`],
    ['undo', `autoresearch service uninstall --experiment ${label} --path ${quoted(repository)}`],
  ];
  const width = Math.max(...rows.map(([title]) => title.length));
  return [
    `${would ? 'Would install' : 'Installed'} ${manager.title}: ${label} in ${repository}`,
    ...rows.map(([title, text]) => `  ${title.padEnd(width)}  ${oneLine(text, 4000)}`),
    ...(would ? ['Nothing was changed (--dry-run).'] : []),
  ].join('\n');
}

async function seeToLingering(label: string, wanted: boolean): Promise<void> {
  const user = userInfo().username;
  const isOn = await lingers(user, runManager);
  if (isOn === true) return;
  if (wanted) {
    await enableLinger(user, runManager);
    out('Lingering is on: the service starts at boot and outlives logout.');
    return;
  }
  const fact = isOn === null ? 'whether lingering is on cannot be told' : 'lingering is off';
  talk(`warning: ${fact}; without it the service ends at logout and does not start at boot`);
  talk(`  loginctl enable-linger ${user}      (or: autoresearch service install --linger --experiment ${label})`);
}

function systemInstructions(
  { manager }: ServiceTarget,
  { definition, variables }: { definition: ServiceDefinition; variables: readonly string[] },
): string {
  if (manager.kind === 'launchd') {
    return 'On macOS the agent of your account is the service: autoresearch service install';
  }
  const unit = renderUnit(definition, { notify: true, user: userInfo().username });
  const path = `/etc/systemd/system/${manager.title}`;
  return [
    unit,
    ...environmentInstructions(definition, variables),
    '# Nothing was changed. To make this a service of the whole machine, which starts without a login:',
    `#   mkdir -p ${quoted(dirname(definition.files.log))}`,
    `#   autoresearch service install --system --experiment ${definition.experiment} | sudo tee ${path} >/dev/null`,
    '#   sudo systemctl daemon-reload',
    `#   sudo systemctl enable --now ${manager.title}`,
    '# and to undo it:',
    `#   sudo systemctl disable --now ${manager.title} && sudo rm ${path}`,
  ].join('\n');
}

/** Printed text must not hold their values. */
function environmentInstructions({ files }: ServiceDefinition, variables: readonly string[]): string[] {
  if (variables.length === 0) return [];
  const path = quoted(files.environment);
  return [
    `# The unit reads ${variables.join(', ')} from a file; for each of them, with its value:`,
    `#   mkdir -p ${quoted(dirname(files.environment))} && (umask 077; echo 'NAME="value"' >> ${path})`,
  ];
}

export async function uninstall(options: TargetOptions): Promise<void> {
  const { manager, files, state, label, record, name } = await openTarget(options);
  const removed: string[] = [];
  const remove = (path: string) => {
    if (!existsSync(path)) return;
    rmSync(path);
    removed.push(path);
  };
  if (existsSync(manager.path)) await manager.remove(() => remove(manager.path));
  for (const path of [files.environment, earlierLog(files.log), files.log]) {
    remove(path);
    removeIfEmpty(dirname(path));
    removeIfEmpty(dirname(dirname(path)));
  }
  // With a --name of another service it stays known what this experiment's own is.
  if (record?.name === name) rmSync(state.service, { force: true });
  if (removed.length === 0) return out(`${label} has no service: there is nothing to remove.`);
  out(
    [
      `Uninstalled ${manager.title}. The experiment and its results are untouched.`,
      ...removed.map((path) => `  removed  ${path}`),
    ].join('\n'),
  );
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It holds something of somebody else's, or is not there.
  }
}

function readIfPresent(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}
