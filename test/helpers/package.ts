/** Packs this repository as `npm publish` would, and installs the tarball somewhere else. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CommandEnd } from './command.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Packed {
  readonly tarball: string;
  /** Paths inside the package, sorted. */
  readonly files: readonly string[];
}

/** Uses `dist` as it is: the test command has built it. */
export function pack(destination: string): Packed {
  mkdirSync(destination, { recursive: true });
  const text = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', destination], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [report] = JSON.parse(text) as [{ filename: string; files: { path: string }[] }];
  return { tarball: join(destination, report.filename), files: report.files.map(({ path }) => path).sort() };
}

export interface InstallOptions {
  /** The npm to call: program and first arguments. */
  readonly npm?: readonly [string, ...string[]];
  readonly path?: string;
  /** False: no install script runs, so nothing is compiled. */
  readonly scripts: boolean;
}

/** Installs the tarball into `folder` like a user would. The cache and the registry of the ambient npm are used. */
export function install(folder: string, tarball: string, { npm = ['npm'], path, scripts }: InstallOptions): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "somebody", "private": true }\n');
  const [program, ...first] = npm;
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', ...(scripts ? [] : ['--ignore-scripts'])];
  execFileSync(program, [...first, 'install', ...flags, tarball], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...(path === undefined ? {} : { PATH: path }) },
  });
}

/**
 * Puts the native module that this repository has compiled into an installation that ran no scripts: compiling takes
 * nearly a minute. Both must be the same version.
 */
export function lendNativeModule(folder: string): void {
  const [own, lent] = [ROOT, folder].map((place) => join(place, 'node_modules/better-sqlite3'));
  if (own === undefined || lent === undefined) throw new Error('two folders were given');
  const versions = [own, lent].map((place) => versionOf(place));
  if (versions[0] !== versions[1]) throw new Error(`better-sqlite3 ${versions.join(' is not ')}: run npm update`);
  if (!existsSync(nativeModule(ROOT))) throw new Error('better-sqlite3 is not compiled here: run npm rebuild');
  cpSync(join(own, 'build'), join(lent, 'build'), { recursive: true });
}

/** Where the compiled addon of an installation lies. */
export function nativeModule(folder: string): string {
  return join(folder, 'node_modules/better-sqlite3/build/Release/better_sqlite3.node');
}

export function versionOf(packageFolder: string): string {
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  return version;
}

export interface InstalledPlace {
  readonly cwd: string;
  readonly home: string;
  readonly path?: string;
}

/** Runs the installed command by its name in `node_modules/.bin`. */
export function runInstalled(folder: string, place: InstalledPlace, args: readonly string[]): CommandEnd {
  mkdirSync(place.home, { recursive: true });
  const { status, stdout, stderr } = spawnSync(join(folder, 'node_modules/.bin/autoresearch'), args, {
    cwd: place.cwd,
    encoding: 'utf8',
    env: {
      ...process.env,
      HOME: place.home,
      XDG_CACHE_HOME: join(place.home, 'cache'),
      ...(place.path === undefined ? {} : { PATH: place.path }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}
