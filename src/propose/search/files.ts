/**
 * The marked files of a workspace as text that can be written back byte for byte. Reads and writes only regular files.
 */
import { lstat, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../core/errors.js';
import { MARKER, type TextFile } from './markers.js';

/** A file with at least one marker word. */
export interface MarkedFile extends TextFile {
  readonly encoding: 'utf8' | 'latin1';
}

/** Reads the targets that hold a marker; links, folders, missing and binary files are passed over. */
export async function readMarkedFiles(workspace: string, targets: readonly string[]): Promise<MarkedFile[]> {
  const files: MarkedFile[] = [];
  for (const path of targets) {
    const bytes = await readRegular(join(workspace, path));
    if (bytes === null || !bytes.includes(MARKER) || bytes.includes(0)) continue;
    files.push({ path, ...decode(bytes) });
  }
  return files;
}

export async function writeMarkedFile(workspace: string, file: MarkedFile): Promise<void> {
  await writeFile(join(workspace, file.path), Buffer.from(file.text, file.encoding));
}

async function readRegular(path: string): Promise<Buffer | null> {
  try {
    return (await lstat(path)).isFile() ? await readFile(path) : null;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** UTF-8 where the bytes are; else one character per byte, which writes back unchanged whatever the encoding was. */
function decode(bytes: Buffer): Pick<MarkedFile, 'text' | 'encoding'> {
  const text = bytes.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(bytes)) return { text, encoding: 'utf8' };
  return { text: bytes.toString('latin1'), encoding: 'latin1' };
}
