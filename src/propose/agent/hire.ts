/** From the section [agent] to the command line that is called. */
import { AppError } from '../../core/errors.js';
import { commandAdapter } from '../../model/adapters/command.js';
import { ADAPTERS, extraArguments } from '../../model/adapters/index.js';
import type { AdapterName } from '../../model/adapters/types.js';
import type { Cli } from '../../model/call.js';
import { parsePrice } from '../../model/pricing.js';

export interface AgentOptions {
  readonly preset: AdapterName | 'command';
  /** The shell command of preset `command`. */
  readonly command: string | null;
  readonly model: string | null;
  readonly timeoutMs: number;
  /** How long the agent may print nothing. */
  readonly idleMs: number;
  /** Arguments to add, as in a shell. */
  readonly extraArgs?: string | null;
  /** Names of variables that the agent gets although they look like secrets. */
  readonly envAllow?: readonly string[];
  /** `3/15`: US dollars per million tokens in and out. */
  readonly price?: string | null;
}

/** @throws AppError config for what does not fit together. */
export function cliOf({ preset, command, model, extraArgs = null, envAllow = [], price = null }: AgentOptions): Cli {
  const prices = pricesOf(price, model);
  if (preset !== 'command') {
    const adapter = ADAPTERS[preset];
    return { adapter, model, extraArgs: extraArguments(adapter, extraArgs ?? ''), allow: envAllow, prices };
  }
  if (command === null) {
    throw new AppError('config', 'preset = command in [agent] needs the key command', {
      hint: 'add to [agent]: command = <a command that reads the prompt from stdin>',
    });
  }
  if (extraArgs !== null) {
    throw new AppError('config', 'extra_args in [agent] are not used with preset = command', {
      hint: 'write them into the command',
    });
  }
  return { adapter: commandAdapter(command), model, extraArgs: [], allow: envAllow, prices };
}

function pricesOf(text: string | null, model: string | null): Cli['prices'] {
  if (text === null) return new Map();
  const price = parsePrice(text);
  if (price === null) {
    throw new AppError('config', `price = "${text}" in [agent] is not allowed`, {
      hint: 'US dollars per million tokens, in/out or in/out/cached: price = 3/15',
    });
  }
  return new Map([[model ?? ANY_MODEL, price]]);
}

/** Without a name, the price is that of whatever model answers. */
const ANY_MODEL = '';
