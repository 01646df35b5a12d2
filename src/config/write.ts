/**
 * The files of a new experiment: their texts from the package's `templates/`, and the one function that puts them on
 * disk. It creates and never overwrites.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, errnoOf, errorMessage } from '../core/errors.js';
import type { Direction } from '../core/metric.js';
import { type ExperimentName, formatExperimentName } from '../core/names.js';
import { oneLine, plainLines, quoted } from '../core/text.js';
import { CONFIG_FILE, PROGRAM_FILE } from './experiment.js';
import { quoteIniValue } from './ini-value.js';
import { entryExists } from './paths.js';
import { readConfigLines } from './read-lines.js';
import { CHECKS_SECTION, type ConfigValues, MINUTES_SUFFIX } from './schema.js';
import { parseSettings } from './settings.js';

interface ProgramAnswers {
  readonly name: ExperimentName;
  readonly target: readonly string[];
  readonly evaluateCmd: string;
  readonly metric: string;
  readonly direction: Direction;
  /** Without it, the goal is what metric, direction and target say. */
  readonly goal?: string;
  /** What else the changes must respect, one entry each. */
  readonly constraints?: readonly string[];
}

/**
 * The text of a config.cfg: every key explained, only the given values in force.
 * @param values keys and values as they are written in the file.
 * @throws AppError config when a value is not allowed.
 */
export function renderConfig(name: ExperimentName, values: ConfigValues): string {
  const given = givenValues(values);
  const rows: string[] = [];
  let section = '';
  for (const row of fill(readTemplate('config.cfg'), { title: `Experiment ${formatExperimentName(name)}` }).split(
    '\n',
  )) {
    section = /^\[(\w+)\]$/.exec(row)?.[1] ?? section;
    const place = placeOf(section, /^#([a-z_]+) = /.exec(row)?.[1] ?? '');
    rows.push(given.get(place) ?? row);
    if (row === `[${CHECKS_SECTION}]`) rows.push(...(values.checks ?? []).flatMap(checkLines));
    given.delete(place);
  }
  const [lost] = given.keys();
  if (lost !== undefined) throw new AppError('config', `there is no key ${lost}`, { hint: 'see templates/config.cfg' });
  const text = rows.join('\n');
  parseSettings(readConfigLines(text, NEW_CONFIG), NEW_CONFIG);
  return text;
}

const NEW_CONFIG = `new ${CONFIG_FILE}`;

/** The text of a program.md: the human's steering wheel, with goal, limits, strategy and when to stop. */
export function renderProgram(answers: ProgramAnswers): string {
  const { metric, direction, target, constraints = [] } = answers;
  const goal = `Make ${code(metric)} as ${direction === 'lower' ? 'low' : 'high'} as possible.`;
  return fill(readTemplate('program.md'), {
    name: formatExperimentName(answers.name),
    goal: `${plainLines(answers.goal ?? goal)}\n\nThe number is ${code(metric)}; ${direction} is better.`,
    target: target.map((path) => `- ${code(path)}`).join('\n'),
    evaluate_cmd: code(answers.evaluateCmd),
    constraints: constraints.length === 0 ? '' : `## Constraints\n${constraints.map(listItem).join('\n')}`,
  }).replace(/\n{3,}/g, '\n\n');
}

interface NewExperiment {
  readonly name: ExperimentName;
  /** `.autoresearch` of the repository or of the user; made when missing. */
  readonly autoresearchFolder: string;
  readonly configText: string;
  readonly programText: string;
}

interface CreatedFiles {
  readonly folder: string;
  /** Absolute paths of the files that are new. */
  readonly created: readonly string[];
  /** Absolute paths of files that were there already and stay as they are. */
  readonly kept: readonly string[];
}

/**
 * Writes a new experiment. The config comes last: an experiment exists once it has one, and an interrupted creation can
 * be repeated.
 * @throws AppError config when the experiment exists, or a folder or file cannot be made.
 */
export function createExperimentFiles(experiment: NewExperiment): CreatedFiles {
  const { name, autoresearchFolder } = experiment;
  const folder = join(autoresearchFolder, name.domain, name.name);
  const configPath = join(folder, CONFIG_FILE);
  if (entryExists(configPath)) throw alreadyThere(name, configPath);
  const created: string[] = [];
  const kept: string[] = [];
  const write = (path: string, text: string): void => {
    (createFile(path, text) ? created : kept).push(path);
  };
  try {
    mkdirSync(folder, { recursive: true });
    write(join(autoresearchFolder, '.gitignore'), readTemplate('gitignore'));
    write(join(folder, PROGRAM_FILE), experiment.programText);
    write(configPath, experiment.configText);
  } catch (error) {
    throw new AppError('config', `${formatExperimentName(name)} cannot be created: ${errorMessage(error)}`, {
      hint: `look at what is in the way: ls -ld ${quoted(autoresearchFolder)} ${quoted(folder)}`,
      cause: error,
    });
  }
  if (kept.includes(configPath)) throw alreadyThere(name, configPath);
  return { folder, created, kept };
}

function alreadyThere(name: ExperimentName, configPath: string): AppError {
  return new AppError('config', `the experiment ${formatExperimentName(name)} exists already: ${configPath}`, {
    hint: `run it: autoresearch run --experiment ${formatExperimentName(name)} --loop`,
  });
}

/** False when something of that name is there, which is left alone. */
function createFile(path: string, text: string): boolean {
  let isOurs = false;
  try {
    writeFileSync(path, '', { flag: 'wx' });
    isOurs = true;
    writeFileSync(path, text, { flag: 'r+', flush: true });
    return true;
  } catch (error) {
    if (isOurs) rmSync(path, { force: true });
    else if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function checkLines({ name, command, minutes }: NonNullable<ConfigValues['checks']>[number]): string[] {
  const limit = minutes === undefined ? [] : [writeLine(`${name}${MINUTES_SUFFIX}`, minutes)];
  return [writeLine(name, command), ...limit];
}

/** The lines to write, by the place of their key. */
function givenValues(values: ConfigValues): Map<string, string> {
  const given = new Map<string, string>();
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'string') given.set(placeOf('', name), writeLine(name, value));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
    for (const [key, text] of Object.entries(value)) {
      if (typeof text === 'string') given.set(placeOf(name, key), writeLine(key, text));
    }
  }
  return given;
}

function placeOf(section: string, key: string): string {
  return section === '' ? key : `[${section}] ${key}`;
}

function writeLine(key: string, value: string): string {
  if (/^[A-Za-z_][\w.-]*$/.test(key)) return `${key} = ${quoteIniValue(value)}`;
  throw new AppError('config', `"${oneLine(key, 60)}" cannot be a key of ${CONFIG_FILE}`, {
    hint: 'use letters, digits, "_", "." and "-", beginning with a letter',
  });
}

/** Templates lie two levels above this file, both in `src/config` and in `dist/config`. */
function readTemplate(name: 'config.cfg' | 'program.md' | 'gitignore'): string {
  return readFileSync(new URL(`../../templates/${name}`, import.meta.url), 'utf8');
}

/** In one pass, so that braces inside a value stay what they are. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{(\w+)\}\}/g, (placeholder, name: string) => values[name] ?? placeholder);
}

/** Inline code in Markdown, whatever back-ticks the text holds. */
function code(text: string): string {
  const line = oneLine(text, 400);
  const fence = '`'.repeat(1 + Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length)));
  return fence.length === 1 ? `\`${line}\`` : `${fence} ${line} ${fence}`;
}

function listItem(text: string): string {
  return `- ${plainLines(text).trim().replace(/\n/g, '\n  ')}`;
}
