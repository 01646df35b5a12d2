/**
 * One call of an agent command line, from the request to a typed reply. It does not look at what was edited and knows
 * nothing of trials.
 */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../core/errors.js';
import type { Json } from '../core/json.js';
import { oneLine } from '../core/text.js';
import { findProgram } from '../process/shell.js';
import { CallAborted } from './aborted.js';
import type { Adapter, AdapterCall } from './adapters/types.js';
import type { CallPlace, Cli } from './call.js';
import { CallFolder } from './call-folder.js';
import { classify, type Ending } from './classify.js';
import { runProgram } from './cli-run.js';
import { agentEnvironment } from './environment.js';
import { explain } from './failures.js';
import { costOf, type Price } from './pricing.js';
import { jsonSchemaOf, promptFor } from './prompt.js';
import { redactFile, redactor } from './redact.js';
import type { CallFacts, Cost, Failure, Model, ModelReply, ModelRequest } from './types.js';
import { NO_USAGE, totalTokens, UNKNOWN_COST } from './usage.js';
import { programVersion } from './version.js';

const DENIAL_CHARS = 120;
const MAX_DENIALS = 20;

/** Calls for answers, each with a record of its own in the folder. */
export function cliModel(
  cli: Cli,
  {
    recordFolder,
    now,
    ambient = process.env,
  }: Pick<CallPlace, 'now'> & {
    readonly recordFolder: string;
    readonly ambient?: CallPlace['ambient'];
  },
): Model {
  return async (request, signal) => {
    await mkdir(recordFolder, { recursive: true });
    const id = randomUUID();
    const place: CallPlace = {
      recordPath: join(recordFolder, `${request.stage.replace(/[^\w-]/g, '_')}-${id}`),
      mark: `AUTORESEARCH_MARK_${id.replaceAll('-', '')}`,
      ambient,
      now,
    };
    return await runCli(cli, request, { place, signal });
  };
}

/**
 * Runs the program to its end.
 * @throws CallAborted when the signal aborts; AppError conflict when a process of it could not be ended, config when it
 * is asked for what it cannot do.
 */
export async function runCli(
  cli: Cli,
  request: ModelRequest,
  { place, signal }: { place: CallPlace; signal: AbortSignal },
): Promise<ModelReply> {
  const { adapter } = cli;
  const editFolder = folderFor(adapter, request);
  if (signal.aborted) throw new CallAborted();
  const env = environmentFor(cli, request, place);
  const program = adapter.program === null ? null : findProgram(adapter.program, env['PATH'] ?? '');
  if (adapter.program !== null && program === null) {
    return notCalled({ outcome: 'missing_program', reason: `${adapter.program} is not on PATH` });
  }
  const prompt = promptFor(request, adapter.features);
  if (Buffer.byteLength(prompt) > (adapter.maxPromptBytes ?? Number.POSITIVE_INFINITY)) {
    const reason = explain(adapter.name, 'crash', 'the prompt is too long for it');
    return notCalled({ outcome: 'crash', reason, transient: false });
  }
  const folder =
    editFolder === null
      ? await CallFolder.toAnswer()
      : await CallFolder.toEdit(editFolder, { root: `${place.recordPath}.call`, leftovers: adapter.leftovers ?? null });
  try {
    const call = callOf(cli, request, { folder, prompt, targets: place.targets ?? [] });
    await folder.write(adapter.writes(call));
    const command = [...(program === null ? [] : [program]), ...adapter.argv(call)];
    const fullEnv = { ...env, ...adapter.env(call), ...place.env };
    const { timeoutMs, idleMs = null } = request;
    // Beside the call: asking takes as long as starting the program does.
    const version = program === null ? null : programVersion(program, { env, sandbox: place.sandbox });
    const [ending, known] = await Promise.all([
      runProgram({ adapter, call, place, command, env: fullEnv, timeoutMs, idleMs }, signal),
      version,
    ]);
    return await replyOf(ending, { cli, place, version: known, signal });
  } finally {
    await folder.remove();
    for (const end of ['.out', '.log']) await redactFile(`${place.recordPath}${end}`, place.ambient);
  }
}

