/**
 * Asks the models and says how it ended: all votes, or why there are none. A failed judge is never a score, and what
 * passes (limits, outages, time) is told apart from what the operator must mend.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../core/errors.js';
import { CallAborted } from '../../model/aborted.js';
import { ADAPTERS } from '../../model/adapters/index.js';
import { cureOf } from '../../model/failures.js';
import { answersFolder } from '../../model/kept-answers.js';
import { Meter } from '../../model/meter.js';
import { modelOf, queueOf, type RoleSettings } from '../../model/resolve.js';
import type { Failure, Model, ModelReply, ModelRequest, OkReply } from '../../model/types.js';
import { totalTokens } from '../../model/usage.js';
import { decimals } from '../summary.js';
import type { EvaluatorIo } from '../types.js';

/** Exit codes of an evaluation without a score. */
export const EXIT_FAILED = 1;
const EXIT_TRY_LATER = 75;
const EXIT_OPERATOR = 127;

export type Question = Pick<ModelRequest, 'stage' | 'system' | 'prompt' | 'schema' | 'sample'>;

/** Thrown inside an evaluation, caught by `convene`. */
class NoAnswer extends Error {
  readonly failure: Failure;
  readonly role: RoleSettings;

  constructor(failure: Failure, role: RoleSettings) {
    super(failure.reason);
    this.failure = failure;
    this.role = role;
  }
}

export class Panel {
  readonly #meter = new Meter();
  #hasSeats = false;
  readonly #io: EvaluatorIo;
  readonly #records: string;
  readonly #cacheFolder: string | null;
  readonly #signal: AbortSignal;
  readonly #queues = new Map<RoleSettings['adapter'], ReturnType<typeof queueOf>>();

  constructor(io: EvaluatorIo, place: { records: string; cacheFolder: string | null; signal: AbortSignal }) {
    this.#io = io;
    this.#records = place.records;
    this.#cacheFolder = place.cacheFolder;
    this.#signal = place.signal;
  }

  /** One who can be asked. @throws AppError config when it cannot be called at all. */
  seat(settings: RoleSettings, name: string): (question: Question) => Promise<OkReply> {
    const { cwd, env } = this.#io;
    const isRepeatable = settings.adapter !== 'command' || (env['AUTORESEARCH_COMMIT'] ?? '') !== '';
    const folder = isRepeatable ? this.#cacheFolder : null;
    const cache = folder === null ? null : { folder, key: occasion(env) };
    const queue = this.#queues.get(settings.adapter) ?? queueOf(settings);
    this.#queues.set(settings.adapter, queue);
    this.#hasSeats = true;
    const place = {
      name,
      queue,
      cwd,
      environment: env,
      recordFolder: this.#records,
      cache,
      meter: this.#meter,
      now: Date.now,
    };
    const model = modelOf(settings, place);
    return async (question) => {
      const reply = await this.#ask(model, { ...question, mode: 'answer', timeoutMs: settings.timeoutSeconds * 1000 });
      if (reply.outcome === 'ok') return reply;
      throw new NoAnswer(reply, settings);
    };
  }

