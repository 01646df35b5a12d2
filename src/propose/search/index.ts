/**
 * The embedded search: proposes new values for the marked literals of the target, without a model. It resumes exactly:
 * state and workspace alone decide the next proposal, and only an observed verdict moves the state on.
 */
import { z } from 'zod';
import { AppError } from '../../core/errors.js';
import type { Json } from '../../core/json.js';
import { OUTCOME_RULES } from '../../core/outcome.js';
import type { Nothing, Proposal, ProposeContext, Proposer, SettledTrial } from '../types.js';
import { readMarkedFiles, writeMarkedFile } from './files.js';
import { applyValues, collectParameters, type Parameter } from './markers.js';
import { type Configuration, dimensionOf, keyOf, sizeOf } from './space.js';
import { initialState, learn, type Question, type SearchState, type Suggestion, suggest } from './strategy.js';

const configuration = z.record(z.string(), z.union([z.number(), z.boolean(), z.string()]));
const verdict = z.enum(['keep', 'discard', 'crash']);
const snapshot = z.object({
  state: z.object({
    version: z.literal(1),
    seed: z.number(),
    random: z.number(),
    step: z.number().positive(),
    starts: z.number(),
    move: z.object({ from: configuration, to: configuration }).nullable(),
    history: z.array(z.object({ values: configuration, verdict, metric: z.number().nullable() })),
  }),
  pending: z
    .object({
      values: configuration,
      from: configuration,
      fromMetric: z.number().nullable(),
      random: z.number(),
      starts: z.number(),
      origin: z.enum(['start', 'move', 'local', 'anywhere']),
    })
    .nullable(),
});

export class SearchProposer implements Proposer {
  readonly name = 'search';
  #state: SearchState;
  /** Proposed and not yet judged; null again after its verdict. */
  #pending: Suggestion | null = null;

  constructor(options: { readonly seed: number }) {
    this.#state = initialState(options.seed);
  }

  /** @throws AppError config when the target has no marker, or one that cannot be used. */
  async propose(context: ProposeContext): Promise<Proposal | Nothing> {
    const files = await readMarkedFiles(context.workspace, context.targets);
    const parameters = collectParameters(files);
    if (parameters.length === 0) throw nothingMarked(context.targets);

    const question = this.#question(parameters, context);
    const suggestion = suggest(this.#state, question);
    if (!suggestion) {
      const reason = `every one of the ${sizeOf(question.space)} settings of the marked literals was tried`;
      return { kind: 'nothing', outcome: 'no_change', reason, final: true };
    }
    for (const file of files) {
      const own = parameters.filter((parameter) => parameter.path === file.path);
      const text = applyValues(file.text, own, suggestion.values);
      if (text !== file.text) await writeMarkedFile(context.workspace, { ...file, text });
    }
    this.#pending = suggestion;
    return { kind: 'proposal', description: describe(suggestion) };
  }

  /** Learns from the verdict on what was proposed; baselines and attempts that were cut short teach nothing. */
  observe(trial: SettledTrial): void {
    const suggestion = this.#pending;
    if (!suggestion || trial.number === 0 || isBaselineAgain(trial)) return;
    this.#pending = null;
    if (trial.outcome === 'interrupted' || trial.outcome === 'agent_error' || trial.outcome === 'not_started') return;
    const metric = trial.outcome === 'measured' ? trial.metric : null;
    this.#state = learn(this.#state, suggestion, { verdict: trial.verdict ?? 'discard', metric });
  }

  /** No copy: the state is replaced, never changed. What grows comes first: the store then writes only its end. */
  snapshot(): Json {
    const { history, ...rest } = this.#state;
    return { state: { history, ...rest }, pending: this.#pending } as unknown as Json;
  }

  /** @throws AppError store when the state was not written by this search. */
  restore(state: Json): void {
    const read = snapshot.safeParse(state);
    if (!read.success) {
      throw new AppError('store', `the saved state of the search cannot be read: ${z.prettifyError(read.error)}`, {
        hint: 'run this experiment with the version of autoresearch that wrote it',
        cause: read.error,
      });
    }
    this.#state = read.data.state;
    this.#pending = read.data.pending;
  }

  #question(parameters: readonly Parameter[], context: ProposeContext): Question {
    const space = parameters.map((parameter) => dimensionOf(parameter.name, parameter.domain));
    const found: Configuration = Object.fromEntries(parameters.map(({ name, value }) => [name, value]));
    // A proposal whose runner died before the workspace was put back: the files already hold it.
    const repeated = this.#pending && keyOf(space, this.#pending.values) === keyOf(space, found);
    const current = repeated && this.#pending ? this.#pending.from : found;
    return { space, current, currentMetric: context.incumbent.metric, direction: context.direction };
  }
}

function isBaselineAgain(trial: SettledTrial): boolean {
  return trial.number === null && OUTCOME_RULES[trial.outcome].counts;
}

/** `chunk 64 -> 512, mode fast -> tiny` */
function describe({ values, from }: Suggestion): string {
  return Object.keys(values)
    .filter((name) => values[name] !== from[name])
    .map((name) => `${name} ${String(from[name])} -> ${String(values[name])}`)
    .join(', ');
}

function nothingMarked(targets: readonly string[]): AppError {
  const shown = targets.length === 1 ? String(targets[0]) : `${targets.length} target files`;
  return new AppError('config', `the search found no marked literal in ${shown}`, {
    hint: 'mark one in a comment on its line, for example: const CHUNK = 64; // autoresearch: int 16..4096 log',
  });
}