/** Null to answer. */
function folderFor({ name, modes }: Adapter, { mode, cwd }: ModelRequest): string | null {
  if (!modes.includes(mode)) {
    throw new AppError('config', `${name} can ${modes.join(' and ')} only: it cannot ${mode}`, {
      hint: 'choose another preset: claude, codex, gemini, opencode and pi can do both',
    });
  }
  if (mode === 'answer') return null;
  if (cwd === undefined) throw new Error('an edit needs a folder');
  return cwd;
}

function environmentFor({ adapter, allow }: Cli, { mode }: ModelRequest, place: CallPlace): Record<string, string> {
  return agentEnvironment(place.ambient, { mode, credentials: adapter.credentials, allow });
}

function callOf(
  { model, extraArgs }: Cli,
  request: ModelRequest,
  { folder, prompt, targets }: { folder: CallFolder; prompt: string; targets: readonly string[] },
): AdapterCall {
  const { mode, system = '', schema, limits = {} } = request;
  return {
    ...{ mode, model, system, prompt, limits, targets, extraArgs },
    schema: schema === undefined ? null : jsonSchemaOf(schema),
    cwd: folder.cwd,
    files: folder.files,
  };
}

function notCalled(failure: Failure): ModelReply {
  const facts = { usage: null, cost: UNKNOWN_COST, denials: [], version: null, durationMs: 0, logPath: null };
  return { ...facts, fromCache: false, ...failure };
}

async function replyOf(
  ending: Ending,
  { cli, place, version, signal }: { cli: Cli; place: CallPlace; version: string | null; signal: AbortSignal },
): Promise<ModelReply> {
  const { report, result } = ending;
  const redact = redactor(place.ambient);
  const facts: CallFacts = {
    usage: report.usage,
    cost: costOf(report, priceOf(cli, report.model)),
    denials: deniedIn(cli.adapter, ending).map((denial) => oneLine(redact(denial), DENIAL_CHARS)),
    version,
    durationMs: Math.round(result.wallSeconds * 1000),
    logPath: `${place.recordPath}.out`,
    fromCache: false,
  };
  if (result.end === 'aborted' && signal.aborted) throw new CallAborted(facts);
  const failure = classify(cli.adapter, ending);
  if (failure !== null) {
    const used = wasTurnedAway(cli.adapter, failure, ending) ? { usage: NO_USAGE, cost: NO_COST } : {};
    return { ...facts, ...used, ...failure, reason: redact(failure.reason) };
  }
  const value = redactedValue(report.value, redact);
  return { ...facts, outcome: 'ok', text: redact(report.text), ...(value === undefined ? {} : { value }) };
}

const NO_COST: Cost = { usd: 0, source: 'estimated' };

/** A limit, a login or a fault of the server before the model said or used anything: it is known to cost nothing. */
function wasTurnedAway({ output }: Adapter, { outcome }: Failure, { report }: Ending): boolean {
  const { usage, usd, text } = report;
  if ((usd ?? 0) > 0) return false;
  const isRefused = ['rate_limit', 'auth', 'untrusted'].includes(outcome);
  // Prose is the program's own: where it is told, a model that was reached shows in the tokens.
  if (usage === null) return isRefused && (output === 'text' || text.trim() === '');
  return totalTokens(usage) === 0 && (isRefused || (outcome === 'crash' && usd === 0));
}

/** The price without a name is for whatever model answers. */
function priceOf({ prices, model }: Cli, answering: string | null): Price | undefined {
  return prices.get(model ?? answering ?? '') ?? prices.get('');
}

function deniedIn({ stderrDenial }: Adapter, { report, errorLines }: Ending): readonly string[] {
  if (report.denials.length > 0 || stderrDenial === undefined) return report.denials;
  return errorLines.flatMap((line) => stderrDenial.exec(line)?.[1] ?? []).slice(0, MAX_DENIALS);
}

/** Undefined when there is none, or when it is no longer JSON without its secrets. */
function redactedValue(value: unknown, redact: (text: string) => string): Json | undefined {
  if (value === undefined) return undefined;
  try {
    return JSON.parse(redact(JSON.stringify(value)));
  } catch {
    return undefined; // a secret that is a piece of the JSON itself
  }
}
