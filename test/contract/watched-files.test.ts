import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DefinitionFile } from '../../src/evaluate/definitions.js';
import { changedPrograms, listPrograms } from '../../src/evaluate/program-folders.js';
import { SealedFiles } from '../../src/evaluate/sealed-files.js';
import { temporaryFolder } from '../helpers/git.js';

function write(folder: string, path: string, content: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

describe('sealed files', () => {
  /** `a.sh` and `sub/b.sh` kept for an operator who has the same. */
  function sealed() {
    const place = temporaryFolder();
    const [kept, own] = [join(place, 'kept'), join(place, 'own')];
    const files = ['a.sh', 'sub/b.sh'].map((path): DefinitionFile => {
      write(kept, path, path);
      write(own, path, path);
      const sha256 = createHash('sha256').update(path).digest('hex');
      return { path, source: join(own, path), sha256, mode: 0o644 };
    });
    return { kept, own, files: new SealedFiles(kept, files) };
  }
  const pathsOf = (files: readonly DefinitionFile[]) => files.map(({ path }) => path);

  it('name what is gone or holds something else, also with size and time as before', async () => {
    const { kept, files } = sealed();
    expect(await files.broken()).toEqual([]);
    rmSync(join(kept, 'sub'), { recursive: true });
    expect(pathsOf(await files.broken())).toEqual(['sub/b.sh']);
    utimesSync(join(kept, 'a.sh'), 1, 1);
    expect(pathsOf(await files.broken())).toEqual(['sub/b.sh']);
    write(kept, 'a.sh', 'b.sh');
    utimesSync(join(kept, 'a.sh'), 1, 1);
    expect(pathsOf(await files.broken())).toEqual(['a.sh', 'sub/b.sh']);
  });

  it('look behind a link each time', async () => {
    const { kept, own, files } = sealed();
    rmSync(join(kept, 'a.sh'));
    symlinkSync(join(own, 'a.sh'), join(kept, 'a.sh'));
    expect(await files.broken()).toEqual([]);
    write(own, 'a.sh', 'else');
    expect(pathsOf(await files.broken())).toEqual(['a.sh']);
  });

  it('are mended from the operator’s file while it still is what was agreed on, and else say so', async () => {
    const { kept, own, files } = sealed();
    rmSync(join(kept, 'a.sh'));
    mkdirSync(join(kept, 'a.sh'));
    await files.mend(await files.broken());
    expect(readFileSync(join(kept, 'a.sh'), 'utf8')).toBe('a.sh');
    expect(await files.broken()).toEqual([]);
    write(kept, 'a.sh', 'else');
    write(own, 'a.sh', 'edited');
    await expect(files.mend(await files.broken())).rejects.toMatchObject({ code: 'conflict' });
  });

  it('leave no other file beside them', async () => {
    const { kept, files } = sealed();
    write(kept, 'sub/json.py', 'planted');
    write(kept, 'MANIFEST.json', '[]');
    await files.removeOthers();
    expect(() => readFileSync(join(kept, 'sub/json.py'))).toThrow();
    expect(readFileSync(join(kept, 'MANIFEST.json'), 'utf8')).toBe('[]');
    expect(await files.broken()).toEqual([]);
  });
});

describe('programs of lasting paths', () => {
  it('are those in bin, .bin and Scripts, at most two levels below, also by a glob', () => {
    const root = temporaryFolder();
    const found = [
      'venv/bin/python',
      'venv/x/Scripts/y',
      'node_modules/.bin/tsc',
      'packages/a/node_modules/.bin/vite',
      'bin/own',
    ];
    const others = ['venv/lib/python', 'venv/x/y/bin/z', 'node_modules/a/bin/z', 'other/bin/z'];
    for (const path of [...found, ...others]) write(root, path, '');
    const paths = ['venv/', 'node_modules', 'packages/*/node_modules', 'bin', 'missing', 'gone*/x'];
    const names = [...listPrograms(root, paths).keys()].map((path) => path.slice(root.length + 1));
    expect(names.sort()).toEqual([...found].sort());
  });

  it('are other when they are new, gone, rewritten, made executable, or lead to something else', () => {
    const root = temporaryFolder();
    for (const name of ['same', 'gone', 'rewritten', 'mode', 'target']) write(root, `venv/bin/${name}`, name);
    symlinkSync('target', join(root, 'venv/bin/link'));
    symlinkSync(join(root, 'venv'), join(root, 'linked'));
    const before = listPrograms(root, ['linked']);
    expect(changedPrograms(before, listPrograms(root, ['linked']))).toEqual([]);
    write(root, 'venv/bin/new', '');
    rmSync(join(root, 'venv/bin/gone'));
    write(root, 'venv/bin/rewritten', 'otherwise');
    chmodSync(join(root, 'venv/bin/mode'), 0o755);
    write(root, 'venv/bin/target', 'longer than before');
    const names = changedPrograms(before, listPrograms(root, ['linked'])).map((path) => path.split('/').at(-1));
    expect(names.sort()).toEqual(['gone', 'link', 'mode', 'new', 'rewritten', 'target']);
  });
});
