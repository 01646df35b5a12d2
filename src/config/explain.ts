/** Puts what the schema refuses into words: which key, what it says, what is allowed, and what to write instead. */
import { suggest } from '../core/suggest.js';
import { oneLine } from '../core/text.js';
import type { ConfigProblem } from './config-error.js';
import type { ConfigLine } from './read-lines.js';
import { CHECKS_SECTION, MINUTES_SUFFIX } from './schema.js';
import { type SettingHelp, settingsHelp } from './settings-help.js';

const HELP = settingsHelp();
const SECTIONS = [...new Set(HELP.map((row) => row.section))].filter((section) => section !== '');

/** Names that other tools have for what is called otherwise here, too far away to be typing mistakes. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  min_delta: 'min_effect',
  optimizer: 'agent',
  optimiser: 'agent',
  model: 'agent',
  target: 'target_model',
};

function meant(word: string, known: readonly string[]): string | null {
  const other = Object.hasOwn(OTHER_NAMES, word) ? (OTHER_NAMES[word] ?? '') : '';
  return known.includes(other) ? other : suggest(word, known);
}

/** Null when the schema knows the line's section and key. */
export function explainUnknown({ section, key, line }: ConfigLine): ConfigProblem | null {
  if (section === CHECKS_SECTION) return null;
  if (section !== '' && !SECTIONS.includes(section)) {
    const near = meant(section, SECTIONS);
    return {
      line,
      message: `there is no section [${oneLine(section, 60)}]${near ? `; did you mean [${near}]?` : ''}`,
      hint: `the sections are ${SECTIONS.map((name) => `[${name}]`).join(', ')}`,
    };
  }
  const siblings = HELP.filter((row) => row.section === section).map((row) => row.key);
  if (siblings.includes(key)) return null;
  const place = section === '' ? '' : ` in [${section}]`;
  const message = `unknown key ${oneLine(key, 60)}${place}`;
  const home = HELP.find((row) => row.key === key);
  if (home) {
    const cure = home.section === '' ? 'above the first [section]' : `into the section [${home.section}]`;
    return { line, message: `${message}; it belongs ${cure}`, hint: `move the line ${cure}` };
  }
  const near = meant(key, siblings);
  return {
    line,
    message: `${message}${near ? `; did you mean ${near}?` : ''}`,
    hint: `the keys${place || ' above the first section'} are ${siblings.join(', ')}`,
  };
}

/** @param problem what is wrong with the value, as its type says it: it follows the quoted value in the sentence. */
export function explainInvalid({ section, key, value, line }: ConfigLine, problem: string): ConfigProblem {
  const help = helpOf(section, key);
  const allowed = `allowed: ${help?.range ?? ''}`;
  return {
    line,
    message: `${key} = "${oneLine(value, 80)}" ${oneLine(problem)}; ${allowed}`,
    hint: help?.default ? `for example: ${key} = ${help.default}` : `mend the line; ${allowed}`,
  };
}

/** A key of the top level that has no default and is not there. */
export function explainMissing(key: string): ConfigProblem {
  const help = helpOf('', key);
  return {
    line: null,
    message: `${key} is missing. ${help?.help ?? ''}`,
    hint: `add a line above the first [section]: ${key} = ...`,
  };
}

function helpOf(section: string, key: string): SettingHelp | undefined {
  const known = section !== CHECKS_SECTION ? key : `<name>${key.endsWith(MINUTES_SUFFIX) ? MINUTES_SUFFIX : ''}`;
  return HELP.find((row) => row.section === section && row.key === known);
}
