/**
 * The private folder of one call: the files that a program is given, and, to answer, an empty folder to be in, so that
 * neither the caller's memory files nor a repository's settings and hooks leak into the answer.
 */
import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CallFiles } from './adapters/types.js';

interface Place {
  readonly root: string;
  readonly cwd: string;
  /** What the program leaves in its folder by habit. */
  readonly leftovers: RegExp | null;
  /** Of these, what was there before. */
  readonly found: readonly string[];
}

export class CallFolder {
  readonly cwd: string;
  readonly files: CallFiles;
  readonly #place: Place;

  private constructor(place: Place) {
    this.#place = place;
    this.cwd = place.cwd;
    const file = (name: string) => join(place.root, 'files', name);
    this.files = {
      system: file('system.md'),
      schema: file('schema.json'),
      prompt: file('prompt.md'),
      scratch: file('scratch'),
    };
  }

  /** To answer: the working folder is an empty one. */
  static async toAnswer(): Promise<CallFolder> {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'autoresearch-call-')));
    const cwd = join(root, 'empty');
    await mkdir(cwd);
    await mkdir(join(root, 'files', 'scratch'), { recursive: true });
    return new CallFolder({ root, cwd, leftovers: null, found: [] });
  }

  /** @param root a path that does not exist; a sandbox shows it to the program where it hides the temporary folder. */
  static async toEdit(
    cwd: string,
    { root, leftovers }: { root: string; leftovers: RegExp | null },
  ): Promise<CallFolder> {
    await mkdir(join(root, 'files', 'scratch'), { recursive: true });
    return new CallFolder({ root, cwd, leftovers, found: await matching(cwd, leftovers) });
  }

  async write(texts: Partial<CallFiles>): Promise<void> {
    for (const [name, text] of Object.entries(texts)) {
      await writeFile(this.files[name as keyof CallFiles], text, { mode: 0o600 });
    }
  }

  async remove(): Promise<void> {
    const { root, cwd, leftovers, found } = this.#place;
    for (const name of await matching(cwd, leftovers)) {
      if (!found.includes(name)) await rm(join(cwd, name), { recursive: true, force: true });
    }
    await rm(root, { recursive: true, force: true });
  }
}

async function matching(folder: string, pattern: RegExp | null): Promise<readonly string[]> {
  return pattern === null ? [] : (await readdir(folder)).filter((name) => pattern.test(name));
}
