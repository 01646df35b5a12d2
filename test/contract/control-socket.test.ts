import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ControlSocket, send } from '../../src/loop/control.js';
import { temporaryFolder } from '../helpers/git.js';
import { until } from '../helpers/process.js';

async function opened(runtimeFolder: string): Promise<{ paths: string[] }> {
  vi.stubEnv('XDG_RUNTIME_DIR', runtimeFolder);
  const paths: string[] = [];
  const socket = await ControlSocket.open(temporaryFolder(), {
    handle: ({ command }) => ({ ok: true, text: command }),
    announce: (path) => paths.push(path),
    lookMs: 10,
  });
  onTestFinished(() => socket.close());
  return { paths };
}

const answer = (path = '') => send(path, { command: 'pause' });

describe('the socket of a runner', () => {
  it('lives in the folder of the session, for its owner only', async () => {
    const session = temporaryFolder();
    const { paths } = await opened(session);
    expect(paths.map(dirname)).toEqual([session]);
    expect(statSync(paths[0] ?? '').mode & 0o777).toBe(0o600);
    expect(await answer(paths[0])).toEqual({ ok: true, text: 'pause' });
  });

  it.each(['', 'run', '/nowhere/run/user/1000'])(
    'lives in a folder of its own where the session has none (%j)',
    async (folder) => {
      const { paths } = await opened(folder);
      const [path = ''] = paths;
      expect(isAbsolute(path)).toBe(true);
      expect(path.startsWith(join(tmpdir(), 'autoresearch-'))).toBe(true);
      expect(existsSync(folder || '/nowhere')).toBe(false);
      expect(await answer(path)).toEqual({ ok: true, text: 'pause' });
    },
  );

  it('is made again when its folder goes at logout, and comes back with the next login', async () => {
    const session = join(temporaryFolder(), 'session');
    mkdirSync(session);
    const { paths } = await opened(session);
    rmSync(session, { recursive: true });
    await until('another place', () => paths.length === 2);
    expect(dirname(paths[1] ?? '')).not.toBe(session);
    expect(await answer(paths[1])).toEqual({ ok: true, text: 'pause' });
    mkdirSync(session);
    rmSync(paths[1] ?? '');
    await until('the session again', () => paths.length === 3);
    expect(dirname(paths[2] ?? '')).toBe(session);
    expect(await answer(paths[2])).toEqual({ ok: true, text: 'pause' });
  });
});
