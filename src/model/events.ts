/** Reading foreign JSON without trusting its shape: what is not there, or is something else, is empty. */
import type { JsonObject } from './types.js';

/** The objects of one line: an event, or an array of them. Log noise between the events is no event. */
export function eventsOf(line: string): readonly JsonObject[] {
  if (!/^\s*[[{]/.test(line)) return [];
  try {
    const value: unknown = JSON.parse(line);
    return (Array.isArray(value) ? value : [value]).filter(isObject);
  } catch {
    return []; // a line that only looks like JSON, or one that was cut
  }
}

/** The last object of a text that spans lines: how errors that end the program are printed. */
export function lastObjectOf(text: string): JsonObject | null {
  const end = text.lastIndexOf('}') + 1;
  // Only so many beginnings are tried: a text of nothing but braces must not take for ever.
  let tries = 200;
  for (let start = text.lastIndexOf('{', end); start >= 0 && tries > 0; start = text.lastIndexOf('{', start - 1)) {
    if (start === 0 || text[start - 1] === '\n') {
      const [event] = eventsOf(text.slice(start, end));
      if (event) return event;
      tries -= 1;
    }
    if (start === 0) break;
  }
  return null;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Errors are texts in one version and objects in the next. */
export function messageOf(value: unknown): string {
  const error = objectOf(value);
  return (
    textOf(value) ||
    textOf(objectOf(error['data'])['message']) ||
    textOf(error['message']) ||
    textOf(error['name']) ||
    textOf(error['type'])
  );
}
