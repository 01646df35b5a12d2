import { existsSync } from 'node:fs';
import { AppError } from '../core/errors.js';
import { followLogs } from './follow.js';
import { LogWriter } from './log-writer.js';
import { out, talk } from './output.js';
import { forgive, openInstalled, openTarget, soundExperiment, type TargetOptions } from './service-target.js';
import { readLastLines } from './tail.js';

/** Starting, stopping and reading an installed service. */
export interface LogsOptions extends TargetOptions {
  readonly follow?: boolean;
  readonly lines: number;
}

export async function start(options: TargetOptions): Promise<void> {
  const target = await openInstalled(options);
  soundExperiment(target);
  forgive(target);
  await target.manager.start();
  out(`${target.manager.title} is started. Watch it: autoresearch service logs -f --experiment ${target.label}`);
}

export async function restart(options: TargetOptions): Promise<void> {
  const target = await openInstalled(options);
  soundExperiment(target);
  forgive(target);
  await target.manager.restart();
  out(`${target.manager.title} is started anew.`);
}

export async function stop(options: TargetOptions): Promise<void> {
  const { manager, label } = await openInstalled(options);
  await manager.stop();
  out(
    `${manager.title} is stopped until the next login or boot. Go on: autoresearch service start --experiment ${label}`,
  );
}

export async function logs(options: LogsOptions): Promise<void> {
  const { manager, files, label } = await openTarget(options);
  if (!existsSync(files.log) && !existsSync(manager.path)) {
    throw new AppError('not_installed', `${manager.title} is not installed`, {
      hint: `autoresearch service install --experiment ${label}`,
    });
  }
  if (options.follow) {
    await followLogs(() => [{ title: manager.title, path: files.log }], options.lines);
    return;
  }
  const end = await readLastLines(files.log, options.lines);
  if (end === null) talk('The service has printed nothing yet.');
  else {
    const writer = new LogWriter();
    writer.write(end);
    writer.end();
  }
}
