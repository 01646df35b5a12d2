import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The house of ARCHITECTURE.md: a file imports from its own folder or from a lower layer, never sideways or up. */
const SRC = resolve(import.meta.dirname, '../../src');

const LAYERS: Readonly<Record<string, number>> = {
  core: 0,
  process: 1,
  store: 2,
  git: 2,
  config: 2,
  gate: 3,
  evaluate: 3,
  model: 3,
  evaluators: 4,
  propose: 5,
  loop: 6,
  dashboard: 7,
  service: 7,
  cli: 8,
};

const SOLE_IMPORTERS: Readonly<Record<string, RegExp>> = {
  'node:child_process': /^process\//,
  'simple-git': /^git\/history\.ts$/,
  'better-sqlite3': /^store\/database\.ts$/,
  ini: /^config\//,
  zod: /^(config\/|model\/|propose\/search\/|cli\/init-flags\.ts)/,
  openai: /^model\/endpoint\.ts$/,
  chokidar: /^propose\/manual\.ts$/,
  pino: /^loop\/signs-of-life\.ts$/,
  commander: /^cli\//,
  'csv-stringify/sync': /^dashboard\//,
  '@clack/prompts': /^cli\//,
  picocolors: /^dashboard\//,
  plist: /^service\//,
};

interface Import {
  readonly file: string;
  readonly specifier: string;
}

function sources(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const pattern = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+|\brequire\w*(?:\([^)]*\))?\(\s*)'([^']+)'/g;
  return [...text.matchAll(pattern)].map((match) => ({ file, specifier: match[1] ?? '' }));
}

const IMPORTS = sources().flatMap(importsOf);

function layerOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : path;
}

describe('the house', () => {
  it('is read by this test at all', () => {
    expect(IMPORTS.length).toBeGreaterThan(300);
    expect(IMPORTS.some(({ file, specifier }) => file === 'store/database.ts' && specifier === 'better-sqlite3')).toBe(
      true,
    );
    expect(IMPORTS.some(({ file, specifier }) => file === 'cli/demo.ts' && specifier === './run-session.js')).toBe(
      true,
    );
  });

  it('has a layer for every folder', () => {
    const folders = new Set(sources().map(layerOf));
    folders.delete('cli.ts');
    expect([...folders].filter((folder) => !(folder in LAYERS))).toEqual([]);
  });

  it('imports only from the same folder or a lower layer', () => {
    const upward = IMPORTS.filter(({ file, specifier }) => {
      if (!specifier.startsWith('.') || file === 'cli.ts') return false;
      const target = relative(SRC, resolve(SRC, dirname(file), specifier));
      const [from, to] = [layerOf(file), layerOf(target)];
      return from !== to && (LAYERS[from] ?? -1) <= (LAYERS[to] ?? Number.POSITIVE_INFINITY);
    });
    expect(upward).toEqual([]);
  });

  it.each(Object.entries(SOLE_IMPORTERS))('imports %s in one place only', (module, allowed) => {
    const importers = IMPORTS.filter(({ specifier }) => specifier === module).map(({ file }) => file);
    expect(importers.filter((file) => !allowed.test(file))).toEqual([]);
    expect(importers).not.toEqual([]);
  });

  it('reads clocks, randomness and files nowhere in core and gate', () => {
    const impure = sources()
      .filter((file) => /^(core|gate)\//.test(file))
      .filter((file) => {
        const text = readFileSync(join(SRC, file), 'utf8');
        return /from 'node:|Math\.random|Date\.now|new Date\(\)|process\./.test(text);
      });
    expect(impure).toEqual([]);
  });

  it('prints only in cli and sets exit codes only in cli.ts', () => {
    const talkers = sources().filter((file) => {
      const text = readFileSync(join(SRC, file), 'utf8');
      const prints = /\bconsole\.|process\.(stdout|stderr)\.write/.test(text) && !/^cli(\/|\.ts$)/.test(file);
      const exits = /process\.exit\(|process\.exitCode/.test(text) && file !== 'cli.ts';
      return prints || exits;
    });
    expect(talkers).toEqual([]);
  });

  it('has no file beyond 320 lines', () => {
    const long = sources().filter((file) => readFileSync(join(SRC, file), 'utf8').split('\n').length > 320);
    expect(long).toEqual([]);
  });
});
