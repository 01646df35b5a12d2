import { lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { AppError, errnoOf } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import { baseEnvironment } from '../evaluate/environment.js';
import { readTail } from '../process/capture.js';
import { type AgentChoice, callAgent } from './agent/call.js';
import { descriptionIn, descriptionInFile } from './agent/description.js';
import type { PresetName } from './agent/presets.js';
import { buildPrompt } from './agent/prompt.js';
import { redactor } from './agent/redact.js';
import type { Nothing, Proposal, ProposeContext, Proposer } from './types.js';

/**
 * Hires an agent CLI for each proposal: a fresh conversation that edits the workspace under a time limit. Whether it
 * changed anything is seen in the workspace by the loop, never believed from its answer.
 */
export interface AgentOptions {
  readonly preset: PresetName | 'command';
  /** The shell command of preset `command`. */
  readonly command: string | null;
  readonly model: string | null;
  readonly timeoutMs: number;
  /** How long the agent may print nothing. */
  readonly idleMs: number;
}

/** Resolves after `ms`, or at once when the signal aborts. */
export type Delay = (ms: number, signal: AbortSignal) => Promise<void>;

const LONGEST_PAUSE_SECONDS = 60;
const REASON_CHARS = 400;
const DESCRIPTION_FILE_BYTES = 4096;
const NO_DESCRIPTION = 'agent made no description';

/** Makes the names of record files unique within this process. */
let calls = 0;

export class AgentProposer implements Proposer {
  readonly name = 'agent';
  readonly #options: AgentOptions;
  readonly #choice: AgentChoice;
  readonly #delay: Delay;
  /** Failed calls in a row. */
  #failures = 0;

  /** @throws AppError config when preset `command` has no command. */
  constructor(options: AgentOptions, delay: Delay = interruptibleDelay) {
    this.#options = options;
    this.#choice = choiceOf(options);
    this.#delay = delay;
  }

  /** @throws AppError proposer when the agent is not installed, conflict when a process of it could not be ended. */
  async propose(context: ProposeContext, signal: AbortSignal): Promise<Proposal | Nothing> {
    if (this.#failures > 0) {
      await this.#delay(Math.min(2 ** this.#failures, LONGEST_PAUSE_SECONDS) * 1000, signal);
    }
    if (signal.aborted) return nothing('the run was stopped before the agent was called');
    await mkdir(context.recordFolder, { recursive: true });
    const prompt = buildPrompt(context);
    const promptPath = join(context.recordFolder, 'prompt.md');
    await writeFile(promptPath, prompt);
    calls += 1;
    const recordPath = join(context.recordFolder, `agent-${process.pid}-${calls}`);
    const descriptionPath = `${recordPath}.description`;
    const env = this.#environment(context, { promptPath, descriptionPath });
    const redact = redactor(env);
    const { timeoutMs, idleMs } = this.#options;
    const result = await callAgent(
      this.#choice,
      {
        ...{ prompt, env, recordPath, timeoutMs, idleMs },
        cwd: context.workspace,
        mark: context.mark,
        onStart: (identity) => context.onProcess(identity),
      },
      signal,
    );
    switch (result.kind) {
      case 'aborted':
        return nothing('the run was stopped while the agent worked');
      case 'failed':
        this.#failures += 1;
        return nothing(oneLine(redact(result.reason), REASON_CHARS));
      case 'answered': {
        this.#failures = 0;
        const written = descriptionInFile(redact(await readDescription(descriptionPath)));
        return { kind: 'proposal', description: written || descriptionIn(redact(result.text)) || NO_DESCRIPTION };
      }
    }
  }

  #environment(
    context: ProposeContext,
    paths: { readonly promptPath: string; readonly descriptionPath: string },
  ): Record<string, string> {
    return {
      ...baseEnvironment(process.env),
      AUTORESEARCH_PROMPT_FILE: paths.promptPath,
      AUTORESEARCH_DESCRIPTION_FILE: paths.descriptionPath,
      AUTORESEARCH_EXPERIMENT: context.experiment,
      AUTORESEARCH_TRIAL: String(context.trial),
    };
  }
}

function choiceOf({ preset, command, model }: AgentOptions): AgentChoice {
  if (preset !== 'command') return { preset, model };
  if (command !== null) return { preset, command };
  throw new AppError('config', 'preset = command in [agent] needs the key command', {
    hint: 'add to [agent]: command = <a command that reads the prompt from stdin>',
  });
}

function nothing(reason: string): Nothing {
  return { kind: 'nothing', outcome: 'agent_error', reason, final: false };
}

/** Only a plain file: reading what else an agent may leave there could wait for ever or lead elsewhere. */
async function readDescription(path: string): Promise<string> {
  try {
    const { size } = await lstat(path).then((found) => (found.isFile() ? found : { size: 0 }));
    return size > 0 && size <= DESCRIPTION_FILE_BYTES ? await readTail(path, DESCRIPTION_FILE_BYTES) : '';
  } catch (error) {
    if (errnoOf(error) !== undefined) return ''; // absent, or made unreadable: then there is none
    throw error;
  }
}

async function interruptibleDelay(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
