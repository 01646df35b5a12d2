/**
 * From the settings of a role (`[judge]`, `[target_model]`, or the same as flags) to the function that is called: driver,
 * meter, patience, checked answers and a cache, in this order. A role answers; it edits nothing.
 */
import { resolve } from 'node:path';
import { z } from 'zod';
import { AppError, errorMessage } from '../core/errors.js';
import type { Json } from '../core/json.js';
import { oneLine, quoted } from '../core/text.js';
import { commandAdapter } from './adapters/command.js';
import { ADAPTERS } from './adapters/index.js';
import type { Adapter } from './adapters/types.js';
import { cached } from './cache.js';
import { endpointModel } from './endpoint.js';
import { limited, ProviderQueue } from './limits.js';
import type { Meter } from './meter.js';
import { type Price, parsePrice } from './pricing.js';
import { cliModel } from './runner.js';
import { scriptedModelFrom } from './scripted.js';
import { withSchema } from './structured.js';
import type { Model } from './types.js';

export const ROLE_ADAPTERS = [
  ...(['claude', 'codex', 'gemini', 'opencode', 'pi'] as const),
  ...(['command', 'endpoint', 'scripted'] as const),
] as const;

const text = z.string().min(1).nullable().default(null);
const role = z.object({
  adapter: z.enum(ROLE_ADAPTERS),
  model: text,
  command: text,
  baseUrl: text,
  keyEnv: text,
  script: text,
  price: text,
  timeoutSeconds: z.number().positive().default(300),
  /** How often a judge is asked; null = as often as usual. */
  votes: z.int().min(1).max(25).nullable().default(null),
});

/** Null = not given. */
export type RoleSettings = z.output<typeof role>;

export interface RolePlace {
  /** Begins sentences: `the judge`. */
  readonly name: string;
  /** Where a command runs, and where the path of a script begins. */
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** For the transcripts of programs. */
  readonly recordFolder: string;
  /** Null: every call is made. */
  readonly cache: { readonly folder: string; readonly key: Json } | null;
  readonly meter: Meter;
  /** Shared among the roles of one provider. */
  readonly queue: ProviderQueue;
  readonly now: () => number;
}

/** @throws AppError config when `json` is not what the Lab writes into the variable. */
export function readRole(json: string, variable: string): RoleSettings {
  const hint = `unset ${variable}: the section in config.cfg and the flags are the way to set it`;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new AppError('config', `${variable} holds no JSON: ${errorMessage(cause)}`, { hint, cause });
  }
  const parsed = role.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError('config', `${variable} is wrong: ${oneLine(z.prettifyError(parsed.error), 400)}`, { hint });
}

/** For all roles of this adapter. */
export function queueOf({ adapter }: RoleSettings): ProviderQueue {
  return new ProviderQueue(adapter === 'pi' ? 1 : undefined);
}

/** @throws AppError config for what is missing, an unreadable script or a key that is not set. */
export function modelOf(settings: RoleSettings, place: RolePlace): Model {
  const { adapter, model, command, baseUrl } = settings;
  // Whoever asked waits as a whole, without a clock of his own running: a limit is handed on at once.
  const checked = withSchema(limited(place.meter.around(driverOf(settings, place)), place.queue, { patienceMs: 0 }));
  if (place.cache === null || adapter === 'scripted') return checked;
  const options = { command, baseUrl, key: place.cache.key };
  return cached(checked, place.cache.folder, { provider: adapter, version: null, model, options });
}

function driverOf(settings: RoleSettings, place: RolePlace): Model {
  const { adapter, model, keyEnv } = settings;
  const { name, environment, now, cwd } = place;
  const price = priceOf(settings, name);
  switch (adapter) {
    case 'command':
      return program(commandIn(cwd, needed(settings, 'command', name), name), settings, place);
    case 'endpoint': {
      const baseUrl = needed(settings, 'baseUrl', name);
      const endpoint = { name, baseUrl, model: needed(settings, 'model', name), keyVariable: keyEnv };
      return endpointModel({ ...endpoint, ...(price === null ? {} : { price }) }, { environment, now });
    }
    case 'scripted':
      return scriptedModelFrom(resolve(cwd, needed(settings, 'script', name)));
    default:
      if (model?.startsWith('-'))
        throw wrong(`${name}: "${oneLine(model, 60)}" is no name of a model`, 'model = <name>');
      return program(ADAPTERS[adapter], settings, place);
  }
}

function program(adapter: Adapter, settings: RoleSettings, place: RolePlace): Model {
  const { name, environment: ambient, recordFolder, now } = place;
  const price = priceOf(settings, name);
  const prices = new Map(price === null ? [] : [['', price]]);
  const cli = { adapter, model: settings.model, extraArgs: [], allow: [], prices };
  return cliModel(cli, { recordFolder, now, ambient });
}

/** Programs that answer are started in an empty folder; the operator's own command finds its files as `evaluate_cmd` does. */
function commandIn(cwd: string, command: string, name: string): Adapter {
  const adapter = commandAdapter(`cd ${quoted(cwd)} || exit 126\n${command}`);
  return {
    ...adapter,
    name: `${name} command`,
    exits: { ...adapter.exits, 126: 'missing_program', 127: 'missing_program' },
  };
}

const KEYS = { command: 'command', baseUrl: 'base_url', model: 'model', script: 'script' } as const;

function needed(settings: RoleSettings, key: keyof typeof KEYS, name: string): string {
  const value = settings[key];
  if (value !== null) return value;
  throw wrong(`${name} is of adapter ${settings.adapter} and has no ${KEYS[key]}`, `${KEYS[key]} = <...>`);
}

function priceOf({ price: written }: RoleSettings, name: string): Price | null {
  const price = written === null ? null : parsePrice(written);
  if (written === null || price !== null) return price;
  throw wrong(`price = "${oneLine(written, 40)}" of ${name} is not allowed`, 'price = 3/15');
}

function wrong(message: string, line: string): AppError {
  return new AppError('config', message, { hint: `add to its section in config.cfg: ${line}` });
}
