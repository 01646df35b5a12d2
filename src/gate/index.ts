import { auto } from './auto.js';
import { confirm } from './confirm.js';
import { paired } from './paired.js';
import { always, minDelta, single } from './single.js';
import type { Gate } from './types.js';

export const GATES = {
  auto,
  confirm,
  paired,
  single,
  min_delta: minDelta,
  always,
} as const satisfies Readonly<Record<string, Gate>>;
