import type { Experiment } from '../config/experiment.js';
import { errorMessage } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import type { Repository } from '../git/repository.js';
import { answersFolder, pruneAnswers } from '../model/kept-answers.js';
import type { RunContext } from './context.js';
import { runLoop } from './loop.js';
import { modelAdapters } from './model-roles.js';
import { rebase } from './rebase.js';
import { withRunner } from './runner.js';
import type { Stop } from './stop-rules.js';
import type { StopSwitch } from './stop-switch.js';

/** One run of an experiment, from the lock to the stop reason. */
export interface RunRequest {
  readonly experiment: Experiment;
  readonly repository: Repository;
  /** `baseline`: measure only the baseline; `single`: one trial; `loop`: until a stop rule speaks. */
  readonly mode: 'baseline' | 'single' | 'loop';
  readonly maxExperiments: number | null;
  /** Replaces the description of what a person proposes. */
  readonly description: string | null;
  /** Trial number to try once more. */
  readonly retry: number | null;
  /** A revision whose commits are merged under the incumbent first. */
  readonly rebaseOnto: string | null;
  readonly emit: EventSink;
  readonly stop: StopSwitch;
  /** The lock is held and everything is open: the work begins. */
  readonly onReady?: (() => Promise<void>) | undefined;
}

export interface RunResult {
  readonly stop: Stop;
  /** Counted trials of this session by verdict, also those before a restart. */
  readonly sessionId: number;
  readonly activeSeconds: number;
}

/** @throws AppError for what stops a run before it begins; afterwards the reason is in the result. */
export async function runExperiment(request: RunRequest): Promise<RunResult> {
  let stop: Stop | null = null;
  return withRunner({ ...request, onEnd: (log) => log({ kind: 'stopped', ...stop }) }, async (context) => {
    stop = await runToStop(context, request);
    const activeMs = context.session.activeMs;
    const { id } = context.session.counters;
    context.store.endSession(id, { ...stop, activeMs, now: context.now() });
    await tidyAnswers(context);
    return { stop, sessionId: id, activeSeconds: activeMs / 1000 };
  });
}

/** Only where judges were asked, and never inside a measurement: there an answer that was kept may be needed again. */
async function tidyAnswers({ experiment, now }: RunContext): Promise<void> {
  if (modelAdapters(experiment.settings).length === 0 || process.env['AUTORESEARCH_EXPERIMENT'] !== undefined) return;
  await pruneAnswers(answersFolder(process.env), { now: now() });
}

async function runToStop(context: RunContext, request: RunRequest): Promise<Stop> {
  try {
    if (request.rebaseOnto !== null) await rebase(context, request.rebaseOnto);
    return await runLoop(context, {
      maxExperiments: request.maxExperiments,
      single: request.mode === 'single',
      baselineOnly: request.mode === 'baseline',
      retryOf: request.retry,
      stopCause: () => request.stop.cause,
    });
  } catch (error) {
    const now = context.now();
    const { activeMs } = context.session;
    const detail = errorMessage(error);
    context.store.endSession(context.session.counters.id, { reason: 'failed', detail, activeMs, now });
    throw error;
  }
}
