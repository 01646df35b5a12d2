/** The keys of a section that names a model for a role, such as `[judge]`, and what of them must stand together. */
import type { ConfigProblem } from './config-error.js';
import { optional, withDefault } from './keys.js';
import { choice, decimal, matching, text } from './value-types.js';

const ADAPTERS = ['claude', 'codex', 'gemini', 'opencode', 'pi', 'command', 'endpoint', 'scripted'] as const;

/** @param role what it does, in words that continue a sentence. */
export function modelKeys(role: string) {
  return {
    adapter: optional(choice(ADAPTERS), `Who ${role}: an agent CLI, a command, an endpoint, or a file of replies.`),
    model: optional(
      text('a model name'),
      "The model, for a command in $AUTORESEARCH_MODEL. Without it: the program's choice.",
    ),
    command: optional(text('a shell command'), 'For adapter = command: the question on stdin, the answer on stdout.'),
    base_url: optional(
      matching(/^https?:\/\/\S+$/, 'an http or https address'),
      'For adapter = endpoint: what stands before /chat/completions.',
    ),
    key_env: optional(
      matching(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable'),
      'For adapter = endpoint: the variable that holds its key. Without it: no key.',
    ),
    script: optional(text('a path'), 'For adapter = scripted: a file with replies, for tests.'),
    price: optional(
      matching(/^\d+(?:\.\d+)?(?:\s*\/\s*\d+(?:\.\d+)?){1,2}$/, 'in/out or in/out/cached, such as 3/15'),
      'US dollars per million tokens, to estimate costs that nobody tells.',
    ),
    timeout_seconds: withDefault(
      decimal({ min: 1, max: 86_400, unit: 'seconds' }),
      '300',
      'How long one answer may take.',
    ),
  };
}

interface ModelSection {
  readonly adapter: (typeof ADAPTERS)[number] | null;
  readonly model: string | null;
  readonly command: string | null;
  readonly base_url: string | null;
  readonly script: string | null;
}

const NEEDS = { command: ['command'], endpoint: ['base_url', 'model'], scripted: ['script'] } as const;

/** What the adapter needs and does not have, and what is set for nobody. */
export function modelProblems(
  section: string,
  values: ModelSection,
  line: (path: string) => number | null,
): readonly ConfigProblem[] {
  const { adapter } = values;
  if (adapter === null) {
    const stray = (['model', 'command', 'base_url', 'script'] as const).find((key) => values[key] !== null);
    if (stray === undefined) return [];
    const message = `${stray} in [${section}] is for nobody: the key adapter is missing`;
    return [
      { line: line(`${section}.${stray}`), message, hint: `add to [${section}]: adapter = ${ADAPTERS.join(', ')}` },
    ];
  }
  const needed: readonly (keyof ModelSection)[] = adapter in NEEDS ? NEEDS[adapter as keyof typeof NEEDS] : [];
  return needed
    .filter((key) => values[key] === null)
    .map((key) => ({
      line: line(`${section}.adapter`),
      message: `adapter = ${adapter} in [${section}] needs the key ${key}`,
      hint: `add to [${section}]: ${key} = <...>`,
    }));
}
