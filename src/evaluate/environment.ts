import { delimiter, isAbsolute, resolve } from 'node:path';

/**
 * The environment of commands that we start: the operator's own, without what would change their meaning (git
 * variables of a surrounding hook, service and agent plumbing).
 */
const REMOVED =
  /^(GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|PREFIX|NAMESPACE|CONFIG_PARAMETERS|CONFIG_COUNT|CONFIG_KEY_.*|CONFIG_VALUE_.*|EXEC_PATH|EDITOR|QUARANTINE_PATH)|NOTIFY_SOCKET|WATCHDOG_PID|WATCHDOG_USEC|INVOCATION_ID|LISTEN_(PID|FDS|FDNAMES)|JOURNAL_STREAM|CLAUDECODE)$/;

/** `programs`: a folder searched first, in which this very autoresearch is found by its name. */
export function baseEnvironment(ambient: NodeJS.ProcessEnv, programs?: string): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(ambient)) {
    if (value === undefined || REMOVED.test(name)) continue;
    // Marks of an outer runner stay: it must find us. Other variables of ours describe the outer trial.
    if (
      name.startsWith('AUTORESEARCH_') &&
      !name.startsWith('AUTORESEARCH_MARK_') &&
      name !== 'AUTORESEARCH_CONTAINMENT'
    )
      continue;
    kept[name] = value;
  }
  if (programs !== undefined) kept['PATH'] = [programs, kept['PATH']].filter(Boolean).join(delimiter);
  return kept;
}

export interface SearchPath {
  /** The value for PATH. */
  readonly path: string;
  readonly removed: readonly string[];
}

/**
 * PATH without the folders into which a candidate can put programs: empty and relative entries mean the folder that a
 * command runs in, and `open` is a folder of candidates' files.
 */
export function safeSearchPath(path: string, open: string | null): SearchPath {
  const entries = path.split(delimiter);
  const isUnsafe = (entry: string) =>
    !isAbsolute(entry) || (open !== null && `${resolve(entry)}/`.startsWith(`${open}/`));
  return { path: entries.filter((entry) => !isUnsafe(entry)).join(delimiter), removed: entries.filter(isUnsafe) };
}
