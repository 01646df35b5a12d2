import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MS_PER_MINUTE } from '../core/units.js';
import type { RunContext } from './context.js';

/** `setup_cmd`: what makes a fresh workspace measurable. It runs only when the files that it reads have changed. */
const SETUP_LIMIT_MS = 60 * MS_PER_MINUTE;
const SETUP_INPUTS = [
  'package.json',
  'package-lock.json',
  'npm-shrinkwrap.json',
  'yarn.lock',
  'pnpm-lock.yaml',
  'requirements.txt',
  'requirements-dev.txt',
  'pyproject.toml',
  'poetry.lock',
  'uv.lock',
  'setup.py',
  'setup.cfg',
  'Cargo.toml',
  'Cargo.lock',
  'go.mod',
  'go.sum',
  'Gemfile.lock',
  'CMakeLists.txt',
];

/** The set-up command failed on this commit; whose fault that is, the trial finds out. */
export class SetupFailed extends Error {
  readonly tail: string;

  constructor(reason: string, tail: string) {
    super(`setup_cmd failed: ${reason}`);
    this.name = 'SetupFailed';
    this.tail = tail;
  }
}

export interface SetupCommand {
  readonly command: string;
  readonly limitMs: number;
}

export interface SetupFailure {
  readonly reason: string;
  /** The end of the output; untrusted text. */
  readonly tail: string;
}

/** Runs the set-up where its inputs changed; `run` executes it. True when it ran. @throws SetupFailed */
export async function setUp(
  { experiment, workspace, state }: RunContext,
  run: (setup: SetupCommand) => Promise<SetupFailure | null>,
): Promise<boolean> {
  const { setupCmd, keep } = experiment.settings.workspace;
  if (setupCmd === null) return false;
  const stamp = await setupInputs(workspace.path, setupCmd);
  // Without kept paths the cleaning takes away what the set-up made.
  const survives = keep.length > 0 || workspace.kind === 'checkout';
  if (survives && (await readFile(state.setupStamp, 'utf8').catch(() => '')) === stamp) return false;
  await rm(state.setupStamp, { force: true });
  const failure = await run({ command: setupCmd, limitMs: SETUP_LIMIT_MS });
  if (failure !== null) throw new SetupFailed(failure.reason, failure.tail);
  await writeFile(state.setupStamp, stamp);
  return true;
}

async function setupInputs(folder: string, setupCmd: string): Promise<string> {
  const hash = createHash('sha256').update(`${folder}\0${setupCmd}`);
  for (const name of SETUP_INPUTS) {
    const content = await readFile(join(folder, name)).catch(() => null);
    if (content) hash.update(`\0${name}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}
