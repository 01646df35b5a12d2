/** What sandbox tests need: a home folder that lies in no temporary folder, and shell code that tries things. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { sandboxProblem } from '../../src/process/sandbox.js';

/** Why these tests cannot run on this machine; null where they can. */
export const noSandbox = await sandboxProblem();
if (noSandbox !== null) console.warn(`the sandbox is not tested: ${noSandbox} (apt-get install bubblewrap)`);

/** For the whole file: in a sandbox /dev is another one, and with it the folder in memory. */
export function useSystemsTemporaryFolder(): void {
  process.env['TMPDIR'] = '/tmp';
}

const OUTSIDE = resolve(import.meta.dirname, '../../node_modules');

/** Becomes $HOME; removed with the test. Paths ending in `/` are folders, others files that hold `secret`. */
export function homeWith(paths: readonly string[]): string {
  const home = realpathSync(mkdtempSync(join(OUTSIDE, '.sandbox-test-')));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  for (const path of paths.map((each) => join(home, each))) {
    mkdirSync(path.endsWith('/') ? path : dirname(path), { recursive: true });
    if (!path.endsWith('/')) writeFileSync(path, 'secret\n');
  }
  vi.stubEnv('HOME', home);
  return home;
}

/** Lines of shell that print `<name>: 1` where the command succeeds and `<name>: 0` where it does not. */
export function attempts(commands: Readonly<Record<string, string>>): string {
  const lines = Object.entries(commands).map(
    ([name, command]) => `if (${command}) >/dev/null 2>&1; then echo "${name}: 1"; else echo "${name}: 0"; fi`,
  );
  return `${lines.join('\n')}\n`;
}

/** A service of this machine; returns its port. */
export async function loopbackServer(): Promise<number> {
  const server = createServer((socket) => socket.end('hello\n'));
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  onTestFinished(() => {
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
