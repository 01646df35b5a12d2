/**
 * The file with the values of `--env`: written for systemd and for a POSIX shell alike, readable by its owner only, and
 * the one place of a service where a secret may stand.
 */
import { AppError } from '../core/errors.js';

/** Takes the current values. @throws AppError usage for what is not a variable's name, or not set. */
export function valuesOf(names: readonly string[], ambient: NodeJS.ProcessEnv): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of names) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new AppError('usage', `--env takes the name of a variable, not ${JSON.stringify(nameOnly(name))}`, {
        hint: 'export the variable first, then name it: --env ANTHROPIC_API_KEY',
      });
    }
    const value = ambient[name];
    if (value === undefined) {
      throw new AppError('usage', `--env ${name}: this variable is not set here, so there is no value to copy`, {
        hint: `export ${name}, then install again`,
      });
    }
    values[name] = value;
  }
  return values;
}

/** Somebody who types `--env KEY=value` must not find the value in a log. */
function nameOnly(text: string): string {
  return text.includes('=') ? `${text.slice(0, text.indexOf('='))}=...` : text.slice(0, 60);
}

export function renderEnvironmentFile(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${value.replace(/[\\"`$]/g, '\\$&')}"\n`)
    .join('');
}

/** The variables of a file that `renderEnvironmentFile` wrote: within a value, a quote has a backslash before it. */
export function namesIn(text: string): readonly string[] {
  return [...text.matchAll(/^([A-Za-z_][A-Za-z0-9_]*)="/gm)].map(([, name = '']) => name);
}
