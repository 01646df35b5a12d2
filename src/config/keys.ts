/** A key of config.cfg: its type, and what is told about it. */
import { z } from 'zod';
import type { ValueType } from './value-types.js';

export interface KeyInfo {
  readonly help: string;
  /** As it would be written in the file; null where there is none. */
  readonly default: string | null;
  readonly range: string;
  readonly required: boolean;
}

export const keyInfo = z.registry<KeyInfo>();

export function required<T>({ type, range }: ValueType<T>, help: string) {
  return type.register(keyInfo, { help, range, default: null, required: true });
}

export function withDefault<T>({ type, range }: ValueType<T>, value: string, help: string) {
  return type.prefault(value).register(keyInfo, { help, range, default: value, required: false });
}

export function optional<T>({ type, range }: ValueType<T>, help: string) {
  return type.nullable().default(null).register(keyInfo, { help, range, default: null, required: false });
}
