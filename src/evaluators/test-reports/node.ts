/** The closing summary of `node --test`: `# tests 6` in its TAP reporter, `ℹ tests 6` in its spec reporter. */
import type { ReportReading } from './types.js';

const WORDS = ['tests', 'pass', 'fail', 'cancelled', 'skipped', 'todo'] as const;

export function parseNode(text: string): ReportReading {
  const counts = new Map<string, number>();
  for (const word of WORDS) {
    const found = [...text.matchAll(new RegExp(`^(?:#|ℹ) ${word} (\\d+)$`, 'gm'))].at(-1)?.[1];
    if (found === undefined) return null;
    counts.set(word, Number(found));
  }
  const count = (word: (typeof WORDS)[number]) => counts.get(word) ?? 0;
  return {
    passed: count('pass'),
    failed: count('fail') + count('cancelled'),
    skipped: count('skipped') + count('todo'),
  };
}
