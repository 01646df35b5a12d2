/**
 * Commands that a project already has and that could measure it: its own benchmarks first, then its tests and build by
 * way of a built-in evaluator. Reads files; runs nothing.
 */
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { errnoOf } from '../../core/errors.js';
import type { Direction } from '../../core/metric.js';
import { directionOfName, preferredMetric, printedMetrics } from './metric.js';

export interface EvaluationIdea {
  readonly command: string;
  /** Why it is proposed, for people. */
  readonly source: string;
  /** What it seems to print; null when that cannot be told. */
  readonly metric: string | null;
  readonly direction: Direction | null;
}

export interface ProjectFolder {
  /** Absolute. */
  readonly folder: string;
  /** Tracked files below the folder, relative to it. */
  readonly files: readonly string[];
}

const LARGEST_READ_BYTES = 1024 * 1024;
const BENCHMARK =
  /^(?:(?:bench|benchmarks?|scripts|tools|perf)\/)?(?:bench(?:mark)?|evaluate|eval|measure|perf)\.(\w+)$/i;
const INTERPRETERS: Readonly<Record<string, string>> = {
  js: 'node',
  mjs: 'node',
  cjs: 'node',
  py: 'python3',
  sh: 'sh',
  rb: 'ruby',
  pl: 'perl',
};

/** The best idea first. */
export function findEvaluations(project: ProjectFolder): EvaluationIdea[] {
  const scripts = packageScripts(project);
  const runner = packageRunner(project);
  const ideas: EvaluationIdea[] = [];
  for (const file of project.files) {
    const interpreter = INTERPRETERS[BENCHMARK.exec(file)?.[1] ?? ''];
    if (interpreter) ideas.push(printing(`${interpreter} ${file}`, file, [file], project));
  }
  for (const [name, script] of scripts) {
    if (!/^(?:bench|benchmark|perf|measure|evaluate)\b/.test(name)) continue;
    ideas.push(
      printing(
        `${runner} run ${name}`,
        `script "${name}" of package.json`,
        wordsThatAreFiles(script, project),
        project,
      ),
    );
  }
  for (const target of makeTargets(project).filter((name) => /^(?:bench|benchmark|perf)\b/.test(name))) {
    ideas.push(printing(`make ${target}`, `target "${target}" of the Makefile`, [], project));
  }
  const test = testCommand(project, { scripts, runner });
  if (test) {
    const command = `autoresearch evaluate test_pass_rate --command '${test}'`;
    ideas.push({ command, source: `share of passing tests of ${test}`, metric: 'pass_rate', direction: 'higher' });
  }
  const build = buildCommand(project, { scripts, runner });
  if (build) {
    const command = `autoresearch evaluate build_speed --command '${build}'`;
    ideas.push({ command, source: `time of ${build}`, metric: 'build_seconds', direction: 'lower' });
  }
  return ideas;
}

/** The files that a command runs by way of package.json or a Makefile, and those that say so; relative to the folder. */
export function filesBehind(command: string, project: ProjectFolder): string[] {
  const script = /\b(?:npm|pnpm|yarn|bun)\s+(?:run\s+|run-script\s+)?([\w:.-]+)/.exec(command)?.[1];
  const text = new Map(packageScripts(project)).get(script ?? '');
  const behind = text === undefined ? [] : ['package.json', ...wordsThatAreFiles(text, project)];
  if (/(?:^|[;&|(]\s*)make\b/.test(command) && project.files.includes('Makefile')) behind.push('Makefile');
  return [...new Set([...behind, ...wordsThatAreFiles(command, project)])];
}

/** What a command seems to print, from the text of the files that it names. */
export function metricsBehind(command: string, project: ProjectFolder): string[] {
  const texts = [command, ...filesBehind(command, project).map((file) => textOf(join(project.folder, file)))];
  return [...new Set(texts.flatMap(printedMetrics))];
}

function printing(command: string, source: string, files: readonly string[], project: ProjectFolder): EvaluationIdea {
  const metric = preferredMetric(files.flatMap((file) => printedMetrics(textOf(join(project.folder, file)))));
  return { command, source, metric, direction: metric === null ? null : directionOfName(metric) };
}

function wordsThatAreFiles(command: string, { files }: ProjectFolder): string[] {
  const words = command.split(/[\s;|&()<>=`$"']+/).map((word) => word.replace(/^\.\//, ''));
  return files.filter((file) => words.includes(file));
}

function packageScripts(project: ProjectFolder): [string, string][] {
  const text = textOf(join(project.folder, 'package.json'));
  try {
    const parsed: unknown = text === '' ? null : JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || !('scripts' in parsed)) return [];
    const { scripts } = parsed;
    if (typeof scripts !== 'object' || scripts === null) return [];
    return Object.entries(scripts).filter((entry): entry is [string, string] => isScript(entry));
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/** A name with quotes or blanks would need quoting in every message; such scripts are not proposed. */
function isScript([name, script]: [string, unknown]): boolean {
  return /^[\w:.-]+$/.test(name) && typeof script === 'string';
}

function packageRunner({ files }: ProjectFolder): string {
  if (files.includes('pnpm-lock.yaml')) return 'pnpm';
  return files.includes('yarn.lock') ? 'yarn' : 'npm';
}

interface Scripts {
  readonly scripts: readonly (readonly [string, string])[];
  readonly runner: string;
}

function testCommand(project: ProjectFolder, { scripts, runner }: Scripts): string | null {
  const script = scripts.find(([name]) => name === 'test')?.[1];
  if (script !== undefined && !/no test specified/.test(script)) return `${runner} test`;
  const has = (pattern: RegExp) => project.files.some((file) => pattern.test(file));
  if (has(/(?:^|\/)(?:test_[^/]+|[^/]+_test)\.py$/)) return 'pytest -q';
  if (has(/^Cargo\.toml$/)) return 'cargo test';
  if (has(/^go\.mod$/) && has(/_test\.go$/)) return 'go test -json ./...';
  return null;
}

function buildCommand(project: ProjectFolder, { scripts, runner }: Scripts): string | null {
  if (scripts.some(([name]) => name === 'build')) return `${runner} run build`;
  if (project.files.includes('Cargo.toml')) return 'cargo build --release';
  if (project.files.includes('go.mod')) return 'go build ./...';
  return makeTargets(project).includes('all') ? 'make all' : null;
}

function makeTargets({ folder, files }: ProjectFolder): string[] {
  const file = files.find((path) => /^(?:GNU)?[Mm]akefile$/.test(basename(path)) && path === basename(path));
  if (file === undefined) return [];
  return [...textOf(join(folder, file)).matchAll(/^([A-Za-z][\w-]*)\s*:(?!=)/gm)].map((match) => match[1] ?? '');
}

/** '' for what is not there, no file, or larger than a source text is. */
function textOf(path: string): string {
  try {
    const info = statSync(path);
    return info.isFile() && info.size <= LARGEST_READ_BYTES ? readFileSync(path, 'utf8') : '';
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return '';
  }
}
