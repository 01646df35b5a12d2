/**
 * Answers on disk, by the hash of everything that they depend on. Only ok replies are kept: a failure or an edit is
 * never given twice. A file that cannot be read is a miss.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Json } from '../core/json.js';
import { jsonSchemaOf } from './prompt.js';
import type { Model, ModelRequest, OkReply } from './types.js';
import { NO_USAGE } from './usage.js';

export interface CacheKey {
  /** Adapter or endpoint. */
  readonly provider: string;
  /** Of the program; null where it has none. */
  readonly version: string | null;
  readonly model: string | null;
  /** Whatever else changes the answer: extra arguments, effort, temperature. */
  readonly options: Json;
}

const kept = z.object({ text: z.string(), value: z.json().optional() });

export function cached(model: Model, folder: string, key: CacheKey): Model {
  return async (request, signal) => {
    if (request.mode === 'edit') return await model(request, signal);
    const hash = hashOf(key, request);
    const path = join(folder, hash.slice(0, 2), `${hash}.json`);
    const hit = await read(path);
    if (hit !== null) {
      const { text, value } = hit;
      return {
        ...{ outcome: 'ok', text, usage: NO_USAGE, cost: { usd: 0, source: 'reported' }, denials: [] },
        ...{ version: key.version, durationMs: 0, logPath: null, fromCache: true },
        ...(value === undefined ? {} : { value: value as Json }),
      };
    }
    const reply = await model(request, signal);
    if (reply.outcome === 'ok') await write(path, reply);
    return reply;
  };
}

function hashOf({ provider, version, model, options }: CacheKey, request: ModelRequest): string {
  const { system = '', prompt, schema, maxTokens = null, limits = {}, sample = 0 } = request;
  const plain = schema === undefined ? null : jsonSchemaOf(schema);
  const parts = [provider, version, model, options, system, prompt, plain, maxTokens, limits, sample];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

async function read(path: string): Promise<z.infer<typeof kept> | null> {
  try {
    const answer = kept.parse(JSON.parse(await readFile(path, 'utf8')));
    await markUsed(path);
    return answer;
  } catch {
    return null; // absent, cut short or from another time: asking again is always right
  }
}

/** What was used lately is kept longest. */
async function markUsed(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {}); // In a sandbox it may only be read.
}

async function write(path: string, { text, value }: OkReply): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(temporary, JSON.stringify({ text, ...(value === undefined ? {} : { value }) }), { mode: 0o600 });
  await rename(temporary, path);
}
