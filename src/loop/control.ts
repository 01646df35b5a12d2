import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { AppError, errorMessage } from '../core/errors.js';

/**
 * Another terminal talks to the runner: one JSON line there, one back, over a socket that only its owner can open. The
 * socket lives in a short path outside the repository, because socket paths are limited to about 100 bytes.
 */
const COMMANDS = ['stop', 'stop_now', 'pause', 'resume'] as const;
export type ControlCommand = (typeof COMMANDS)[number];

export interface ControlRequest {
  readonly command: ControlCommand;
}

export interface ControlReply {
  readonly ok: boolean;
  readonly text: string;
}

const REPLY_LIMIT_MS = 5_000;
const LARGEST_MESSAGE_CHARS = 4096;

export function socketPath(stateFolder: string): string {
  const runtime = process.env['XDG_RUNTIME_DIR'] ?? join(tmpdir(), `autoresearch-${userInfo().uid}`);
  const name = createHash('sha256').update(stateFolder).digest('hex').slice(0, 16);
  return join(runtime, `autoresearch-${name}.sock`);
}

/** Listens until closed. The lock is held, so a socket file that is already there belongs to a dead runner. */
export function listen(path: string, handle: (request: ControlRequest) => ControlReply): Promise<Server> {
  const folder = join(path, '..');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const server = createServer((connection) => {
    let received = '';
    connection.on('error', () => connection.destroy());
    connection.on('data', (chunk) => {
      received += chunk.toString('utf8');
      if (received.length > LARGEST_MESSAGE_CHARS) connection.destroy();
      if (!received.includes('\n')) return;
      const request = parseRequest(received.slice(0, received.indexOf('\n')));
      const reply = request ? handle(request) : { ok: false, text: 'this runner does not know that command' };
      connection.end(`${JSON.stringify(reply)}\n`);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      server.unref();
      resolve(server);
    });
  });
}

function parseRequest(line: string): ControlRequest | null {
  try {
    const message: unknown = JSON.parse(line);
    if (typeof message !== 'object' || message === null || !('command' in message)) return null;
    const command = COMMANDS.find((known) => known === message.command);
    return command ? { command } : null;
  } catch {
    return null; // Not JSON: somebody else's words, answered as unknown.
  }
}

/** Sends one request. @throws AppError not_running when nobody listens. */
export function send(path: string, request: ControlRequest): Promise<ControlReply> {
  return new Promise((resolve, reject) => {
    let received = '';
    const fail = (error: unknown) =>
      reject(
        new AppError('not_running', `the runner does not answer: ${errorMessage(error)}`, {
          hint: 'see `autoresearch status`',
          cause: error,
        }),
      );
    const connection = createConnection(path, () => connection.write(`${JSON.stringify(request)}\n`));
    connection.setTimeout(REPLY_LIMIT_MS, () => connection.destroy(new Error('no reply in 5 s')));
    connection.on('error', fail);
    connection.on('data', (chunk) => {
      received += chunk.toString('utf8');
    });
    connection.on('end', () => {
      try {
        resolve(JSON.parse(received) as ControlReply);
      } catch (error) {
        fail(error);
      }
    });
  });
}
