/** Who is called, and where one call happens. */
import type { CommandSpec } from '../process/types.js';
import type { Adapter } from './adapters/types.js';
import type { PriceTable } from './pricing.js';

export interface Cli {
  readonly adapter: Adapter;
  /** Null: the program's own choice. */
  readonly model: string | null;
  readonly extraArgs: readonly string[];
  /** Names of variables that it gets besides those that it needs. */
  readonly allow: readonly string[];
  readonly prices: PriceTable;
}

export interface CallPlace extends Pick<CommandSpec, 'mark' | 'onStart' | 'sandbox'> {
  /** Must not exist: `.out` and `.log` are appended, for what it answers and for its progress. */
  readonly recordPath: string;
  /** What its environment is chosen from. */
  readonly ambient: Readonly<Record<string, string | undefined>>;
  /** Variables that are always added. */
  readonly env?: Readonly<Record<string, string>>;
  /** Paths relative to the folder that may be edited. */
  readonly targets?: readonly string[];
  readonly now: () => number;
  /** How long it may go on after it said that it is done; 15 s unless told. */
  readonly lingerMs?: number;
  /** Between SIGTERM and SIGKILL: an agent gets time to end its own children and to save its session. 10 s unless told. */
  readonly graceMs?: number;
}
