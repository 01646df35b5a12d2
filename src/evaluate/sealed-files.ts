import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../core/errors.js';
import { stampOf, stampsBelow } from '../git/stamps.js';
import { type DefinitionFile, MANIFEST } from './definitions.js';
import { hashOfFile } from './file-hash.js';

/**
 * Definition files in one folder that must hold what the revision says. A file is read only when its stamp is not the one
 * under which its content was found right.
 */
export class SealedFiles {
  readonly #folder: string;
  readonly #files: readonly DefinitionFile[];
  readonly #verified = new Map<string, string>();

  constructor(folder: string, files: readonly DefinitionFile[]) {
    this.#folder = folder;
    this.#files = files;
  }

  /** Removes what is none of the files: a module beside the evaluator would be found before the one it means. */
  async removeOthers(): Promise<void> {
    const known = new Set(this.#files.map(({ path }) => path));
    const others = [...stampsBelow(this.#folder, (path) => path === MANIFEST).keys()].filter(
      (path) => !known.has(path),
    );
    for (const path of others) await rm(join(this.#folder, path), { force: true });
  }

  /** Files that are gone or hold something else. */
  async broken(): Promise<DefinitionFile[]> {
    const broken: DefinitionFile[] = [];
    for (const file of this.#files) {
      const path = join(this.#folder, file.path);
      const stamp = stampOf(path);
      if (stamp !== null && this.#verified.get(file.path) === stamp) continue;
      if (hashOfFile(path) !== file.sha256) broken.push(file);
      // A symlink's stamp says nothing of the file behind it.
      else if (stamp !== null && isPlainFile(stamp)) this.#verified.set(file.path, stamp);
    }
    return broken;
  }

  /**
   * Copies files anew from where the operator keeps them.
   * @throws AppError conflict when the operator's file is another one by now, too.
   */
  async mend(broken: readonly DefinitionFile[]): Promise<void> {
    for (const file of broken) {
      const path = join(this.#folder, file.path);
      if (hashOfFile(file.source) !== file.sha256) {
        throw new AppError(
          'conflict',
          `the kept copy of ${file.path}, by which candidates are judged, was changed, and so was ${file.source}`,
          {
            hint: `see that ${file.source} is as you want it, then start \`autoresearch run\` again: it measures a new baseline`,
          },
        );
      }
      await mkdir(dirname(path), { recursive: true });
      const copy = `${path}.mended`;
      await copyFile(file.source, copy);
      await chmod(copy, file.mode | 0o400);
      await rm(path, { recursive: true, force: true });
      await rename(copy, path);
    }
  }
}

/** The file type is in the stamp's first field, the mode. */
function isPlainFile(stamp: string): boolean {
  return (Number.parseInt(stamp, 10) & 0o170000) === 0o100000;
}