  /** No line for what is not known. */
  printSpending(): void {
    if (!this.#hasSeats) return;
    const { calls, usage, cost, isUsageUnknown } = this.#meter;
    this.#io.print(`judge_calls: ${calls}`);
    if (!isUsageUnknown) this.#io.print(`judge_tokens: ${totalTokens(usage)}`);
    if (cost.usd !== null) this.#io.print(`judge_cost_usd: ${decimals(cost.usd)}`);
  }

  /** A model that declines or does not keep to the form is asked once more. */
  async #ask(model: Model, request: ModelRequest): Promise<ModelReply> {
    const reply = await model(request, this.#signal);
    return reply.outcome === 'refused' || reply.outcome === 'schema' ? await model(request, this.#signal) : reply;
  }
}

/**
 * Answers are kept for the measurement that asked for them: one that is repeated after a failure does not pay twice,
 * while code that is measured again is judged afresh, or the noise of the judge could not be seen.
 */
function occasion(env: Readonly<Record<string, string>>): readonly string[] {
  const names = ['AUTORESEARCH_COMMIT', 'AUTORESEARCH_SPLIT', 'AUTORESEARCH_REPEAT', 'AUTORESEARCH_DEFINITIONS_DIR'];
  return names.map((name) => env[name] ?? '');
}

/** Runs `work` with a panel, and turns whatever prevented its score into a note and an exit code. */
export async function convene(io: EvaluatorIo, work: (panel: Panel) => Promise<number>): Promise<number> {
  const temporary = await mkdtemp(join(tmpdir(), 'autoresearch-judge-'));
  const budgetMs = Number(io.env['AUTORESEARCH_TIME_BUDGET_SECONDS'] ?? '') * 1000;
  const budget = budgetMs > 0 ? AbortSignal.timeout(Math.min(budgetMs, 2 ** 31 - 1)) : null;
  const signals = [io.signal, budget].filter((signal) => signal !== undefined && signal !== null);
  const outputFolder = io.env['AUTORESEARCH_OUTPUT_DIR'];
  const panel = new Panel(io, {
    records: outputFolder === undefined ? temporary : join(outputFolder, 'judge'),
    cacheFolder: await cacheFolder(io),
    signal: AbortSignal.any(signals),
  });
  try {
    return await work(panel);
  } catch (error) {
    if (error instanceof NoAnswer) return explainFailure(error, io);
    if (error instanceof CallAborted && budget?.aborted === true && io.signal?.aborted !== true) {
      io.note(
        `the judge was not done within the budget of ${budgetMs / 1000} s: raise time_budget_minutes, or ask for fewer votes`,
      );
      return EXIT_TRY_LATER;
    }
    if (error instanceof CallAborted) return EXIT_FAILED;
    if (!(error instanceof AppError) || error.code !== 'config') throw error;
    io.note(error.message);
    io.note(error.hint);
    return EXIT_OPERATOR;
  } finally {
    panel.printSpending();
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Waits for all, so that what could be answered is kept, and tells of the failure that most needs somebody. */
export async function allAnswers<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  const settled = await Promise.allSettled(work);
  const errors = settled.flatMap((end): unknown[] => (end.status === 'rejected' ? [end.reason] : []));
  if (errors.length > 0) throw errors.sort((a, b) => urgency(b) - urgency(a))[0];
  return settled.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
}

function urgency(error: unknown): number {
  if (!(error instanceof NoAnswer)) return 3;
  const code = exitCodeOf(error.failure);
  return code === EXIT_OPERATOR ? 2 : code === EXIT_TRY_LATER ? 1 : 0;
}

function exitCodeOf(failure: Failure): number {
  switch (failure.outcome) {
    case 'rate_limit':
    case 'timeout':
      return EXIT_TRY_LATER;
    case 'crash':
      return failure.transient ? EXIT_TRY_LATER : EXIT_FAILED;
    case 'auth':
    case 'budget':
    case 'missing_program':
    case 'untrusted':
      return EXIT_OPERATOR;
    default:
      return EXIT_FAILED;
  }
}

function explainFailure({ failure, role }: NoAnswer, io: EvaluatorIo): number {
  io.note(`no score: ${failure.reason}`);
  if (failure.outcome === 'rate_limit' && failure.retryAt !== null) {
    io.note(`it may be asked again from ${new Date(failure.retryAt).toISOString()} on`);
  }
  const cure = failure.outcome === 'missing_program' ? installOf(role) : cureOf(failure.outcome, role.adapter);
  if (cure !== null) io.note(cure.replace('under [agent]', "in the judge's settings"));
  return exitCodeOf(failure);
}

function installOf({ adapter }: RoleSettings): string | null {
  if (adapter === 'command' || adapter === 'endpoint' || adapter === 'scripted') return null;
  return `install it: ${ADAPTERS[adapter].install}, then run \`${adapter}\` once to log in`;
}

/** Null where nothing can be kept, as in a sandbox: then every question is asked. */
async function cacheFolder(io: EvaluatorIo): Promise<string | null> {
  const folder = answersFolder(io.env);
  try {
    await mkdir(folder, { recursive: true });
    await rm(await mkdtemp(join(folder, 'probe-')), { recursive: true });
    return folder;
  } catch (error) {
    io.note(`answers are not kept: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}
