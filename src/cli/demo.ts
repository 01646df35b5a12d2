import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { AddCommands, Exit } from './main.js';
import { out, talk } from './output.js';
import { positiveInteger } from './run.js';

/** `demo`: a real program in a temporary repository, made faster by the embedded search before the newcomer's eyes. */
interface DemoOptions {
  readonly trials: number;
}

const TEMPLATE = fileURLToPath(new URL('../../templates/demo/', import.meta.url));
const EXPERIMENT = 'engineering/log-report-speed';
const CONFIGURATION = new Set(['config.cfg', 'program.md']);

export const addDemo: AddCommands = (program: Command, exit: Exit) => {
  program
    .command('demo')
    .description('watch it make a small real program faster: no key, no network, under two minutes')
    .option('--trials <count>', 'how many changes to try', positiveInteger, 20)
    .action(async (options: DemoOptions) => {
      exit.code = await runDemo(options);
    });
};

async function runDemo({ trials }: DemoOptions): Promise<number> {
  const folder = await createRepository();
  talk(`A small log report program was put into a git repository of its own: ${folder}`);
  talk('The search changes marked settings in src/, commits, measures p50_ms, and keeps what is really faster.\n');
  const { openExperiment } = await import('./place.js');
  const { runToEnd } = await import('./run-session.js');
  const { experiment, repository } = await openExperiment(EXPERIMENT, { path: folder });
  const code = await runToEnd({
    experiment,
    repository,
    options: { loop: true, maxExperiments: trials, experiment: EXPERIMENT, path: folder },
    retry: null,
  });
  const { printResults } = await import('./results.js');
  await printResults({ experiment, repository });
  const { findProgram } = await import('../process/shell.js');
  const onPath = findProgram('autoresearch', process.env['PATH'] ?? '') !== null;
  out(
    [
      '',
      "The numbers are this machine's, of this minute; yours will differ. Where to look next:",
      ...(onPath ? [] : [`  alias autoresearch='node ${process.argv[1]}'`]),
      `  cd ${folder}`,
      '  git log --oneline autoresearch/engineering/log-report-speed   # the kept changes, as commits',
      '  autoresearch show 1                                           # any trial: diff, numbers, reason',
      '  autoresearch apply                                            # bring the result home',
      'In your own repository: autoresearch init',
    ].join('\n'),
  );
  return code;
}

async function createRepository(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'autoresearch-demo-'));
  const home = join(folder, '.autoresearch', EXPERIMENT);
  await mkdir(home, { recursive: true });
  await cp(TEMPLATE, folder, { recursive: true });
  for (const name of CONFIGURATION) {
    await cp(join(TEMPLATE, name), join(home, name));
    await rm(join(folder, name));
  }
  await cp(
    fileURLToPath(new URL('../../templates/gitignore', import.meta.url)),
    join(folder, '.autoresearch', '.gitignore'),
  );
  const { Git } = await import('../git/git.js');
  const git = new Git(folder);
  await git.run(['init', '--initial-branch=main', '.']);
  await git.run(['add', '--all', '.']);
  await git.run(['commit', '--message', 'a log report program, not yet tuned']);
  return folder;
}
