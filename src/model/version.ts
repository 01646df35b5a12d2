/** Which version of a program is installed: it is on record with every call, because all flags move. */
import { realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { oneLine } from '../core/text.js';
import { type SandboxPlan, sandboxedTool } from '../process/sandbox.js';
import { runTool } from '../process/tool.js';

const PATIENCE_MS = 10_000;

/** By file and its time, so that an update in the middle of a long run is noticed. */
const known = new Map<string, Promise<string | null>>();

interface Asking {
  readonly env: Readonly<Record<string, string>>;
  /** Where the call itself runs: an agent that may write to its own program must not be asked outside. */
  readonly sandbox: SandboxPlan | undefined;
}

/** Null when the program does not say. `path` is absolute. */
export async function programVersion(path: string, asking: Asking): Promise<string | null> {
  const stamp = await stampOf(path);
  if (stamp === null) return null;
  const found = known.get(stamp) ?? ask(path, asking);
  known.set(stamp, found);
  return await found;
}

async function stampOf(path: string): Promise<string | null> {
  try {
    const file = await realpath(path);
    return `${path} ${file} ${(await stat(file)).mtimeMs}`;
  } catch {
    return null; // It is being replaced just now: the call itself will tell whether it can be run.
  }
}

async function ask(path: string, { env, sandbox }: Asking): Promise<string | null> {
  const argv = [path, '--version'];
  const { stdout, exitCode } = await runTool(sandbox ? sandboxedTool(argv, sandbox) : argv, {
    cwd: tmpdir(),
    env: { ...env, ...sandbox?.env },
    timeoutMs: PATIENCE_MS,
    maxBytes: 65_536,
  });
  if (exitCode !== 0) return null;
  return /\d+\.\d+[\w.+-]*/.exec(oneLine(stdout.toString('utf8'), 400))?.[0] ?? null;
}
