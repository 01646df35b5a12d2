/**
 * One call of an agent: the program with the prompt on stdin, under both limits, and what came of it as a value. It does
 * not look at the workspace and knows nothing of trials.
 */
import { AppError } from '../../core/errors.js';
import { oneLine } from '../../core/text.js';
import { formatSeconds } from '../../core/units.js';
import { readLines, readTail } from '../../process/capture.js';
import { runCommand } from '../../process/run-command.js';
import { findProgram } from '../../process/shell.js';
import type { CommandResult, CommandSpec } from '../../process/types.js';
import { type Answer, eventsOf, lastObjectOf } from './answer.js';
import { type AgentPreset, PRESETS, type PresetName } from './presets.js';

export type AgentChoice =
  | { readonly preset: PresetName; readonly model: string | null }
  | { readonly preset: 'command'; readonly command: string };

type CallSpec = Pick<CommandSpec, 'cwd' | 'env' | 'mark'> & {
  readonly prompt: string;
  /** Must not exist: `.out` and `.log` are appended, for what the agent answers and for its progress. */
  readonly recordPath: string;
  readonly timeoutMs: number;
  readonly idleMs: number;
  readonly onStart: NonNullable<CommandSpec['onStart']>;
};

type CallResult =
  | { readonly kind: 'answered'; readonly text: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'aborted' };

/** An agent gets time to end its own children and to save its session. */
const GRACE_MS = 10_000;
const MAX_EVENT_BYTES = 8 * 1024 * 1024;
const TEXT_TAIL_BYTES = 256 * 1024;
const ERROR_TAIL_BYTES = 64 * 1024;

/**
 * Runs the agent to its end. The reason of a failure is untrusted text of one or more lines.
 * @throws AppError proposer when the program is not installed, conflict when a process of it could not be ended.
 */
export async function callAgent(choice: AgentChoice, spec: CallSpec, signal: AbortSignal): Promise<CallResult> {
  const preset = choice.preset === 'command' ? null : PRESETS[choice.preset];
  if (preset !== null) requireProgram(preset, spec);
  const [stdoutPath, logPath] = [`${spec.recordPath}.out`, `${spec.recordPath}.log`];
  const result = await runCommand(
    {
      command: choice.preset === 'command' ? choice.command : argvOf(choice.preset, choice.model),
      cwd: spec.cwd,
      env: spec.env,
      stdin: spec.prompt,
      ...{ logPath, stdoutPath },
      hardLimitMs: spec.timeoutMs,
      idleLimitMs: spec.idleMs,
      graceMs: GRACE_MS,
      mark: spec.mark,
      onStart: spec.onStart,
    },
    signal,
  );
  refuseSurvivors(result);
  if (result.end === 'aborted') return { kind: 'aborted' };
  const name = preset?.program ?? 'the agent command';
  if (result.end === 'failed_to_start') {
    return { kind: 'failed', reason: `${name} could not be started: ${result.problem}` };
  }
  const answer: Answer = preset === null ? { kind: 'unfinished' } : await readAnswer(preset, { stdoutPath, logPath });
  if (answer.kind === 'ok') return { kind: 'answered', text: answer.text };
  if (answer.kind === 'failed') return { kind: 'failed', reason: `${name} reported an error: ${answer.reason}` };
  const end = badEnd(result, spec);
  if (end === null && preset === null) return { kind: 'answered', text: await readTail(stdoutPath, TEXT_TAIL_BYTES) };
  const said = (await lastLine(logPath)) || (await lastLine(stdoutPath));
  return { kind: 'failed', reason: `${name} ${end ?? 'ended without a result'}${said ? `: ${said}` : ''}` };
}

function argvOf(name: PresetName, model: string | null): readonly string[] {
  const preset = PRESETS[name];
  return [preset.program, ...preset.arguments(model)];
}

function requireProgram({ program, npmPackage }: AgentPreset, { env, cwd }: CallSpec): void {
  if (findProgram(program, env['PATH'] ?? '', cwd) !== null) return;
  throw new AppError('proposer', `the agent ${program} is not on PATH`, {
    hint: `npm install -g ${npmPackage}, run \`${program}\` once to log in, then run again`,
  });
}

/** Events first: a good result stands even when the program then hangs or exits with an error. */
async function readAnswer(
  preset: AgentPreset,
  { stdoutPath, logPath }: { stdoutPath: string; logPath: string },
): Promise<Answer> {
  const reader = preset.createReader();
  let found = 0;
  for await (const line of readLines(stdoutPath, MAX_EVENT_BYTES)) {
    for (const event of eventsOf(line)) {
      reader.push(event);
      found += 1;
    }
  }
  const answer = reader.answer();
  if (answer.kind !== 'unfinished') return answer;
  // Printed over several lines, or, when it ended the program, on stderr.
  for (const path of found === 0 ? [stdoutPath, logPath] : [logPath]) {
    const object = lastObjectOf(await readTail(path, ERROR_TAIL_BYTES));
    if (object !== null) reader.push(object);
  }
  return reader.answer();
}

/** How the program ended, in words that follow its name; null when it ended well. */
function badEnd({ end, exitCode, signal }: CommandResult, { timeoutMs, idleMs }: CallSpec): string | null {
  if (end === 'timed_out') return `was ended after its limit of ${formatSeconds(timeoutMs / 1000)}`;
  if (end === 'idle') return `was ended because it was silent for ${formatSeconds(idleMs / 1000)}`;
  if (signal !== null) return `was ended by signal ${signal}`;
  return exitCode === 0 ? null : `ended with exit code ${exitCode}`;
}

/** The last line that holds text. */
async function lastLine(path: string): Promise<string> {
  let last = '';
  for await (const line of readLines(path)) if (oneLine(line) !== '') last = line;
  return last;
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
