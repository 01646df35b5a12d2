/** What a program gets to read: the request, with what it cannot take in any other way put into the text. */
import { z } from 'zod';
import { AppError } from '../core/errors.js';
import type { Feature } from './adapters/types.js';
import type { AnswerSchema, JsonObject, ModelRequest } from './types.js';

/** Some programs take it as an argument. */
const MAX_SCHEMA_BYTES = 64 * 1024;

/** @throws AppError usage when the schema cannot be written as JSON Schema, or is too large to be handed over. */
export function jsonSchemaOf(schema: AnswerSchema): JsonObject {
  const plain = isZod(schema) ? z.toJSONSchema(schema) : schema;
  if (Buffer.byteLength(JSON.stringify(plain)) <= MAX_SCHEMA_BYTES) return plain;
  throw new AppError('usage', 'the schema of an answer is larger than 64 KiB', { hint: 'ask for less at once' });
}

export function isZod(schema: AnswerSchema): schema is z.ZodType {
  return schema instanceof z.ZodType;
}

/** The parts that `features` lacks stand in the prompt, each under its own heading. */
export function promptFor(
  { system = '', prompt, schema }: Pick<ModelRequest, 'system' | 'prompt' | 'schema'>,
  features: readonly Feature[],
): string {
  const parts = [prompt];
  if (system !== '' && !features.includes('system')) {
    parts.unshift(`These are your instructions.\n\n## Instructions\n${system}\n\n## Task`);
  }
  if (schema !== undefined && !features.includes('schema')) {
    parts.push(
      `## Form of the answer\nReply with one JSON object that fits this JSON Schema, and with nothing else:\n${JSON.stringify(jsonSchemaOf(schema))}`,
    );
  }
  return parts.join('\n\n');
}
