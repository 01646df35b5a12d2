import { lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { AppError, errnoOf } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import { baseEnvironment } from '../evaluate/environment.js';
import { CallAborted } from '../model/aborted.js';
import { cureOf } from '../model/failures.js';
import { redactor } from '../model/redact.js';
import { runCli } from '../model/runner.js';
import type { CallFacts, ModelReply } from '../model/types.js';
import { readTail } from '../process/capture.js';
import { descriptionIn, descriptionInFile } from './agent/description.js';
import { type AgentOptions, cliOf } from './agent/hire.js';
import { buildPrompt } from './agent/prompt.js';
import type { Nothing, Proposal, ProposeContext, Proposer } from './types.js';

/**
 * Hires an agent CLI for each proposal: a fresh conversation that edits the workspace under a time limit. Whether it
 * changed anything is seen in the workspace by the loop, never believed from its answer.
 */
export type { AgentOptions };

/** Resolves after `ms`, or at once when the signal aborts. */
export type Delay = (ms: number, signal: AbortSignal) => Promise<void>;

const SECOND_MS = 1000;
const LONGEST_PAUSE_SECONDS = 60;
/** Where a rate limit does not say when it ends. */
const RATE_LIMIT_PAUSES_SECONDS = [30, 120, 600];
const REASON_CHARS = 400;
const SHOWN_DENIALS = 3;
const DESCRIPTION_FILE_BYTES = 4096;
const NO_DESCRIPTION = 'agent made no description';

/** Makes the names of record files unique within this process. */
let calls = 0;

export class AgentProposer implements Proposer {
  readonly name = 'agent';
  readonly #options: AgentOptions;
  readonly #cli: ReturnType<typeof cliOf>;
  readonly #delay: Delay;
  readonly #now: () => number;
  /** Failed calls in a row; rate limits are none. */
  #failures = 0;
  #rateLimits = 0;
  /** No call before this time. */
  #closedUntil = 0;
  /** The last call failed by something that only the operator can mend. */
  #isBlocked = false;

  /** @throws AppError config when preset `command` has no command, or extra_args holds what is not theirs to set. */
  constructor(options: AgentOptions, delay: Delay = interruptibleDelay, now: () => number = Date.now) {
    this.#options = options;
    this.#cli = cliOf(options);
    this.#delay = delay;
    this.#now = now;
  }

  /**
   * @throws AppError proposer when the agent is not installed, or is logged out, untrusted or out of money twice in a
   * row; conflict when a process of it could not be ended.
   */
  async propose(context: ProposeContext, signal: AbortSignal): Promise<Proposal | Nothing> {
    const pauseMs = this.#pauseMs();
    if (pauseMs > 0) await this.#delay(pauseMs, signal);
    if (signal.aborted) return nothing('the run was stopped before the agent was called');
    await mkdir(context.recordFolder, { recursive: true });
    calls += 1;
    const recordPath = join(context.recordFolder, `agent-${process.pid}-${calls}`);
    try {
      const reply = await this.#call(context, { recordPath, signal });
      return await this.#resultOf(reply, recordPath);
    } catch (error) {
      if (!(error instanceof CallAborted)) throw error;
      return { ...nothing('the run was stopped while the agent worked'), ...spendingOf(error.facts) };
    }
  }

  async #call(
    context: ProposeContext,
    { recordPath, signal }: { recordPath: string; signal: AbortSignal },
  ): Promise<ModelReply> {
    const prompt = buildPrompt(context);
    const promptPath = join(context.recordFolder, 'prompt.md');
    await writeFile(promptPath, prompt);
    const { timeoutMs, idleMs } = this.#options;
    const place = {
      recordPath,
      ambient: baseEnvironment(process.env),
      env: {
        AUTORESEARCH_PROMPT_FILE: promptPath,
        AUTORESEARCH_DESCRIPTION_FILE: `${recordPath}.description`,
        AUTORESEARCH_NOTES_FILE: `${recordPath}.notes`,
        AUTORESEARCH_EXPERIMENT: context.experiment,
        AUTORESEARCH_TRIAL: String(context.trial),
      },
      targets: context.targets,
      mark: context.mark,
      sandbox: context.sandbox,
      onStart: (identity: Parameters<ProposeContext['onProcess']>[0]) => context.onProcess(identity),
      now: this.#now,
    };
    const limits = context.budgetUsd === null ? {} : { limits: { usd: context.budgetUsd } };
    const request = {
      stage: 'propose',
      mode: 'edit',
      prompt,
      cwd: context.workspace,
      timeoutMs,
      idleMs,
      ...limits,
    } as const;
    return await runCli(this.#cli, request, { place, signal });
  }

  async #resultOf(reply: ModelReply, recordPath: string): Promise<Proposal | Nothing> {
    const spending = spendingOf(reply);
    if (reply.outcome === 'ok') {
      this.#forget();
      const redact = redactor(process.env);
      const written = descriptionInFile(redact(await readDescription(`${recordPath}.description`)));
      const note = redact(await readDescription(`${recordPath}.notes`)).trim();
      const description = written || descriptionIn(reply.text) || NO_DESCRIPTION;
      const denied = deniedText(reply);
      return {
        ...{ kind: 'proposal', description, ...spending },
        ...(note === '' ? {} : { note }),
        ...(denied === '' ? {} : { unchangedReason: denied }),
      };
    }
    const reason = oneLine([reply.reason, deniedText(reply)].filter(Boolean).join('; '), REASON_CHARS);
    switch (reply.outcome) {
      case 'rate_limit': {
        const seconds = RATE_LIMIT_PAUSES_SECONDS[this.#rateLimits] ?? RATE_LIMIT_PAUSES_SECONDS.at(-1) ?? 0;
        this.#rateLimits += 1;
        this.#closedUntil = reply.retryAt ?? this.#now() + seconds * SECOND_MS;
        return { ...nothing(reason), ...spending, retryAt: this.#closedUntil };
      }
      case 'missing_program':
        throw this.#mend(
          reason,
          `${this.#cli.adapter.install}, run \`${this.#program}\` once to log in, then run again`,
        );
      default: {
        const cure = reply.outcome === 'budget' && reply.ownCap ? null : cureOf(reply.outcome, this.#program);
        // Even such a failure can pass: the operator is called when a second one confirms it.
        if (cure !== null && this.#isBlocked) throw this.#mend(reason, cure);
        this.#isBlocked = cure !== null;
        if (cure === null) this.#failures += 1;
        return { ...nothing(reason), ...spending, cutShort: reply.outcome === 'timeout' };
      }
    }
  }

  get #program(): string {
    return this.#cli.adapter.program ?? 'the agent command';
  }

  #mend(reason: string, hint: string): AppError {
    return new AppError('proposer', reason, { hint });
  }

  #pauseMs(): number {
    const untilOpen = this.#closedUntil - this.#now();
    const seconds = this.#isBlocked ? LONGEST_PAUSE_SECONDS : this.#failures > 0 ? 2 ** this.#failures : 0;
    return Math.max(untilOpen, Math.min(seconds, LONGEST_PAUSE_SECONDS) * SECOND_MS, 0);
  }

  #forget(): void {
    this.#failures = 0;
    this.#rateLimits = 0;
    this.#closedUntil = 0;
    this.#isBlocked = false;
  }
}

function nothing(reason: string): Nothing {
  return { kind: 'nothing', outcome: 'agent_error', reason, final: false };
}

function spendingOf(facts: Pick<CallFacts, 'usage' | 'cost' | 'denials'> | null) {
  return facts === null ? {} : { usage: facts.usage, cost: facts.cost, denials: facts.denials };
}

/** Empty when nothing was denied. */
function deniedText({ denials, logPath }: ModelReply): string {
  if (denials.length === 0) return '';
  const shown = denials.slice(0, SHOWN_DENIALS).join(', ');
  const more = denials.length > SHOWN_DENIALS ? ` and ${denials.length - SHOWN_DENIALS} more` : '';
  return `the agent was denied ${shown}${more}: that is why nothing happened; see ${logPath}`;
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
