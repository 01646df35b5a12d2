/**
 * From how a call ended to its outcome. Events decide first, the exit code second, stderr third: the exit code is
 * unreliable in every one of these programs, in some in both directions.
 */
import { oneLine } from '../core/text.js';
import { formatSeconds } from '../core/units.js';
import type { CommandResult } from '../process/types.js';
import type { Adapter, StreamEnd, StreamReport } from './adapters/types.js';
import { explain, failure, failureInText, failureOfError, failureOfStatus } from './failures.js';
import { believable } from './reset-time.js';
import type { CallMode, Failure } from './types.js';

export interface Ending {
  readonly report: StreamReport;
  readonly result: CommandResult;
  /** The last lines of stderr, oldest first. */
  readonly errorLines: readonly string[];
  /** The last lines of stdout that are no events, oldest first. */
  readonly otherLines: readonly string[];
  readonly mode: CallMode;
  readonly timeoutMs: number;
  readonly idleMs: number | null;
  readonly now: number;
}

/** An answer *about* logins or limits is longer than the program's word for one. */
const SHORT_CHARS = 300;
const DETAIL_CHARS = 500;

type FailedEnd = Extract<StreamEnd, { kind: 'failed' }>;
type Judged = Pick<Adapter, 'exits' | 'silentExit'> & { readonly name: string };

/** Null: it went well. Reasons are one line each, but not yet free of secrets. */
export function classify(adapter: Judged, ending: Ending): Failure | null {
  const { report } = ending;
  if (report.end?.kind === 'done') return emptyAnswer(adapter.name, ending);
  const found = report.end === null ? withoutEvent(adapter, ending) : fromEvent(adapter.name, report.end, ending.now);
  return found === null ? null : { ...found, reason: oneLine(found.reason, DETAIL_CHARS) };
}

/** After an edit the folder is the answer, whatever was said. */
function emptyAnswer(name: string, { mode, report }: Ending): Failure | null {
  if (mode === 'edit' || report.text.trim() !== '' || report.value !== undefined) return null;
  return { outcome: 'empty', reason: explain(name, 'empty', '') };
}

function fromEvent(name: string, end: FailedEnd, now: number): Failure {
  const { outcome, message, status = null, retryAt = null, transient = false, ownCap = false } = end;
  const kind =
    outcome === null
      ? (failureOfStatus(status, message, now) ?? failureOfError(message, now))
      : failure(outcome, message, now);
  const detail = message === '' && kind.outcome === 'crash' ? 'no reason given' : message;
  const reason = explain(name, kind.outcome, detail);
  switch (kind.outcome) {
    case 'rate_limit':
      return { ...kind, reason, retryAt: retryAt === null ? kind.retryAt : believable(retryAt, now) };
    case 'crash':
      return { ...kind, reason, transient: kind.transient || transient };
    case 'budget':
      return { ...kind, reason, ownCap };
    default:
      return { ...kind, reason };
  }
}

/** No event said how it ended. */
function withoutEvent(adapter: Judged, ending: Ending): Failure | null {
  const { result, timeoutMs, idleMs, now } = ending;
  const { name } = adapter;
  if (result.end === 'timed_out' || result.end === 'idle') {
    const why =
      result.end === 'timed_out'
        ? `after its limit of ${formatSeconds(timeoutMs / 1000)}`
        : `because it was silent for ${formatSeconds((idleMs ?? 0) / 1000)}`;
    return { outcome: 'timeout', reason: `${name} was ended ${why}` };
  }
  if (result.end === 'failed_to_start') {
    const reason = `${name} could not be started: ${result.problem}`;
    return { outcome: 'crash', reason, transient: /EAGAIN|ENOMEM/.test(result.problem) };
  }
  if (result.exitCode === 0 && adapter.silentExit === 'done') return emptyAnswer(name, ending);
  const last = ending.errorLines.at(-1) ?? ending.otherLines.at(-1) ?? '';
  const byExit = result.exitCode === null ? undefined : adapter.exits[result.exitCode];
  if (byExit !== undefined) {
    const kind = failure(byExit, last, now);
    return { ...kind, reason: explain(name, byExit, `exit code ${result.exitCode}${last === '' ? '' : `: ${last}`}`) };
  }
  const bySpeech = failureInLines([...shortOf(ending.otherLines), ...ending.errorLines], now);
  if (bySpeech !== null) return { ...bySpeech, reason: explain(name, bySpeech.outcome, bySpeech.reason) };
  return byEnd(name, { result, last, isEmpty: adapter.silentExit === 'empty' });
}

function byEnd(
  name: string,
  { result, last, isEmpty }: { result: CommandResult; last: string; isEmpty: boolean },
): Failure {
  const detail = last === '' ? '' : `: ${last}`;
  if (result.signal !== null) {
    return { outcome: 'crash', reason: `${name} was ended by signal ${result.signal}${detail}`, transient: false };
  }
  if (result.exitCode !== 0) {
    return { outcome: 'crash', reason: `${name} ended with exit code ${result.exitCode}${detail}`, transient: false };
  }
  const reason = `${name} ended without a result${detail}`;
  if (isEmpty) return { outcome: 'empty', reason };
  // Something came and its end did not: the stream was cut.
  return { outcome: 'crash', reason, transient: result.outputBytes > 0 };
}

/** The newest line that speaks of something known. */
function failureInLines(lines: readonly string[], now: number): Failure | null {
  for (const line of [...lines].reverse()) {
    const found = failureInText(line, now);
    if (found !== null) return found;
  }
  return null;
}

function shortOf(lines: readonly string[]): readonly string[] {
  return lines.reduce((sum, line) => sum + line.length, 0) < SHORT_CHARS ? lines : [];
}
