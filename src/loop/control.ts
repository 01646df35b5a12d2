import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
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

/** So soon is a socket made again that was taken away. */
const LOOK_MS = 2_000;

export interface ControlOptions {
  readonly handle: (request: ControlRequest) => ControlReply;
  /** Told where it listens, at first and whenever that changes. */
  readonly announce: (path: string) => void;
  readonly lookMs?: number;
}

/**
 * Listens until closed. The lock is held, so a socket file that is already there belongs to a dead runner. The folder of
 * a session goes when its user logs out, and a run in tmux lives on: then it listens anew, elsewhere if need be.
 */
export class ControlSocket {
  readonly #stateFolder: string;
  readonly #options: ControlOptions;
  readonly #timer: NodeJS.Timeout;
  #path = '';
  #server: Server | null = null;
  #isMoving = false;

  private constructor(stateFolder: string, options: ControlOptions) {
    this.#stateFolder = stateFolder;
    this.#options = options;
    this.#timer = setInterval(() => void this.#look(), options.lookMs ?? LOOK_MS).unref();
  }

  static async open(stateFolder: string, options: ControlOptions): Promise<ControlSocket> {
    const socket = new ControlSocket(stateFolder, options);
    try {
      await socket.#listen();
    } catch (error) {
      socket.close();
      throw error;
    }
    return socket;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#server?.close();
    this.#server = null;
  }

  async #look(): Promise<void> {
    if (this.#isMoving || this.#server === null || existsSync(this.#path)) return;
    this.#isMoving = true;
    this.#server.close();
    try {
      await this.#listen();
    } catch {
      // Nowhere to listen at present: a run goes on without being talked to, and the next look tries again.
    } finally {
      this.#isMoving = false;
    }
  }

  async #listen(): Promise<void> {
    const path = join(socketFolder(), socketName(this.#stateFolder));
    this.#server = await listen(path, this.#options.handle);
    this.#path = path;
    this.#options.announce(path);
  }
}

function socketName(stateFolder: string): string {
  return `autoresearch-${createHash('sha256').update(stateFolder).digest('hex').slice(0, 16)}.sock`;
}

/** The folder of the user's session where there is one, else one of the user's own. @throws AppError environment */
function socketFolder(): string {
  const runtime = process.env['XDG_RUNTIME_DIR'] ?? '';
  if (isAbsolute(runtime) && isOwnFolder(runtime)) return runtime;
  const folder = join(tmpdir(), `autoresearch-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (isOwnFolder(folder)) return folder;
  throw new AppError('environment', `${folder} belongs to somebody else, so a runner cannot be talked to from there`, {
    hint: 'name a folder of your own: export XDG_RUNTIME_DIR=<folder>, or TMPDIR=<folder>',
  });
}

function isOwnFolder(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === userInfo().uid;
}

function listen(path: string, handle: ControlOptions['handle']): Promise<Server> {
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
