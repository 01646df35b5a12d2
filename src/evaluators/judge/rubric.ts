/** What judges are asked: criteria with the same weight each, on one scale. The composite is computed here, never asked for. */
import type { JsonObject } from '../../model/types.js';
import { mean } from '../summary.js';

export interface Criterion {
  /** Also the name of its line in the output. */
  readonly id: string;
  readonly asks: string;
}

export interface Rubric {
  /** The main metric. */
  readonly metric: string;
  /** Scores go from 0 to this. */
  readonly best: number;
  readonly criteria: readonly Criterion[];
  /** What the scores at both ends and in the middle mean. */
  readonly scale: string;
}

/** What one vote says of one criterion. */
interface Score {
  readonly score: number;
  readonly reason: string;
}

/** By the id of the criterion; the answer of a judge that passed the schema. */
export type Vote = Readonly<Record<string, Score>>;

export function schemaOf({ criteria, best }: Rubric): JsonObject {
  const score = {
    type: 'object',
    properties: {
      reason: { type: 'string', description: 'one or two sentences that name the evidence; written before the score' },
      score: { type: 'number', minimum: 0, maximum: best },
    },
    required: ['reason', 'score'],
    additionalProperties: false,
  };
  return {
    type: 'object',
    properties: Object.fromEntries(criteria.map(({ id }) => [id, score])),
    required: criteria.map(({ id }) => id),
    additionalProperties: false,
  };
}

export function compositeOf({ criteria }: Rubric, vote: Vote): number {
  return mean(criteria.map(({ id }) => scoreIn(vote, id)));
}

export function scoreIn(vote: Vote, id: string): number {
  const found = vote[id];
  if (found === undefined) throw new Error(`a vote without ${id} passed the schema`);
  return found.score;
}
