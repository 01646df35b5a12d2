/** Reads what is judged. A file in the workspace is a candidate's: no link leads a model to the operator's other files. */
import { realpath } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { errnoOf, errorMessage } from '../../core/errors.js';
import { oneLine } from '../../core/text.js';
import { readPlainFile } from '../../process/plain-file.js';
import type { EvaluatorIo } from '../types.js';

/** About 30,000 tokens. */
const MAX_CHARS = 120_000;
const MAX_BYTES = 4 * MAX_CHARS;

/** What cannot be judged, with the reason: the candidate's doing. */
export class Unreadable extends Error {}

export interface Document {
  readonly path: string;
  readonly text: string;
  readonly isCut: boolean;
}

/** @param list paths separated by commas. @throws Unreadable */
export async function readDocuments(list: string, io: EvaluatorIo): Promise<readonly Document[]> {
  const paths = list.split(',').flatMap((path) => path.trim() || []);
  const documents: Document[] = [];
  for (const path of paths) {
    const document = await readDocument(path, io.cwd);
    if (document.isCut)
      io.note(`${oneLine(path)} is longer than ${MAX_CHARS} characters: the judge reads its beginning`);
    documents.push(document);
  }
  if (documents.length === 0) throw new Unreadable('--file names no file');
  return documents;
}

async function readDocument(path: string, cwd: string): Promise<Document> {
  const bytes = await readBytes(path, cwd);
  const text = new TextDecoder().decode(bytes).trim();
  if (text === '') throw new Unreadable(`${oneLine(path)} is empty`);
  return { path, text: text.slice(0, MAX_CHARS), isCut: text.length > MAX_CHARS || bytes.length >= MAX_BYTES };
}

async function readBytes(path: string, cwd: string): Promise<Buffer> {
  const full = resolve(cwd, path);
  try {
    if (isInside(cwd, full) && !isInside(await realpath(cwd), await realpath(full))) {
      throw new Unreadable(`${oneLine(path)} is a link that leads out of the folder`);
    }
    const bytes = readPlainFile(full, { maxBytes: MAX_BYTES });
    if (bytes === null) throw new Unreadable(`${oneLine(path)} is not a file`);
    return bytes;
  } catch (error) {
    if (error instanceof Unreadable || errnoOf(error) === undefined) throw error;
    const why = errnoOf(error) === 'ENOENT' ? 'does not exist' : `cannot be read: ${errorMessage(error)}`;
    throw new Unreadable(`${oneLine(path)} ${why} (in ${join(cwd, '.')})`);
  }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return !way.startsWith('..') && !isAbsolute(way);
}
