/**
 * The file that a command prints to. The command writes to it directly, never through the runner, so no leaked process
 * can hold the runner up; it stays bounded on disk because its middle is cut out while it grows. Head and tail are kept
 * without loss.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { findProgram } from './shell.js';
import { runTool } from './tool.js';

const BLOCK_BYTES = 4096;
const COPY_BYTES = 1024 * 1024;
const MIN_LIMIT_BYTES = 4096;
/** More than the line that says what is missing. */
const MARKER_BYTES = 100;

const fallocate = process.platform === 'linux' ? findProgram('fallocate', process.env['PATH'] ?? '') : null;

export class LogFile {
  readonly #path: string;
  readonly #limitBytes: number;
  readonly #headBytes: number;
  /** How far a cut is moved to fall between two lines. */
  readonly #maxShiftBytes: number;
  readonly #reader: number;
  #writer: number | null;
  #hole: Promise<void> | null = null;
  #holeEnd: number;
  #canPunch = fallocate !== null;

  /** @throws the system error when the file exists already or cannot be created. */
  constructor(path: string, limitBytes: number) {
    this.#path = path;
    this.#limitBytes = Math.max(MIN_LIMIT_BYTES, limitBytes);
    this.#headBytes = Math.floor(this.#limitBytes / 4);
    this.#maxShiftBytes = Math.min(64 * 1024, Math.floor(this.#limitBytes / 8));
    this.#holeEnd = Math.ceil(this.#headBytes / BLOCK_BYTES) * BLOCK_BYTES;
    const { O_CREAT, O_EXCL, O_APPEND, O_WRONLY } = constants;
    this.#writer = openSync(path, O_CREAT | O_EXCL | O_APPEND | O_WRONLY, 0o600);
    this.#reader = openSync(path, 'r');
  }

  /** For the command's stdio. */
  get fd(): number {
    if (this.#writer === null) throw new Error(`${this.#path} is no longer open for writing`);
    return this.#writer;
  }

  /** Once the command has its own copy of the descriptor. */
  closeWriter(): void {
    if (this.#writer !== null) closeSync(this.#writer);
    this.#writer = null;
  }

  /** Bytes printed so far, also those that are no longer kept. */
  get sizeBytes(): number {
    return fstatSync(this.#reader).size;
  }

  /** Call often: frees the disk blocks of the middle once there is enough of it. Returns the size. */
  poll(): number {
    const size = this.sizeBytes;
    const end = Math.floor((size - this.#limitBytes) / BLOCK_BYTES) * BLOCK_BYTES;
    if (this.#canPunch && this.#hole === null && end - this.#holeEnd >= this.#limitBytes / 4) {
      this.#hole = this.#punch(this.#holeEnd, end).finally(() => {
        this.#hole = null;
      });
    }
    return size;
  }

  /** After the command's end: cuts an overlong file down to head, one line that says what is missing, and tail. */
  async settle(): Promise<void> {
    this.closeWriter();
    await this.#hole;
    try {
      openUp(dirname(this.#path));
      const size = this.sizeBytes;
      if (size > this.#limitBytes) this.#rewrite((target) => this.#copyHeadAndTail(target, size));
      // The command removed or replaced its own log: what it really printed is still in our descriptor.
      else if (!this.#isInPlace()) this.#rewrite((target) => this.#copy(target, 0, size));
    } finally {
      closeSync(this.#reader);
    }
  }

  async #punch(from: number, to: number): Promise<void> {
    // By descriptor, because the command can rename or remove the path.
    const file = `/proc/${process.pid}/fd/${this.#reader}`;
    const range = ['--offset', String(from), '--length', String(to - from)];
    const result = await runTool([fallocate ?? '', '--punch-hole', '--keep-size', ...range, file]);
    if (result.exitCode === 0) this.#holeEnd = to;
    // The file system has no holes (network disks, FAT): the file is cut down at the end only.
    else this.#canPunch = false;
  }

  #isInPlace(): boolean {
    const ours = fstatSync(this.#reader);
    const there = lstatSync(this.#path, { throwIfNoEntry: false });
    return there?.ino === ours.ino && there.dev === ours.dev;
  }

  #rewrite(fill: (target: number) => void): void {
    const temporary = `${this.#path}.${randomBytes(6).toString('hex')}.tmp`;
    const target = openSync(temporary, 'wx', 0o600);
    try {
      fill(target);
      // No file can be renamed over a folder that the command made in its place.
      if (lstatSync(this.#path, { throwIfNoEntry: false })?.isDirectory()) rmSync(this.#path, { recursive: true });
      renameSync(temporary, this.#path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(target);
    }
  }

  #copyHeadAndTail(target: number, size: number): void {
    const head = this.#lineEndBefore(this.#headBytes);
    const tail = this.#lineStartAfter(size - (this.#limitBytes - this.#headBytes - MARKER_BYTES), size);
    this.#copy(target, 0, head);
    writeSync(target, `${this.#endsLine(head) ? '' : '\n'}[... ${tail - head} bytes left out ...]\n`);
    this.#copy(target, tail, size);
  }

  #copy(target: number, from: number, to: number): void {
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    for (let at = from; at < to; ) {
      const count = readSync(this.#reader, buffer, 0, Math.min(COPY_BYTES, to - at), at);
      if (count === 0) return;
      at += writeSync(target, buffer, 0, count);
    }
  }

  #lineEndBefore(offset: number): number {
    const piece = this.#read(Math.max(0, offset - this.#maxShiftBytes), offset);
    const newline = piece.lastIndexOf(10);
    return newline < 0 ? offset : offset - piece.length + newline + 1;
  }

  #lineStartAfter(offset: number, size: number): number {
    const newline = this.#read(offset, Math.min(size, offset + this.#maxShiftBytes)).indexOf(10);
    return newline < 0 ? offset : offset + newline + 1;
  }

  #endsLine(offset: number): boolean {
    return offset === 0 || this.#read(offset - 1, offset)[0] === 10;
  }

  #read(from: number, to: number): Buffer {
    const buffer = Buffer.alloc(to - from);
    return buffer.subarray(0, readSync(this.#reader, buffer, 0, buffer.length, from));
  }
}

/** The command may have removed the folder, or taken away the right to enter it. */
function openUp(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const { mode, uid } = statSync(folder);
  if ((mode & 0o700) !== 0o700 && uid === process.getuid?.()) chmodSync(folder, mode | 0o700);
}
