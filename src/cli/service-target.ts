import { existsSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { listExperiments } from '../config/discovery.js';
import type { Experiment } from '../config/experiment.js';
import { AppError } from '../core/errors.js';
import { type ExperimentName, formatExperimentName, parseExperimentName } from '../core/names.js';
import type { Repository } from '../git/repository.js';
import { StateFolder } from '../loop/state-folder.js';
import { findProgram } from '../process/shell.js';
import {
  chosenName,
  filesOf,
  homesOf,
  type ServiceFiles,
  type ServiceHomes,
  serviceName,
} from '../service/definition.js';
import { LaunchdManager } from '../service/launchd.js';
import { runManager, type ServiceManager } from '../service/manager.js';
import { ownRecord, readRecord, type ServiceRecord, writeRecord } from '../service/record.js';
import { SystemdManager } from '../service/systemd.js';
import { openPlace } from './place.js';
import { openWanted } from './run.js';
import { newestSession } from './service-run.js';

/** From the options of a `service` command to the service that is meant. */
export interface TargetOptions {
  readonly experiment?: string;
  readonly resume?: boolean;
  readonly name?: string;
  readonly path?: string;
}

export interface ServiceTarget {
  readonly repository: Repository;
  /** The experiment, or why its configuration cannot be used: a service must be stopped and removed all the same. */
  readonly experiment: Experiment | AppError;
  /** `domain/name`. */
  readonly label: string;
  readonly state: StateFolder;
  /** What was remembered at installation; null when nothing was. */
  readonly record: ServiceRecord | null;
  /** The name that the experiment's service has unless told otherwise: also what tells its files from others'. */
  readonly identity: string;
  readonly name: string;
  readonly files: ServiceFiles;
  readonly homes: ServiceHomes;
  readonly manager: ServiceManager;
}

export async function openTarget(options: TargetOptions): Promise<ServiceTarget> {
  const { experiment, repository, name: parts } = await find(options);
  const label = formatExperimentName(parts);
  const state = new StateFolder(repository.commonDir, parts);
  const record = ownRecord(readRecord(state.service), repository.commonDir);
  const identity = serviceName(repository.commonDir, label);
  const name = options.name === undefined ? (record?.name ?? identity) : chosenName(options.name);
  const homes = homesOf(process.env, homedir());
  const manager = managerOf(name, homes);
  if (experiment instanceof AppError && !existsSync(manager.path)) throw experiment;
  return { experiment, repository, label, state, record, identity, name, files: filesOf(name, homes), homes, manager };
}

async function find(options: TargetOptions): Promise<Pick<ServiceTarget, 'experiment' | 'repository'> & Named> {
  try {
    const { experiment, repository } = await openWanted(options);
    return { experiment, repository, name: experiment.name };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'config') throw error;
    const { repository, discovery } = await openPlace(options);
    const [only, other] = listExperiments(discovery);
    const label = options.experiment ?? (other === undefined ? only?.label : undefined);
    if (repository === null || label === undefined) throw error;
    return { experiment: error, repository, name: parseExperimentName(label) };
  }
}

interface Named {
  readonly name: ExperimentName;
}

/** For whoever starts something. @throws AppError config with what is to be mended. */
export function soundExperiment({ experiment }: ServiceTarget): Experiment {
  if (experiment instanceof AppError) throw experiment;
  return experiment;
}

/** @throws AppError not_installed */
export async function openInstalled(options: TargetOptions): Promise<ServiceTarget> {
  const target = await openTarget(options);
  if (existsSync(target.manager.path)) return target;
  throw new AppError('not_installed', `${target.label} has no service: ${target.manager.path} does not exist`, {
    hint: `autoresearch service install --experiment ${target.label}`,
  });
}

export function managerOf(name: string, homes: ServiceHomes): ServiceManager {
  if (process.platform === 'darwin') return new LaunchdManager(name, { homes, run: runManager, uid: userInfo().uid });
  const notify = findProgram('systemd-notify', process.env['PATH'] ?? '') !== null;
  return new SystemdManager(name, { homes, run: runManager, notify });
}

/** A person wants it to run: how its last run ended no longer holds it back. */
export function forgive({ state, record, name }: ServiceTarget, installed: Installed = record ?? UNKNOWN): void {
  const { program, commonDir } = installed;
  writeRecord(state.service, { name, program, commonDir, forgivenSession: newestSession(state)?.id ?? null });
}

type Installed = Pick<ServiceRecord, 'program' | 'commonDir'>;

const UNKNOWN: Installed = { program: [], commonDir: null };
