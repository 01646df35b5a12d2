/** Every key of config.cfg with its default, range and help text, for templates, flags and errors. */
import { z } from 'zod';
import { keyInfo } from './keys.js';
import { checkMinutes, configSchema, MINUTES_SUFFIX } from './schema.js';

export interface SettingHelp {
  /** Empty for the keys above the first section. */
  readonly section: string;
  readonly key: string;
  readonly help: string;
  readonly default: string | null;
  readonly range: string;
  readonly required: boolean;
}

/** Every key of config.cfg in the order of the template; `[checks]` has the keys `<name>` and `<name>.minutes`. */
export function settingsHelp(): SettingHelp[] {
  const rows: SettingHelp[] = [];
  for (const [name, type] of Object.entries(configSchema.shape)) {
    const info = keyInfo.get(type);
    if (info) rows.push({ section: '', key: name, ...info });
  }
  for (const [section, type] of Object.entries(configSchema.shape)) {
    if (keyInfo.has(type)) continue;
    const inner = type instanceof z.ZodPrefault ? type.unwrap() : type;
    if (!(inner instanceof z.ZodObject)) {
      rows.push(...CHECK_KEYS.map((row) => ({ section, ...row, default: null, required: false })));
      continue;
    }
    for (const [key, value] of Object.entries(inner.shape)) {
      const info = value instanceof z.ZodType ? keyInfo.get(value) : undefined;
      if (info) rows.push({ section, key, ...info });
    }
  }
  return rows;
}

const CHECK_KEYS = [
  {
    key: '<name>',
    help: 'A command that must exit 0 before a candidate is kept, such as tests; or a limit for a number it measured.',
    range: 'a shell command, or a limit such as size_bytes <= baseline * 1.05',
  },
  {
    key: `<name>${MINUTES_SUFFIX}`,
    help: 'How long this check may take. Without it: check_minutes in [limits].',
    range: checkMinutes().range,
  },
];
