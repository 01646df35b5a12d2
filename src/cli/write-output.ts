import { randomBytes } from 'node:crypto';
import { lstatSync, renameSync, rmSync, type Stats, writeFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { AppError, errnoOf, errorMessage } from '../core/errors.js';
import { quoted } from '../core/text.js';
import type { Format } from '../dashboard/formats.js';

/** A document as a file: all of it or nothing, never through a symbolic link and never over what is no file. */
const FORMATS: Readonly<Record<string, Format>> = {
  '.csv': 'csv',
  '.md': 'markdown',
  '.markdown': 'markdown',
  '.json': 'json',
  '.txt': 'terminal',
};

/** The format that a file's name asks for. @throws AppError usage for a name that tells nothing. */
export function formatOfFile(path: string): Format {
  const format = FORMATS[extname(path).toLowerCase()];
  if (format) return format;
  throw new AppError('usage', `the name of ${path} does not say which format it should have`, {
    hint: `end it in ${Object.keys(FORMATS).join(', ')}, or add --format csv`,
  });
}

/** Returns the absolute path written. @throws AppError usage when nothing may or can be written there. */
export function writeOutput(path: string, text: string): string {
  const target = resolve(path);
  const found = lstatSync(target, { throwIfNoEntry: false });
  refuseSurprise(target, found);
  const temporary = `${target}.${randomBytes(6).toString('hex')}.new`;
  try {
    writeFileSync(temporary, text, { flag: 'wx', mode: found ? found.mode & 0o777 : 0o666 });
    renameSync(temporary, target);
    return target;
  } catch (error) {
    rmSync(temporary, { force: true });
    if (errnoOf(error) === undefined) throw error;
    throw new AppError('usage', `${target} cannot be written: ${errorMessage(error)}`, {
      hint: 'name another file with --output, in a folder that exists and is yours',
      cause: error,
    });
  }
}

function refuseSurprise(target: string, found: Stats | undefined): void {
  if (!found || found.isFile()) return;
  const what = found.isSymbolicLink() ? 'a symbolic link' : found.isDirectory() ? 'a folder' : 'no ordinary file';
  const hint = found.isSymbolicLink()
    ? `name the file itself: --output "$(readlink -f ${quoted(target)})"`
    : 'name another file; without --output the document goes to standard output';
  throw new AppError('usage', `${target} is ${what}: nothing was written`, { hint });
}
