/**
 * A command's stdin as an unnamed file: unlike Node's pipes, which are sockets, it can be opened as /dev/stdin, does not
 * make bash read ~/.bashrc, needs no writer, and does not care whether it is read.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeFileSync } from 'node:fs';

/** Runs `use` with a descriptor that reads `text` from its beginning; `folder` takes the file for a moment. */
export function withStdinFile<T>(text: string, folder: string, use: (fd: number) => T): T {
  const path = `${folder}/.stdin-${randomBytes(8).toString('hex')}`;
  writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } finally {
    unlinkSync(path);
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
