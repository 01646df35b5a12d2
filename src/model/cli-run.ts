/**
 * The process half of one call: the program under both clocks with its events read while it runs. A program that said
 * it is done and does not end is ended, and its answer stands.
 */
import { setTimeout } from 'node:timers/promises';
import { AppError } from '../core/errors.js';
import { oneLine, plainLines } from '../core/text.js';
import { readTail } from '../process/capture.js';
import { runCommand } from '../process/run-command.js';
import type { CommandResult } from '../process/types.js';
import type { Adapter, AdapterCall, StreamParser } from './adapters/types.js';
import type { CallPlace } from './call.js';
import type { Ending } from './classify.js';
import { lastObjectOf } from './events.js';
import { StreamTail } from './stream-tail.js';

export interface CliRunSpec {
  readonly adapter: Adapter;
  readonly call: AdapterCall;
  readonly place: CallPlace;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly idleMs: number | null;
}

const GRACE_MS = 10_000;
const LINGER_MS = 15_000;
const POLL_MS = 100;
const ANSWER_TAIL_BYTES = 8 * 1024 * 1024;
const ERROR_TAIL_BYTES = 64 * 1024;
const ERROR_LINES = 40;

/** What is needed to judge how it ended. @throws AppError conflict when a process of it could not be ended. */
export async function runProgram(spec: CliRunSpec, signal: AbortSignal): Promise<Ending> {
  const { adapter, call, place, timeoutMs, idleMs } = spec;
  const [stdoutPath, logPath] = [`${place.recordPath}.out`, `${place.recordPath}.log`];
  const parser = adapter.createParser(call);
  const tail = new StreamTail(stdoutPath, parser);
  const linger = new AbortController();
  const running = start(spec, { stdoutPath, logPath }, AbortSignal.any([signal, linger.signal]));
  try {
    const result = await follow({ running, tail, parser, linger }, place.lingerMs ?? LINGER_MS);
    refuseSurvivors(result);
    await tail.finish();
    if (adapter.output === 'events' && parser.report().end === null)
      await readSpanning(parser, { events: tail.events, stdoutPath, logPath });
    const log = plainLines(await readTail(logPath, ERROR_TAIL_BYTES)).split('\n');
    return {
      report: parser.report(),
      result,
      errorLines: log.filter((line) => line.trim() !== '').slice(-ERROR_LINES),
      otherLines: tail.otherLines.map((line) => oneLine(line, 2_000)),
      ...{ mode: call.mode, timeoutMs, idleMs, now: place.now() },
    };
  } finally {
    // Nothing that goes wrong here may leave the program running.
    linger.abort();
    await running.catch(() => undefined);
    await tail.close();
  }
}

function start(
  { adapter, call, place, command, env, timeoutMs, idleMs }: CliRunSpec,
  paths: { stdoutPath: string; logPath: string },
  signal: AbortSignal,
): Promise<CommandResult> {
  const stdin = adapter.stdin(call);
  return runCommand(
    {
      ...{ command, env, ...paths },
      cwd: call.cwd,
      ...(stdin === null ? {} : { stdin }),
      hardLimitMs: timeoutMs,
      ...(idleMs === null ? {} : { idleLimitMs: idleMs }),
      graceMs: place.graceMs ?? GRACE_MS,
      mark: place.mark,
      sandbox: place.sandbox,
      ...(place.onStart === undefined ? {} : { onStart: place.onStart }),
    },
    signal,
  );
}

interface Followed {
  readonly running: Promise<CommandResult>;
  readonly tail: StreamTail;
  readonly parser: StreamParser;
  readonly linger: AbortController;
}

async function follow({ running, tail, parser, linger }: Followed, lingerMs: number): Promise<CommandResult> {
  let isRunning = true;
  const ended = running.finally(() => {
    isRunning = false;
  });
  // Whoever awaits `running` below sees the failure.
  const either = ended.then(
    () => undefined,
    () => undefined,
  );
  let overSince: number | null = null;
  while (isRunning) {
    await tail.read();
    overSince = parser.isOver() ? (overSince ?? performance.now()) : null;
    if (overSince !== null && performance.now() - overSince >= lingerMs) linger.abort();
    const pause = new AbortController();
    await Promise.race([either, setTimeout(POLL_MS, undefined, { signal: pause.signal }).catch(() => undefined)]);
    pause.abort();
  }
  return await ended;
}

/** An object printed over several lines, or, when it ended the program, on stderr. */
async function readSpanning(
  parser: StreamParser,
  { events, stdoutPath, logPath }: { events: number; stdoutPath: string; logPath: string },
): Promise<void> {
  const whole = lastObjectOf(await readTail(stdoutPath, ANSWER_TAIL_BYTES));
  // A line of it may look like an event by itself.
  if (whole !== null && (events <= 1 || isWhole(whole))) parser.push(JSON.stringify(whole));
  if (parser.report().end !== null) return;
  const error = lastObjectOf(await readTail(logPath, ERROR_TAIL_BYTES));
  if (error !== null) parser.push(JSON.stringify(error));
}

/** The one object of a `json` format has no type. */
function isWhole(object: Readonly<Record<string, unknown>>): boolean {
  return object['type'] === undefined;
}

function refuseSurvivors({ survivors }: CommandResult): void {
  if (survivors.length === 0) return;
  const pids = survivors.map(({ pid }) => pid).join(' ');
  throw new AppError(
    'conflict',
    `processes of the agent could not be ended (pid ${pids}): measurements beside them would be tainted`,
    { hint: `end them yourself (kill -9 ${pids}), then run again` },
  );
}
